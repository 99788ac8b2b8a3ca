/** How long `close` waits for work that does not end, such as a loader that ignores its signal. */
const LONGEST_CLOSE_MS = 2000;

/** What goes on after the callers have their values. */
export class CacheBackground {
  private readonly running = new Set<Promise<unknown>>();

  public get size(): number {
    return this.running.size;
  }

  /** @param work must not reject */
  public run(work: Promise<unknown>): void {
    this.running.add(work);
    void work.finally(() => this.running.delete(work));
  }

  /** Waits for what runs, two seconds at most. */
  public async settled(): Promise<void> {
    if (this.running.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LONGEST_CLOSE_MS);
    });
    await Promise.race([Promise.all(this.running), late]);
    clearTimeout(timer);
  }
}
