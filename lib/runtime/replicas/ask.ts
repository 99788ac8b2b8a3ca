import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientBase, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import {
  arrivalSql,
  BEYOND_ALL,
  POSITION_SQL,
  type WritePosition,
  type WriteToken,
  writeToken,
} from './token';

export type Statement = string | QueryConfig;
/** As much of a connection as is needed here. */
export type Asked = Pick<ClientBase, 'query'> & { readonly pipeline?: boolean };

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;

export function ask<R extends QueryResultRow>(
  client: Asked,
  statement: Statement,
  values?: readonly unknown[],
): Promise<QueryResult<R>> {
  return client.query<R>(statement, values as unknown[] | undefined);
}

/**
 * A statement that changes something, and the position after it. The position is a statement of its
 * own behind the commit: asked within one transaction, it would lie before the commit's own record.
 * Its failure is no failure of the write.
 */
export async function askWithToken<R extends QueryResultRow>(
  client: Asked,
  statement: Statement,
  values?: readonly unknown[],
): Promise<QueryResult<R> & { readonly token: WriteToken }> {
  const { first, second } = await together<QueryResult<R>, QueryResult>(
    client,
    () => ask<R>(client, statement, values),
    () => ask(client, POSITION_SQL),
  );
  const position = second?.rows[0] as WritePosition | undefined;
  return Object.assign(first, { token: position ? writeToken(position) : BEYOND_ALL });
}

/**
 * A read on a server that has come to a position, or undefined if it does not come there in time.
 * Look and read are one transaction: behind PgBouncer, or a name of several servers, the next
 * transaction may be another server's.
 */
export async function askAfter<R extends QueryResultRow>(
  client: Asked,
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
  if (!arrived) return staleReads === 'reader' ? ask<R>(client, statement, values) : undefined;
  const { first } = await together(
    client,
    () => ask<R>(client, statement, values),
    () => ask(client, 'COMMIT'),
  );
  return first;
}

/**
 * Begins a transaction on a server that has come to a position; false, and none begun, if it does
 * not come there in time.
 *
 * @param begin must ask for READ COMMITTED: the statement after the look then takes a snapshot that
 * is younger than the look
 */
export async function beginAfter(
  client: Asked,
  begin: string,
  position: WritePosition,
  waitUntil: number,
): Promise<boolean> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
    const { kin, there } = await look(client, begin, position);
    if (kin && there) return true;
    await ask(client, 'ROLLBACK');
    const left = waitUntil - Date.now();
    if (!kin || left <= 0) return false;
    await sleep(Math.min(pause, left));
  }
}

async function look(
  client: Asked,
  begin: string,
  position: WritePosition,
): Promise<{ readonly kin: boolean; readonly there: boolean }> {
  try {
    // Two statements in one message: one round trip, and for PgBouncer one transaction.
    const [, second] = (await ask(
      client,
      `${begin}; ${arrivalSql(position)}`,
    )) as unknown as QueryResult[];
    const { kin, there } = second?.rows[0] ?? {};
    return { kin: kin === true, there: there === true };
  } catch (error) {
    // Who may not look at the control file cannot know: that is as good as not to have come there.
    if ((error as { code?: unknown }).code !== '42501') throw error;
    return { kin: false, there: false };
  }
}

/**
 * Two statements, in one round trip where the driver can. The first one's error is thrown; the
 * second one's makes its answer undefined.
 */
async function together<A, B>(
  client: Asked,
  first: () => Promise<A>,
  second: () => Promise<B>,
): Promise<{ readonly first: A; readonly second: B | undefined }> {
  if (client.pipeline === true) {
    const [one, other] = await Promise.allSettled([first(), second()]);
    if (one.status === 'rejected') throw one.reason;
    return { first: one.value, second: other.status === 'fulfilled' ? other.value : undefined };
  }
  try {
    const answer = await first();
    return { first: answer, second: await second().catch(() => undefined) };
  } catch (error) {
    await second().catch(() => undefined);
    throw error;
  }
}
