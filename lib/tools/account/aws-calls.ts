import { IsochroneError } from '../../model/errors';
import { describeFailure, isRefused, isTransient } from '../../model/outcome';

const ATTEMPTS = 6;
const FIRST_WAIT_MILLISECONDS = 500;
const LONGEST_WAIT_MILLISECONDS = 10_000;

/** What a retried call needs of its surroundings. */
export interface RetryOptions {
  /** Waits, in milliseconds, before a call is retried. An interruption ends the wait. */
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** A random number from 0 to 1, as `Math.random`. */
  readonly random: () => number;
  /**
   * Interrupts the calls.
   *
   * @default - the calls are not interrupted
   */
  readonly interruption?: AbortSignal;
}

/** A call that failed for good. Its cause is the last error. */
export class CallFailed extends IsochroneError {
  /**
   * @param message the operation, the number of attempts, and the last error
   * @param inDoubt whether AWS may have carried out one of the attempts
   */
  constructor(
    message: string,
    public readonly inDoubt: boolean,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Calls to AWS with bounded retries, full jitter and a count of the retries. */
export class AwsCalls {
  /** Calls that were retried so far. */
  public retries = 0;

  constructor(private readonly options: RetryOptions) {}

  /**
   * Makes a call. It must be idempotent, because it is retried when its outcome is unknown.
   *
   * @param operation such as `lambda:ListFunctions`
   * @param attempts how often it is tried at most
   * @throws CallFailed whose cause is AWS's error; another IsochroneError of the call as it is,
   * because such a call was never sent
   */
  public async make<T>(
    operation: string,
    call: () => Promise<T>,
    attempts: number = ATTEMPTS,
  ): Promise<T> {
    const { interruption, random, sleep } = this.options;
    let inDoubt = false;
    for (let attempt = 1; ; attempt++) {
      if (interruption?.aborted)
        throw new CallFailed(`${operation} was interrupted.`, inDoubt, {
          cause: interruption.reason,
        });
      let cause: unknown;
      try {
        return await call();
      } catch (error) {
        cause = error;
      }
      if (cause instanceof IsochroneError) throw cause;
      inDoubt ||= !isRefused(cause);
      if (interruption?.aborted) continue;
      if (attempt >= attempts || !isTransient(cause)) {
        const times = attempt === 1 ? '' : ` ${attempt} times`;
        const text = `${operation} failed${times}: ${describeFailure(cause)}`;
        throw new CallFailed(text, inDoubt, { cause });
      }
      this.retries++;
      // Full jitter, so that two callers that were throttled together do not retry together.
      await sleep(
        random() *
          Math.min(LONGEST_WAIT_MILLISECONDS, FIRST_WAIT_MILLISECONDS * 2 ** (attempt - 1)),
      );
    }
  }
}
