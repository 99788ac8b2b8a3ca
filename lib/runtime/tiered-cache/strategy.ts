/**
 * How an application caches one kind of value: plain data, which every cache of this library takes.
 */
export interface CacheStrategy {
  /**
   * The beginning of every key of this kind, with its separator. Two strategies with the same
   * prefix would read each other's values.
   */
  readonly prefix: string;
  /** How long a value is fresh after its load ended, in seconds, before `jitter`. */
  readonly ttlSeconds: number;
  /**
   * How a value is encoded. Both serializers keep the same values (docs/runtime/values.md). JSON is
   * faster for small values; MessagePack is smaller and stores bytes as bytes.
   */
  readonly serializer: 'json' | 'msgpack';
  /** Whether large values are compressed. */
  readonly compress: boolean;
  /**
   * How long a value is kept after it stopped being fresh, in seconds. `serveStale` says when it is
   * served.
   *
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * When a stale value is served: at once, while one background load renews it (`while-renewing`),
   * or only to a caller whose own load failed (`if-error`).
   *
   * @default 'while-renewing'
   */
  readonly serveStale?: 'while-renewing' | 'if-error';
  /**
   * The share of the time to live after which a hit renews the value in the background, above 0 and
   * up to 1. For example, 0.8 of 60 seconds renews a value that is hit in its last 12 seconds. 1
   * never renews early.
   *
   * @default 1
   */
  readonly refreshAhead?: number;
  /**
   * How long an error of the loader is cached, in seconds; 0 caches no errors. It applies only to
   * errors for which `cacheError` of the cache or the call returns true.
   *
   * @default 5
   */
  readonly negativeTtlSeconds?: number;
  /**
   * The share, 0 to 0.5, by which a time to live is randomly lengthened or shortened, so that
   * values that were loaded together do not expire together.
   *
   * @default 0.1
   */
  readonly jitter?: number;
  /**
   * How long the memory of a process serves a value before it asks the server again, in seconds. It
   * bounds how long an invalidation goes unnoticed if its message was lost undetected. A cache
   * without a server ignores it.
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
 * The strategy of calls without one: five minutes, as JSON, uncompressed, never stale. It is
 * `CACHE_STRATEGIES.api` without compression and stale values, and with a prefix of its own.
 */
export const DEFAULT_CACHE_STRATEGY = strategy('value:', 300);

/**
 * The strategies that most services need. Use them as they are, or as a starting point:
 * `{ ...CACHE_STRATEGIES.kpi, ttlSeconds: 15 }`.
 *
 * `session`, `preferences` and `portfolio` hold data of one user: their keys must contain the user.
 * They are never served stale. The end of a session is noticed within five seconds even if its
 * message was lost.
 */
export const CACHE_STRATEGIES = Object.freeze({
  /** A user's session: a day. */
  session: strategy('session:', 86_400, { memoryTtlSeconds: 5 }),
  /** An API response: five minutes, compressed, and stale for 30 seconds while it is renewed. */
  api: strategy('api:', 300, { compress: true, staleSeconds: 30 }),
  /** Rows of a database query: 15 minutes, as compressed MessagePack, renewed ahead of expiry. */
  query: strategy('query:', 900, {
    serializer: 'msgpack',
    compress: true,
    staleSeconds: 60,
    refreshAhead: 0.8,
  }),
  /** A figure on a live dashboard: a minute, renewed ahead of expiry while it is viewed. */
  kpi: strategy('kpi:', 60, { refreshAhead: 0.8 }),
  /** A user's preferences: an hour. */
  preferences: strategy('preferences:', 3600),
  /** Data that changes with a release: a day, and stale for an hour while it is renewed. */
  static: strategy('static:', 86_400, { staleSeconds: 3600 }),
  /** A user's portfolio: ten minutes; invalidate it at each trade. */
  portfolio: strategy('portfolio:', 600),
  /**
   * Performance of strategies: 15 minutes; invalidate it when a strategy changes or the market
   * closes.
   */
  strategies: strategy('strategies:', 900, { staleSeconds: 60, refreshAhead: 0.8 }),
});
