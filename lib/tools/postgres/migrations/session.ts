import { IsochroneError } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';

/** Two numbers that no one else locks: "isoc" and "migr" in ASCII. */
const LOCK = '1769172835, 1835624306';

export interface SessionTimes {
  /**
   * How long a statement waits for a lock before it gives way to what waits behind it, in
   * milliseconds.
   */
  readonly lockTimeoutMs: number;
}

/**
 * One run at a time: the lock lives as long as the server process that works, also when its client
 * is gone.
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
  const [holder] = await rowsOf<{ who: string }>(
    connection,
    `SELECT format('process %s of %s since %s', a.pid, coalesce(usename, '?'), backend_start::timestamptz(0)) AS who
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid = ${LOCK.split(', ')[0]} AND granted`,
  );
  throw new IsochroneError(
    `Migrations of this database are running already: ${holder?.who ?? 'another session holds the lock'}.\n` +
      'Wait for that run. If its client is gone, its server process ends by itself within seconds, or when its statement does.',
  );
}

/**
 * The lock and the settings belong to a session; a pooler that pools transactions gives each one to
 * another session.
 */
export async function checkNoPooler(connection: PostgresConnection): Promise<void> {
  if (connection.processID === undefined || connection.processID === null) return;
  const [row] = await rowsOf<{ pid: number }>(connection, 'SELECT pg_backend_pid() AS pid');
  if (row?.pid === connection.processID) return;
  throw new IsochroneError(
    'There is a pooler between here and PostgreSQL.\nMigrations hold a lock of their session, which a pooler gives to others. Connect to the server itself.',
  );
}

/**
 * The session as every step finds it, whatever the steps before it have set.
 *
 * Builds that run CONCURRENTLY wait for transactions that are older than they are, at the end of
 * hours of work, and hold up no reads and writes meanwhile: they are given all the time there is.
 */
export async function resetSession(
  connection: PostgresConnection,
  { lockTimeoutMs }: SessionTimes,
  patient: boolean,
): Promise<void> {
  // A temporary table hides the one of the same name from all that follows.
  await connection.query(
    'RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; DEALLOCATE ALL; DISCARD TEMP',
  );
  const settings: Readonly<Record<string, string>> = {
    lock_timeout: String(patient ? 0 : lockTimeoutMs),
    idle_session_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    // It ends the connection, where statement_timeout ends the statement.
    transaction_timeout: '0',
    // As files are split.
    standard_conforming_strings: 'on',
    // The server then notices within seconds that its client is gone, and does not finish for
    // nobody.
    client_connection_check_interval: '10s',
    ...(patient ? { statement_timeout: '0' } : {}),
  };
  // Older servers do not have all of them.
  await connection.query(
    'SELECT set_config(s.name, w.value, false) FROM unnest($1::text[], $2::text[]) AS w (name, value) JOIN pg_settings s USING (name)',
    [Object.keys(settings), Object.values(settings)],
  );
}

export async function setLockTimeout(
  connection: PostgresConnection,
  milliseconds: number,
): Promise<void> {
  await connection.query(`SET lock_timeout = ${milliseconds}`);
}
