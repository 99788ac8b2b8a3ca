/** The servers that tests of `ReplicaPool` and `QueryCache` share. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaPoolOptions, ReplicaServer } from '../../../lib/runtime/replicas/options';
import { ReplicaPool } from '../../../lib/runtime/replicas/replica-pool';
import { type PostgresOptions, PostgresServer } from '../postgres-server';

/** A query that shows whether a replica answers it. */
export const IS_REPLICA = 'SELECT pg_is_in_recovery() AS replica';

/** Ends the connections of the pools under test on a server. */
export const TERMINATE_POOLS =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pool'";

/** The options to connect to a server as the role `app`. */
export const at = (server: PostgresServer, more: Partial<ReplicaServer> = {}): ReplicaServer => ({
  connectionString: server.url('postgres', 'app'),
  application_name: 'pool',
  ...more,
});

/** A pool over a writer and one reader, which keeps no idle connections. */
export function poolOf(
  writer: PostgresServer,
  reader: PostgresServer,
  options: Partial<ReplicaPoolOptions>,
): ReplicaPool {
  return new ReplicaPool({ writer: at(writer), readers: [at(reader)], min: 0, ...options });
}

/** Waits until a condition holds. */
export async function until(holds: () => unknown): Promise<void> {
  while (!(await holds())) await sleep(20);
}

/** Settings with which a server keeps a list of its statements: see `executions`. */
export const LISTS_STATEMENTS = {
  log_statement: 'all',
  logging_collector: 'on',
  log_directory: "'log'",
  log_filename: "'statements.log'",
} as const;

/** How often servers have begun to execute statements with a text. Their list may be a bit late. */
export function executions(servers: readonly PostgresServer[], text: string): number {
  return servers
    .map(({ data }) => readFileSync(join(data, 'log/statements.log'), 'utf8'))
    .flatMap((log) => log.split('\n'))
    .filter((line) => /LOG: {2}(?:statement|execute)/.test(line) && line.includes(text)).length;
}

/** Starts a primary with one table, which the role `app` may use. */
export async function startPrimary(
  table: string,
  columns: string,
  settings: PostgresOptions['settings'] = {},
): Promise<PostgresServer> {
  const primary = await PostgresServer.start({ settings });
  await primary.query('CREATE ROLE app LOGIN');
  await primary.query(`CREATE TABLE ${table} (${columns})`);
  await primary.query(`GRANT ALL ON ${table} TO app`);
  return primary;
}

/** The position of the primary's log, which also covers writes that are not yet flushed. */
export async function insertPosition(primary: PostgresServer): Promise<string> {
  const [row] = await primary.query<{ lsn: string }>(
    'SELECT pg_current_wal_insert_lsn()::text AS lsn',
  );
  return String(row?.lsn);
}

export async function hasReplayed(standby: PostgresServer, lsn: string): Promise<boolean> {
  const [row] = await standby.query<{ there: boolean }>(
    'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there',
    [lsn],
  );
  return row?.there === true;
}

/** Waits until a standby has replayed everything that the primary has written. */
export async function caughtUp(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  const lsn = await insertPosition(primary);
  await until(() => hasReplayed(standby, lsn));
}

/** Pauses replay on a standby, and waits until it has paused. */
export async function pauseReplay(standby: PostgresServer): Promise<void> {
  await standby.query('SELECT pg_wal_replay_pause()');
  await until(async () => {
    const [row] = await standby.query<{ state: string }>(
      'SELECT pg_get_wal_replay_pause_state() AS state',
    );
    return row?.state === 'paused';
  });
}

/** Resumes replay, empties the table, and waits for the standby. */
export async function resetTable(
  primary: PostgresServer,
  standby: PostgresServer,
  table: string,
): Promise<void> {
  await standby.query('SELECT pg_wal_replay_resume()');
  await primary.query(`TRUNCATE ${table}`);
  await caughtUp(primary, standby);
}
