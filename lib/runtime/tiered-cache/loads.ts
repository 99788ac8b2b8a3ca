import type { CacheCodec, CacheEntry, Lifetime } from '../entries';
import { addWaiter, type Deadlines, type Load, newLoad, runLoader, waitingLoad } from '../shared';
import { CacheFlights, type Flight } from './flights';
import {
  errorLifetime,
  onProcessClock,
  phaseOf,
  RenewalThrottle,
  valueLifetime,
} from './freshness';
import type { InvalidationClock } from './invalidation-clock';
import { type IsolatedValue, valueForCaller } from './isolation';
import type { MemoryEntry, MemoryTier } from './memory';
import type { CacheObserver } from './observer';
import type { CacheError, CompleteStrategy } from './options';
import type { PendingTasks } from './pending-tasks';
import type { FoundEntry, SharedRead, SharedTier } from './shared';

/** Loads a value. `close` aborts the signal. */
export type CacheLoader<T> = (context: { readonly signal: AbortSignal }) => Promise<T> | T;

/** The result of `get`. */
export type CacheLookup<T> =
  | { readonly found: true; readonly value: T; readonly fresh: boolean }
  | { readonly found: false };

/** One call of the cache, with its defaults filled in. */
export interface CacheRequest {
  /** The name of the key with the strategy's prefix. */
  readonly key: string;
  /** That key, if its name is another text. It is stored with the entry, and compared. */
  readonly wholeKey: string | undefined;
  readonly tags: readonly string[];
  readonly strategy: CompleteStrategy;
  readonly ttlSeconds: number | undefined;
  readonly cacheError: CacheError;
  readonly loader: CacheLoader<unknown>;
}

/** What the callers of a flight get: an entry, or a value that cannot be cached. */
type Loaded = MemoryEntry | (IsolatedValue & { readonly kind: 'uncached' });

/** The parts of a cache that its loads use. */
export interface LoadParts {
  readonly memory: MemoryTier;
  readonly clock: InvalidationClock;
  readonly codec: CacheCodec;
  readonly deadlines: Deadlines;
  readonly shared: SharedTier | undefined;
  readonly tasks: PendingTasks;
  readonly observer: CacheObserver;
  readonly maxPendingWrites: number;
  /** The signal that loaders get. */
  readonly signal: AbortSignal;
}

const NO_OUTCOME: Promise<undefined> = Promise.resolve(undefined);
const NO_READ: SharedRead = { status: 'unavailable' };

/**
 * What happens when memory does not have a fresh entry: the server, the lock, the loader and the
 * write, in this order. Callers of one key share a flight.
 */
export class Loads {
  public pendingWrites = 0;
  private readonly flights: CacheFlights<Loaded>;
  private readonly throttle = new RenewalThrottle();

  constructor(private readonly parts: LoadParts) {
    const { clock, shared, tasks } = parts;
    this.flights = new CacheFlights(clock, (lock) => shared && tasks.add(shared.release(lock)));
  }

  /**
   * Returns the value of a key, loaded if necessary.
   *
   * @param cached the entry in memory, if it may be trusted
   * @throws the loader's own error, or CachedLoadError; IsochroneError in a loader that would wait
   * for itself. It may throw before it returns.
   */
  public getOrLoad(request: CacheRequest, cached: MemoryEntry | undefined): Promise<unknown> {
    if (cached !== undefined) {
      const now = performance.now();
      if (now < cached.recheckAt && isUsable(cached, request.strategy, now)) {
        this.parts.observer.hit(request.key, 'memory', now < cached.freshUntil);
        return Promise.resolve(this.deliver(request, cached, now));
      }
    }
    const caller = waitingLoad('TieredCache', this.flights, request.key);
    return this.fly(request, cached?.kind === 'value' ? cached : undefined, caller);
  }

