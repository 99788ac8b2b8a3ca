import type { CircuitBreakerPolicy, IBreaker } from 'cockatiel';
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

/** `CircuitState.Closed` of cockatiel, which is loaded on first use. */
const CLOSED = 0;

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
  private readonly policy: CircuitBreakerPolicy;
  private timer: NodeJS.Timeout | undefined;
  private probing: Promise<void> | undefined;
  private closed = false;
  /** When a failure was last counted, on the clock of `performance.now()`. */
  private failedAt = Number.NEGATIVE_INFINITY;
  /**
   * Errors of sends that were in flight when another failure was counted. One pause of the server
   * fails all of them together, so it counts once.
   */
  private readonly uncounted = new WeakSet<object>();

  constructor(private readonly options: CircuitBreakerOptions) {
    const { circuitBreaker, handleWhen, CircuitState } = cockatiel();
    this.policy = circuitBreaker(
      handleWhen((error) => !isCommandError(cacheErrorKind(error)) && !this.uncounted.has(error)),
      // This class decides when to probe, so that it can probe a new connection at once.
      { halfOpenAfter: 0, breaker: consecutiveOrHalf(options.breakAfter) },
    );
    this.policy.onStateChange((state) => {
      if (state === CircuitState.Closed) options.onChange(true);
      if (state !== CircuitState.Open) return;
      options.onChange(false);
      this.scheduleProbe();
    });
  }

  /** Whether commands are sent. */
  public get available(): boolean {
    return this.policy.state === CLOSED && !this.closed;
  }

  /** Sends commands together under one deadline. Returns at once while the breaker is open. */
  public async run<T>(
    send: () => Promise<T>,
    timeoutMs: number,
    late?: (value: T) => void,
  ): Promise<SendOutcome<T>> {
    if (!this.available) return OPEN;
    const sentAt = performance.now();
    try {
      return {
        ok: true,
        value: await this.policy.execute(() =>
          beforeDeadline(send, timeoutMs, late).catch((error: unknown) => {
            this.noteFailure(error, sentAt);
            throw error;
          }),
        ),
      };
    } catch (error) {
      const kind = cacheErrorKind(error);
      this.options.onError(kind, error);
      return { ok: false, kind };
    }
  }

  private noteFailure(error: unknown, sentAt: number): void {
    if (isCommandError(cacheErrorKind(error))) return;
    if (sentAt >= this.failedAt) this.failedAt = performance.now();
    else if (typeof error === 'object' && error !== null) this.uncounted.add(error);
  }

  /**
   * Probes now, for example because a new connection is ready. Does nothing while the breaker is
   * closed or a probe is running.
   */
  public async probe(): Promise<void> {
    if (this.closed || this.policy.state === CLOSED) return;
    this.probing ??= this.policy
      .execute(() => this.options.probe())
      .catch((error: unknown) => this.options.onError(cacheErrorKind(error), error))
      .finally(() => {
        this.probing = undefined;
      });
    await this.probing;
  }

  private scheduleProbe(): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.probe(), this.options.probeIntervalMs).unref();
  }

  /** Stops probing for good; nothing is sent any more. */
  public close(): void {
    this.closed = true;
    clearTimeout(this.timer);
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
