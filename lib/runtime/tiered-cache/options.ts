import { describeValue, invalidOption, type RuleText } from '../../model/errors';
import type { CacheMetrics } from '../metrics';
import { wholeNumber } from '../shared';
import type { CacheIsolation } from './isolation';
import type { CacheServer } from './server';
import { type CacheStrategy, DEFAULT_CACHE_STRATEGY } from './strategy';

/**
 * Whether an error of a loader is an answer, such as "there is no such user", and may be cached
 * like a value.
 */
export type CacheError = (error: unknown) => boolean;

/** Options of a TieredCache. */
export interface TieredCacheOptions {
  /**
   * The tier that processes share. It serves this cache alone, and is closed with it.
   *
   * @default - none: values are cached only in the memory of this process
   */
  readonly server?: CacheServer;
  /**
   * The most values in memory; 0 keeps none.
   *
   * @default 10_000
   */
  readonly memoryEntries?: number;
  /**
   * The most bytes in memory, measured as encoded. Objects take several times their encoded size,
   * and more than that if they are compressed.
   *
   * @default 67_108_864 (64 MiB)
   */
  readonly memoryBytes?: number;
  /**
   * How values in memory are protected from changes by callers.
   *
   * @default 'freeze'
   */
  readonly isolation?: CacheIsolation;
  /**
   * The strategy of calls without one.
   *
   * @default DEFAULT_CACHE_STRATEGY (five minutes, as JSON)
   */
  readonly strategy?: CacheStrategy;
  /**
   * Which errors of loaders are cached, for the strategy's `negativeTtlSeconds`.
   *
   * @default - none
   */
  readonly cacheError?: CacheError;
  /**
   * The longest time that the server may delay a call before its load begins, for all commands
   * together, in milliseconds. It does not include waiting for the load of another process.
   *
   * @default 50
   */
  readonly budgetMs?: number;
  /**
   * How long a call waits for the load of another process before it loads by itself, in
   * milliseconds.
   *
   * @default 5_000
   */
  readonly lockWaitMs?: number;
  /**
   * The greatest age of a value served from memory while messages of other processes are not known
   * to arrive, in milliseconds.
   *
   * @default 2_000
   */
  readonly busLossStaleMs?: number;
  /**
   * The most concurrent writes to the server. Further writes are dropped and counted: the next
   * process loads the value again.
   *
   * @default 1_000
   */
  readonly maxPendingWrites?: number;
  /**
   * The largest value, in encoded bytes before compression. Larger values are returned but not
   * cached.
   *
   * @default 16_777_216 (16 MiB)
   */
  readonly maxEntryBytes?: number;
  /**
   * The size in encoded bytes from which values are compressed, if their strategy compresses.
   *
   * @default 1_024
   */
  readonly compressionThresholdBytes?: number;
  /**
   * Where the cache counts.
   *
   * @default - metrics of its own
   */
  readonly metrics?: CacheMetrics;
}

/** Options of one call. */
export interface CacheCallOptions {
  /** @default - the cache's `strategy` */
  readonly strategy?: CacheStrategy;
  /**
   * What the value depends on: `invalidateTags` with one of them invalidates it. A stored value
   * that does not carry all of them is a miss.
   *
   * @default - none
   */
  readonly tags?: readonly string[];
  /**
   * The time to live in seconds.
   *
   * @default - that of the strategy
   */
  readonly ttlSeconds?: number;
  /**
   * Which errors of this loader are cached.
   *
   * @default - the cache's `cacheError`
   */
  readonly cacheError?: CacheError;
}

/** A strategy with its defaults. */
export type CompleteStrategy = Required<CacheStrategy>;

/** The options with their defaults, except those that have a class of their own. */
export type CacheSettings = Required<
  Pick<
    TieredCacheOptions,
    | 'memoryEntries'
    | 'memoryBytes'
    | 'isolation'
    | 'strategy'
    | 'cacheError'
    | 'budgetMs'
    | 'lockWaitMs'
    | 'busLossStaleMs'
    | 'maxPendingWrites'
  >
>;

const MEBIBYTE = 2 ** 20;
/** A year, in seconds. A longer lifetime is likely a mistake in the unit. */
const MAX_SECONDS = 366 * 86_400;

interface Range extends Omit<RuleText, 'allowed'> {
  readonly min: number;
  readonly max: number;
}

function inRange(
  owner: string,
  property: string,
  value: number,
  { min, max, rule, fix }: Range,
): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw invalidOption(owner, {
    property,
    value,
    allowed: `a number from ${min} to ${max}`,
    rule,
    fix,
  });
}

