import { describeValue, type InvalidValue, IsochroneError } from '../../model/errors';
import type { CacheMetrics } from '../metrics';
import type { CacheIsolation } from './isolation';
import type { CacheServer } from './server';
import { type CacheStrategy, DEFAULT_CACHE_STRATEGY } from './strategy';

/**
 * Whether an error of a loader is an answer, such as "there is no such user", and may be remembered
 * like one.
 */
export type CacheError = (error: unknown) => boolean;

export interface TieredCacheOptions {
  /**
   * The tier that processes share, for this cache alone: it is closed with the cache.
   *
   * @default none: the memory of this process is all there is
   */
  readonly server?: CacheServer;
  /**
   * How many values the memory keeps; 0 keeps none.
   *
   * @default 10000
   */
  readonly memoryEntries?: number;
  /**
   * How many bytes the memory keeps, as encoded. Objects take several times their encoded size,
   * more so if they are compressed.
   *
   * @default 64 MiB
   */
  readonly memoryBytes?: number;
  /**
   * How callers are kept from changing what the memory holds.
   *
   * @default 'freeze'
   */
  readonly isolation?: CacheIsolation;
  /**
   * What a call gets that names no strategy.
   *
   * @default DEFAULT_CACHE_STRATEGY: five minutes, as JSON
   */
  readonly strategy?: CacheStrategy;
  /**
   * Which errors of loaders are remembered, for the `negativeTtlSeconds` of the strategy.
   *
   * @default none
   */
  readonly cacheError?: CacheError;
  /**
   * The longest time that the server may hold up a call before its load begins, all commands
   * together, in milliseconds. Waiting for the load of another process is not counted.
   *
   * @default 50
   */
  readonly budgetMs?: number;
  /**
   * How long a call waits for the load of another process before it loads by itself, in
   * milliseconds.
   *
   * @default 5000
   */
  readonly lockWaitMs?: number;
  /**
   * How old a value in the memory may be while messages of other processes are not known to arrive,
   * in milliseconds.
   *
   * @default 2000
   */
  readonly busLossStaleMs?: number;
  /**
   * How many writes to the server may be under way. What comes on top is dropped and counted: the
   * next process loads again.
   *
   * @default 1000
   */
  readonly maxPendingWrites?: number;
  /**
   * Values of more encoded bytes, before compression, are handed out and not kept.
   *
   * @default 16 MiB
   */
  readonly maxEntryBytes?: number;
  /**
   * Values of more encoded bytes are compressed, if their strategy compresses.
   *
   * @default 1024
   */
  readonly compressionThresholdBytes?: number;
  /**
   * Where the cache counts.
   *
   * @default one of its own
   */
  readonly metrics?: CacheMetrics;
}

/** How one call uses the cache. */
export interface CacheCallOptions {
  /** @default the cache's `strategy` */
  readonly strategy?: CacheStrategy;
  /**
   * What the value depends on: `invalidateTags` with one of them ends it. A stored value that does
   * not carry all of them is a miss.
   *
   * @default none
   */
  readonly tags?: readonly string[];
  /**
   * Seconds, in place of the strategy's.
   *
   * @default the strategy's
   */
  readonly ttlSeconds?: number;
  /**
   * Which errors of this loader are remembered.
   *
   * @default the cache's `cacheError`
   */
  readonly cacheError?: CacheError;
}

/** A strategy with everything decided. */
export type CompleteStrategy = Required<CacheStrategy>;

/** The options with everything decided, but for those that have a class of their own. */
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
/** A year: an expiry beyond is a mistake in the unit. */
const LONGEST_SECONDS = 366 * 86_400;

function refuse(where: string, problem: InvalidValue): never {
  throw new IsochroneError(
    `${where}: ${problem.property} must be ${problem.allowed}, got ${describeValue(problem.value)}.\n${problem.rule} ${problem.fix}`,
  );
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly whole?: boolean;
  readonly rule: string;
  readonly fix: string;
}

