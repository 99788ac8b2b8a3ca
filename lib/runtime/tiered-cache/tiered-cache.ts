import { setMaxListeners } from 'node:events';
import { CacheCodec } from '../entries';
import { CacheMetrics } from '../metrics';
import { boundedKey } from '../shared';
import { CacheAnswers, type CacheLookup } from './answers';
import { CacheBackground } from './background';
import { CacheDeadlines } from './deadlines';
import type { CacheEvents } from './events';
import { CacheFlights } from './flights';
import { RenewalPace } from './freshness';
import { handOut } from './isolation';
import { type CacheLoader, CacheLoading, type Loaded } from './loading';
import { CacheMemory, type MemoryEntry } from './memory';
import {
  type CacheCallOptions,
  type CacheSettings,
  type CompleteStrategy,
  cacheSettings,
  completeStrategy,
  lifetimeSeconds,
  type TieredCacheOptions,
} from './options';
import { CacheReport } from './report';
import { CacheSequence } from './sequence';
import type { CacheServer } from './server';
import { SharedTier } from './shared';
import type { CacheStrategy } from './strategy';
import { boundedTags, carriesAll } from './tags';

/**
 * Values that are slow to make, kept in the memory of the process and on a server that processes
 * share.
 *
 * Nobody who calls it sees an error of the cache: a server that is down costs a load. What is kept,
 * for how long and in which form is the strategy's; docs/runtime/cache.md says what can be stale,
 * and for how long.
 *
 * const cache = new TieredCache({ server: new ValkeyServer({ host: 'cache.internal' }) }); const
 * quote = await cache.getOrLoad('ACME', () => loadQuote('ACME'), { strategy: CACHE_STRATEGIES.kpi,
 * tags: ['quotes'] });
 * @example
 */
export class TieredCache {
  private readonly settings: CacheSettings;
  private readonly server: CacheServer | undefined;
  private readonly shared: SharedTier | undefined;
  private readonly sequence = new CacheSequence();
  private readonly background = new CacheBackground();
  private readonly strategies = new WeakMap<CacheStrategy, CompleteStrategy>();
  private readonly ending = new AbortController();
  private readonly deadlines: CacheDeadlines;
  private readonly memory: CacheMemory;
  private readonly loading: CacheLoading;
  private readonly answers: CacheAnswers;
  private readonly report: CacheReport;
  private busAlive: boolean;
  private closing: Promise<void> | undefined;

  /** @throws IsochroneError for an option that cannot be meant */
  constructor(options: TieredCacheOptions = {}) {
    const settings = cacheSettings(options);
    const { maxEntryBytes, compressionThresholdBytes, server } = options;
    const codec = new CacheCodec({
      ...(maxEntryBytes === undefined ? {} : { maxEntryBytes }),
      ...(compressionThresholdBytes === undefined ? {} : { compressionThresholdBytes }),
    });
    this.settings = settings;
    this.server = server;
    this.report = new CacheReport(options.metrics ?? new CacheMetrics());
    this.deadlines = new CacheDeadlines(settings.budgetMs);
    this.memory = new CacheMemory(
      { entries: settings.memoryEntries, bytes: settings.memoryBytes },
      settings.isolation,
      this.sequence,
    );
    this.shared =
      server &&
      new SharedTier(server, codec, this.deadlines, settings.lockWaitMs, (key) =>
        this.report.corrupt(key),
      );
    setMaxListeners(0, this.ending.signal);
    const { memory, sequence, deadlines, shared, background, report } = this;
    const common = { memory, sequence, deadlines, shared, background, report };
    this.loading = new CacheLoading({
      ...common,
      codec,
      maxPendingWrites: settings.maxPendingWrites,
      signal: this.ending.signal,
    });
    const flights = new CacheFlights<Loaded>(
      sequence,
      (lock) => shared && background.run(shared.release(lock)),
    );
    this.answers = new CacheAnswers({
      ...common,
      flights,
      loading: this.loading,
      pace: new RenewalPace(),
    });
    const { metrics } = report;
    metrics.gauge('cache_memory_entries', () => memory.size);
    metrics.gauge('cache_memory_bytes', () => memory.bytes);
    metrics.gauge('cache_pending_writes', () => this.loading.pendingWrites);
    this.busAlive = server?.busAlive ?? true;
    if (server !== undefined) this.listen(server);
  }

