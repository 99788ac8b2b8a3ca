import { Duration } from 'aws-cdk-lib';
import {
  postgresParameters,
  postgresReplicaParameters,
  type ReplicaReaders,
} from '../../../../lib/constructs/database/primary/parameters';

class PostgresPrimary {
  public readonly node = { path: 'market/us-east-1/Database' };
}
const at = new PostgresPrimary();
const GIB = 2 ** 30;

/**
 * Evaluates a formula as RDS does: `{…}` is arithmetic in whole numbers, and GREATEST takes the
 * largest of its arguments.
 */
function evaluate(value: string | undefined, memory: number): number {
  const formula = (value ?? '').replace(
    /\{DBInstanceClassMemory(?:\*(\d+))?\/(\d+)\}/g,
    (_, times: string | undefined, by: string) => {
      return String(Math.floor((memory * Number(times ?? 1)) / Number(by)));
    },
  );
  const greatest = /^GREATEST\(([\d,]+)\)$/.exec(formula);
  return greatest ? Math.max(...(greatest[1] ?? '').split(',').map(Number)) : Number(formula);
}

describe('memory follows the instance class, in the units of the engine', () => {
  const page = 8192;
  const kB = 1024;
  test.each<[string, number, number, number]>([
    ['shared_buffers', page, 16 * GIB, 4 * GIB],
    ['shared_buffers', page, 64 * GIB, 16 * GIB],
    ['effective_cache_size', page, 16 * GIB, 12 * GIB],
    ['maintenance_work_mem', kB, 16 * GIB, GIB],
    ['maintenance_work_mem', kB, GIB / 2, GIB / 16],
    ['work_mem', kB, 16 * GIB, GIB / 32],
    ['work_mem', kB, GIB, GIB / 256],
    ['wal_buffers', page, 16 * GIB, GIB / 64],
    ['min_wal_size', 1024 * kB, 16 * GIB, GIB],
    ['max_wal_size', 1024 * kB, 16 * GIB, 4 * GIB],
  ])('%s in units of %d bytes, of %d bytes of memory, is %d bytes', (name, unit, memory, bytes) => {
    expect(evaluate(postgresParameters(at)[name], memory) * unit).toBe(bytes);
  });
});

test('the other parameters are fixed', () => {
  expect(postgresParameters(at)).toMatchObject({
    max_connections: '500',
    checkpoint_completion_target: '0.9',
    default_statistics_target: '100',
    random_page_cost: '1.1',
    effective_io_concurrency: '200',
    shared_preload_libraries: 'pg_stat_statements',
    log_min_duration_statement: '100',
    'rds.force_ssl': '1',
  });
});

test('props replace defaults, and overrides replace both', () => {
  const parameters = postgresParameters(at, {
    maxConnections: 200,
    slowStatement: Duration.seconds(1),
    overrides: { random_page_cost: '1', 'rds.logical_replication': '1' },
  });
  expect(parameters).toMatchObject({
    max_connections: '200',
    log_min_duration_statement: '1000',
    random_page_cost: '1',
    'rds.logical_replication': '1',
  });
});

describe('replicas', () => {
  test('have the parameters of their source, send feedback, and wait at most 30 seconds', () => {
    expect(postgresReplicaParameters(at)).toEqual({
      ...postgresParameters(at),
      hot_standby_feedback: '1',
      max_standby_streaming_delay: '30000',
    });
  });

  test.each<[ReplicaReaders, string, string]>([
    ['fresh', '1', '5000'],
    ['dashboards', '1', '30000'],
    ['reports', '0', '900000'],
  ])(
    'for %s set feedback to %s and wait %s ms',
    (readers, hot_standby_feedback, max_standby_streaming_delay) => {
      expect(postgresReplicaParameters(at, { readers })).toMatchObject({
        hot_standby_feedback,
        max_standby_streaming_delay,
      });
    },
  );

  test('take explicit props over those of `readers`', () => {
    const parameters = postgresReplicaParameters(at, {
      readers: 'reports',
      hotStandbyFeedback: true,
    });
    expect(parameters).toMatchObject({
      hot_standby_feedback: '1',
      max_standby_streaming_delay: '900000',
    });
  });

  test('can be set up for reports', () => {
    const parameters = postgresReplicaParameters(at, {
      hotStandbyFeedback: false,
      maxStandbyStreamingDelay: Duration.minutes(15),
      overrides: { work_mem: '65536' },
    });
    expect(parameters).toMatchObject({
      hot_standby_feedback: '0',
      max_standby_streaming_delay: '900000',
      work_mem: '65536',
    });
  });
});

describe('max_connections', () => {
  test.each([5, 8388608, 0, -1, 10.5, Number.NaN])('%d is refused', (maxConnections) => {
    expect(() => postgresParameters(at, { maxConnections })).toThrow(
      'PostgresPrimary at market/us-east-1/Database: parameters.maxConnections must be a whole ' +
        'number, 6 to 8388607',
    );
  });

  test('an override is checked too', () => {
    expect(() => postgresParameters(at, { overrides: { max_connections: '5' } })).toThrow(
      'must be a whole number, 6 to 8388607, got 5.',
    );
  });

  test.each([6, 500, 8388607])('%d passes', (maxConnections) => {
    expect(postgresParameters(at, { maxConnections }).max_connections).toBe(String(maxConnections));
  });

  test('a formula is not checked, since RDS evaluates it', () => {
    const max_connections = 'LEAST({DBInstanceClassMemory/9531392},5000)';
    expect(postgresParameters(at, { overrides: { max_connections } })).toMatchObject({
      max_connections,
    });
  });
});
