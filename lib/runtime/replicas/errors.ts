/** What an error of a query means for where and whether it may be asked again. */
export type QueryFailure =
  /**
   * The server or the way to it is gone, or going: it did not answer, and may have done what it was
   * asked.
   */
  | 'connection'
  /**
   * The server rolled it back for another's sake: a serialization failure, a deadlock, a conflict
   * with recovery.
   */
  | 'conflict'
  /** The server takes no writes: a replica, or a primary that is one now. Nothing was done. */
  | 'read-only'
  /** The server's verdict on the statement: it is the same everywhere. */
  | 'refusal';

/** The network's and Node's own codes. EPIPE has the form of a SQLSTATE. */
const NETWORK = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENOTFOUND EAI_AGAIN ENOENT'.split(
    ' ',
  ),
);
/** pg has no code for what it notices itself. */
const OWN_WORDS =
  /connection (?:terminated|ended|error|timeout)|terminated due to connection timeout|not queryable|client was closed|query read timeout|timeout expired/i;

/**
 * The class of an error of `pg`, by its SQLSTATE ("PostgreSQL Error Codes", PostgreSQL
 * documentation) or the network's code.
 */
export function queryFailure(error: unknown): QueryFailure {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') {
    if (NETWORK.has(code)) return 'connection';
    if (code === '40001' || code === '40P01') return 'conflict';
    if (code === '25006') return 'read-only';
    // 57P01 to 57P03 shutdown, crash, not yet up; 57P05 idle for too long; 53300 no connection
    // left; 08 also says PgBouncer.
    if (/^(?:57P0[1235]|53300|08...)$/.test(code)) return 'connection';
    if (/^[0-9A-Z]{5}$/.test(code)) return 'refusal';
  }
  return OWN_WORDS.test(String(message)) ? 'connection' : 'refusal';
}

/**
 * Whether the server itself said no to a statement, which then has changed nothing: not the end of
 * the connection, nor silence.
 */
export function isRefusal(error: unknown): boolean {
  const { severity, code } = (error ?? {}) as { severity?: unknown; code?: unknown };
  return severity === 'ERROR' && typeof code === 'string' && !code.startsWith('08');
}

/**
 * The connection ended after a write was sent and before the server had answered: it may have been
 * committed or not. It was not sent again. `cause` is what the connection said.
 */
export class UnknownOutcomeError extends Error {
  public override readonly name: string = 'UnknownOutcomeError';

  constructor(what: string, cause: unknown) {
    super(
      `${what} may have been committed or not: the connection ended before the server answered (${String((cause as Error | undefined)?.message)}). ` +
        'Look whether it is there before you send it again, or make it so that twice is as good as once and mark it `idempotent`.',
      { cause },
    );
  }
}

/** Nobody gave a connection back in time. */
export class AcquireTimeoutError extends Error {
  public override readonly name: string = 'AcquireTimeoutError';
}

/** Asked of a pool that is closed, or closing. */
export class PoolClosedError extends Error {
  public override readonly name: string = 'PoolClosedError';

  constructor() {
    super('ReplicaPool: it is closed. Close it last, when nothing asks it any more.');
  }
}
