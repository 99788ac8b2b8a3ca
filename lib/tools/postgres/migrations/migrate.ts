import { setTimeout as pause } from 'node:timers/promises';
import type { Client, ClientConfig } from 'pg';
import { IsochroneError } from '../../../model/errors';
import { isConnectionLost, type PostgresConnection, sqlState } from '../connection';
import type { Migration } from './files';
import {
  type MigrationOptions,
  type MigrationOutcome,
  retryDelayMs,
  runMigrations,
} from './runner';

/**
 * Opens a connection that lasts for hours. It sends TCP keep-alives while the server works, because
 * NAT gateways and security groups drop connections that are silent for 350 seconds.
 *
 * @param PgClient the client of `pg`, which the command line loads only when it is needed
 */
export async function connect(PgClient: typeof Client, config: ClientConfig): Promise<Client> {
  const client = new PgClient({
    application_name: 'isochrone migrate',
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 60_000,
    ...config,
  });
  // The pending query reports a lost connection. Without a listener, Node.js would end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}

export interface MigrateOptions extends MigrationOptions {
  /**
   * How often to reconnect when the connection is lost, as in a failover.
   *
   * @default 5
   */
  readonly reconnects?: number;
}

/** read_only_sql_transaction: the server is a standby or a reader, or the role may only read. */
const READ_ONLY = '25006';

/**
 * Turns an error of the server, such as one about the history table, into a message for the user.
 */
export function refusal(error: unknown): unknown {
  const state = sqlState(error);
  if (error instanceof IsochroneError || !(error instanceof Error) || state === undefined)
    return error;
  const fix =
    state === READ_ONLY
      ? 'Migrations run on the writer: connect to it.'
      : 'The role that runs migrations must be allowed to create schemas in this database, ' +
        'and must own the schema isochrone and the objects that the files change.';
  return new IsochroneError(`The server refused: ${error.message} (SQLSTATE ${state}).\n${fix}`);
}

/**
 * Runs migrations. If the connection is lost, it reconnects and resumes.
 *
 * @throws IsochroneError for a problem of the migrations or an error of the server
 * @throws the error of the connection if the server cannot be reached again
 */
export async function migrate(
  open: () => Promise<PostgresConnection & { end(): Promise<void> }>,
  migrations: readonly Migration[],
  options: MigrateOptions,
): Promise<MigrationOutcome> {
  const { reconnects = 5, random = Math.random, sleep = pause, log } = options;
  let connected = false;
  for (let lost = 0; ; lost += 1) {
    let connection: Awaited<ReturnType<typeof open>> | undefined;
    try {
      connection = await open();
      connected = true;
      return await runMigrations(connection, migrations, options);
    } catch (error) {
      // A server that never answered is not failing over: its address is wrong, or the network
      // blocks it. After a failover the name may lead to a reader for a while.
      const readsOnly = lost > 0 && sqlState(error) === READ_ONLY;
      if (!connected || lost >= reconnects || !(isConnectionLost(error) || readsOnly))
        throw refusal(error);
      const milliseconds = retryDelayMs(2_000, lost, 60_000, random);
      const reason = error instanceof Error ? error.message : sqlState(error);
      log({
        level: 'WARN',
        message: `The connection is lost (${reason}); reconnecting in ${milliseconds} ms`,
      });
      await sleep(milliseconds);
    } finally {
      await connection?.end().catch(() => {});
    }
  }
}
