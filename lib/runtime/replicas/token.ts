import { IsochroneError } from '../../model/errors';

/**
 * Where a write ended in the write-ahead log: whoever shows it to `read` sees that write, or the
 * writer's answer.
 *
 * It is text, `<system>.<timeline>.<position>`, and can travel in a header or a cookie. A forged
 * one makes its bearer wait and ask the writer, no more.
 */
export type WriteToken = string;

export interface WritePosition {
  /**
   * The identifier that a server and all its physical replicas share; another database cluster has
   * another one.
   */
  readonly system: string;
  /** Counts promotions: after each, positions go another way. */
  readonly timeline: number;
  /** As PostgreSQL writes it, such as `16/B374D848`. */
  readonly lsn: string;
}

const FORM = /^(\d{1,20})\.(\d{1,10})\.([0-9A-F]{1,8}\/[0-9A-F]{1,8})$/;

/**
 * For a write whose position could not be asked: no replica is ever there, so that the writer
 * answers.
 */
export const BEYOND_ALL: WriteToken = '0.0.FFFFFFFF/FFFFFFFF';

export function writeToken({ system, timeline, lsn }: WritePosition): WriteToken {
  return `${system}.${timeline}.${lsn}`;
}

/** @throws IsochroneError for what is no token */
export function writePosition(token: WriteToken): WritePosition {
  const [, system, timeline, lsn] = FORM.exec(token) ?? [];
  if (system === undefined || timeline === undefined || lsn === undefined) {
    throw new IsochroneError(
      `ReplicaPool: after must be a token of a write, got ${JSON.stringify(String(token).slice(0, 80))}.\n` +
        'A token is what `write` or `transaction` returned, unchanged. Leave `after` out for a read that may be behind.',
    );
  }
  return { system, timeline: Number(timeline), lsn };
}

/** Of two tokens, the one that stands for both. Of different systems or timelines, the second. */
export function laterToken(first: WriteToken | undefined, second: WriteToken): WriteToken {
  if (first === undefined) return second;
  if (first === BEYOND_ALL || second === BEYOND_ALL) return BEYOND_ALL;
  const [a, b] = [writePosition(first), writePosition(second)];
  if (a.system !== b.system || a.timeline !== b.timeline) return second;
  return asNumber(a.lsn) > asNumber(b.lsn) ? first : second;
}

function asNumber(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/**
 * Asked after the commit, outside of its transaction: the commit is then behind this position, also
 * with `synchronous_commit = off`. The name of the log's file begins with the timeline; the control
 * file names it only after the next checkpoint.
 */
export const POSITION_SQL = `SELECT system_identifier::text AS system, ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int AS timeline, lsn::text AS lsn
  FROM pg_control_system(), pg_current_wal_insert_lsn() AS lsn`;

/**
 * Whether the server has come to a position. It must be a statement of its own in a transaction
 * READ COMMITTED, before the read: one statement, or a stricter transaction, would take its
 * snapshot first and could then see less than the position that it finds.
 *
 * A replica knows its timeline from its last restart point: after a promotion it says the old one
 * for a while, and is then not believed.
 */
export function arrivalSql({ system, timeline, lsn }: WritePosition): string {
  return `SELECT s.system_identifier = ${system} AND CASE WHEN pg_is_in_recovery()
      THEN greatest(c.timeline_id, r.min_recovery_end_timeline) ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
    END >= ${timeline} AS kin,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END >= '${lsn}'::pg_lsn AS there
  FROM pg_control_system() AS s, pg_control_checkpoint() AS c, pg_control_recovery() AS r`;
}
