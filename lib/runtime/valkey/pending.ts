/** The names in a set of invalidations. */
export interface InvalidatedNames {
  readonly keys: readonly string[];
  readonly tags: readonly string[];
}

/**
 * Invalidations that could not be sent. Until they are sent, this process treats the keys and tags
 * they name as missing.
 *
 * The number of names is bounded. Past the bound no names are kept: `everything` is true, and the
 * caller trusts nothing on the server and empties it. Forgetting only some names would bring back
 * values that were invalidated.
 */
export class PendingInvalidations {
  private readonly keys = new Map<string, number>();
  private readonly tags = new Map<string, number>();
  private generation = 0;
  /** The generation of the latest addition past the bound. */
  private overflowedAt: number | undefined;

  constructor(private readonly bound: number) {}

  /** Whether more was invalidated than can be kept by name. */
  public get everything(): boolean {
    return this.overflowedAt !== undefined;
  }

  public get size(): number {
    return this.keys.size + this.tags.size;
  }

  public get isEmpty(): boolean {
    return this.overflowedAt === undefined && this.size === 0;
  }

  public hasKey(key: string): boolean {
    return this.everything || this.keys.has(key);
  }

  public hasTag(tag: string): boolean {
    return this.everything || this.tags.has(tag);
  }

  public add({ keys, tags }: InvalidatedNames): void {
    this.generation++;
    if (this.everything) {
      this.overflowedAt = this.generation;
      return;
    }
    for (const key of keys) this.keys.set(key, this.generation);
    for (const tag of tags) this.tags.set(tag, this.generation);
    if (this.size > this.bound) this.addEverything();
  }

  /** Forgets the names: anything may have been invalidated. */
  public addEverything(): void {
    this.keys.clear();
    this.tags.clear();
    this.overflowedAt = ++this.generation;
  }

  /**
   * The names to send, with a mark of this moment. Confirming the mark does not confirm a name that
   * was added again later.
   */
  public snapshot(): InvalidatedNames & { readonly mark: number } {
    return { keys: [...this.keys.keys()], tags: [...this.tags.keys()], mark: this.generation };
  }

  /** Removes names that have reached the server. */
  public confirm({ keys, tags }: InvalidatedNames, mark: number): void {
    for (const [names, confirmed] of [
      [this.keys, keys],
      [this.tags, tags],
    ] as const) {
      for (const name of confirmed)
        if ((names.get(name) ?? Number.POSITIVE_INFINITY) <= mark) names.delete(name);
    }
  }

  /** Records that the server holds nothing from before the mark. */
  public confirmEverything(mark: number): void {
    if (this.overflowedAt !== undefined && this.overflowedAt <= mark) this.overflowedAt = undefined;
  }
}
