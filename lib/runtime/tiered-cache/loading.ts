import type { CacheCodec, CacheEntry } from '../entries';
import type { CacheBackground } from './background';
import type { CacheDeadlines } from './deadlines';
import type { Flight } from './flights';
import { errorLifetime, phaseOf, valueLifetime } from './freshness';
import type { HeldValue } from './isolation';
import { rememberError } from './load-error';
import type { CacheMemory, MemoryEntry } from './memory';
import type { CacheError, CompleteStrategy } from './options';
import type { CacheReport } from './report';
import type { CacheSequence } from './sequence';
import type { FoundEntry, SharedTier } from './shared';

export type CacheLoader<T> = (context: { readonly signal: AbortSignal }) => Promise<T> | T;

/** One call, with everything decided. */
export interface CacheRequest {
  /** With the strategy's prefix. */
  readonly key: string;
  readonly tags: readonly string[];
  readonly strategy: CompleteStrategy;
  readonly ttlSeconds: number | undefined;
  readonly cacheError: CacheError;
  readonly loader: CacheLoader<unknown>;
}

/** What callers of a flight get: an entry, or a value that cannot be kept. */
export type Loaded = MemoryEntry | (HeldValue & { readonly kind: 'unkept' });

interface Parts {
  readonly memory: CacheMemory;
  readonly sequence: CacheSequence;
  readonly codec: CacheCodec;
  readonly deadlines: CacheDeadlines;
  readonly shared: SharedTier | undefined;
  readonly background: CacheBackground;
  readonly report: CacheReport;
  readonly maxPendingWrites: number;
  readonly signal: AbortSignal;
}

/**
 * What happens when the memory has no answer: the server, the lock, the loader, the write, in this
 * order.
 */
export class CacheLoading {
  public pendingWrites = 0;

  constructor(private readonly parts: Parts) {}

  /**
   * @param fallback what is served if the load fails
   * @throws the loader's own error
   */
  public async find(
    flight: Flight<Loaded>,
    request: CacheRequest,
    fallback: MemoryEntry | undefined,
  ): Promise<Loaded | undefined> {
    const { shared, deadlines, report } = this.parts;
    const { key, tags, strategy } = request;
    const usable = (entry: CacheEntry): boolean => {
      const phase = phaseOf(entry, strategy, Date.now());
      return phase === 'fresh' || phase === 'renew';
    };
    let older = fallback;
    let tagVersions: readonly string[] | undefined;
    if (shared !== undefined) {
      const at = deadlines.next();
      const read = await shared.read(key, tags, at);
      if (read.status === 'answered') {
        if (read.found !== undefined) {
          if (usable(read.found.entry)) return this.use(flight, request, read.found);
          if (phaseOf(read.found.entry, strategy, Date.now()) === 'fallback')
            older = this.keep(flight, request, read.found);
        }
        const claim = await shared.claim(key, tags, at, { wait: true, accepts: usable });
        if (claim.action === 'use') return this.use(flight, request, claim.found);
        if (claim.action === 'load') {
          this.holdLock(flight, claim.lock);
          tagVersions = claim.tagVersions;
        }
      }
    }
    report.miss(key);
    return this.load(flight, request, { tagVersions, older, background: false });
  }

  /** Renews an entry that still answers; `undefined` if another process does. */
  public async renew(flight: Flight<Loaded>, request: CacheRequest): Promise<Loaded | undefined> {
    const { shared, deadlines } = this.parts;
    const { key, tags, strategy } = request;
    const renewed = (entry: CacheEntry): boolean =>
      phaseOf(entry, strategy, Date.now()) === 'fresh';
    let tagVersions: readonly string[] | undefined;
    if (shared !== undefined) {
      const at = deadlines.next();
      const read = await shared.read(key, tags, at);
      if (read.status === 'answered') {
        if (read.found !== undefined && renewed(read.found.entry))
          return this.keep(flight, request, read.found);
        const claim = await shared.claim(key, tags, at, { wait: false, accepts: renewed });
        if (claim.action === 'leave') return undefined;
        if (claim.action === 'use') return this.keep(flight, request, claim.found);
        this.holdLock(flight, claim.lock);
        tagVersions = claim.tagVersions;
      }
    }
    return this.load(flight, request, { tagVersions, older: undefined, background: true });
  }

  /** An entry of the server as the memory keeps it. */
  public keep(
    flight: Pick<Flight<Loaded>, 'since'>,
    request: Pick<CacheRequest, 'key' | 'strategy'>,
    found: FoundEntry,
  ): MemoryEntry {
    return this.parts.memory.keep(
      request.key,
      found.entry,
      found.bytes,
      flight.since,
      request.strategy,
      true,
    );
  }

  /**
   * Keeps a value that was not loaded; false if the server may still have another one. Loads that
   * began before are fenced by the write.
   */
  public async put(
    wanted: Omit<CacheRequest, 'cacheError' | 'loader'>,
    value: unknown,
  ): Promise<boolean> {
    const { shared, deadlines, sequence, memory, report } = this.parts;
    const { key, tags, strategy } = wanted;
    const tagVersions = shared === undefined ? tags : await shared.versions(tags, deadlines.next());
    const lifetime = valueLifetime(strategy, wanted.ttlSeconds, Date.now(), Math.random());
    try {
      const stored = await this.encode(
        { kind: 'value', value, ...lifetime, tags, tagVersions: tagVersions ?? unknown(tags) },
        strategy,
      );
      // Who asks before the write has arrived may read the old value.
      sequence.invalidateKeys([key]);
      memory.keep(key, stored.entry, stored.bytes, sequence.now, strategy, shared !== undefined);
      if (shared === undefined) return true;
      const outcome =
        tagVersions &&
        (await shared.write(key, stored.encoded, Math.max(1, lifetime.staleUntil - Date.now())));
      sequence.invalidateKeys([key]);
      if (outcome !== 'written') report.droppedWrite(key, outcome ?? 'unavailable');
      return outcome === 'written';
    } catch (error) {
      report.unencodable(key, error);
      return false;
    }
  }

