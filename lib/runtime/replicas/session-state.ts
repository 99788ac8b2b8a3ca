import type { QueryResult, QueryResultRow } from 'pg';
import { IsochroneError } from '../../model/errors';
import { analysisOf, type StatementAnalysis } from '../statements';
import { type Session, type Statement, textOf } from './session';

const FIX =
  'Use what ends with the transaction: `SET LOCAL`, `set_config(…, true)`, `ON COMMIT DROP`, ' +
  '`pg_advisory_xact_lock`. A setting for all sessions belongs to the role (`ALTER ROLE … SET`). ' +
  'LISTEN, locks and cursors that live longer need a `pg` client of their own.';

/**
 * Checks a statement outside a transaction.
 *
 * @throws IsochroneError if it would leave state in its session, for the next caller of the
 * connection
 */
export function refuseSessionState({ sessionState }: StatementAnalysis): void {
  if (sessionState === undefined) return;
  throw new IsochroneError(
    'ReplicaPool: a statement outside `transaction` must leave nothing in its session, ' +
      `got one that leaves ${sessionState}.\n` +
      `It would last for whoever gets the connection next. Run it in \`transaction\`. ${FIX}`,
  );
}

/**
 * Executes a statement of a transaction. If it leaves state in its session, the connection is closed
 * after the transaction. That does not help behind a pooler, where the state would stay with the
 * pooler's connection.
 *
 * @throws IsochroneError if it would leave state in the session of a pooler
 */
export async function executeInTransaction<R extends QueryResultRow>(
  session: Session,
  statement: Statement,
  values: readonly unknown[] | undefined,
): Promise<QueryResult<R>> {
  const { sessionState } = await analysisOf(textOf(statement));
  if (sessionState === undefined) return session.query<R>(statement, values);
  session.keepsState = true;
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  // A pooler tells its clients process ids of its own.
  if (rows[0]?.pid === (session.client as { processID?: number }).processID)
    return session.query<R>(statement, values);
  throw new IsochroneError(
    'ReplicaPool: a transaction through a pooler must leave nothing in its session, ' +
      `got a statement that leaves ${sessionState}.\n` +
      `The pooler gives the session to its other clients. ${FIX}`,
  );
}
