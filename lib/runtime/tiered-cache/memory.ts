import type { LRUCache } from 'lru-cache';
import type { Lifetime } from '../entries';
import { lruCache } from '../shared';
import { refreshTime } from './freshness';
import type { InvalidationClock } from './invalidation-clock';
import { type CacheIsolation, type IsolatedValue, isolate } from './isolation';
import type { CompleteStrategy } from './options';
import type { FoundEntry } from './shared';

/**
 * The bytes that an entry takes besides its value: its record, its place in the list, its times. A
 * conservative estimate.
 */
const RECORD_BYTES = 256;

/**
 * An entry in the memory of a process: decoded and isolated. Times are on the clock of
 * `performance.now()`, which is never set back.
 */
export interface MemoryEntry extends IsolatedValue, Lifetime {
  readonly kind: 'value' | 'error';
  readonly tags: readonly string[];
  /** When it was stored in this memory. */
  readonly writtenAt: number;
  /** From then on, the server is asked again. */
  readonly recheckAt: number;
  /** From then on, a hit renews the entry. */
  readonly refreshAt: number;
  /** Until then, a hit needs no further work: the entry is fresh and neither time above is due. */
  readonly plainHitUntil: number;
  /** The time of the invalidation clock up to which its tags are known to be valid. */
  since: number;
}

/**
 * The tier within a process, bounded by entries and by encoded bytes. It knows about invalidations,
 * but not about the server.
 */
export class MemoryTier {
  private readonly entries: LRUCache<string, MemoryEntry> | undefined;
  /** Values that began to load before this time of the invalidation clock are not stored. */
  private notBefore = 0;

  constructor(
    limits: { readonly entries: number; readonly bytes: number },
    private readonly isolation: CacheIsolation,
    private readonly clock: InvalidationClock,
  ) {
    if (limits.entries > 0)
      this.entries = new (lruCache().LRUCache)({ max: limits.entries, maxSize: limits.bytes });
  }

  /** The entry of a key, unless it was invalidated. The caller checks its age. */
  public find(key: string): MemoryEntry | undefined {
    const entry = this.entries?.get(key);
    if (entry === undefined || entry.since === this.clock.now) return entry;
    if (!this.clock.areTagsValid(entry.tags, entry.since)) {
      this.entries?.delete(key);
      return undefined;
    }
    entry.since = this.clock.now;
    return entry;
  }

  /**
   * Stores an entry unless it was invalidated since it was read or loaded. Returns it in either
   * case, for the callers who wait for it.
   *
   * @param since the time of the invalidation clock from before the read or load began
   */
  public store(
    key: string,
    { entry, bytes, at: writtenAt }: FoundEntry,
    since: number,
    strategy: CompleteStrategy,
    hasServer: boolean,
  ): MemoryEntry {
    const refreshAt = refreshTime(entry, strategy);
    const recheckAt = hasServer
      ? writtenAt + strategy.memoryTtlSeconds * 1000
      : Number.POSITIVE_INFINITY;
    const stored: MemoryEntry = {
      value: entry.value,
      copied: entry.kind === 'value' && isolate(entry.value, this.isolation, entry.plain),
      kind: entry.kind,
      tags: entry.tags,
      createdAt: entry.createdAt,
      freshUntil: entry.freshUntil,
      staleUntil: entry.staleUntil,
      writtenAt,
      recheckAt,
      refreshAt,
      plainHitUntil: entry.kind === 'value' ? Math.min(recheckAt, refreshAt, entry.freshUntil) : 0,
      since,
    };
    if (since >= this.notBefore && this.clock.isValid(key, entry.tags, since))
      this.entries?.set(key, stored, { size: bytes + key.length + RECORD_BYTES });
    return stored;
  }

  /** Removes a key; if an entry is given, only if it is still the entry of the key. */
  public drop(key: string, entry?: MemoryEntry): void {
    if (entry === undefined || this.entries?.peek(key) === entry) this.entries?.delete(key);
  }

  /** Removes everything, and stores nothing that is being loaded now. */
  public clear(): void {
    this.notBefore = this.clock.advance();
    this.entries?.clear();
  }

  public get size(): number {
    return this.entries?.size ?? 0;
  }

  public get bytes(): number {
    return this.entries?.calculatedSize ?? 0;
  }
}
