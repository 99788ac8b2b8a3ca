import type { StandardStrategy, StrategySettings } from '../../model/contracts';

/**
 * How an application keeps one kind of value: plain data, which every cache of this library
 * understands. The fields are those of `StrategySettings`.
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
} satisfies Record<StandardStrategy, CacheStrategy>);
