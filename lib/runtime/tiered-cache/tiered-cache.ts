import { setMaxListeners } from 'node:events';
import { CacheCodec } from '../entries';
import { CacheMetrics } from '../metrics';
import { Deadlines, isOwnName, isShortenedKey, keyText, keyTexts, shortenKey } from '../shared';
import type { CacheEvents } from './events';
import { InvalidationClock } from './invalidation-clock';
import { valueForCaller } from './isolation';
import { type CacheLoader, type CacheLookup, type CacheRequest, Loads } from './loads';
import { type MemoryEntry, MemoryTier } from './memory';
import { CacheObserver } from './observer';
import {
  type CacheCallOptions,
  type CacheSettings,
  type CompleteStrategy,
  cacheSettings,
  completeStrategy,
  lifetimeSeconds,
  type TieredCacheOptions,
} from './options';
import { PendingTasks } from './pending-tasks';
import type { CacheServer } from './server';
import { SharedTier } from './shared';
import type { CacheStrategy } from './strategy';

/**
 * Caches values that are slow to load, in the memory of the process and on a server that processes
 * share.
 *
 * Callers never see an error of the cache: when the server is down, they load. The strategy decides
 * what is cached, for how long and in which format. docs/runtime/cache.md says what can be stale,
 * and for how long.
 *
 * @example
 * const cache = new TieredCache({ server: new ValkeyServer({ host: 'cache.internal' }) });
 * const quote = await cache.getOrLoad('ACME', () => loadQuote('ACME'), {
 *   strategy: CACHE_STRATEGIES.kpi,
 *   tags: ['quotes'],
 * });
 */
export class TieredCache {
  private readonly settings: CacheSettings;
  private readonly server: CacheServer | undefined;
  private readonly shared: SharedTier | undefined;
  private readonly clock = new InvalidationClock();
  private readonly tasks = new PendingTasks();
  private readonly strategies = new WeakMap<CacheStrategy, CompleteStrategy>();
  private readonly ending = new AbortController();
  private readonly deadlines: Deadlines;
  private readonly memory: MemoryTier;
  private readonly loads: Loads;
  private readonly observer: CacheObserver;
  private busAlive: boolean;
  private closing: Promise<void> | undefined;

  /** @throws IsochroneError for invalid options */
  constructor(options: TieredCacheOptions = {}) {
    const settings = cacheSettings(options);
    const { maxEntryBytes, compressionThresholdBytes, server } = options;
    const codec = new CacheCodec({
      ...(maxEntryBytes === undefined ? {} : { maxEntryBytes }),
      ...(compressionThresholdBytes === undefined ? {} : { compressionThresholdBytes }),
    });
    this.settings = settings;
    this.server = server;
    this.observer = new CacheObserver(options.metrics ?? new CacheMetrics());
    this.deadlines = new Deadlines(settings.budgetMs);
    this.memory = new MemoryTier(
      { entries: settings.memoryEntries, bytes: settings.memoryBytes },
      settings.isolation,
      this.clock,
    );
    this.shared =
      server &&
      new SharedTier(server, codec, this.deadlines, settings.lockWaitMs, (key) =>
        this.observer.corrupt(key),
      );
    setMaxListeners(0, this.ending.signal);
    const { memory, clock, deadlines, shared, tasks, observer } = this;
    this.loads = new Loads({
      memory,
      clock,
      deadlines,
      shared,
      tasks,
      observer,
      codec,
      maxPendingWrites: settings.maxPendingWrites,
      signal: this.ending.signal,
    });
    const { metrics } = observer;
    metrics.gauge('cache_memory_entries', () => memory.size);
    metrics.gauge('cache_memory_bytes', () => memory.bytes);
    metrics.gauge('cache_pending_writes', () => this.loads.pendingWrites);
    this.busAlive = server?.busAlive ?? true;
    if (server !== undefined) this.listen(server);
  }

  /** The metrics in which this cache counts. */
  public get metrics(): CacheMetrics {
    return this.observer.metrics;
  }

  /**
   * Returns the value of a key, and loads it if necessary. All callers of a key share one load,
   * also across processes.
   *
   * @throws the loader's own error; CachedLoadError for an error that was cached because
   * `cacheError` returned true; IsochroneError for invalid options, for a key or tag that is not a
   * string, and in a loader that would wait for itself
   */
  public getOrLoad<T>(key: string, loader: CacheLoader<T>, options?: CacheCallOptions): Promise<T> {
    if (typeof key !== 'string') return refusedKey(key);
    const strategy = options?.strategy ?? this.settings.strategy;
    const wholeKey = strategy.prefix + key;
    const cached = isOwnName(wholeKey) ? this.memory.find(wholeKey) : undefined;
    if (cached !== undefined) {
      const now = performance.now();
      if (now < cached.plainHitUntil && this.trusts(cached, options?.tags, now)) {
        this.observer.hit(wholeKey, 'memory', true);
        return Promise.resolve((cached.copied ? valueForCaller(cached) : cached.value) as T);
      }
    }
    return this.getOrLoadByName(wholeKey, loader, options, cached) as Promise<T>;
  }

