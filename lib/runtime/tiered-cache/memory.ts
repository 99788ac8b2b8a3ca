import type { LRUCache } from 'lru-cache';
import type { CacheEntry } from '../entries';
import { optionalPackage } from '../shared';
import { refreshTime } from './freshness';
import { type CacheIsolation, type HeldValue, hold } from './isolation';
import type { CompleteStrategy } from './options';
import type { CacheSequence } from './sequence';

function lruCache(): typeof import('lru-cache') {
  return optionalPackage(
    'lru-cache',
    'TieredCache with a memory',
    () => require('lru-cache') as typeof import('lru-cache'),
  );
}

/**
 * What an entry costs beside its bytes: its record, its place in the list, its times. A guess, on
 * the safe side.
 */
const RECORD_BYTES = 256;

/**
 * An entry as a process keeps it: decoded, isolated, with the times at which it needs attention.
 */
export interface MemoryEntry extends HeldValue {
  readonly kind: 'value' | 'error';
  readonly tags: readonly string[];
  readonly createdAt: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  /** When it came into this memory. */
  readonly writtenAt: number;
  /** From when on the server is asked again. */
  readonly askAt: number;
  /** From when on a hit renews it. */
  readonly refreshAt: number;
  /** Until when a hit is nothing but a hit. */
  readonly quietUntil: number;
  /** The sequence number up to which its tags are known not to be invalidated. */
  since: number;
}

/**
 * The tier within a process: bounded by entries and by bytes, as encoded. It knows about
 * invalidations, and not about the server.
 */
export class CacheMemory {
  private readonly entries: LRUCache<string, MemoryEntry> | undefined;
  /** What began before is not kept. */
  private notBefore = 0;

  constructor(
    limits: { readonly entries: number; readonly bytes: number },
    private readonly isolation: CacheIsolation,
    private readonly sequence: CacheSequence,
  ) {
    if (limits.entries > 0)
      this.entries = new (lruCache().LRUCache)({ max: limits.entries, maxSize: limits.bytes });
  }

  /**
   * The entry of a key, if nothing has invalidated it; how old it may be is the caller's to decide.
   */
  public find(key: string): MemoryEntry | undefined {
    const entry = this.entries?.get(key);
    if (entry === undefined || entry.since === this.sequence.now) return entry;
    if (!this.sequence.tagsLive(entry.tags, entry.since)) {
      this.entries?.delete(key);
      return undefined;
    }
    entry.since = this.sequence.now;
    return entry;
  }

  /**
   * An entry as it would be kept, for those who wait for it; it is kept too unless something
   * invalidated it since it was read or loaded.
   * @param since the sequence number from before that began
   */
  public keep(
    key: string,
    entry: CacheEntry,
    bytes: number,
    since: number,
    strategy: CompleteStrategy,
    asksServer: boolean,
  ): MemoryEntry {
    const writtenAt = Date.now();
    const refreshAt = refreshTime(entry, strategy);
    const askAt = asksServer
      ? writtenAt + strategy.memoryTtlSeconds * 1000
      : Number.POSITIVE_INFINITY;
    const { value, copied } =
      entry.kind === 'error'
        ? { value: entry.value, copied: false }
        : hold(entry.value, this.isolation);
    const kept: MemoryEntry = {
      value,
      copied,
      kind: entry.kind,
      tags: entry.tags,
      createdAt: entry.createdAt,
      freshUntil: entry.freshUntil,
      staleUntil: entry.staleUntil,
      writtenAt,
      askAt,
      refreshAt,
      quietUntil: entry.kind === 'value' ? Math.min(askAt, refreshAt, entry.freshUntil) : 0,
      since,
    };
    if (since >= this.notBefore && this.sequence.live(key, entry.tags, since))
      this.entries?.set(key, kept, { size: bytes + key.length + RECORD_BYTES });
    return kept;
  }

  /** Drops a key; with an entry, only if it is still that one. */
  public drop(key: string, entry?: MemoryEntry): void {
    if (entry === undefined || this.entries?.peek(key) === entry) this.entries?.delete(key);
  }

  /** Drops everything, and what is on its way. */
  public clear(): void {
    this.notBefore = this.sequence.next();
    this.entries?.clear();
  }

  public get size(): number {
    return this.entries?.size ?? 0;
  }

  public get bytes(): number {
    return this.entries?.calculatedSize ?? 0;
  }
}
