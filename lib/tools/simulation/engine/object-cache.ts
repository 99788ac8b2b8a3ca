/**
 * One cache: its objects by key in least-recently-used order, and the reason why a key is absent.
 */
import { hash53 } from '../hash';
import type { MissReason } from '../messages';
import type { StoredResponse } from './stored-response';

export interface CachedObject {
  readonly key: string;
  /** The URL part of the key, without headers and cookies. */
  readonly url: string;
  readonly stored: StoredResponse;
  /** After an origin error, the stale object is served until this time without a new request. */
  retryMs: number;
}

/** How many keys a cache remembers after it removed their objects. */
const NOTES = 1 << 20;
const INVALIDATED = -1;

/**
 * AWS documents neither capacity nor eviction policy, only that objects stay that "have been
 * requested more recently", so the model evicts the least recently used object.
 */
export class ObjectCache {
  bytes = 0;
  evictions = 0;
  /** A Map keeps insertion order: the first object is the least recently used. */
  private readonly objects = new Map<string, CachedObject>();
  private readonly urls = new Map<string, number>();
  /** By the hash of a removed key: when the evicted object would have expired, or INVALIDATED. */
  private readonly notes = new Map<number, number>();

  constructor(private readonly capacityBytes: number) {}

  get size(): number {
    return this.objects.size;
  }

  get(key: string): CachedObject | undefined {
    return this.objects.get(key);
  }

  /** Marks an object as used. Call it whenever the object is served. */
  touch(object: CachedObject): void {
    if (this.objects.get(object.key) !== object) return;
    this.objects.delete(object.key);
    this.objects.set(object.key, object);
  }

  set(key: string, url: string, stored: StoredResponse): void {
    this.delete(key);
    if (stored.bytes > this.capacityBytes) {
      this.note(key, stored.expiresMs);
      return;
    }
    this.objects.set(key, { key, url, stored, retryMs: 0 });
    this.urls.set(url, (this.urls.get(url) ?? 0) + 1);
    this.bytes += stored.bytes;
    this.notes.delete(hash53(key));
    if (this.bytes > this.capacityBytes) this.evict();
  }

  delete(key: string): void {
    const object = this.objects.get(key);
    if (object === undefined) return;
    this.objects.delete(key);
    this.bytes -= object.stored.bytes;
    const others = (this.urls.get(object.url) ?? 1) - 1;
    if (others === 0) this.urls.delete(object.url);
    else this.urls.set(object.url, others);
  }

  /** @returns the number of removed objects */
  invalidate(matches: (url: string) => boolean): number {
    const removed = [...this.objects.values()].filter(({ url }) => matches(url));
    for (const { key } of removed) {
      this.delete(key);
      this.note(key, INVALIDATED);
    }
    return removed.length;
  }

  /** Why there is no object for this key. */
  absence(key: string, url: string, nowMs: number): MissReason {
    const note = this.notes.get(hash53(key));
    if (note !== undefined)
      return note === INVALIDATED ? 'invalidated' : nowMs < note ? 'evicted' : 'expired';
    return this.urls.has(url) ? 'varied' : 'first-seen';
  }

  private evict(): void {
    for (const { key, stored } of this.objects.values()) {
      if (this.bytes <= this.capacityBytes) return;
      this.delete(key);
      this.note(key, stored.expiresMs);
      this.evictions++;
    }
  }

  private note(key: string, note: number): void {
    const id = hash53(key);
    this.notes.delete(id);
    this.notes.set(id, note);
    const [oldest] = this.notes.size > NOTES ? this.notes.keys() : [];
    if (oldest !== undefined) this.notes.delete(oldest);
  }
}