  /**
   * A value as bytes, and what a reader of the bytes would get, which is what every caller gets.
   * @throws UnencodableValueError
   */
  private async encode(
    entry: CacheEntry,
    strategy: CompleteStrategy,
  ): Promise<FoundEntry & { readonly encoded: Buffer }> {
    const { codec, shared } = this.parts;
    // Without a server nothing would be gained from compressing.
    const encoding = codec.encode(entry, {
      serializer: strategy.serializer,
      compress: strategy.compress && shared !== undefined,
    });
    const encoded = encoding instanceof Promise ? await encoding : encoding;
    const decoding = codec.decode(encoded);
    return {
      entry: decoding instanceof Promise ? await decoding : decoding,
      bytes: encoded.length,
      encoded,
    };
  }

  private use(flight: Flight<Loaded>, request: CacheRequest, found: FoundEntry): MemoryEntry {
    const kept = this.keep(flight, request, found);
    this.parts.report.hit(request.key, 'server', Date.now() < kept.freshUntil);
    return kept;
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
    const { report, sequence, signal } = this.parts;
    const { key, tags, strategy } = request;
    const began = performance.now();
    const tagged = { tags, tagVersions: how.tagVersions ?? unknown(tags) };
    let value: unknown;
    try {
      value = await request.loader({ signal });
    } catch (error) {
      report.loadError(key, error, how.background);
      const { older } = how;
      if (
        older !== undefined &&
        Date.now() < older.staleUntil &&
        sequence.live(key, older.tags, older.since)
      ) {
        this.freeLock(flight);
        report.stale(key, 'load-failed');
        return older;
      }
      if (
        !how.background &&
        strategy.negativeTtlSeconds > 0 &&
        remembers(request.cacheError, error)
      ) {
        const entry: CacheEntry = {
          kind: 'error',
          value: rememberError(error),
          ...errorLifetime(strategy, Date.now()),
          ...tagged,
        };
        await this.store(flight, request, entry, how.tagVersions !== undefined).catch(() =>
          this.freeLock(flight),
        );
      } else this.freeLock(flight);
      throw error;
    }
    report.load(key, performance.now() - began, how.background);
    const lifetime = valueLifetime(strategy, request.ttlSeconds, Date.now(), Math.random());
    try {
      return await this.store(
        flight,
        request,
        { kind: 'value', value, ...lifetime, ...tagged },
        how.tagVersions !== undefined,
      );
    } catch (error) {
      this.freeLock(flight);
      report.unencodable(key, error);
      return { kind: 'unkept', value, copied: false };
    }
  }

  /** Keeps an entry in memory and sends it to the server, which nobody waits for. */
  private async store(
    flight: Flight<Loaded>,
    request: CacheRequest,
    entry: CacheEntry,
    tagsKnown: boolean,
  ): Promise<MemoryEntry> {
    const { memory, shared } = this.parts;
    const stored = await this.encode(entry, request.strategy);
    const kept = memory.keep(
      request.key,
      stored.entry,
      stored.bytes,
      flight.since,
      request.strategy,
      shared !== undefined,
    );
    this.send(flight, request, stored.encoded, entry.staleUntil, kept, tagsKnown);
    return kept;
  }

  private send(
    flight: Flight<Loaded>,
    request: CacheRequest,
    bytes: Buffer,
    until: number,
    kept: MemoryEntry,
    tagsKnown: boolean,
  ): void {
    const { shared, report, sequence, background, maxPendingWrites, memory } = this.parts;
    const { key, tags } = request;
    const { lock } = flight;
    // A load without a lock writes nothing: it could overwrite what a later load has stored, or
    // bring back what was removed.
    if (shared === undefined || lock === undefined) return;
    flight.lock = undefined;
    let obstacle: 'invalidated' | 'unavailable' | 'too-many' | undefined;
    if (!sequence.live(key, tags, flight.since)) obstacle = 'invalidated';
    else if (!tagsKnown) obstacle = 'unavailable';
    else if (this.pendingWrites >= maxPendingWrites) obstacle = 'too-many';
    if (obstacle !== undefined) {
      report.droppedWrite(key, obstacle);
      background.run(shared.release(lock));
      return;
    }
    this.pendingWrites++;
    const write = async () => {
      const outcome = await shared.write(key, bytes, Math.max(1, until - Date.now()), lock);
      this.pendingWrites--;
      if (outcome === 'written') return;
      // Somebody has removed the key or loaded it again: the memory may hold what is over.
      if (outcome === 'fenced') memory.drop(key, kept);
      report.droppedWrite(key, outcome);
    };
    background.run(write());
  }

  private holdLock(flight: Flight<Loaded>, lock: Flight<Loaded>['lock']): void {
    flight.lock = lock;
    if (flight.abandoned) this.freeLock(flight);
  }

  private freeLock(flight: Flight<Loaded>): void {
    const { shared, background } = this.parts;
    const { lock } = flight;
    flight.lock = undefined;
    if (shared !== undefined && lock !== undefined) background.run(shared.release(lock));
  }
}

/** Versions that no tag ever has: such an entry stays in the memory, where messages end it. */
function unknown(tags: readonly string[]): readonly string[] {
  return tags.map(() => '');
}

/** A predicate that throws has not said yes, and must not replace the loader's error. */
function remembers(cacheError: CacheError, error: unknown): boolean {
  try {
    return cacheError(error) === true;
  } catch {
    return false;
  }
}
