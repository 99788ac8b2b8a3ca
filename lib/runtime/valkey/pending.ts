/** Invalidations to be sent, as they stood at one moment. */
export interface PendingNames {
  readonly keys: readonly string[];
  readonly tags: readonly string[];
}

/**
 * Invalidations that could not be sent. Until they are, this process takes what they name for
 * missing.
 *
 * Names are bounded. Past the bound nothing is known by name any more: `everything` is true, the
 * caller trusts nothing on the server and empties it. To forget some names instead would bring back
 * values that somebody ended.
 */
export class PendingInvalidations {
  private readonly keys = new Map<string, number>();
  private readonly tags = new Map<string, number>();
  private generation = 0;
  private lostAt: number | undefined;

  constructor(private readonly bound: number) {}

  /** Whether more was invalidated than can be kept by name. */
  public get everything(): boolean {
    return this.lostAt !== undefined;
  }

  public get size(): number {
    return this.keys.size + this.tags.size;
  }

  public get isEmpty(): boolean {
    return this.lostAt === undefined && this.size === 0;
  }

  public hasKey(key: string): boolean {
    return this.everything || this.keys.has(key);
  }

  public hasTag(tag: string): boolean {
    return this.everything || this.tags.has(tag);
  }

  public keep({ keys, tags }: PendingNames): void {
    this.generation++;
    if (this.everything) {
      this.lostAt = this.generation;
      return;
    }
    for (const key of keys) this.keys.set(key, this.generation);
    for (const tag of tags) this.tags.set(tag, this.generation);
    if (this.size > this.bound) this.keepEverything();
  }

  /** Gives up the names: anything may have been invalidated. */
  public keepEverything(): void {
    this.keys.clear();
    this.tags.clear();
    this.lostAt = ++this.generation;
  }

  /**
   * What is to be sent, with a mark of this moment: what is kept again later is not settled by it.
   */
  public get(): PendingNames & { readonly mark: number } {
    return { keys: [...this.keys.keys()], tags: [...this.tags.keys()], mark: this.generation };
  }

  /** These have reached the server. */
  public settle({ keys, tags }: PendingNames, mark: number): void {
    for (const [names, settled] of [
      [this.keys, keys],
      [this.tags, tags],
    ] as const) {
      for (const name of settled)
        if ((names.get(name) ?? Number.POSITIVE_INFINITY) <= mark) names.delete(name);
    }
  }

  /** The server holds nothing of before the mark. */
  public settleEverything(mark: number): void {
    if (this.lostAt !== undefined && this.lostAt <= mark) this.lostAt = undefined;
  }
}
