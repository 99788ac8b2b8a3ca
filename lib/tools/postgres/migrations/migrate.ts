import { setTimeout as pause } from 'node:timers/promises';
import type { Client, ClientConfig } from 'pg';
import { IsochroneError } from '../../../model/errors';
import { isConnectionLost, type PostgresConnection, sqlState } from '../connection';
import type { Migration } from './files';
import { type MigrationOptions, type MigrationOutcome, runMigrations } from './runner';

/**
 * A connection for hours: it says that it is alive while the server works, because NAT gateways and
 * security groups forget connections that are silent for 350 seconds.
 *
 * @param PgClient the client of `pg`, which the command line loads when it is needed
 */
export async function connect(PgClient: typeof Client, config: ClientConfig): Promise<Client> {
  const client = new PgClient({
    application_name: 'isochrone migrate',
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 60_000,
    ...config,
  });
  // A connection that ends is told to the query that waits for it; without a listener, Node.js
  // would end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}

export interface MigrateOptions extends MigrationOptions {
  /** How often to connect anew when the connection is lost, as in a failover. Default: 5. */
  readonly reconnects?: number;
}

/** read_only_sql_transaction: a standby, a reader, or a role that may only read. */
const READ_ONLY = '25006';

/** What the server refuses apart from a statement of the files, as of its history, for people. */
export function refusal(error: unknown): unknown {
  const state = sqlState(error);
  if (error instanceof IsochroneError || !(error instanceof Error) || state === undefined)
    return error;
  const fix =
    state === READ_ONLY
      ? 'Migrations run on the writer: connect to it.'
      : 'The role that runs migrations may create schemas in this database, and owns schema isochrone and what the files change.';
  return new IsochroneError(`The server refuses it: ${error.message} (SQLSTATE ${state}).\n${fix}`);
}

/** Runs migrations, and goes on where they were if the connection is lost on the way. */
export async function migrate(
  open: () => Promise<PostgresConnection & { end(): Promise<void> }>,
  migrations: readonly Migration[],
  options: MigrateOptions,
): Promise<MigrationOutcome> {
  const { reconnects = 5, random = Math.random, sleep = pause, log } = options;
  let worked = false;
  for (let lost = 0; ; lost += 1) {
    let connection: Awaited<ReturnType<typeof open>> | undefined;
    try {
      connection = await open();
      worked = true;
      return await runMigrations(connection, migrations, options);
    } catch (error) {
      // A server that never answered is not in a failover: its address is wrong, or the way to it
      // is closed. After a failover the name may lead to a reader for a while.
      const readsOnly = lost > 0 && sqlState(error) === READ_ONLY;
      if (!worked || lost >= reconnects || !(isConnectionLost(error) || readsOnly))
        throw refusal(error);
      const milliseconds = Math.round(Math.min(60_000, 2_000 * 2 ** lost) * (0.5 + random() / 2));
      const reason = error instanceof Error ? error.message : sqlState(error);
      log({
        level: 'WARN',
        message: `The connection is lost (${reason}): connects again in ${milliseconds} ms`,
      });
      await sleep(milliseconds);
    } finally {
      await connection?.end().catch(() => {});
    }
  }
}
