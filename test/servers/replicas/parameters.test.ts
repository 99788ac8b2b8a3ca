/**
 * The effects of the replicas' parameters, on a real primary with standbys: whether replay waits,
 * whether readers are canceled, and whether the primary keeps dead rows.
 */
import type { Client } from 'pg';
import {
  type PostgresReplicaFigures,
  postgresReplicaParameters,
} from '../../../lib/constructs/database/primary/parameters';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { hasReplayed, until } from './fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup') ? describe : describe.skip;
jest.setTimeout(60_000);

/**
 * The parameters that affect replay; RDS computes those of memory. Feedback is sent every second,
 * so that the tests need not wait.
 */
function replaySettings(figures: PostgresReplicaFigures): Record<string, string | number> {
  const { hot_standby_feedback, max_standby_streaming_delay } = postgresReplicaParameters(
    { node: { path: 'Test' } },
    figures,
  );
  return {
    hot_standby_feedback: hot_standby_feedback as string,
    max_standby_streaming_delay: max_standby_streaming_delay as string,
    wal_receiver_status_interval: 1,
  };
}

async function lsnOf(primary: PostgresServer): Promise<string> {
  return (
    (await primary.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn'))[0]?.lsn ?? ''
  );
}

async function sizeOnPrimary(primary: PostgresServer): Promise<number> {
  return (
    (await primary.query<{ size: number }>("SELECT pg_relation_size('prices')::int AS size"))[0]
      ?.size ?? -1
  );
}

/**
 * Starts a transaction that reads a table on a standby, and then deletes and vacuums the rows on
 * the primary. Returns the reader's connection.
 *
 * @param told whether the primary knows of the reader
 */
async function readWhileDeleted(
  primary: PostgresServer,
  standby: PostgresServer,
  told: () => Promise<boolean> = async () => true,
  onError: (error: Error) => void = () => {},
): Promise<Client> {
  await primary.query(
    'CREATE TABLE prices AS SELECT n, repeat($1, 100) AS text FROM generate_series(1, 2000) AS n',
    ['x'],
  );
  const lsn = await lsnOf(primary);
  await until(() => hasReplayed(standby, lsn));
  const reader = await standby.connect();
  reader.on('error', onError);
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await reader.query('SELECT count(*) FROM prices');
  await until(told);
  await primary.query('DELETE FROM prices');
  await primary.query('VACUUM prices');
  return reader;
}

const count = async (reader: Client) =>
  (await reader.query('SELECT count(*)::int AS n FROM prices')).rows[0].n;

describeHere('replica parameters', () => {
  let servers: PostgresServer[] = [];
  const start = async (...options: Parameters<typeof PostgresServer.start>) => {
    const server = await PostgresServer.start(...options);
    servers.unshift(server);
    return server;
  };
  const knowsOfReader = (primary: PostgresServer) => async () =>
    (await primary.query('SELECT 1 FROM pg_stat_replication WHERE backend_xmin IS NOT NULL'))
      .length > 0;

  afterEach(async () => {
    for (const server of servers) await server.stop();
    servers = [];
  });

  test('for dashboards, replay and readers go on, and dead rows stay', async () => {
    const settings = replaySettings({ readers: 'dashboards' });
    const primary = await start();
    const hub = await start({ follows: primary, settings });
    const leaf = await start({ follows: hub, settings });
    const reader = await readWhileDeleted(primary, leaf, knowsOfReader(primary));
    const lsn = await lsnOf(primary);
    await until(() => hasReplayed(leaf, lsn));
    expect(await count(reader)).toBe(2000);
    expect(await sizeOnPrimary(primary)).toBeGreaterThan(0);
    await reader.end();
  }, 120_000);

  test('for reports, replay waits for the reader, and dead rows are removed', async () => {
    const primary = await start();
    const standby = await start({
      follows: primary,
      settings: replaySettings({ readers: 'reports' }),
    });
    const reader = await readWhileDeleted(primary, standby);
    expect(await sizeOnPrimary(primary)).toBe(0);
    const lsn = await lsnOf(primary);
    const received = async () =>
      (
        await standby.query<{ there: boolean }>(
          'SELECT pg_last_wal_receive_lsn() >= $1::pg_lsn AS there',
          [lsn],
        )
      )[0]?.there === true;
    await until(received);
    expect(await hasReplayed(standby, lsn)).toBe(false);
    expect(await count(reader)).toBe(2000);
    await reader.end();
    await until(() => hasReplayed(standby, lsn));
  }, 120_000);

  test('without feedback and with a short wait, the reader is canceled', async () => {
    const primary = await start();
    const settings = {
      ...replaySettings({ readers: 'reports' }),
      max_standby_streaming_delay: 100,
    };
    const standby = await start({ follows: primary, settings });
    const canceled = new Promise<Error>((resolve, reject) => {
      readWhileDeleted(primary, standby, undefined, resolve).catch(reject);
    });
    expect((await canceled).message).toContain('due to conflict with recovery');
    const lsn = await lsnOf(primary);
    await until(() => hasReplayed(standby, lsn));
  }, 120_000);

  test('the ReplicaLag of RDS grows without writes on a current replica', async () => {
    const primary = await start();
    const standby = await start({ follows: primary, settings: replaySettings({}) });
    await primary.query('CREATE TABLE prices (n int)');
    const lsn = await lsnOf(primary);
    await until(() => hasReplayed(standby, lsn));
    // "Monitoring and tuning the replication process", Amazon RDS user guide: the query behind the
    // metric.
    const lag = async () =>
      (
        await standby.query<{ lag: number }>(
          'SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 AS lag',
        )
      )[0]?.lag ?? -1;
    const before = await lag();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await lag()).toBeGreaterThan(before);
    await until(async () => hasReplayed(standby, await lsnOf(primary)));
  }, 120_000);
});