  /** Joins the flight of a key, or starts one. */
  private fly(
    request: CacheRequest,
    fallback: MemoryEntry | undefined,
    caller: Load | undefined,
  ): Promise<unknown> {
    const { flights } = this;
    const { key, tags } = request;
    let flight = flights.joinable(key, tags);
    if (flight === undefined)
      flight = flights.start(key, tags, caller, (own) => this.findOrLoad(own, request, fallback));
    else addWaiter(flight, caller);
    const outcome = flight.outcome ?? NO_OUTCOME;
    return outcome.then((loaded) =>
      loaded === undefined
        ? this.fly(request, fallback, caller)
        : this.deliver(request, loaded, undefined),
    );
  }

  /** Calls a loader whose value is not cached, because the cache is closed. */
  public async loadUncached(key: string, loader: CacheLoader<unknown>): Promise<unknown> {
    const load = newLoad(this.flights, key, waitingLoad('TieredCache', this.flights, key));
    return runLoader(load, () => loader({ signal: this.parts.signal }));
  }

  /** Looks in memory and on the server, and loads nothing. */
  public async lookUp(
    request: Pick<CacheRequest, 'key' | 'wholeKey' | 'tags' | 'strategy'>,
    cached: MemoryEntry | undefined,
  ): Promise<CacheLookup<unknown>> {
    const { shared, deadlines, clock, observer } = this.parts;
    const { key } = request;
    if (cached !== undefined && performance.now() < cached.recheckAt) {
      const found = this.usableHit(request, cached, 'memory');
      if (found !== undefined) return found;
    }
    if (shared !== undefined) {
      const since = clock.now;
      const read = await shared.read(request, deadlines.next());
      if (read.status === 'answered' && read.found !== undefined) {
        const stored = this.storeInMemory({ since }, request, read.found);
        const found = this.usableHit(request, stored, 'server');
        if (found !== undefined) return found;
      }
    }
    observer.miss(key);
    return { found: false };
  }

  private usableHit(
    { key, strategy }: Pick<CacheRequest, 'key' | 'strategy'>,
    entry: MemoryEntry,
    tier: 'memory' | 'server',
  ): CacheLookup<unknown> | undefined {
    const now = performance.now();
    const phase = phaseOf(entry, strategy, now);
    if (entry.kind === 'error' || phase === 'expired' || phase === 'fallback') return undefined;
    const fresh = now < entry.freshUntil;
    this.parts.observer.hit(key, tier, fresh);
    return { found: true, value: valueForCaller(entry), fresh };
  }

  /** @param now if it was not stored just now */
  private deliver(request: CacheRequest, loaded: Loaded, now: number | undefined): unknown {
    if (loaded.kind === 'error') throw cachedLoadError(loaded.value);
    if (loaded.kind === 'value' && (now ?? loaded.writtenAt) >= loaded.refreshAt)
      this.startRenewal(request, loaded);
    return valueForCaller(loaded);
  }

  private startRenewal(request: CacheRequest, entry: MemoryEntry): void {
    const { flights, throttle } = this;
    const { key, tags, strategy } = request;
    const now = performance.now();
    if (flights.has(key) || phaseOf(entry, strategy, now) !== 'renew' || !throttle.allows(key, now))
      return;
    const { outcome } = flights.start(key, tags, undefined, (flight) =>
      this.renew(flight, request),
    );
    const pause = () => throttle.pause(key, strategy, performance.now());
    this.parts.tasks.add(Promise.resolve(outcome).then(pause, pause));
  }

  /**
   * @param fallback served if the load fails
   * @throws the loader's own error
   */
  private findOrLoad(
    flight: Flight<Loaded>,
    request: CacheRequest,
    fallback: MemoryEntry | undefined,
  ): Promise<Loaded | undefined> {
    const { shared, deadlines } = this.parts;
    if (shared === undefined) return this.claimOrLoad(flight, request, NO_READ, 0, fallback);
    const at = deadlines.next();
    return shared.readInto(request, at, 'look', (read) => {
      const found = read.status === 'answered' ? read.found : undefined;
      if (found === undefined || !isUsable(found.entry, request.strategy, found.at))
        return this.claimOrLoad(flight, request, read, at, fallback);
      try {
        return this.serverHit(flight, request, found);
      } finally {
        this.flights.end(flight);
      }
    });
  }

