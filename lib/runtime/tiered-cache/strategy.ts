/**
 * How an application keeps one kind of value: plain data, which every cache of this library
 * understands.
 */
export interface CacheStrategy {
  /**
   * The beginning of every key of this kind, with its separator. Two strategies with one prefix
   * would read each other's values.
   */
  readonly prefix: string;
  /** How long a value is fresh after its load ended, in seconds, before `jitter`. */
  readonly ttlSeconds: number;
  /**
   * How a value becomes bytes. Both keep the same values (docs/runtime/values.md); JSON is quicker
   * for small ones, MessagePack is smaller and keeps bytes as bytes.
   */
  readonly serializer: 'json' | 'msgpack';
  /** Whether large values are compressed. */
  readonly compress: boolean;
  /**
   * How long a value is kept after it stopped being fresh, in seconds. `serveStale` says when it is
   * used.
   *
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * When a value that is no longer fresh is handed out: at once, while one load in the background
   * renews it (`while-renewing`), or only to a caller whose own load failed (`if-error`).
   *
   * @default 'while-renewing'
   */
  readonly serveStale?: 'while-renewing' | 'if-error';
  /**
   * The share of the time to live after which a hit renews the value in the background, over 0 and
   * up to 1: 0.8 of 60 seconds renews what is used in its last 12 seconds. 1 never does.
   *
   * @default 1
   */
  readonly refreshAhead?: number;
  /**
   * How long an error of the loader is remembered, in seconds; 0 remembers none. Only errors that
   * the cache's or the call's `cacheError` names are remembered, so this does nothing by itself.
   *
   * @default 5
   */
  readonly negativeTtlSeconds?: number;
  /**
   * By which share a time to live is made longer or shorter at random, 0 to 0.5, so that values
   * that were loaded together do not end together.
   *
   * @default 0.1
   */
  readonly jitter?: number;
  /**
   * How long the memory of a process answers before it asks the server again, in seconds. It bounds
   * how long an invalidation goes unnoticed whose message was lost without a trace. A cache without
   * a server ignores it.
   *
   * @default 60
   */
  readonly memoryTtlSeconds?: number;
}

type Choices = Omit<CacheStrategy, 'prefix' | 'ttlSeconds' | 'serializer' | 'compress'> &
  Partial<Pick<CacheStrategy, 'serializer' | 'compress'>>;

function strategy(prefix: string, ttlSeconds: number, choices: Choices = {}): CacheStrategy {
  return Object.freeze({ prefix, ttlSeconds, serializer: 'json', compress: false, ...choices });
}

/**
 * What a call gets that names no strategy: five minutes, as JSON, uncompressed, nothing stale. It
 * is `CACHE_STRATEGIES.api` without what only large answers gain from, and has a prefix of its own.
 */
export const DEFAULT_CACHE_STRATEGY = strategy('value:', 300);

/**
 * The strategies that most services need, to be used as they are or as a beginning: `{
 * ...CACHE_STRATEGIES.kpi, ttlSeconds: 15 }`.
 *
 * `session`, `preferences` and `portfolio` are a user's own: their keys must carry the user. They
 * are never served stale, and a session's end is seen within five seconds even where its message
 * was lost.
 */
export const CACHE_STRATEGIES = Object.freeze({
  /** A user's session: a day. */
  session: strategy('session:', 86_400, { memoryTtlSeconds: 5 }),
  /** The answer of an API: five minutes, compressed; half a minute longer while it is renewed. */
  api: strategy('api:', 300, { compress: true, staleSeconds: 30 }),
  /**
   * Rows of a database query: fifteen minutes, as MessagePack and compressed; renewed ahead while
   * it is asked for.
   */
  query: strategy('query:', 900, {
    serializer: 'msgpack',
    compress: true,
    staleSeconds: 60,
    refreshAhead: 0.8,
  }),
  /** A figure on a live dashboard: a minute, renewed ahead while somebody looks. */
  kpi: strategy('kpi:', 60, { refreshAhead: 0.8 }),
  /** A user's preferences: an hour. */
  preferences: strategy('preferences:', 3600),
  /** What changes with a release: a day, an hour longer while it is renewed. */
  static: strategy('static:', 86_400, { staleSeconds: 3600 }),
  /** A user's portfolio: ten minutes, and dropped at a trade. */
  portfolio: strategy('portfolio:', 600),
  /**
   * Performance of strategies: fifteen minutes, and dropped when one changes or the market closes.
   */
  strategies: strategy('strategies:', 900, { staleSeconds: 60, refreshAhead: 0.8 }),
});
