/** A tag that is invalidated once more, and whether it was written again meanwhile. */
interface Due {
  readonly at: number;
  again: boolean;
}

/**
 * Invalidates tags a second time, when replicas have had time to catch up: between a write and its
 * replay, another process may have read the old rows from a replica and kept them under the new
 * versions of the tags.
 */
export class LateInvalidations {
  private readonly due = new Map<string, Due>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly afterMs: number,
    private readonly invalidate: (tags: readonly string[]) => Promise<unknown>,
  ) {}

  public plan(tags: readonly string[]): void {
    if (this.afterMs === 0 || this.closed) return;
    for (const tag of tags) {
      const known = this.due.get(tag);
      // A tag that is written all the time is invalidated all the same: the time of the first write
      // stands.
      if (known) known.again = true;
      else this.due.set(tag, { at: Date.now() + this.afterMs, again: false });
    }
    this.arm();
  }

  /** Invalidates at once what is still to come. */
  public async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const tags = [...this.due.keys()];
    this.due.clear();
    if (tags.length > 0) await this.invalidate(tags);
  }

  private arm(): void {
    if (this.timer !== undefined || this.due.size === 0) return;
    const first = Math.min(...[...this.due.values()].map(({ at }) => at));
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.fire();
        this.arm();
      },
      Math.max(1, first - Date.now()),
    ).unref();
  }

  private fire(): void {
    const now = Date.now();
    const tags: string[] = [];
    for (const [tag, { at, again }] of [...this.due]) {
      if (at > now) continue;
      tags.push(tag);
      this.due.delete(tag);
      if (again) this.due.set(tag, { at: now + this.afterMs, again: false });
    }
    if (tags.length > 0) this.invalidate(tags).catch(() => {});
  }
}

/** Names, and what they lead to, and what that leads to. */
export function closure(
  names: readonly string[],
  leads: Readonly<Record<string, readonly string[]>> = {},
): string[] {
  const all = new Set(names);
  for (const name of all) {
    const bare = name.slice(name.lastIndexOf('.') + 1);
    for (const next of [...(leads[name] ?? []), ...(leads[bare] ?? [])]) all.add(next);
  }
  return [...all];
}
