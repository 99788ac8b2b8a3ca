import type { StandardStrategy, StrategySettings } from '../../model/contracts';

/**
 * How an application caches one kind of value: plain data, which every cache of this library takes.
 * The fields are those of `StrategySettings`; these four have no default.
 */
export interface CacheStrategy extends StrategySettings {
  readonly prefix: string;
  readonly ttlSeconds: number;
  readonly serializer: 'json' | 'msgpack';
  readonly compress: boolean;
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
} satisfies Record<StandardStrategy, CacheStrategy>);