  /** Where this cache counts. */
  public get metrics(): CacheMetrics {
    return this.report.metrics;
  }

  /**
   * The value of a key, loaded if there is none. All callers of a key share one load, those of
   * other processes too.
   *
   * @throws what the loader throws, as it is; CachedLoadError for an error that `cacheError` had
   * remembered; IsochroneError for options that cannot be meant
   */
  public getOrLoad<T>(key: string, loader: CacheLoader<T>, options?: CacheCallOptions): Promise<T> {
    const strategy = options?.strategy ?? this.settings.strategy;
    const name = boundedKey(strategy.prefix + key);
    const held = this.memory.find(name);
    if (held !== undefined) {
      const now = Date.now();
      if (now < held.quietUntil && this.trusts(held, options?.tags, now)) {
        this.report.hit(name, 'memory', true);
        return Promise.resolve((held.copied ? handOut(held) : held.value) as T);
      }
    }
    return this.answer(name, loader, options, held) as Promise<T>;
  }

  /** The value of a key, if there is one; nothing is loaded, and nothing renewed. */
  public async get<T>(
    key: string,
    options?: Pick<CacheCallOptions, 'strategy' | 'tags'>,
  ): Promise<CacheLookup<T>> {
    const strategy = this.complete(options?.strategy);
    const name = boundedKey(strategy.prefix + key);
    if (this.closing !== undefined) return { found: false };
    const held = this.trusted(this.memory.find(name), options?.tags);
    return this.answers.look(
      { key: name, tags: boundedTags(options?.tags), strategy },
      held,
    ) as Promise<CacheLookup<T>>;
  }

  /**
   * Keeps a value in place of what there was. Loads that have begun before do not replace it. It
   * resolves when the server has the value, or will lose the old one before anything else once it
   * is back. A value that cannot be kept only removes the old one.
   */
  public async set(
    key: string,
    value: unknown,
    options?: Omit<CacheCallOptions, 'cacheError'>,
  ): Promise<void> {
    if (this.closing !== undefined) return;
    const strategy = this.complete(options?.strategy);
    const ttlSeconds = checkedTtl(options);
    const name = boundedKey(strategy.prefix + key);
    this.forget([name], []);
    if (
      await this.loading.put(
        { key: name, tags: boundedTags(options?.tags), strategy, ttlSeconds },
        value,
      )
    )
      return;
    await this.server?.remove([name]).catch(() => false);
  }

  /**
   * Removes keys from this process, the server and other processes. `reached` is false if the
   * server has to be told later, which is done as soon as it is back; until then other processes
   * may serve the old values.
   */
  public async delete(
    keys: string | readonly string[],
    options?: Pick<CacheCallOptions, 'strategy'>,
  ): Promise<{ readonly reached: boolean }> {
    const { prefix } = this.complete(options?.strategy);
    const names = (typeof keys === 'string' ? [keys] : keys).map((key) => boundedKey(prefix + key));
    if (names.length === 0) return { reached: true };
    this.forget(names, []);
    this.report.invalidate(names, [], 'this-process');
    return { reached: await this.reached(this.server?.remove(names), names, []) };
  }

  /** Ends all values that carry one of the tags, however many; `reached` as with `delete`. */
  public async invalidateTags(...tags: readonly string[]): Promise<{ readonly reached: boolean }> {
    const names = boundedTags(tags);
    if (names.length === 0) return { reached: true };
    this.forget([], names);
    this.report.invalidate([], names, 'this-process');
    return { reached: await this.reached(this.server?.bumpTags(names), [], names) };
  }