  /** Returns the value of a key, if it is cached. Loads and renews nothing. */
  public async get<T>(
    key: string,
    options?: Pick<CacheCallOptions, 'strategy' | 'tags'>,
  ): Promise<CacheLookup<T>> {
    const strategy = this.complete(options?.strategy);
    const named = nameOf(strategy.prefix, key);
    const tags = tagNames(options?.tags);
    if (this.closing !== undefined) return { found: false };
    const cached = this.trusted(this.memory.find(named.key), options?.tags);
    return this.loads.lookUp({ ...named, tags, strategy }, cached) as Promise<CacheLookup<T>>;
  }

  /**
   * Replaces the value of a key. Loads that began earlier do not overwrite it. Resolves when the
   * server has the new value, or is certain to lose the old value first when it is back. If the new
   * value cannot be cached, the old value is only removed.
   */
  public async set(
    key: string,
    value: unknown,
    options?: Omit<CacheCallOptions, 'cacheError'>,
  ): Promise<void> {
    const strategy = this.complete(options?.strategy);
    const ttlSeconds = checkedTtl(options);
    const named = nameOf(strategy.prefix, key);
    const tags = tagNames(options?.tags);
    if (this.closing !== undefined) return;
    this.forget([named.key], []);
    if (await this.loads.set({ ...named, tags, strategy, ttlSeconds }, value)) return;
    await this.server?.remove([named.key]).catch(() => false);
  }

  /**
   * Removes keys from this process, the server and other processes. A key may also be given by the
   * name that events and scans report.
   *
   * @returns `reached`: false if the server could not be told. It is told as soon as it is back;
   * until then, other processes may serve the old values.
   */
  public async delete(
    keys: string | readonly string[],
    options?: Pick<CacheCallOptions, 'strategy'>,
  ): Promise<{ readonly reached: boolean }> {
    const { prefix } = this.complete(options?.strategy);
    const list = typeof keys === 'string' ? [keys] : keyTexts('keys', keys, OWNER);
    const names = list.flatMap((key) => {
      const wholeKey = prefix + key;
      const name = shortenKey(wholeKey);
      return isShortenedKey(wholeKey) ? [name, wholeKey] : [name];
    });
    if (names.length === 0) return { reached: true };
    this.forget(names, []);
    this.observer.invalidate(names, [], 'this-process');
    return { reached: await this.reached(this.server?.remove(names), names, []) };
  }

  /**
   * Invalidates all values that carry one of the tags, however many.
   *
   * @returns `reached`, as `delete` does
   */
  public async invalidateTags(...tags: readonly string[]): Promise<{ readonly reached: boolean }> {
    const names = tagNames(tags);
    if (names.length === 0) return { reached: true };
    this.forget([], names);
    this.observer.invalidate([], names, 'this-process');
    return { reached: await this.reached(this.server?.bumpTags(names), [], names) };
  }

  /**
   * Adds a listener, which is called synchronously in the call that causes the event.
   *
   * @returns a function that removes the listener
   */
  public on<E extends keyof CacheEvents>(
    event: E,
    listener: (event: CacheEvents[E]) => void,
  ): () => void {
    return this.observer.listeners.add(event, listener);
  }

