/**
 * Facts about the hub of a promotion that need a connection: its replay position, and whether it
 * accepts writes. RDS says "available" before and after a promotion alike.
 */
import { Client, type ClientBase } from 'pg';
import { IsochroneError } from '../../../model/errors';
import { connectByIam } from '../../../tools/postgres';

export interface ProbeEvent {
  readonly action: 'position' | 'write';
}

/** The replay position of a standby. */
export interface ReplayPosition {
  readonly inRecovery: boolean;
  /**
   * Whether a process receives records. After the source falls silent, it stays for
   * `wal_receiver_timeout`.
   */
  readonly receiving: boolean;
  readonly received: string | null;
  readonly replayed: string | null;
  /** Whether every received record is replayed. */
  readonly drained: boolean;
  /**
   * Seconds since the last replayed transaction was committed. If the source is gone, nothing older
   * is lost; if the source was idle, the value only grows. Null if no transaction was replayed
   * since the standby started.
   */
  readonly ageSeconds: number | null;
}

/**
 * Reads the position by functions that every role may call; the probe's role only needs a login.
 */
export async function replayPosition(client: ClientBase): Promise<ReplayPosition> {
  const { rows } = await client.query<ReplayPosition>(`
    SELECT pg_is_in_recovery() AS "inRecovery",
           EXISTS (SELECT FROM pg_stat_get_wal_receiver() AS w WHERE w.pid IS NOT NULL) AS receiving,
           pg_last_wal_receive_lsn()::text AS received,
           pg_last_wal_replay_lsn()::text AS replayed,
           coalesce(pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn(), false) AS drained,
           extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS "ageSeconds"`);
  return rows[0] as ReplayPosition;
}

/**
 * Writes a record that belongs to no table. It is committed, flushed and replicated as any other
 * record, and leaves nothing behind.
 *
 * @throws IsochroneError if the server is in recovery or refuses writes
 */
export async function writeRecord(client: ClientBase): Promise<{ readonly lsn: string }> {
  const { rows } = await client.query<{ recovery: boolean; readOnly: string }>(
    `SELECT pg_is_in_recovery() AS recovery, current_setting('transaction_read_only') AS ` +
      `"readOnly"`,
  );
  if (rows[0]?.recovery || rows[0]?.readOnly === 'on') {
    throw new IsochroneError(
      `The instance takes no writes: ` +
        `${rows[0].recovery ? 'it is still in recovery' : 'its transactions are read-only'}.\n` +
        'A promotion ends recovery. Wait for it, or look into the events of the instance.',
    );
  }
  const written = await client.query<{ lsn: string }>(
    `SELECT pg_logical_emit_message(true, 'isochrone', 'promotion')::text AS lsn`,
  );
  return { lsn: written.rows[0]?.lsn ?? '' };
}

export async function handler(event: ProbeEvent): Promise<object> {
  const client = await connectByIam(Client, login(process.env));
  try {
    const answer =
      event.action === 'write' ? await writeRecord(client) : await replayPosition(client);
    console.log(JSON.stringify({ level: 'INFO', message: event.action, ...answer }));
    return answer;
  } catch (error) {
    console.log(
      JSON.stringify({
        level: 'ERROR',
        message: event.action,
        error: error instanceof Error ? error.message : String(error),
      }),
    );
    throw error;
  } finally {
    await client.end();
  }
}

function login(environment: NodeJS.ProcessEnv) {
  return {
    host: environment.DATABASE_HOST ?? '',
    port: Number(environment.DATABASE_PORT ?? 5432),
    user: environment.DATABASE_USER ?? '',
    database: environment.DATABASE_NAME ?? 'postgres',
    region: environment.AWS_REGION ?? '',
  };
}
