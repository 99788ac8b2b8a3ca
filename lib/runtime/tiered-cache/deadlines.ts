interface Wait {
  readonly at: number;
  /** Ends the wait without an outcome; undefined once the wait has ended. */
  expire: ((nothing: undefined) => void) | undefined;
}

/** How many ended waits the queue holds before it is copied without them. */
const COMPACT_AT = 1024;

/**
 * Bounds many waits by one time span with a single timer. Waits end in the order in which they
 * began, so only the first one needs a timer. A read of the server would otherwise cost a timer
 * each, as `withTimeLimit` does.
 */
export class CacheDeadlines {
  private queue: Wait[] = [];
  private head = 0;
  private timer: NodeJS.Timeout | undefined;
  /** When the timer fires. A wait that ends later needs no timer of its own. */
  private timerAt = Number.POSITIVE_INFINITY;
  private immediate: NodeJS.Immediate | undefined;

  constructor(public readonly spanMs: number) {}

  /**
   * The end of a wait that begins now, on the clock of `performance.now()`, which never goes back.
   */
  public next(): number {
    return performance.now() + this.spanMs;
  }

  /**
   * Returns the outcome of `work`; undefined if it fails or does not end by `at`.
   *
   * @param at at most one span from now
   * @param late receives an outcome that arrives after the deadline, to give it back
   */
  public race<T>(
    work: Promise<T>,
    at: number,
    late?: (outcome: T) => void,
  ): Promise<T | undefined> {
    return new Promise((resolve) => {
      const wait: Wait = { at, expire: resolve };
      this.enqueue(wait);
      work.then(
        (outcome) => {
          if (wait.expire === undefined) late?.(outcome);
          this.finish(wait);
          resolve(outcome);
        },
        () => {
          this.finish(wait);
          resolve(undefined);
        },
      );
    });
  }

  /** Ends all waits now. */
  public close(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.timerAt = Number.POSITIVE_INFINITY;
    const rest = this.queue.slice(this.head);
    this.queue = [];
    this.head = 0;
    for (const wait of rest) expire(wait);
  }

  private enqueue(wait: Wait): void {
    // A wait that continues an earlier one ends before waits that began later. Its position is near
    // the end.
    let position = this.queue.length;
    while (position > this.head && (this.queue[position - 1]?.at ?? 0) > wait.at) position--;
    if (position === this.queue.length) this.queue.push(wait);
    else this.queue.splice(position, 0, wait);
    if (wait.at < this.timerAt) this.arm();
  }

  private finish(wait: Wait): void {
    wait.expire = undefined;
    this.dropFinished();
  }

  /** Drops ended waits early: each keeps its caller's promise alive. */
  private dropFinished(): void {
    while (this.head < this.queue.length && this.queue[this.head]?.expire === undefined)
      this.head++;
    if (this.head === this.queue.length) {
      this.queue.length = 0;
      this.head = 0;
    } else if (this.head >= COMPACT_AT) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }

  private arm(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.timerAt = Number.POSITIVE_INFINITY;
    this.dropFinished();
    const first = this.queue[this.head];
    if (first === undefined) return;
    this.timerAt = first.at;
    // After a busy spell, the answer may already be in the socket: it is read before any wait ends.
    const afterSockets = () => {
      this.immediate = setImmediate(() => this.expireDue());
    };
    this.timer = setTimeout(afterSockets, Math.max(0, Math.ceil(first.at - performance.now())));
  }

  private expireDue(): void {
    const now = performance.now();
    for (
      let wait = this.queue[this.head];
      wait !== undefined && wait.at <= now;
      wait = this.queue[this.head]
    ) {
      this.head++;
      expire(wait);
    }
    this.arm();
  }
}

function expire(wait: Wait): void {
  const { expire: resolve } = wait;
  wait.expire = undefined;
  resolve?.(undefined);
}
