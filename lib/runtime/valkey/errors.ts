/** The kind of a failure between a cache and its server, as `ValkeyServer.errors` counts it. */
export type CacheErrorKind =
  /** No answer in time: the server hangs or is slow, or the network drops packets. */
  | 'timeout'
  /** There is no connection, or it broke. */
  | 'connection'
  /** The server does not know the user, or refuses the password. */
  | 'auth'
  /** The user may not run this command. */
  | 'denied'
  /** The server has just started and is reading its data. */
  | 'loading'
  /** No node of the cluster owns the slot, or the slot keeps moving. */
  | 'cluster'
  /** A script or a module blocks the server. */
  | 'busy'
  /** The server has reached its limit of connections. */
  | 'limit'
  /** Memory is full and nothing may be evicted, or the server cannot persist its writes. */
  | 'full'
  /** A write reached a replica: a failover is under way. */
  | 'readonly'
  /** One of our keys holds something other than a string. */
  | 'wrongtype'
  | 'other';

/** The server did not answer before the deadline. */
export class CacheDeadlineError extends Error {
  constructor(timeoutMs: number) {
    super(`The cache server did not answer within ${timeoutMs} ms.`);
  }
}

/** The codes with which servers begin their error messages. */
const CODES: Readonly<Record<string, CacheErrorKind>> = {
  NOAUTH: 'auth',
  WRONGPASS: 'auth',
  NOPERM: 'denied',
  LOADING: 'loading',
  MASTERDOWN: 'loading',
  CLUSTERDOWN: 'cluster',
  MOVED: 'cluster',
  ASK: 'cluster',
  TRYAGAIN: 'cluster',
  CROSSSLOT: 'cluster',
  BUSY: 'busy',
  OOM: 'full',
  MISCONF: 'full',
  READONLY: 'readonly',
  WRONGTYPE: 'wrongtype',
};

/** Classifies an error of the client or the server. */
export function cacheErrorKind(error: unknown): CacheErrorKind {
  if (error instanceof CacheDeadlineError) return 'timeout';
  const { message, code } = error as { message?: unknown; code?: unknown };
  const text = String(message).replace(/^Ready check failed: /, '');
  const known = CODES[text.slice(0, text.indexOf(' '))];
  if (known !== undefined) return known;
  if (/max number of clients/.test(text)) return 'limit';
  if (/redirections/.test(text)) return 'cluster';
  if (/ETIMEDOUT/.test(text)) return 'timeout';
  if (
    typeof code === 'string' ||
    /clos|connect|writeable|retries|startup nodes|ended|slots cache/i.test(text)
  )
    return 'connection';
  return 'other';
}

/** Whether an error concerns one command only: the server itself is healthy. */
export function isCommandError(kind: CacheErrorKind): boolean {
  return kind === 'full' || kind === 'readonly' || kind === 'wrongtype' || kind === 'denied';
}
