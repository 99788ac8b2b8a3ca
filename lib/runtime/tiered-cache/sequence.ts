/**
 * The order of loads and invalidations within a process.
 *
 * Whatever is kept remembers the sequence number from before its load began; an invalidation
 * remembers the number at which it came. What is older than an invalidation of its key or of one of
 * its tags is dead, whether it lies in the memory already or is still being loaded. Nothing here
 * depends on the clock.
 */

/** How many invalidated names are remembered one by one. */
const REMEMBERED = 10_000;

/**
 * The latest invalidation of each name. Beyond its size it forgets the oldest, and takes all that
 * is older than that for invalidated.
 */
class InvalidatedNames {
  private readonly at = new Map<string, number>();
  private floor = 0;

  constructor(private readonly size: number) {}

  public add(name: string, sequence: number): void {
    // Deleted first, so that the order of the map is the order of the numbers.
    this.at.delete(name);
    this.at.set(name, sequence);
    if (this.at.size <= this.size) return;
    const [oldest] = this.at;
    if (oldest === undefined) return;
    this.at.delete(oldest[0]);
    this.floor = oldest[1];
  }

  public since(name: string, sequence: number): boolean {
    return sequence < this.floor || sequence < (this.at.get(name) ?? 0);
  }
}

export class CacheSequence {
  private readonly tags: InvalidatedNames;
  private readonly keys: InvalidatedNames;
  private number = 0;

  constructor(remembered = REMEMBERED) {
    this.tags = new InvalidatedNames(remembered);
    this.keys = new InvalidatedNames(remembered);
  }

  /** The number that something which begins now remembers. */
  public get now(): number {
    return this.number;
  }

  public invalidateTags(tags: readonly string[]): void {
    this.number++;
    for (const tag of tags) this.tags.add(tag, this.number);
  }

  public invalidateKeys(keys: readonly string[]): void {
    this.number++;
    for (const key of keys) this.keys.add(key, this.number);
  }

  /** A number that is greater than that of all that has begun. */
  public next(): number {
    this.number++;
    return this.number;
  }

  /** Whether none of the tags was invalidated since. */
  public tagsLive(tags: readonly string[], since: number): boolean {
    if (since === this.number) return true;
    if (tags.length === 0) return true;
    for (const tag of tags) if (this.tags.since(tag, since)) return false;
    return true;
  }

  /** Whether what began at `since` may still be kept under the key. */
  public live(key: string, tags: readonly string[], since: number): boolean {
    return since === this.number || (!this.keys.since(key, since) && this.tagsLive(tags, since));
  }
}
