/**
 * Calls that wait for a load of another process: they sleep between two looks, and are woken when
 * the load is said to have ended.
 */
export class CacheWaits {
  private readonly sleepers = new Map<string, Set<() => void>>();

  public sleep(key: string, milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const sleepers = this.sleepers.get(key) ?? new Set();
      this.sleepers.set(key, sleepers);
      const wake = () => {
        clearTimeout(timer);
        sleepers.delete(wake);
        if (sleepers.size === 0 && this.sleepers.get(key) === sleepers) this.sleepers.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      sleepers.add(wake);
    });
  }

  public wake(keys: Iterable<string>): void {
    if (this.sleepers.size === 0) return;
    for (const key of keys) for (const wake of [...(this.sleepers.get(key) ?? [])]) wake();
  }

  public close(): void {
    this.wake([...this.sleepers.keys()]);
  }
}
