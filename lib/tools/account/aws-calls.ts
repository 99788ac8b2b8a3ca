import { IsochroneError } from '../../model/errors';

const ATTEMPTS = 6;
const FIRST_WAIT_MILLISECONDS = 500;
const LONGEST_WAIT_MILLISECONDS = 10_000;

/** What a retried call needs of its surroundings. */
export interface RetryOptions {
  /** Waits, in milliseconds, before a call is retried. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** A random number from 0 to 1, as `Math.random`. */
  readonly random: () => number;
}

/** A call that failed for good. */
export interface FailedCall {
  /** The operation, the number of attempts, and AWS's error name and message. */
  readonly text: string;
  /** What the call rejected with. */
  readonly cause: unknown;
  /** Whether the error is one that is retried. */
  readonly retryable: boolean;
}

/** Calls to AWS with bounded retries, full jitter and a count of the retries. */
export class AwsCalls {
  /** Calls that were retried so far. */
  public retries = 0;

  /** @param isRetryable by the name of an error, or the code of one that did not come from AWS */
  constructor(
    private readonly options: RetryOptions,
    private readonly isRetryable: (name: string, code: string | undefined) => boolean,
  ) {}

  /**
   * Makes a call.
   *
   * @param operation such as `lambda:ListFunctions`
   * @param toError the error to throw if the call fails for good
   * @throws IsochroneError by default, whose cause is AWS's error
   */
  public async make<T>(
    operation: string,
    call: () => Promise<T>,
    toError: (failed: FailedCall) => Error = ({ text, cause }) =>
      new IsochroneError(text, { cause }),
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        const { name, message } =
          error instanceof Error ? error : { name: 'Error', message: String(error) };
        const retryable = this.isRetryable(name, (error as { code?: string } | undefined)?.code);
        if (!retryable || attempt === ATTEMPTS) {
          const times = retryable ? ` ${ATTEMPTS} times` : '';
          const text = `${operation} failed${times}: ${name}: ${message}`;
          throw toError({ text, cause: error, retryable });
        }
        this.retries++;
        // Full jitter, so that two callers that were throttled together do not retry together.
        await this.options.sleep(
          this.options.random() *
            Math.min(LONGEST_WAIT_MILLISECONDS, FIRST_WAIT_MILLISECONDS * 2 ** (attempt - 1)),
        );
      }
    }
  }
}
