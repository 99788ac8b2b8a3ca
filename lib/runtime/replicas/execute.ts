import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryResult, QueryResultRow } from 'pg';
import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import { QueryTimeoutError } from './errors';
import type { Session, Statement } from './session';
import {
  arrivalSql,
  MAX_LSN,
  POSITION_SQL,
  type WritePosition,
  type WriteToken,
  writeToken,
} from './token';

const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 50;

/**
 * Executes a write, and then reads the position in the write-ahead log. The position is read by a
 * statement of its own after the commit: within the transaction, it would precede the commit's own
 * record. If reading it fails, the write still succeeds.
 */
export async function executeWithToken<R extends QueryResultRow>(
  session: Session,
  statement: Statement,
  values?: readonly unknown[],
): Promise<QueryResult<R> & { readonly token: WriteToken }> {
  const { first, second } = await together<QueryResult<R>, QueryResult>(
    session,
    () => session.query<R>(statement, values),
    () => session.query({ text: POSITION_SQL, query_timeout: 0 }),
  );
  const position = second?.rows[0] as WritePosition | undefined;
  return Object.assign(first, { token: position ? writeToken(position) : MAX_LSN });
}

/**
 * Executes a read on a server that has reached a position; undefined if it does not reach the
 * position in time. The check and the read are one transaction: behind PgBouncer, or a name of
 * several servers, the next transaction may run on another server.
 */
export async function executeAfter<R extends QueryResultRow>(
  session: Session,
  statement: Statement,
  values: readonly unknown[] | undefined,
  position: WritePosition,
  waitUntil: number,
  staleReads: 'writer' | 'reader',
): Promise<QueryResult<R> | undefined> {
  const arrived = await beginAfter(
    session,
    'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY',
    position,
    waitUntil,
  );
  if (!arrived) return staleReads === 'reader' ? session.query<R>(statement, values) : undefined;
  const { first } = await together(
    session,
    () => session.query<R>(statement, values),
    () => session.query({ text: 'COMMIT', query_timeout: 0 }),
  );
  return first;
}

/**
 * Begins a transaction on a server that has reached a position. Returns false, with no transaction
 * begun, if the server does not reach the position in time.
 *
 * @param begin must ask for READ COMMITTED, so that the statement after the check takes a snapshot
 * that is younger than the check
 * @param waitUntil in milliseconds of `performance.now()`
 */
export async function beginAfter(
  session: Session,
  begin: string,
  position: WritePosition,
  waitUntil: number,
): Promise<boolean> {
  for (let pause = MIN_PAUSE_MS; ; pause = Math.min(MAX_PAUSE_MS, pause * 2)) {
    const { comparable, reached } = await checkPosition(session, begin, position);
    if (comparable && reached) return true;
    await session.query('ROLLBACK');
    const left = waitUntil - performance.now();
    if (!comparable || left <= 0) return false;
    await sleep(Math.min(pause, left));
  }
}

async function checkPosition(
  session: Session,
  begin: string,
  position: WritePosition,
): Promise<{ readonly comparable: boolean; readonly reached: boolean }> {
  try {
    // Two statements in one message: one round trip, and for PgBouncer one transaction.
    const [, second] = (await session.query(
      `${begin}; ${arrivalSql(position)}`,
    )) as unknown as QueryResult[];
    const { comparable, reached } = second?.rows[0] ?? {};
    return { comparable: comparable === true, reached: reached === true };
  } catch (error) {
    // A role that may not read the control file cannot compare positions, so it does not wait.
    if ((error as { code?: unknown }).code !== '42501') throw error;
    return { comparable: false, reached: false };
  }
}

/** How long an answer is awaited after the one before it, in milliseconds. */
const SECOND_ANSWER_MS = 1_000;

/**
 * Executes two statements, in one round trip if the driver pipelines. An error of the first one is
 * thrown; an error of the second one, or no answer in time, makes its result undefined. The second
 * one must have no time limit of its own, because it waits for the first one.
 */
async function together<A, B>(
  session: Session,
  first: () => Promise<A>,
  second: () => Promise<B>,
): Promise<{ readonly first: A; readonly second: B | undefined }> {
  const one = first();
  // Without pipelining, `pg` sends the second one after the answer to the first one.
  const other = session.pipeline ? second() : one.then(second, second);
  const quiet = other.catch(() => undefined);
  try {
    const result = await one;
    const late = await withTimeLimit(SECOND_ANSWER_MS, quiet);
    return { first: result, second: late === TIMED_OUT ? undefined : late };
  } catch (error) {
    // The connection is free after both answers, unless it is given up.
    if (!(error instanceof QueryTimeoutError)) await quiet;
    throw error;
  }
}
