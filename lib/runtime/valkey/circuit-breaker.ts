import type { IBreaker } from 'cockatiel';
import { Deadlines, Wait } from '../shared';
import { CacheDeadlineError, type CacheErrorKind, cacheErrorKind, isCommandError } from './errors';

/** Loads cockatiel on first use: a cache without a server does not need it. */
function cockatiel(): typeof import('cockatiel') {
  return require('cockatiel');
}

/** The outcome of commands that were sent together; `open` if the breaker let nothing through. */
export type SendOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly kind: CacheErrorKind | 'open' };

const OPEN: SendOutcome<never> = Object.freeze({ ok: false, kind: 'open' });

/** `CircuitState` of cockatiel, which is loaded on first use. */
const CLOSED = 0;
const HALF_OPEN = 2;

/** The number of recent batches over which the share of failures is taken. */
const SAMPLE_BATCHES = 20;

/**
 * Waits for an answer until a deadline.
 *
 * Unlike `withTimeLimit`, it gives the sockets one more turn when the timer fires: after a long
 * busy spell, the timer fires before the answers that have already arrived are read. A pause of
 * this process is no fault of the server.
 *
 * @param late receives an answer that arrives after the deadline
 * @throws CacheDeadlineError at the deadline
 */
export function beforeDeadline<T>(
  send: () => Promise<T>,
  timeoutMs: number,
  late?: (value: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let state: 'waiting' | 'answered' | 'expired' = 'waiting';
    const timer = setTimeout(() => {
      setImmediate(() => {
        if (state !== 'waiting') return;
        state = 'expired';
        reject(new CacheDeadlineError(timeoutMs));
      });
    }, timeoutMs);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      if (state === 'waiting') {
        state = 'answered';
        act();
      }
    };
    send().then(
      (value) => {
        if (state === 'expired') late?.(value);
        settle(() => resolve(value));
      },
      (error) => settle(() => reject(error)),
    );
  });
}

export interface CircuitBreakerOptions {
  /** Consecutive failures after which the breaker opens. */
  readonly breakAfter: number;
  /** Milliseconds between two probes while the breaker is open. */
  readonly probeIntervalMs: number;
  /**
   * Checks that the server is back, and prepares it for use. Rejects if the server is not back.
   */
  readonly probe: () => Promise<void>;
  readonly onError: (kind: CacheErrorKind, error: unknown) => void;
  readonly onChange: (closed: boolean) => void;
}

/**
 * The circuit breaker of one server. Every send has a deadline. While the breaker is open, it sends
 * nothing except a probe at intervals.
 */