  /**
   * Aborts the signal of loads, waits for pending writes and renewals for at most two seconds, and
   * closes the server. Afterwards `getOrLoad` calls its loader and caches nothing.
   */
  public close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private getOrLoadByName(
    wholeKey: string,
    loader: CacheLoader<unknown>,
    options: CacheCallOptions | undefined,
    ofWholeKey: MemoryEntry | undefined,
  ) {
    try {
      const name = shortenKey(wholeKey);
      const cached = name === wholeKey ? ofWholeKey : this.memory.find(name);
      const tags = tagNames(options?.tags);
      if (this.closing !== undefined) return this.loads.loadUncached(name, loader);
      const request = {
        key: name,
        wholeKey: wholeKey === name ? undefined : wholeKey,
        tags,
        strategy: this.complete(options?.strategy),
        ttlSeconds: checkedTtl(options),
        cacheError: options?.cacheError ?? this.settings.cacheError,
        loader,
      };
      return this.loads.getOrLoad(request, this.trusted(cached, options?.tags));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Whether an entry in memory carries the requested tags, and, as far as messages tell, equals the
   * server's.
   */
  private trusts(cached: MemoryEntry, tags: readonly string[] | undefined, now: number): boolean {
    return (
      (this.busAlive || now - cached.writtenAt < this.settings.busLossStaleMs) &&
      carriesAll(cached.tags, tags)
    );
  }

  private trusted(
    cached: MemoryEntry | undefined,
    tags: readonly string[] | undefined,
  ): MemoryEntry | undefined {
    return cached !== undefined && this.trusts(cached, tags, performance.now())
      ? cached
      : undefined;
  }

  private complete(strategy: CacheStrategy = this.settings.strategy): CompleteStrategy {
    const known = this.strategies.get(strategy);
    if (known !== undefined) return known;
    const complete = completeStrategy(strategy);
    this.strategies.set(strategy, complete);
    return complete;
  }

  /** Drops what this process has cached or is loading, within the current tick. */
  private forget(names: readonly string[], tags: readonly string[]): void {
    if (names.length > 0) this.clock.invalidateKeys(names);
    for (const name of names) this.memory.drop(name);
    if (tags.length > 0) this.clock.invalidateTags(tags);
  }

  private async reached(
    sent: Promise<boolean> | undefined,
    names: readonly string[],
    tags: readonly string[],
  ): Promise<boolean> {
    const reached = sent === undefined || (await sent.catch(() => false));
    // Reads that ran meanwhile may have returned old values: the server's answers are known to be
    // in order only if it answered all commands.
    if (!reached) this.forget(names, tags);
    return reached;
  }

  private listen(server: CacheServer): void {
    this.metrics.gauge('cache_server_up', () => Number(server.available));
    this.metrics.gauge('cache_bus_up', () => Number(server.busAlive));
    server.onMessage(({ keys, tags, loaded }) => {
      this.forget(keys, tags);
      if (keys.length > 0 || tags.length > 0) this.observer.invalidate(keys, tags, 'other-process');
      this.shared?.waiters.wake(loaded);
    });
    server.onBusChange((alive) => {
      this.busAlive = alive;
      // Messages sent in between are lost.
      if (alive) this.memory.clear();
      this.observer.bus(alive);
    });
    server.onAvailabilityChange((available) => this.observer.server(available));
    server.onFailure?.((kind) => this.metrics.count('cache_server_errors_total', { kind }));
  }

  private async end(): Promise<void> {
    this.memory.clear();
    this.ending.abort();
    this.shared?.waiters.close();
    await this.tasks.settled();
    this.deadlines.close();
    await this.server?.close();
  }
}

function checkedTtl(options: Pick<CacheCallOptions, 'ttlSeconds'> | undefined): number | undefined {
  return options?.ttlSeconds === undefined
    ? undefined
    : lifetimeSeconds('TieredCache', 'ttlSeconds', options.ttlSeconds, 0.001);
}

const NO_TAGS: readonly string[] = [];
const OWNER = { owner: 'TieredCache' };

async function refusedKey(key: never): Promise<never> {
  return keyText('key', key, OWNER) as never;
}

/**
 * The name of a key, and the key itself if it differs.
 *
 * @throws IsochroneError for a key that is not a string
 */
function nameOf(prefix: string, key: string): Pick<CacheRequest, 'key' | 'wholeKey'> {
  const wholeKey = prefix + keyText('key', key, OWNER);
  const name = shortenKey(wholeKey);
  return { key: name, wholeKey: name === wholeKey ? undefined : wholeKey };
}

/**
 * The names under which tags are stored, each once.
 *
 * @throws IsochroneError for tags that are not a list of strings
 */
function tagNames(tags: readonly string[] | undefined): readonly string[] {
  if (tags === undefined) return NO_TAGS;
  const texts = keyTexts('tags', tags, OWNER);
  if (texts.length === 0) return NO_TAGS;
  if (texts.length === 1) return [shortenKey(texts[0] as string)];
  return [...new Set(texts.map(shortenKey))];
}

/**
 * Whether an entry carries every requested tag. False for what is not a list of strings, which is
 * refused later.
 */
function carriesAll(carried: readonly string[], requested: readonly string[] | undefined): boolean {
  if (requested === undefined) return true;
  if (!Array.isArray(requested)) return false;
  for (const tag of requested)
    if (typeof tag !== 'string' || !carried.includes(shortenKey(tag))) return false;
  return true;
}