function oneOf<T extends string>(
  owner: string,
  property: string,
  value: T,
  allowed: readonly T[],
  rule: string,
): T {
  if (allowed.includes(value)) return value;
  throw invalidOption(owner, {
    property,
    value,
    allowed: `one of ${allowed.join(', ')}`,
    rule,
    fix: 'Choose one of them.',
  });
}

/**
 * Adds the defaults and checks the options.
 *
 * @throws IsochroneError for invalid options
 */
export function cacheSettings(options: TieredCacheOptions): CacheSettings {
  const owner = 'TieredCache';
  const count = (
    property: 'memoryEntries' | 'memoryBytes' | 'maxPendingWrites',
    fallback: number,
    min: number,
  ): number =>
    wholeNumber(property, options[property] ?? fallback, {
      owner,
      min,
      max: Number.MAX_SAFE_INTEGER,
      rule: 'The number bounds the memory of a process.',
      fix:
        property === 'memoryEntries'
          ? 'Give 0 to cache nothing in memory.'
          : 'Leave it out for the default.',
    });
  const milliseconds = (
    property: 'budgetMs' | 'lockWaitMs' | 'busLossStaleMs',
    fallback: number,
    min: number,
    max: number,
  ): number =>
    inRange(owner, property, options[property] ?? fallback, {
      min,
      max,
      rule: 'A call waits for the cache, or trusts it, for a bounded time.',
      fix: 'Give it in milliseconds, or leave it out for the default.',
    });
  const strategy = options.strategy ?? DEFAULT_CACHE_STRATEGY;
  completeStrategy(strategy);
  return {
    memoryEntries: count('memoryEntries', 10_000, 0),
    memoryBytes: count('memoryBytes', 64 * MEBIBYTE, 1),
    isolation: oneOf(
      owner,
      'isolation',
      options.isolation ?? 'freeze',
      ['freeze', 'clone', 'share'],
      'It protects values in memory from changes by callers.',
    ),
    strategy,
    cacheError: options.cacheError ?? (() => false),
    budgetMs: milliseconds('budgetMs', 50, 1, 60_000),
    lockWaitMs: milliseconds('lockWaitMs', 5000, 0, 300_000),
    busLossStaleMs: milliseconds('busLossStaleMs', 2000, 0, 60_000),
    maxPendingWrites: count('maxPendingWrites', 1000, 1),
  };
}

/**
 * Adds the defaults to a strategy and checks it.
 *
 * @throws IsochroneError for invalid values
 */
export function completeStrategy(strategy: CacheStrategy): CompleteStrategy {
  const owner = `CacheStrategy ${describeValue(strategy.prefix)}`;
  if (typeof strategy.prefix !== 'string') {
    throw invalidOption(owner, {
      property: 'prefix',
      value: strategy.prefix,
      allowed: 'text',
      rule: 'A key of the cache is this prefix with the key of the call.',
      fix: 'Give a prefix with its separator, such as "quotes:".',
    });
  }
  const seconds = (property: string, value: number, min: number): number =>
    lifetimeSeconds(owner, property, value, min);
  const share = (property: string, value: number, min: number, max: number): number =>
    inRange(owner, property, value, {
      min,
      max,
      rule: 'It is a share of the time to live.',
      fix: 'Give a fraction, not percent.',
    });
  return {
    prefix: strategy.prefix,
    ttlSeconds: seconds('ttlSeconds', strategy.ttlSeconds, 0.001),
    serializer: oneOf(
      owner,
      'serializer',
      strategy.serializer,
      ['json', 'msgpack'],
      'A value is stored in one of these formats.',
    ),
    compress: strategy.compress === true,
    staleSeconds: seconds('staleSeconds', strategy.staleSeconds ?? 0, 0),
    serveStale: oneOf(
      owner,
      'serveStale',
      strategy.serveStale ?? 'while-renewing',
      ['while-renewing', 'if-error'],
      'A stale value is served at once, or only when a load fails.',
    ),
    refreshAhead: share('refreshAhead', strategy.refreshAhead ?? 1, 0.01, 1),
    negativeTtlSeconds: seconds('negativeTtlSeconds', strategy.negativeTtlSeconds ?? 5, 0),
    jitter: share('jitter', strategy.jitter ?? 0.1, 0, 0.5),
    memoryTtlSeconds: seconds('memoryTtlSeconds', strategy.memoryTtlSeconds ?? 60, 0),
  };
}

/**
 * Checks a lifetime.
 *
 * @throws IsochroneError for a value below `min` or above a year
 */
export function lifetimeSeconds(
  owner: string,
  property: string,
  value: number,
  min: number,
): number {
  return inRange(owner, property, value, {
    min,
    max: MAX_SECONDS,
    rule: 'Lifetimes are in seconds, a year at most.',
    fix: 'Divide milliseconds by 1000.',
  });
}