  /** Calls the listener at each event, in the call that causes it; the answer ends that. */
  public on<E extends keyof CacheEvents>(
    event: E,
    listener: (event: CacheEvents[E]) => void,
  ): () => void {
    return this.report.listeners.add(event, listener);
  }

  /**
   * Aborts the signal of loads, waits for writes and renewals under way, for two seconds at most,
   * and closes the server. Afterwards `getOrLoad` calls its loader and keeps nothing.
   */
  public close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private answer(
    name: string,
    loader: CacheLoader<unknown>,
    options: CacheCallOptions | undefined,
    held: MemoryEntry | undefined,
  ) {
    try {
      if (this.closing !== undefined)
        return Promise.resolve(loader({ signal: this.ending.signal }));
      const request = {
        key: name,
        tags: boundedTags(options?.tags),
        strategy: this.complete(options?.strategy),
        ttlSeconds: checkedTtl(options),
        cacheError: options?.cacheError ?? this.settings.cacheError,
        loader,
      };
      return this.answers.answer(request, this.trusted(held, options?.tags));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Whether an entry of the memory may be what the server has, as far as messages tell, and is what
   * the caller asks for.
   */
  private trusts(held: MemoryEntry, tags: readonly string[] | undefined, now: number): boolean {
    return (
      (this.busAlive || now - held.writtenAt < this.settings.busLossStaleMs) &&
      carriesAll(held.tags, tags)
    );
  }

  private trusted(
    held: MemoryEntry | undefined,
    tags: readonly string[] | undefined,
  ): MemoryEntry | undefined {
    return held !== undefined && this.trusts(held, tags, Date.now()) ? held : undefined;
  }

  private complete(strategy: CacheStrategy = this.settings.strategy): CompleteStrategy {
    const known = this.strategies.get(strategy);
    if (known !== undefined) return known;
    const complete = completeStrategy(strategy);
    this.strategies.set(strategy, complete);
    return complete;
  }

  /** Drops what this process has, and what it is loading, in this very tick. */
  private forget(names: readonly string[], tags: readonly string[]): void {
    if (names.length > 0) this.sequence.invalidateKeys(names);
    for (const name of names) this.memory.drop(name);
    if (tags.length > 0) this.sequence.invalidateTags(tags);
  }

  private async reached(
    sent: Promise<boolean> | undefined,
    names: readonly string[],
    tags: readonly string[],
  ): Promise<boolean> {
    const reached = sent === undefined || (await sent.catch(() => false));
    // What was read meanwhile may be from before: the server's answers are in order only where it
    // has answered all.
    if (!reached) this.forget(names, tags);
    return reached;
  }

  private listen(server: CacheServer): void {
    this.metrics.gauge('cache_server_up', () => Number(server.available));
    this.metrics.gauge('cache_bus_up', () => Number(server.busAlive));
    server.onMessage(({ keys, tags, loaded }) => {
      this.forget(keys, tags);
      if (keys.length > 0 || tags.length > 0) this.report.invalidate(keys, tags, 'other-process');
      this.shared?.waits.wake(loaded);
    });
    server.onBusChange((alive) => {
      this.busAlive = alive;
      // What was said in between is lost.
      if (alive) this.memory.clear();
      this.report.bus(alive);
    });
    server.onAvailabilityChange((available) => this.report.server(available));
    server.onFailure?.((kind) => this.metrics.count('cache_server_errors_total', { kind }));
  }

  private async end(): Promise<void> {
    this.memory.clear();
    this.ending.abort();
    this.shared?.waits.close();
    await this.background.settled();
    this.deadlines.close();
    await this.server?.close();
  }
}

function checkedTtl(options: Pick<CacheCallOptions, 'ttlSeconds'> | undefined): number | undefined {
  return options?.ttlSeconds === undefined
    ? undefined
    : lifetimeSeconds('TieredCache', 'ttlSeconds', options.ttlSeconds, 0.001);
}