  /** Continues after a miss on the server, or without one. */
  private async claimOrLoad(
    flight: Flight<Loaded>,
    request: CacheRequest,
    read: SharedRead,
    at: number,
    fallback: MemoryEntry | undefined,
  ): Promise<Loaded | undefined> {
    const { shared } = this.parts;
    const { strategy } = request;
    let older = fallback;
    let tagVersions: readonly string[] | undefined;
    try {
      if (shared !== undefined && read.status === 'answered') {
        const { found } = read;
        if (found !== undefined && phaseOf(found.entry, strategy, found.at) === 'fallback')
          older = this.storeInMemory(flight, request, found);
        const accepts = (entry: CacheEntry) => isUsable(entry, strategy, performance.now());
        const claim = await shared.claim(request, at, { wait: true, accepts });
        if (claim.action === 'use') return this.serverHit(flight, request, claim.found);
        if (claim.action === 'load') {
          this.holdLock(flight, claim.lock);
          tagVersions = claim.tagVersions;
        }
      }
      this.parts.observer.miss(request.key);
      return await this.load(flight, request, { tagVersions, older, background: false });
    } finally {
      this.flights.end(flight);
    }
  }

  /** Renews an entry that is still served. Returns undefined if another process is renewing it. */
  private async renew(flight: Flight<Loaded>, request: CacheRequest): Promise<Loaded | undefined> {
    try {
      const { shared, deadlines } = this.parts;
      const { strategy } = request;
      const isFresh = (entry: CacheEntry): boolean =>
        phaseOf(entry, strategy, performance.now()) === 'fresh';
      let tagVersions: readonly string[] | undefined;
      if (shared !== undefined) {
        const at = deadlines.next();
        const read = await shared.read(request, at);
        if (read.status === 'answered') {
          if (read.found !== undefined && isFresh(read.found.entry))
            return this.storeInMemory(flight, request, read.found);
          const claim = await shared.claim(request, at, { wait: false, accepts: isFresh });
          if (claim.action === 'leave') return undefined;
          if (claim.action === 'use') return this.storeInMemory(flight, request, claim.found);
          this.holdLock(flight, claim.lock);
          tagVersions = claim.tagVersions;
        }
      }
      return await this.load(flight, request, { tagVersions, older: undefined, background: true });
    } finally {
      this.flights.end(flight);
    }
  }

  private storeInMemory(
    { since }: Pick<Flight<Loaded>, 'since'>,
    { key, strategy }: Pick<CacheRequest, 'key' | 'strategy'>,
    found: FoundEntry,
  ): MemoryEntry {
    return this.parts.memory.store(key, found, since, strategy, true);
  }

  private serverHit(flight: Flight<Loaded>, request: CacheRequest, found: FoundEntry): MemoryEntry {
    const stored = this.storeInMemory(flight, request, found);
    this.parts.observer.hit(request.key, 'server', found.at < stored.freshUntil);
    return stored;
  }

  /**
   * Stores a value that was not loaded. The write fences loads that began earlier.
   *
   * @returns false if the server may still have another value
   */
  public async set(
    request: Omit<CacheRequest, 'cacheError' | 'loader'>,
    value: unknown,
  ): Promise<boolean> {
    const { shared, deadlines, clock, memory, observer } = this.parts;
    const { key, wholeKey, tags, strategy, ttlSeconds } = request;
    const tagVersions = shared === undefined ? tags : await shared.versions(tags, deadlines.next());
    const lifetime = valueLifetime(strategy, ttlSeconds, Date.now(), Math.random());
    try {
      const encoded = await this.encode(
        {
          kind: 'value',
          value,
          ...lifetime,
          tags,
          tagVersions: tagVersions ?? unknownVersions(tags),
          key: wholeKey,
        },
        strategy,
      );
      // Until the write has arrived, other calls may still read the old value from the server.
      clock.invalidateKeys([key]);
      memory.store(key, encoded, clock.now, strategy, shared !== undefined);
      if (shared === undefined) return true;
      const outcome =
        tagVersions && (await shared.write(key, encoded.encoded, timeLeft(encoded.entry)));
      clock.invalidateKeys([key]);
      if (outcome !== 'written') observer.droppedWrite(key, outcome ?? 'unavailable');
      return outcome === 'written';
    } catch (error) {
      observer.unencodable(key, error);
      return false;
    }
  }

