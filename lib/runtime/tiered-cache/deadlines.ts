interface Slot {
  readonly at: number;
  /** Ends the wait without an outcome; gone when it has ended. */
  expire: ((nothing: undefined) => void) | undefined;
}

/** Where a cleaned queue is worth the copy. */
const CLEAN_AT = 1024;

/**
 * Bounds waits by one span of time with one timer for all of them: they end in the order in which
 * they began, so only the first has to be watched.
 */
export class CacheDeadlines {
  private queue: Slot[] = [];
  private head = 0;
  private timer: NodeJS.Timeout | undefined;
  /** When the timer looks; a wait that ends later needs no other one. */
  private watchedUntil = Number.POSITIVE_INFINITY;
  private immediate: NodeJS.Immediate | undefined;

  constructor(public readonly spanMs: number) {}

  /**
   * When a wait that begins now ends, on the clock of `performance.now()`, which nobody sets back.
   */
  public next(): number {
    return performance.now() + this.spanMs;
  }

  /**
   * The outcome of `work`; `undefined` if it takes longer than until `at` (at most a span from now)
   * or fails.
   * @param late gets what comes too late, to give it back
   */
  public race<T>(
    work: Promise<T>,
    at: number,
    late?: (outcome: T) => void,
  ): Promise<T | undefined> {
    return new Promise((resolve) => {
      const slot: Slot = { at, expire: resolve };
      this.watch(slot);
      work.then(
        (outcome) => {
          if (slot.expire === undefined) late?.(outcome);
          this.finish(slot);
          resolve(outcome);
        },
        () => {
          this.finish(slot);
          resolve(undefined);
        },
      );
    });
  }

  /** Ends all waits now. */
  public close(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.watchedUntil = Number.POSITIVE_INFINITY;
    const rest = this.queue.slice(this.head);
    this.queue = [];
    this.head = 0;
    for (const slot of rest) end(slot);
  }

  private watch(slot: Slot): void {
    // A wait that continues an earlier one ends before those that began after it: it goes to its
    // place, which is near the end.
    let place = this.queue.length;
    while (place > this.head && (this.queue[place - 1]?.at ?? 0) > slot.at) place--;
    if (place === this.queue.length) this.queue.push(slot);
    else this.queue.splice(place, 0, slot);
    if (slot.at < this.watchedUntil) this.arm();
  }

  private finish(slot: Slot): void {
    slot.expire = undefined;
    this.forgetFinished();
  }

  /** What has ended is let go of early: it holds on to what it was for. */
  private forgetFinished(): void {
    while (this.head < this.queue.length && this.queue[this.head]?.expire === undefined)
      this.head++;
    if (this.head === this.queue.length) {
      this.queue.length = 0;
      this.head = 0;
    } else if (this.head >= CLEAN_AT) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }

  private arm(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.watchedUntil = Number.POSITIVE_INFINITY;
    this.forgetFinished();
    const first = this.queue[this.head];
    if (first === undefined) return;
    this.watchedUntil = first.at;
    // A process that was busy may have the answer in its socket already: it is read before anything
    // ends.
    const waiting = () => {
      this.immediate = setImmediate(() => this.expire());
    };
    this.timer = setTimeout(waiting, Math.max(0, Math.ceil(first.at - performance.now())));
  }

  private expire(): void {
    const now = performance.now();
    for (
      let slot = this.queue[this.head];
      slot !== undefined && slot.at <= now;
      slot = this.queue[this.head]
    ) {
      this.head++;
      end(slot);
    }
    this.arm();
  }
}

function end(slot: Slot): void {
  const { expire } = slot;
  slot.expire = undefined;
  expire?.(undefined);
}
