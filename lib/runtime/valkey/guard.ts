import type { CircuitBreakerPolicy, IBreaker } from 'cockatiel';
import { optionalPackage } from '../shared';
import {
  CacheDeadlineError,
  type CacheErrorKind,
  cacheErrorKind,
  isServerThere,
} from './error-kinds';

function cockatiel(): typeof import('cockatiel') {
  return optionalPackage(
    'cockatiel',
    'ValkeyServer',
    () => require('cockatiel') as typeof import('cockatiel'),
  );
}

/** What came of commands that were sent together. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly kind: CacheErrorKind | 'open' };

const OPEN: Answer<never> = Object.freeze({ ok: false, kind: 'open' });

/** `CircuitState.Closed` of cockatiel, which is loaded late. */
const CLOSED = 0;

/** Of how many batches a share of failures is taken. */
const SHARE_OF = 20;

/**
 * Waits for an answer until a deadline.
 *
 * A process that was busy for longer fires the timer before it reads what has arrived meanwhile, so
 * that the timer gives the sockets one turn: a pause of this process is no fault of the server.
 *
 * @throws CacheDeadlineError when the time is over; what arrives after that goes to `late`
 */
export function beforeDeadline<T>(
  send: () => Promise<T>,
  timeoutMs: number,
  late?: (value: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let state: 'waiting' | 'answered' | 'over' = 'waiting';
    const timer = setTimeout(() => {
      setImmediate(() => {
        if (state !== 'waiting') return;
        state = 'over';
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
        if (state === 'over') late?.(value);
        settle(() => resolve(value));
      },
      (error) => settle(() => reject(error)),
    );
  });
}

export interface CacheGuardOptions {
  /** Failures in a row after which nothing more is sent. */
  readonly breakAfter: number;
  /** Milliseconds between two probes of a server that is away. */
  readonly probeIntervalMs: number;
  /**
   * Asks the server whether it is back and does what has to be done before it is used; rejects if
   * it is not.
   */
  readonly probe: () => Promise<void>;
  readonly onError: (kind: CacheErrorKind, error: unknown) => void;
  readonly onChange: (closed: boolean) => void;
}

/**
 * Stands before one server: nothing waits past its deadline, and when the server fails, nothing is
 * sent any more but a probe now and then.
 */
export class CacheGuard {
  private readonly policy: CircuitBreakerPolicy;
  private timer: NodeJS.Timeout | undefined;
  private probing: Promise<void> | undefined;
  private closed = false;
  /** When a failure was last counted. */
  private failedAt = Number.NEGATIVE_INFINITY;
  /**
   * Failures of what was on its way when another one was counted: one pause of a server fails all
   * of it, and counts once.
   */
  private readonly echoes = new WeakSet<object>();

  constructor(private readonly options: CacheGuardOptions) {
    const { circuitBreaker, handleWhen, CircuitState } = cockatiel();
    this.policy = circuitBreaker(
      handleWhen((error) => !isServerThere(cacheErrorKind(error)) && !this.echoes.has(error)),
      // When to probe is decided here, so that a new connection is probed at once.
      { halfOpenAfter: 0, breaker: failuresInARowOrHalf(options.breakAfter) },
    );
    this.policy.onStateChange((state) => {
      if (state === CircuitState.Closed) options.onChange(true);
      if (state !== CircuitState.Open) return;
      options.onChange(false);
      this.schedule();
    });
  }

  /** Whether commands are sent. */
  public get available(): boolean {
    return this.policy.state === CLOSED && !this.closed;
  }

  /**
   * Sends commands as one, with one deadline. Answers at once while the server is known to be away.
   */
  public async run<T>(
    send: () => Promise<T>,
    timeoutMs: number,
    late?: (value: T) => void,
  ): Promise<Answer<T>> {
    if (!this.available) return OPEN;
    const sentAt = performance.now();
    try {
      return {
        ok: true,
        value: await this.policy.execute(() =>
          beforeDeadline(send, timeoutMs, late).catch((error: unknown) => {
            this.note(error, sentAt);
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

  private note(error: unknown, sentAt: number): void {
    if (isServerThere(cacheErrorKind(error))) return;
    if (sentAt >= this.failedAt) this.failedAt = performance.now();
    else if (typeof error === 'object' && error !== null) this.echoes.add(error);
  }

  /**
   * Probes now, as when a new connection stands; without effect while the server is used or a probe
   * is under way.
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

  private schedule(): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.probe(), this.options.probeIntervalMs).unref();
  }

  public close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

/**
 * Opens after failures in a row, which is how a lost server fails, or when more than half of the
 * last twenty batches failed, which is how a bad network does.
 */
function failuresInARowOrHalf(inARow: number): IBreaker {
  const { ConsecutiveBreaker, CountBreaker } = cockatiel();
  const row = new ConsecutiveBreaker(inARow);
  const share = new CountBreaker({ threshold: 0.5, size: SHARE_OF });
  return {
    state: undefined,
    success(state) {
      row.success();
      share.success(state);
    },
    failure(state) {
      const shareFailed = share.failure(state);
      return row.failure() || shareFailed;
    },
  };
}
