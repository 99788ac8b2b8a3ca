/** How an application keeps one kind of value: plain data, which every cache of this library understands. */
export interface CacheStrategy {
  /** The beginning of every key of this kind, with its separator. Two strategies with one prefix would read each other's values. */
  readonly prefix: string;
  /** How long a value is kept, in seconds. */
  readonly ttlSeconds: number;
  /** How a value becomes bytes. JSON loses `undefined`, `Map` and binary data; MessagePack keeps binary data and is smaller. */
  readonly serializer: 'json' | 'msgpack';
  /** Whether large values are compressed. */
  readonly compress: boolean;
}

function strategy(
  prefix: string,
  ttlSeconds: number,
  options: Partial<Pick<CacheStrategy, 'serializer' | 'compress'>> = {},
): CacheStrategy {
  return Object.freeze({ prefix, ttlSeconds, serializer: options.serializer ?? 'json', compress: options.compress ?? false });
}

/**
 * The strategies that most services need, to be used as they are or as a beginning: `{ ...CACHE_STRATEGIES.kpi, ttlSeconds: 15 }`.
 *
 * `session`, `preferences` and `portfolio` are a user's own: their keys must carry the user.
 */
export const CACHE_STRATEGIES = Object.freeze({
  /** A user's session: a day. */
  session: strategy('session:', 86_400),
  /** The answer of an API: five minutes, compressed. */
  api: strategy('api:', 300, { compress: true }),
  /** Rows of a database query: fifteen minutes, as MessagePack and compressed. */
  query: strategy('query:', 900, { serializer: 'msgpack', compress: true }),
  /** A figure on a live dashboard: a minute. */
  kpi: strategy('kpi:', 60),
  /** A user's preferences: an hour. */
  preferences: strategy('preferences:', 3600),
  /** What changes with a release: a day. */
  static: strategy('static:', 86_400),
  /** A user's portfolio: ten minutes, and dropped at a trade. */
  portfolio: strategy('portfolio:', 600),
  /** Performance of strategies: fifteen minutes, and dropped when one changes or the market closes. */
  strategies: strategy('strategies:', 900),
});
