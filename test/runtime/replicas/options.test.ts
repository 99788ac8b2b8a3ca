import {
  AcquireTimeoutError,
  isRefusal,
  PoolClosedError,
  queryFailure,
  UnknownOutcomeError,
} from '../../../lib/runtime/replicas/errors';
import {
  type ReplicaPoolOptions,
  replicaPoolSettings,
} from '../../../lib/runtime/replicas/options';

const writer = { host: 'writer' };

describe('replicaPoolSettings', () => {
  test('has the recommended budget by default', () => {
    expect(
      replicaPoolSettings({
        writer,
        readers: [{ host: 'a' }, { host: 'b', name: 'far', distance: 2 }],
      }),
    ).toMatchObject({
      min: 10,
      max: 50,
      idleTimeoutMs: 30_000,
      connectTimeoutMs: 3_000,
      acquireTimeoutMs: 10_000,
      maxWaitMs: 250,
      staleReads: 'writer',
      writers: [{ host: 'writer', name: 'writer' }],
      readers: [{ name: 'reader-1' }, { name: 'far', distance: 2 }],
    });
    expect(replicaPoolSettings({ writer, max: 5 })).toMatchObject({ min: 5, max: 5 });
  });

  test.each<[Partial<ReplicaPoolOptions>, RegExp]>([
    [{ max: 1 }, /^ReplicaPool: max must be a whole number from 2 to 10000, got 1\.\n/],
    [{ min: 6, max: 5 }, /min must be a whole number from 0 to 5, got 6/],
    [{ idleTimeoutMs: 0 }, /idleTimeoutMs/],
    [{ connectTimeoutMs: 0.5 }, /connectTimeoutMs/],
    [{ acquireTimeoutMs: Number.NaN }, /acquireTimeoutMs must be .*, got NaN/],
    [{ maxWaitMs: -1 }, /maxWaitMs/],
    [{ checkIntervalMs: 49 }, /checkIntervalMs/],
    [{ ejectMs: 9 }, /ejectMs/],
    [{ hedgeShare: 0.6 }, /hedgeShare must be a number from 0 to 0\.5, got 0\.6/],
    [{ hedgeShare: -0.1 }, /hedgeShare/],
    [{ hedgeShare: Number.NaN }, /hedgeShare/],
    [{ writer: [] }, /writer must be a server/],
    [{ readers: [undefined] as never }, /readers must be a list of servers/],
    [{ readers: ['postgresql://db/market'] as never }, /readers must be .*, got a list\./],
    [{ writer: undefined }, /writer must be a server/],
    [{ readers: [{ name: 'writer' }] }, /name must be of one server only, got "writer"/],
    [{ readers: [{ distance: -1 }] }, /distance must be 0 or more, got -1/],
  ])('refuses %j', (options, message) => {
    expect(() => replicaPoolSettings({ writer, ...options } as ReplicaPoolOptions)).toThrow(
      message,
    );
  });

  test('accepts the smallest allowed values', () => {
    const options = {
      max: 2,
      min: 2,
      idleTimeoutMs: 1,
      connectTimeoutMs: 1,
      acquireTimeoutMs: 1,
      maxWaitMs: 0,
      hedgeShare: 0,
      checkIntervalMs: 50,
      ejectMs: 10,
    };
    expect(replicaPoolSettings({ writer, ...options })).toMatchObject(options);
  });
});

describe('queryFailure', () => {
  const coded = (code: string) => Object.assign(new Error('…'), { code });
  test.each<[string, ReturnType<typeof queryFailure>]>([
    ['57P01', 'connection'],
    ['57P02', 'connection'],
    ['57P03', 'connection'],
    ['08006', 'connection'],
    ['08P01', 'connection'],
    ['53300', 'connection'],
    ['ECONNRESET', 'connection'],
    ['EPIPE', 'connection'],
    ['ENOTFOUND', 'connection'],
    ['40001', 'conflict'],
    ['40P01', 'conflict'],
    ['25006', 'read-only'],
    ['23505', 'refusal'],
    ['42P01', 'refusal'],
    ['57014', 'refusal'],
    ['55P03', 'refusal'],
    ['25P03', 'refusal'],
    ['25P04', 'refusal'],
    ['57P05', 'connection'],
    ['28P01', 'refusal'],
  ])('classifies the code %s as %s', (code, failure) => {
    expect(queryFailure(coded(code))).toBe(failure);
  });

  test.each<[unknown, ReturnType<typeof queryFailure>]>([
    [new Error('Connection terminated unexpectedly'), 'connection'],
    [new Error('Connection terminated due to connection timeout'), 'connection'],
    [new Error('Query read timeout'), 'timeout'],
    [new Error('Client has encountered a connection error and is not queryable'), 'connection'],
    [
      new AcquireTimeoutError(
        'ReplicaPool: no connection to writer was free within 200 ms (acquireTimeoutMs)',
      ),
      'refusal',
    ],
    [new PoolClosedError(), 'refusal'],
    [new TypeError('x is not a function'), 'refusal'],
    [undefined, 'refusal'],
  ])('classifies %s as %s', (error, failure) => {
    expect(queryFailure(error)).toBe(failure);
  });

  test.each([
    'unsupported startup parameter: statement_timeout',
    'unsupported startup parameter in options: work_mem',
    'SASL authentication failed',
    'no such user',
    'no such database: nowhere',
    'SSL required',
  ])('classifies the refusal of PgBouncer %j as refusal', (message) => {
    expect(queryFailure(Object.assign(new Error(message), { code: '08P01' }))).toBe('refusal');
  });

  test.each(['server login failed', 'query_wait_timeout', 'no more connections allowed'])(
    'classifies the trouble of PgBouncer %j as connection',
    (message) => {
      expect(queryFailure(Object.assign(new Error(message), { code: '08P01' }))).toBe('connection');
    },
  );

  test('isRefusal accepts only errors that the server itself raised', () => {
    expect(isRefusal({ severity: 'ERROR', code: '23505' })).toBe(true);
    expect(isRefusal({ severity: 'FATAL', code: '57P01' })).toBe(false);
    expect(isRefusal({ severity: 'ERROR', code: '08P01' })).toBe(false);
    expect(isRefusal(new UnknownOutcomeError('The write', new Error('gone')))).toBe(false);
  });
});

test('the classes can be imported where pg is not installed', () => {
  jest.isolateModules(() => {
    jest.doMock('pg', () => {
      throw new Error('pg was loaded');
    });
    const { ReplicaPool } =
      require('../../../lib/runtime/replicas') as typeof import('../../../lib/runtime/replicas');
    require('../../../lib/runtime/query-cache/query-cache');
    expect(() => new ReplicaPool({ writer })).toThrow('pg was loaded');
  });
});
