/**
 * One wait for an outcome. Waits are objects rather than closures: a read of the cache server
 * begins two, and each closure costs it as much as a reading of the clock.
 */
export abstract class Wait {
  /** Whether the outcome has arrived, or the deadline has passed. */
  public ended = false;

  /** @param at the deadline, on the clock of `performance.now()` */
  constructor(public readonly at: number) {}

  /** Called at the deadline. */
  public abstract expire(): void;
}

/** How many ended waits the queue holds before it is copied without them. */
const COMPACT_AT = 1024;

/**
 * Bounds many waits by one time span with a single timer. Waits end in the order in which they
 * began, so only the first one needs a timer. Each command would otherwise cost a timer of its own,
 * as `withTimeLimit` does.
 */
export class Deadlines {
  /** Positions before `head` are empty; `tail` is where the next wait goes. */
  private queue: (Wait | undefined)[] = [];
  private head = 0;
  private tail = 0;
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
   * Starts a wait. At its deadline it ends, and its `expire` is called.
   *
   * @param wait with a deadline at most one span from now
   */
  public start(wait: Wait): void {
    const { at } = wait;
    // A wait that continues an earlier one ends before waits that began later. Its position is near
    // the end.
    let position = this.tail++;
    for (; position > this.head && (this.queue[position - 1]?.at ?? 0) > at; position--)
      this.queue[position] = this.queue[position - 1];
    this.queue[position] = wait;
    if (at < this.timerAt) this.arm();
  }

  /** Ends a wait, because its outcome has arrived. Returns false if its deadline came first. */
  public end(wait: Wait): boolean {
    const inTime = !wait.ended;
    wait.ended = true;
    this.dropEnded();
    return inTime;
  }

  /**
   * Resolves to what `use` makes of the outcome of `work`; of undefined if `work` fails or does not
   * end by `at`.
   *
   * @param at at most one span from now
   * @param late receives an outcome that arrives after the deadline, to give it back
   * @throws what `use` throws
   */
  public race<T, R>(
    work: Promise<T>,
    at: number,
    use: (outcome: T | undefined) => R | PromiseLike<R>,
    late?: (outcome: T) => void,
  ): Promise<R> {
    return new Promise((resolve, reject) => {
      const race = new Race(at, use, resolve, reject);
      this.start(race);
      work.then(
        (outcome) => {
          if (this.end(race)) race.finish(outcome);
          else late?.(outcome);
        },
        () => {
          if (this.end(race)) race.finish(undefined);
        },
      );
    });
  }

  /** Ends all waits now, as at their deadlines. */
  public close(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.timerAt = Number.POSITIVE_INFINITY;
    const rest = this.queue.slice(this.head, this.tail);
    this.queue = [];
    this.head = 0;
    this.tail = 0;
    for (const wait of rest) if (wait !== undefined) expire(wait);
  }

  /**
   * Drops ended waits early: each keeps its caller's promise alive. The queue keeps its positions,
   * because an array that is emptied allocates them again for the next wait.
   */
  private dropEnded(): void {
    while (this.head < this.tail && this.queue[this.head]?.ended) {
      this.queue[this.head] = undefined;
      this.head++;
    }
    if (this.head === this.tail) {
      this.head = 0;
      this.tail = 0;
      if (this.queue.length > COMPACT_AT) this.queue = [];
    } else if (this.head >= COMPACT_AT) {
      this.queue = this.queue.slice(this.head, this.tail);
      this.tail -= this.head;
      this.head = 0;
    }
  }

  private arm(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.timerAt = Number.POSITIVE_INFINITY;
    this.dropEnded();
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
    while (this.head < this.tail) {
      const wait = this.queue[this.head];
      if (wait === undefined || wait.at > now) break;
      this.queue[this.head] = undefined;
      this.head++;
      expire(wait);
    }
    this.arm();
  }
}

function expire(wait: Wait): void {
  if (wait.ended) return;
  wait.ended = true;
  wait.expire();
}

/** The wait of `Deadlines.race`. */
class Race<T, R> extends Wait {
  constructor(
    at: number,
    private readonly use: (outcome: T | undefined) => R | PromiseLike<R>,
    private readonly resolve: (result: R | PromiseLike<R>) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    super(at);
  }

  public expire(): void {
    this.finish(undefined);
  }

  public finish(outcome: T | undefined): void {
    try {
      this.resolve(this.use(outcome));
    } catch (error) {
      this.reject(error);
    }
  }
}