export class CircuitBreaker {
  private readonly failures: IBreaker;
  /** The waits of sends, by time limit: one timer each, however many are sent. */
  private readonly deadlines = new Map<number, Deadlines>();
  private timer: NodeJS.Timeout | undefined;
  private probing: Promise<void> | undefined;
  private open = false;
  private closed = false;
  /**
   * When a failure was last counted, on the clock of `performance.now()`. Sends that were in flight
   * at that time fail together with it, in one pause of the server, which counts once.
   */
  private failedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: CircuitBreakerOptions) {
    this.failures = consecutiveOrHalf(options.breakAfter);
  }

  /** Whether commands are sent. */
  public get available(): boolean {
    return !this.open && !this.closed;
  }

  /** Sends commands together under one deadline. Returns at once while the breaker is open. */
  public run<T>(
    send: () => Promise<T>,
    timeoutMs: number,
    late?: (value: T) => void,
  ): Promise<SendOutcome<T>> {
    return new Promise((resolve) => {
      const promised = (sending: Sending<T>) => {
        send().then(
          (value) => sending.answered(value),
          (error: unknown) => sending.failed(error),
        );
      };
      this.start(promised, timeoutMs, resolve, late);
    });
  }

  /**
   * As `run`, with callbacks: each promise in between costs a read of the server a share of what
   * the read itself does.
   *
   * @param send calls a method of its argument once, or throws
   * @param done called once; must not throw
   */
  public start<T>(
    send: (sending: Sending<T>) => void,
    timeoutMs: number,
    done: (outcome: SendOutcome<T>) => void,
    late?: (value: T) => void,
  ): void {
    if (!this.available) {
      done(OPEN);
      return;
    }
    const deadlines = this.deadlinesOf(timeoutMs);
    const sentAt = performance.now();
    const sending = new Sending(this, deadlines, sentAt, done, late);
    deadlines.start(sending);
    try {
      send(sending);
    } catch (error) {
      sending.failed(error);
    }
  }

  /** Counts an answer of the server. */
  public succeeded(): void {
    this.failures.success(CLOSED);
  }

  /**
   * Counts a failure.
   *
   * @param sentAt when the failed commands were sent, on the clock of `performance.now()`
   */
  public failed(error: unknown, sentAt: number): SendOutcome<never> {
    if (this.closed) return OPEN;
    const kind = cacheErrorKind(error);
    if (!isCommandError(kind) && sentAt >= this.failedAt) {
      this.failedAt = performance.now();
      if (this.failures.failure(CLOSED)) this.setOpen(true);
    }
    this.options.onError(kind, error);
    return { ok: false, kind };
  }

  private deadlinesOf(timeoutMs: number): Deadlines {
    let deadlines = this.deadlines.get(timeoutMs);
    if (deadlines === undefined) {
      deadlines = new Deadlines(timeoutMs);
      this.deadlines.set(timeoutMs, deadlines);
    }
    return deadlines;
  }

  private setOpen(open: boolean): void {
    if (this.open === open) return;
    this.open = open;
    this.options.onChange(!open);
    if (open) this.scheduleProbe();
  }

  /**
   * Probes now, for example because a new connection is ready. Does nothing while the breaker is
   * closed or a probe is running.
   */
  public async probe(): Promise<void> {
    if (this.closed || !this.open) return;
    this.probing ??= this.runProbe().finally(() => {
      this.probing = undefined;
    });
    await this.probing;
  }

  private async runProbe(): Promise<void> {
    try {
      await this.options.probe();
    } catch (error) {
      const kind = cacheErrorKind(error);
      this.options.onError(kind, error);
      // The server answered, and refused this one command.
      if (!isCommandError(kind)) {
        this.scheduleProbe();
        return;
      }
    }
    this.failures.success(HALF_OPEN);
    this.setOpen(false);
  }

  private scheduleProbe(): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.probe(), this.options.probeIntervalMs).unref();
  }

  /** Stops probing for good, and ends all waits. Nothing is sent any more. */
  public close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    for (const deadlines of this.deadlines.values()) deadlines.close();
  }
}

/** Commands that were sent, and the wait for their answer. */
export class Sending<T> extends Wait {
  constructor(
    private readonly breaker: CircuitBreaker,
    private readonly deadlines: Deadlines,
    private readonly sentAt: number,
    private readonly done: (outcome: SendOutcome<T>) => void,
    private readonly late: ((value: T) => void) | undefined,
  ) {
    super(sentAt + deadlines.spanMs);
  }

  public answered(value: T): void {
    if (this.deadlines.end(this)) {
      this.breaker.succeeded();
      this.done({ ok: true, value });
    } else this.late?.(value);
  }

  public failed(error: unknown): void {
    if (this.deadlines.end(this)) this.done(this.breaker.failed(error, this.sentAt));
  }

  public expire(): void {
    const error = new CacheDeadlineError(this.deadlines.spanMs);
    this.done(this.breaker.failed(error, this.sentAt));
  }
}

/**
 * Opens after consecutive failures, which is how a lost server fails, or when more than half of the
 * last twenty batches failed, which is how a bad network fails.
 */
function consecutiveOrHalf(failures: number): IBreaker {
  const { ConsecutiveBreaker, CountBreaker } = cockatiel();
  const consecutive = new ConsecutiveBreaker(failures);
  const half = new CountBreaker({ threshold: 0.5, size: SAMPLE_BATCHES });
  return {
    state: undefined,
    success(state) {
      consecutive.success();
      half.success(state);
    },
    failure(state) {
      const halfFailed = half.failure(state);
      return consecutive.failure() || halfFailed;
    },
  };
}
