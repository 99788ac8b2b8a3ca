import { IsochroneError } from '../../model/errors';

/** The class of an error of a query. It decides whether and where the query is retried. */
export type QueryFailure =
  /**
   * The server, or the network to it, is gone or shutting down. There is no answer, and the
   * statement may have been executed.
   */
  | 'connection'
  /**
   * The caller's time limit has passed (`query_timeout`). The server may still be at work, and
   * would be again elsewhere.
   */
  | 'timeout'
  /**
   * The server rolled it back because of concurrent work: a serialization failure, a deadlock, or a
   * conflict with recovery.
   */
  | 'conflict'
  /** The server accepts no writes: it is a replica, or has become one. Nothing was changed. */
  | 'read-only'
  /** The server refuses the statement. Every other server would too. */
  | 'refusal';

/** Error codes of the network and of Node. EPIPE also has the form of a SQLSTATE. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
/** Messages of pg's own connection errors, which have no code. */
const CONNECTION_MESSAGE = new RegExp(
  'connection (?:terminated|ended|error|timeout)|terminated due to connection timeout|' +
    'not queryable|client was closed|timeout expired',
  'i',
);
/**
 * Refusals of PgBouncer at log-in. It gives them the code of a connection error, 08P01, but no
 * retry changes them (`disconnect_client` in PgBouncer's src/client.c).
 */
const LOGIN_REFUSED = new RegExp(
  'unsupported startup parameter|authentication failed|login rejected|no such (?:user|database)|' +
    'ssl required|bouncer config error|(?:username|password) too long',
  'i',
);

/**
 * Classifies an error of `pg`, by its SQLSTATE ("PostgreSQL Error Codes", PostgreSQL documentation)
 * or its network code.
 */
export function queryFailure(error: unknown): QueryFailure {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') {
    if (NETWORK.has(code)) return 'connection';
    if (code === '40001' || code === '40P01') return 'conflict';
    if (code === '25006') return 'read-only';
    if (code === '08P01' && LOGIN_REFUSED.test(String(message))) return 'refusal';
    // 57P01 to 57P03: shutdown, crash, not yet up. 57P05: idle for too long. 53300: no connection
    // left. 08: connection errors, also of PgBouncer.
    if (/^(?:57P0[1235]|53300|08...)$/.test(code)) return 'connection';
    if (/^[0-9A-Z]{5}$/.test(code)) return 'refusal';
  }
  if (/query read timeout/i.test(String(message))) return 'timeout';
  return CONNECTION_MESSAGE.test(String(message)) ? 'connection' : 'refusal';
}

/** Whether the server has ended the session with this error, such as after 25P03. */
export function isFatal(error: unknown): boolean {
  const { severity } = (error ?? {}) as { severity?: unknown };
  return severity === 'FATAL' || severity === 'PANIC';
}

/**
 * Whether the server itself refused a statement, which then has changed nothing. A lost connection
 * or a missing answer is not a refusal.
 */
export function isRefusal(error: unknown): boolean {
  const { severity, code } = (error ?? {}) as { severity?: unknown; code?: unknown };
  return severity === 'ERROR' && typeof code === 'string' && !code.startsWith('08');
}

/**
 * The connection ended, or the caller's time limit passed, after a write was sent and before the
 * server answered. The write may or may not have been committed, and was not retried. `cause` is
 * the error of the connection, or a `QueryTimeoutError`.
 */
export class UnknownOutcomeError extends Error {
  public override readonly name: string = 'UnknownOutcomeError';

  /** @param what the subject of the message, such as `The write` */
  constructor(what: string, cause: unknown) {
    super(
      `${what} may have been committed or not: the server had not answered it ` +
        `(${String((cause as Error | undefined)?.message)}). ` +
        'Check whether it was committed before you retry it. ' +
        'If it may safely run twice, mark it `idempotent`.',
      { cause },
    );
  }
}

/**
 * A statement was not answered within `query_timeout`. It was executed once, its cancellation is
 * requested, and its connection is not used again.
 */
export class QueryTimeoutError extends Error {
  public override readonly name: string = 'QueryTimeoutError';

  /** @param limitMs in milliseconds */
  constructor(server: string, limitMs: number) {
    // The first three words are those of `pg`, which some programs compare.
    super(
      `Query read timeout: ${server} did not answer within ${limitMs} ms (query_timeout). ` +
        'The statement is canceled. Make it faster, or raise the limit.',
    );
  }
}

/** No connection became free in time. */
export class AcquireTimeoutError extends Error {
  public override readonly name: string = 'AcquireTimeoutError';
}

/** The pool is closed, or closing. */
export class PoolClosedError extends Error {
  public override readonly name: string = 'PoolClosedError';

  constructor() {
    super('ReplicaPool: it is closed. Close it last, when nothing uses it any more.');
  }
}

/** PgBouncer's message about a parameter that it does not track, alone or in `options`. */
const UNSUPPORTED = /unsupported startup parameter(?: in options)?: ([\w.]{1,64})/;

/**
 * The error for a parameter that PgBouncer refuses at log-in; undefined for any other error.
 * PgBouncer shares its connections to the server among its clients, so it cannot keep a setting for
 * one of them ("ignore_startup_parameters", PgBouncer documentation).
 *
 * @param server the name of the server
 */
export function startupRefusal(server: string, error: unknown): IsochroneError | undefined {
  const [, parameter] = UNSUPPORTED.exec(String((error as Error | undefined)?.message)) ?? [];
  if (parameter === undefined) return undefined;
  const setting = parameter === 'options' ? 'statement_timeout' : parameter;
  return new IsochroneError(
    `ReplicaPool: the pooler of ${server} refuses the start-up parameter ${parameter} ` +
      '(08P01).\n' +
      'It shares its connections to the server, so it cannot keep a setting for one client. ' +
      `Leave \`${parameter}\` out of the options and the URL. Set it for the role ` +
      `(\`ALTER ROLE … SET ${setting} = …\`) or for one transaction (\`SET LOCAL ${setting} = …\`); ` +
      '`query_timeout` limits a statement from here.',
  );
}