  /**
   * Encodes an entry, and decodes it again: every caller gets what a reader of the bytes would get.
   *
   * @throws UnencodableValueError
   */
  private async encode(
    entry: CacheEntry,
    strategy: CompleteStrategy,
  ): Promise<FoundEntry & { readonly encoded: Buffer }> {
    const { codec, shared } = this.parts;
    // Compression saves nothing unless the bytes go to a server.
    const encoding = codec.encode(entry, {
      serializer: strategy.serializer,
      compress: strategy.compress && shared !== undefined,
    });
    const encoded = encoding instanceof Promise ? await encoding : encoding;
    const decoding = codec.decode(encoded);
    const made = decoding instanceof Promise ? await decoding : decoding;
    const now = performance.now();
    return { entry: onProcessClock(made, now), bytes: encoded.length, at: now, encoded };
  }

  private async load(
    flight: Flight<Loaded>,
    request: CacheRequest,
    how: {
      readonly tagVersions: readonly string[] | undefined;
      readonly older: MemoryEntry | undefined;
      readonly background: boolean;
    },
  ): Promise<Loaded> {
    const { observer, clock, signal } = this.parts;
    const { key, tags, strategy } = request;
    const startedAt = performance.now();
    const named = {
      tags,
      tagVersions: how.tagVersions ?? unknownVersions(tags),
      key: request.wholeKey,
    };
    let value: unknown;
    try {
      value = await runLoader(flight, () => request.loader({ signal }));
    } catch (error) {
      observer.loadError(key, error, how.background);
      const { older } = how;
      if (
        older !== undefined &&
        performance.now() < older.staleUntil &&
        clock.isValid(key, older.tags, older.since)
      ) {
        this.freeLock(flight);
        observer.stale(key, 'load-failed');
        return older;
      }
      if (
        !how.background &&
        strategy.negativeTtlSeconds > 0 &&
        isCacheable(request.cacheError, error)
      ) {
        const entry: CacheEntry = {
          kind: 'error',
          value: cachedErrorValue(error),
          ...errorLifetime(strategy, Date.now()),
          ...named,
        };
        await this.store(flight, request, entry, how.tagVersions !== undefined).catch(() =>
          this.freeLock(flight),
        );
      } else this.freeLock(flight);
      throw error;
    }
    observer.load(key, performance.now() - startedAt, how.background);
    const lifetime = valueLifetime(strategy, request.ttlSeconds, Date.now(), Math.random());
    try {
      return await this.store(
        flight,
        request,
        { kind: 'value', value, ...lifetime, ...named },
        how.tagVersions !== undefined,
      );
    } catch (error) {
      this.freeLock(flight);
      observer.unencodable(key, error);
      return { kind: 'uncached', value, copied: false };
    }
  }

  /** Stores an entry in memory, and sends it to the server without waiting. */
  private async store(
    flight: Flight<Loaded>,
    request: CacheRequest,
    entry: CacheEntry,
    areTagsKnown: boolean,
  ): Promise<MemoryEntry> {
    const { memory, shared } = this.parts;
    const encoded = await this.encode(entry, request.strategy);
    const stored = memory.store(
      request.key,
      encoded,
      flight.since,
      request.strategy,
      shared !== undefined,
    );
    this.send(flight, request, encoded.encoded, stored, areTagsKnown);
    return stored;
  }

