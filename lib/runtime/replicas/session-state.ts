import { IsochroneError } from '../../model/errors';
import { analysisOf } from '../statements';
import type { Session, Statement } from './session';

const FIX =
  'Use what ends with the transaction: `SET LOCAL`, `set_config(…, true)`, `ON COMMIT DROP`, ' +
  '`pg_advisory_xact_lock`. A setting for all sessions belongs to the role (`ALTER ROLE … SET`). ' +
  'LISTEN, locks and cursors that live longer need a `pg` client of their own.';

/** Keeps what a statement leaves in its session from the next caller of the connection. */
export class SessionStates {
  /**
   * Checks a statement outside a transaction.
   *
   * @throws IsochroneError if it would leave state in its session
   */
  public async refuse(statement: Statement): Promise<void> {
    const kept = await this.keptBy(statement);
    if (kept === undefined) return;
    throw new IsochroneError(
      'ReplicaPool: a statement outside `transaction` must leave nothing in its session, ' +
        `got one that leaves ${kept}.\n` +
        `It would last for whoever gets the connection next. Run it in \`transaction\`. ${FIX}`,
    );
  }

  /**
   * Executes a statement of a transaction. If it leaves state in its session, the connection is
   * closed after the transaction. That does not help behind a pooler, where the state would stay
   * with the pooler's connection.
   *
   * @throws IsochroneError if it would leave state in the session of a pooler
   */
  public async execute<T>(
    session: Session,
    statement: Statement,
    send: () => Promise<T>,
  ): Promise<T> {
    const kept = await this.keptBy(statement);
    if (kept === undefined) return send();
    session.keepsState = true;
    const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    // A pooler tells its clients process ids of its own.
    if (rows[0]?.pid === (session.client as { processID?: number }).processID) return send();
    throw new IsochroneError(
      'ReplicaPool: a transaction through a pooler must leave nothing in its session, ' +
        `got a statement that leaves ${kept}.\n` +
        `The pooler gives the session to its other clients. ${FIX}`,
    );
  }

  private async keptBy(statement: Statement): Promise<string | undefined> {
    const text = typeof statement === 'string' ? statement : statement.text;
    return (await analysisOf(text)).sessionState;
  }
}
