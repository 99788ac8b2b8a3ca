/**
 * The order of loads and invalidations within a process.
 *
 * Everything that is cached remembers the clock's time from before its load began; an invalidation
 * remembers the time at which it happened. A value that is older than an invalidation of its key or
 * of one of its tags is invalid, whether it is in memory already or still being loaded. The clock
 * is a counter and does not depend on wall-clock time.
 */

/** How many invalidated names are remembered individually. */
const REMEMBERED_NAMES = 10_000;

/**
 * The latest invalidation of each name. Past its size it forgets the oldest, and treats everything
 * older than that as invalidated.
 */
class InvalidatedNames {
  private readonly times = new Map<string, number>();
  private floor = 0;

  constructor(private readonly size: number) {}

  public add(name: string, time: number): void {
    // Deleted first, so that the map is ordered by time.
    this.times.delete(name);
    this.times.set(name, time);
    if (this.times.size <= this.size) return;
    const [oldest] = this.times;
    if (oldest === undefined) return;
    this.times.delete(oldest[0]);
    this.floor = oldest[1];
  }

  public isInvalidatedSince(name: string, time: number): boolean {
    return time < this.floor || time < (this.times.get(name) ?? 0);
  }
}

export class InvalidationClock {
  private readonly tags: InvalidatedNames;
  private readonly keys: InvalidatedNames;
  private time = 0;

  constructor(rememberedNames = REMEMBERED_NAMES) {
    this.tags = new InvalidatedNames(rememberedNames);
    this.keys = new InvalidatedNames(rememberedNames);
  }

  /** The time that a load remembers when it begins. */
  public get now(): number {
    return this.time;
  }

  public invalidateTags(tags: readonly string[]): void {
    this.time++;
    for (const tag of tags) this.tags.add(tag, this.time);
  }

  public invalidateKeys(keys: readonly string[]): void {
    this.time++;
    for (const key of keys) this.keys.add(key, this.time);
  }

  /** Advances the clock: the new time is later than the start of everything that has begun. */
  public advance(): number {
    this.time++;
    return this.time;
  }

  /** Whether no tag was invalidated since a time. */
  public areTagsValid(tags: readonly string[], since: number): boolean {
    if (since === this.time) return true;
    if (tags.length === 0) return true;
    for (const tag of tags) if (this.tags.isInvalidatedSince(tag, since)) return false;
    return true;
  }

  /** Whether a value that began to load at `since` may still be cached under the key. */
  public isValid(key: string, tags: readonly string[], since: number): boolean {
    return (
      since === this.time ||
      (!this.keys.isInvalidatedSince(key, since) && this.areTagsValid(tags, since))
    );
  }
}
