/**
 * What the parameters of replicas promise, on a real primary with real standbys: who waits, who is
 * cancelled, and what it costs.
 */
import type { Client } from 'pg';
import {
  type PostgresReplicaFigures,
  postgresReplicaParameters,
} from '../../../lib/constructs/database/primary/parameters';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup') ? describe : describe.skip;

/**
 * Of the parameters, those that are about replay; memory is RDS's to compute. Feedback comes every
 * second, so that the tests need not wait.
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

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function lsnOf(primary: PostgresServer): Promise<string> {
  return (
    (await primary.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn'))[0]?.lsn ?? ''
  );
}

async function hasReplayed(standby: PostgresServer, lsn: string): Promise<boolean> {
  const rows = await standby.query<{ there: boolean }>(
    'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there',
    [lsn],
  );
  return rows[0]?.there === true;
}

async function sizeOnPrimary(primary: PostgresServer): Promise<number> {
  return (
    (await primary.query<{ size: number }>("SELECT pg_relation_size('prices')::int AS size"))[0]
      ?.size ?? -1
  );
}

/**
 * A reader in the middle of its transaction on a standby, while the primary deletes what it reads
 * and cleans up.
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

describeHere('replicas', () => {
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

  test('for dashboards: the reader goes on, replay does not wait, and the primary keeps the dead rows, even through a hub', async () => {
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

  test('for reports: the primary is rid of the dead rows at once, and the replica stands still until the reader is done', async () => {
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

  test('without feedback and with a short wait, the reader is cancelled', async () => {
    const primary = await start();
    const settings = {
      ...replaySettings({ readers: 'reports' }),
      max_standby_streaming_delay: 100,
    };
    const standby = await start({ follows: primary, settings });
    const cancelled = new Promise<Error>((resolve, reject) => {
      readWhileDeleted(primary, standby, undefined, resolve).catch(reject);
    });
    expect((await cancelled).message).toContain('due to conflict with recovery');
    const lsn = await lsnOf(primary);
    await until(() => hasReplayed(standby, lsn));
  }, 120_000);

  test('what RDS calls ReplicaLag grows on a replica that lacks nothing, while nobody writes', async () => {
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
