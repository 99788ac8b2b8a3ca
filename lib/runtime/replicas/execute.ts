import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientBase, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import {
  arrivalSql,
  MAX_LSN,
  POSITION_SQL,
  type WritePosition,
  type WriteToken,
  writeToken,
} from './token';

/** A statement as `pg` accepts it. */
export type Statement = string | QueryConfig;
/** The part of a `pg` client that is used here. */
export type Connection = Pick<ClientBase, 'query'> & { readonly pipeline?: boolean };

const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 50;

/** Executes a statement. */
export function execute<R extends QueryResultRow>(
  client: Connection,
  statement: Statement,
  values?: readonly unknown[],
): Promise<QueryResult<R>> {
  return client.query<R>(statement, values as unknown[] | undefined);
}

/**
 * Executes a write, and then reads the position in the write-ahead log. The position is read by a
 * statement of its own after the commit: within the transaction, it would precede the commit's own
 * record. If reading it fails, the write still succeeds.
 */
export async function executeWithToken<R extends QueryResultRow>(
  client: Connection,
  statement: Statement,
  values?: readonly unknown[],
): Promise<QueryResult<R> & { readonly token: WriteToken }> {
  const { first, second } = await together<QueryResult<R>, QueryResult>(
    client,
    () => execute<R>(client, statement, values),
    () => execute(client, POSITION_SQL),
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
  client: Connection,
  statement: Statement,
  values: readonly unknown[] | undefined,
  position: WritePosition,
  waitUntil: number,
  staleReads: 'writer' | 'reader',
): Promise<QueryResult<R> | undefined> {
  const arrived = await beginAfter(
    client,
    'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY',
    position,
    waitUntil,
  );
  if (!arrived) return staleReads === 'reader' ? execute<R>(client, statement, values) : undefined;
  const { first } = await together(
    client,
    () => execute<R>(client, statement, values),
    () => execute(client, 'COMMIT'),
  );
  return first;
}

/**
 * Begins a transaction on a server that has reached a position. Returns false, with no transaction
 * begun, if the server does not reach the position in time.
 *
 * @param begin must ask for READ COMMITTED, so that the statement after the check takes a snapshot
 * that is younger than the check
 * @param waitUntil in Unix milliseconds
 */
export async function beginAfter(
  client: Connection,
  begin: string,
  position: WritePosition,
  waitUntil: number,
): Promise<boolean> {
  for (let pause = MIN_PAUSE_MS; ; pause = Math.min(MAX_PAUSE_MS, pause * 2)) {
    const { comparable, reached } = await checkPosition(client, begin, position);
    if (comparable && reached) return true;
    await execute(client, 'ROLLBACK');
    const left = waitUntil - Date.now();
    if (!comparable || left <= 0) return false;
    await sleep(Math.min(pause, left));
  }
}

async function checkPosition(
  client: Connection,
  begin: string,
  position: WritePosition,
): Promise<{ readonly comparable: boolean; readonly reached: boolean }> {
  try {
    // Two statements in one message: one round trip, and for PgBouncer one transaction.
    const [, second] = (await execute(
      client,
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

/**
 * Executes two statements, in one round trip if the driver pipelines. An error of the first one is
 * thrown; an error of the second one makes its result undefined.
 */
async function together<A, B>(
  client: Connection,
  first: () => Promise<A>,
  second: () => Promise<B>,
): Promise<{ readonly first: A; readonly second: B | undefined }> {
  if (client.pipeline === true) {
    const [one, other] = await Promise.allSettled([first(), second()]);
    if (one.status === 'rejected') throw one.reason;
    return { first: one.value, second: other.status === 'fulfilled' ? other.value : undefined };
  }
  try {
    const result = await first();
    return { first: result, second: await second().catch(() => undefined) };
  } catch (error) {
    await second().catch(() => undefined);
    throw error;
  }
}
