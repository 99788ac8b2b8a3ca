import { IsochroneError } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';

/**
 * The key of the advisory lock, which is unlikely to be used otherwise: "isoc" and "migr" in ASCII.
 */
const LOCK = '1769172835, 1835624306';

export interface SessionTimes {
  /**
   * How long a statement waits for a lock before it gives way to the statements that queue behind
   * it, in milliseconds.
   */
  readonly lockTimeoutMs: number;
}

/**
 * Takes the lock of the run. Only one run holds it at a time, for as long as its server process
 * lives, even if its client is gone.
 *
 * @param waitMs how long to wait for another run, in milliseconds
 * @throws IsochroneError if another run still holds the lock, or a pooler is in between
 */
export async function lockMigrations(
  connection: PostgresConnection,
  waitMs: number,
  sleep: (milliseconds: number) => Promise<unknown>,
): Promise<void> {
  await checkNoPooler(connection);
  for (let waited = 0; ; waited += 1000) {
    const [row] = await rowsOf<{ locked: boolean }>(
      connection,
      `SELECT pg_try_advisory_lock(${LOCK}) AS locked`,
    );
    if (row?.locked) return;
    if (waited >= waitMs) break;
    await sleep(1000);
  }
  const [holder] = await rowsOf<{ description: string }>(
    connection,
    `SELECT format(
       'process %s of %s since %s', a.pid, coalesce(usename, '?'), backend_start::timestamptz(0)
     ) AS description
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE locktype = 'advisory'
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid = ${LOCK.split(', ')[0]} AND granted`,
  );
  const other = holder?.description ?? 'another session holds the lock';
  throw new IsochroneError(
    `Migrations of this database are running already: ${other}.\n` +
      'Wait for that run. If its client is gone, its server process ends within seconds, ' +
      'or at the end of its statement.',
  );
}

/**
 * Refuses a connection through a pooler. The lock and the settings belong to a session, and a
 * pooler may give each transaction another session.
 *
 * @throws IsochroneError if a pooler is in between
 */
export async function checkNoPooler(connection: PostgresConnection): Promise<void> {
  if (connection.processID === undefined || connection.processID === null) return;
  const [row] = await rowsOf<{ pid: number }>(connection, 'SELECT pg_backend_pid() AS pid');
  if (row?.pid === connection.processID) return;
  throw new IsochroneError(
    'There is a pooler between isochrone and PostgreSQL.\n' +
      'Migrations hold a lock of their session, which a pooler shares with other clients. ' +
      'Connect to the server itself.',
  );
}

/**
 * Resets the session, so that each step starts with the same settings whatever the preceding steps
 * have set.
 *
 * A CONCURRENTLY build waits at its end for older transactions, possibly after hours of work, and
 * blocks no reads and writes meanwhile. It therefore waits without a limit.
 */
export async function resetSession(
  connection: PostgresConnection,
  { lockTimeoutMs }: SessionTimes,
  withoutLimit: boolean,
): Promise<void> {
  // A temporary table would hide the table of the same name from all further steps.
  await connection.query(
    'RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; DEALLOCATE ALL; DISCARD TEMP',
  );
  const settings: Readonly<Record<string, string>> = {
    lock_timeout: String(withoutLimit ? 0 : lockTimeoutMs),
    idle_session_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    // transaction_timeout ends the connection; statement_timeout ends only the statement.
    transaction_timeout: '0',
    // The parser reads files under this setting.
    standard_conforming_strings: 'on',
    // The server then notices within seconds that its client is gone, and stops the statement.
    client_connection_check_interval: '10s',
    ...(withoutLimit ? { statement_timeout: '0' } : {}),
  };
  // Older servers lack some of these settings.
  await connection.query(
    `SELECT set_config(s.name, w.value, false)
     FROM unnest($1::text[], $2::text[]) AS w (name, value) JOIN pg_settings s USING (name)`,
    [Object.keys(settings), Object.values(settings)],
  );
}

/** Sets how long a statement of the session waits for a lock; 0 is without a limit. */
export async function setLockTimeout(
  connection: PostgresConnection,
  milliseconds: number,
): Promise<void> {
  await connection.query(`SET lock_timeout = ${milliseconds}`);
}