function inRange(
  where: string,
  property: string,
  value: number,
  { from, to, whole = false, rule, fix }: Range,
): number {
  if (
    typeof value === 'number' &&
    value >= from &&
    value <= to &&
    (!whole || Number.isInteger(value))
  )
    return value;
  return refuse(where, {
    property,
    value,
    allowed: `${whole ? 'a whole number' : 'a number'} from ${from} to ${to}`,
    rule,
    fix,
  });
}

function oneOf<T extends string>(
  where: string,
  property: string,
  value: T,
  allowed: readonly T[],
  rule: string,
): T {
  if (allowed.includes(value)) return value;
  return refuse(where, {
    property,
    value,
    allowed: `one of ${allowed.join(', ')}`,
    rule,
    fix: 'Choose one of them.',
  });
}

/** @throws IsochroneError for an option that cannot be meant */
export function cacheSettings(options: TieredCacheOptions): CacheSettings {
  const where = 'TieredCache';
  const count = (
    property: 'memoryEntries' | 'memoryBytes' | 'maxPendingWrites',
    fallback: number,
    from: number,
  ): number =>
    inRange(where, property, options[property] ?? fallback, {
      from,
      to: Number.MAX_SAFE_INTEGER,
      whole: true,
      rule: 'What a process keeps is bounded, by whole numbers.',
      fix:
        property === 'memoryEntries'
          ? 'Give 0 to keep nothing in memory.'
          : 'Leave it out for the default.',
    });
  const milliseconds = (
    property: 'budgetMs' | 'lockWaitMs' | 'busLossStaleMs',
    fallback: number,
    from: number,
    to: number,
  ): number =>
    inRange(where, property, options[property] ?? fallback, {
      from,
      to,
      rule: 'A call waits for the cache, or trusts it, for a bounded time.',
      fix: 'Give it in milliseconds, or leave it out for the default.',
    });
  const strategy = options.strategy ?? DEFAULT_CACHE_STRATEGY;
  completeStrategy(strategy);
  return {
    memoryEntries: count('memoryEntries', 10_000, 0),
    memoryBytes: count('memoryBytes', 64 * MEBIBYTE, 1),
    isolation: oneOf(
      where,
      'isolation',
      options.isolation ?? 'freeze',
      ['freeze', 'clone', 'share'],
      'Each says how a value leaves the memory.',
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
 * A strategy with its defaults.
 * @throws IsochroneError for a value that cannot be meant
 */
export function completeStrategy(strategy: CacheStrategy): CompleteStrategy {
  const where = `CacheStrategy ${describeValue(strategy.prefix)}`;
  if (typeof strategy.prefix !== 'string') {
    refuse(where, {
      property: 'prefix',
      value: strategy.prefix,
      allowed: 'text',
      rule: 'It begins every key of the strategy.',
      fix: 'Give one with its separator, such as "quotes:".',
    });
  }
  const seconds = (property: string, value: number, from: number): number =>
    lifetimeSeconds(where, property, value, from);
  const share = (property: string, value: number, from: number, to: number): number =>
    inRange(where, property, value, {
      from,
      to,
      rule: 'It is a share of the time to live.',
      fix: 'Give a fraction, not percent.',
    });
  return {
    prefix: strategy.prefix,
    ttlSeconds: seconds('ttlSeconds', strategy.ttlSeconds, 0.001),
    serializer: oneOf(
      where,
      'serializer',
      strategy.serializer,
      ['json', 'msgpack'],
      'A value is stored in one of these forms.',
    ),
    compress: strategy.compress === true,
    staleSeconds: seconds('staleSeconds', strategy.staleSeconds ?? 0, 0),
    serveStale: oneOf(
      where,
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

/** @throws IsochroneError for a time that cannot be meant */
export function lifetimeSeconds(
  where: string,
  property: string,
  value: number,
  from: number,
): number {
  return inRange(where, property, value, {
    from,
    to: LONGEST_SECONDS,
    rule: 'Times of a strategy are seconds, a year at most.',
    fix: 'Milliseconds are divided by 1000.',
  });
}
