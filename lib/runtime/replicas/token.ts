import { describeKind, IsochroneError } from '../../model/errors';

/**
 * The position in the write-ahead log behind a write. A `read` with the token sees that write: on a
 * replica that has replayed it, or on the writer.
 *
 * It is text, `<system>.<timeline>.<position>`, and can be sent in a header or a cookie. A forged
 * token only makes its own read wait and go to the writer.
 */
export type WriteToken = string;

/** The parts of a token. */
export interface WritePosition {
  /** The system identifier, which a server shares with its physical replicas only. */
  readonly system: string;
  /** The timeline. Each promotion starts a new one, on which positions diverge. */
  readonly timeline: number;
  /** The log sequence number as PostgreSQL writes it, such as `16/B374D848`. */
  readonly lsn: string;
}

const FORM = /^(\d{1,20})\.(\d{1,10})\.([0-9A-F]{1,8}\/[0-9A-F]{1,8})$/;

/**
 * The token of a write whose position could not be read. No replica reaches it, so the writer
 * answers reads with it.
 */
export const MAX_LSN: WriteToken = '0.0.FFFFFFFF/FFFFFFFF';

/** Writes a position as a token. */
export function writeToken({ system, timeline, lsn }: WritePosition): WriteToken {
  return `${system}.${timeline}.${lsn}`;
}

/** @throws IsochroneError for text that is not a token */
export function writePosition(token: WriteToken): WritePosition {
  const [, system, timeline, lsn] = FORM.exec(token) ?? [];
  if (system === undefined || timeline === undefined || lsn === undefined) {
    throw new IsochroneError(
      'ReplicaPool: after must be a token of a write, ' +
        `got ${describeKind(token)}.\n` +
        'A token is what `write` or `transaction` returned, unchanged. ' +
        'Leave `after` out for a read that may be behind.',
    );
  }
  return { system, timeline: Number(timeline), lsn };
}

/** The later of two tokens. If their systems or timelines differ, it is the second one. */
export function laterToken(first: WriteToken | undefined, second: WriteToken): WriteToken {
  if (first === undefined) return second;
  if (first === MAX_LSN || second === MAX_LSN) return MAX_LSN;
  const [a, b] = [writePosition(first), writePosition(second)];
  if (a.system !== b.system || a.timeline !== b.timeline) return second;
  return asNumber(a.lsn) > asNumber(b.lsn) ? first : second;
}

function asNumber(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/**
 * Reads the position, outside the transaction and after its commit. The commit then precedes the
 * position, even with `synchronous_commit = off`. The timeline is taken from the name of the log's
 * file, which begins with it; the control file has it only after the next checkpoint.
 */
export const POSITION_SQL = `SELECT system_identifier::text AS system,
    ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int AS timeline, lsn::text AS lsn
  FROM pg_control_system(), pg_current_wal_insert_lsn() AS lsn`;

/**
 * Checks whether the server has reached a position (`reached`), and whether its positions can be
 * compared with it (`comparable`). It must be a statement of its own before the read, in a READ
 * COMMITTED transaction. A single statement, or a stricter transaction, would take its snapshot
 * first, and could see less than the position that it finds.
 *
 * A replica learns its timeline at a restart point. For a while after a promotion it reports the
 * old timeline, and counts as not comparable.
 */
export function arrivalSql({ system, timeline, lsn }: WritePosition): string {
  return `SELECT s.system_identifier = ${system} AND CASE WHEN pg_is_in_recovery()
      THEN greatest(c.timeline_id, r.min_recovery_end_timeline)
      ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
    END >= ${timeline} AS comparable,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
      ELSE pg_current_wal_insert_lsn() END >= '${lsn}'::pg_lsn AS reached
  FROM pg_control_system() AS s, pg_control_checkpoint() AS c, pg_control_recovery() AS r`;
}
