/** What went wrong between a cache and its server, as it is counted. */
export type CacheErrorKind =
  /** No answer in time: the server hangs, is slow, or the network drops packets. */
  | 'timeout'
  /** No connection, or it broke. */
  | 'connection'
  /** The server knows the user no longer, or not with this password. */
  | 'auth'
  /** The user may not do this one thing. */
  | 'denied'
  /** The server has just started and reads its data. */
  | 'loading'
  /** A cluster without an owner for the slot, or one that keeps moving it. */
  | 'cluster'
  /** A script or a module blocks the server. */
  | 'busy'
  /** The server has all the connections it takes. */
  | 'limit'
  /**
   * Memory is full and nothing may be evicted, or the server refuses writes because it cannot
   * persist them.
   */
  | 'full'
  /** A replica was asked to write: a failover is under way. */
  | 'readonly'
  /** Something that is no string lies at one of our keys. */
  | 'wrongtype'
  | 'other';

/** No answer before a deadline. */
export class CacheDeadlineError extends Error {
  constructor(timeoutMs: number) {
    super(`The cache server did not answer within ${timeoutMs} ms.`);
  }
}

/** The codes that servers put in front of their errors. */
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

/** Sorts an error of the client or the server. */
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

/** Whether an error says something about one command only: the server itself is there. */
export function isServerThere(kind: CacheErrorKind): boolean {
  return kind === 'full' || kind === 'readonly' || kind === 'wrongtype' || kind === 'denied';
}