  private send(
    flight: Flight<Loaded>,
    request: CacheRequest,
    bytes: Buffer,
    stored: MemoryEntry,
    areTagsKnown: boolean,
  ): void {
    const { shared, observer, clock, tasks, maxPendingWrites, memory } = this.parts;
    const { key, tags } = request;
    const { lock } = flight;
    // Without a lock the load does not write: it could overwrite the value of a later load, or
    // bring back a removed value.
    if (shared === undefined || lock === undefined) return;
    flight.lock = undefined;
    let obstacle: 'invalidated' | 'unavailable' | 'too-many' | undefined;
    if (!clock.isValid(key, tags, flight.since)) obstacle = 'invalidated';
    else if (!areTagsKnown) obstacle = 'unavailable';
    else if (this.pendingWrites >= maxPendingWrites) obstacle = 'too-many';
    if (obstacle !== undefined) {
      observer.droppedWrite(key, obstacle);
      tasks.add(shared.release(lock));
      return;
    }
    this.pendingWrites++;
    const write = async () => {
      const outcome = await shared.write(key, bytes, timeLeft(stored), lock);
      this.pendingWrites--;
      if (outcome === 'written') return;
      // The key was removed or loaded again meanwhile: the entry in memory may be outdated.
      if (outcome === 'fenced') memory.drop(key, stored);
      observer.droppedWrite(key, outcome);
    };
    tasks.add(write());
  }

  private holdLock(flight: Flight<Loaded>, lock: Flight<Loaded>['lock']): void {
    flight.lock = lock;
    if (flight.abandoned) this.freeLock(flight);
  }

  private freeLock(flight: Flight<Loaded>): void {
    const { shared, tasks } = this.parts;
    const { lock } = flight;
    flight.lock = undefined;
    if (shared !== undefined && lock !== undefined) tasks.add(shared.release(lock));
  }
}

/** Whether an entry is served as it is, be it renewed or not. */
function isUsable(
  entry: Pick<CacheEntry, 'kind' | keyof Lifetime>,
  strategy: CompleteStrategy,
  now: number,
): boolean {
  const phase = phaseOf(entry, strategy, now);
  return phase === 'fresh' || phase === 'renew';
}

/** For how long the server keeps an entry, in milliseconds. */
function timeLeft({ staleUntil }: Pick<Lifetime, 'staleUntil'>): number {
  return Math.max(1, staleUntil - performance.now());
}

/**
 * Versions that no tag ever has. An entry with them is cached in memory only, where messages
 * invalidate it.
 */
function unknownVersions(tags: readonly string[]): readonly string[] {
  return tags.map(() => '');
}

/** A predicate that throws counts as false; its error must not replace the loader's. */
function isCacheable(cacheError: CacheError, error: unknown): boolean {
  try {
    return cacheError(error) === true;
  } catch {
    return false;
  }
}

/**
 * The error of an earlier load, cached because `cacheError` returned true. The caller of that load
 * got the error itself. This error has its name, message and code, but no stack, because the load
 * may have run in another process.
 */
export class CachedLoadError extends Error {
  public override readonly name: string;
  /** The `code` of the error, if it was text or a number. */
  public readonly code: string | number | undefined;

  constructor(cached: CachedErrorValue) {
    super(cached.message);
    this.name = cached.name;
    this.code = cached.code;
    this.stack = `${this.name}: ${this.message}\n    (remembered by the cache)`;
  }
}

/** The value of an entry of the kind `error`. */
interface CachedErrorValue {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
}

/** What is cached of an error. A loader may throw any value: other values are cached as text. */
function cachedErrorValue(error: unknown): CachedErrorValue {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
  };
}

/** @param value the value of an entry of the kind `error`, which may come from another process */
function cachedLoadError(value: unknown): CachedLoadError {
  const { name, message, code } = (value ?? {}) as Partial<CachedErrorValue>;
  return new CachedLoadError({
    name: String(name ?? 'Error'),
    message: String(message ?? ''),
    ...(code === undefined ? {} : { code }),
  });
}
