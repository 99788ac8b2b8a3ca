/** More keys than these are forgotten, the oldest first. */
const MAX_PASSES = 1000;

/**
 * Keys whose answer turned out not to be cacheable: for a while, their requests do not wait for
 * each other.
 */
export class RecentPasses {
  private readonly until = new Map<string, number>();

  constructor(private readonly milliseconds: number) {}

  has(key: string): boolean {
    return (this.until.get(key) ?? 0) > Date.now();
  }

  add(key: string): void {
    this.until.delete(key);
    const [oldest] = this.until.keys();
    if (this.until.size >= MAX_PASSES && oldest !== undefined) this.until.delete(oldest);
    this.until.set(key, Date.now() + this.milliseconds);
  }
}
