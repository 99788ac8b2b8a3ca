/** A tag that is due for another invalidation. */
interface Due {
  /** Milliseconds of `performance.now()`, which no set clock moves. */
  readonly at: number;
  /** Whether the tag was written again in the meantime. */
  again: boolean;
}

/**
 * Invalidates tags a second time, after the replicas have had time to catch up. Between a write and
 * its replay, another process may have read old rows from a replica, and cached them under the new
 * versions of the tags.
 */
export class DelayedInvalidations {
  private readonly due = new Map<string, Due>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly delayMs: number,
    private readonly invalidate: (tags: readonly string[]) => Promise<unknown>,
  ) {}

  public schedule(tags: readonly string[]): void {
    if (this.delayMs === 0 || this.closed) return;
    for (const tag of tags) {
      const known = this.due.get(tag);
      // The time of the first write stands, so that a tag that is written all the time is still
      // invalidated.
      if (known) known.again = true;
      else this.due.set(tag, { at: performance.now() + this.delayMs, again: false });
    }
    this.startTimer();
  }

  /** Invalidates at once all tags that are due later. */
  public async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const tags = [...this.due.keys()];
    this.due.clear();
    if (tags.length > 0) await this.invalidate(tags);
  }

  private startTimer(): void {
    if (this.timer !== undefined || this.due.size === 0) return;
    const first = Math.min(...[...this.due.values()].map(({ at }) => at));
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.fire();
        this.startTimer();
      },
      Math.max(1, first - performance.now()),
    ).unref();
  }

  private fire(): void {
    const now = performance.now();
    const tags: string[] = [];
    for (const [tag, { at, again }] of [...this.due]) {
      if (at > now) continue;
      tags.push(tag);
      this.due.delete(tag);
      if (again) this.due.set(tag, { at: now + this.delayMs, again: false });
    }
    if (tags.length > 0) this.invalidate(tags).catch(() => {});
  }
}

/** The names, with all names that the map leads to from them, directly or indirectly. */
export function transitiveClosure(
  names: readonly string[],
  map: Readonly<Record<string, readonly string[]>> = {},
): string[] {
  const all = new Set(names);
  for (const name of all) {
    const bare = name.slice(name.lastIndexOf('.') + 1);
    for (const next of [...(map[name] ?? []), ...(map[bare] ?? [])]) all.add(next);
  }
  return [...all];
}
