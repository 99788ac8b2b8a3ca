/**
 * What an error of a call to AWS says about its outcome. Names of errors cannot tell: a proxy
 * answers for AWS with a page of HTML, a connection breaks after the request was sent, and AWS adds
 * names. Only an answer that refuses the request proves that nothing was done.
 */

/** The part of an error of the AWS SDK for JavaScript, version 3, that is used here. */
interface SdkError {
  readonly name?: string;
  /** `client` or `server` if the answer was AWS's and was understood. */
  readonly $fault?: string;
  /** Present on errors that the service's model calls retryable. */
  readonly $retryable?: object;
  readonly $metadata?: {
    readonly httpStatusCode?: number;
    /** The SDK has learned that the clock is wrong, and corrects the next signature. */
    readonly clockSkewCorrected?: boolean;
  };
}

/** The server stopped waiting for the request. A proxy also says so of a server behind it. */
const REQUEST_TIMEOUT = 408;
const TOO_MANY_REQUESTS = 429;

/**
 * The names of throttling with status 400: "Error responses and retries in AWS SDKs", AWS SDKs and
 * tools reference guide, and `TooManyInvalidationsInProgress` of "CreateInvalidation", Amazon
 * CloudFront API reference.
 */
const THROTTLES = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyInvalidationsInProgress',
  'TooManyRequestsException',
  'TooManyUpdates',
  'TransactionInProgressException',
]);

/**
 * Whether AWS answered that it refuses the request, so that the request did nothing. After any other
 * error, the request may have been carried out.
 */
export function isRefused(error: unknown): boolean {
  const { $fault, $metadata } = (error ?? {}) as SdkError;
  const status = $metadata?.httpStatusCode ?? 0;
  return $fault === 'client' && status >= 400 && status < 500 && status !== REQUEST_TIMEOUT;
}

/** Whether the same request may succeed later: after throttling, and after an unknown outcome. */
export function isTransient(error: unknown): boolean {
  const { name = '', $retryable, $metadata } = (error ?? {}) as SdkError;
  return (
    !isRefused(error) ||
    $metadata?.httpStatusCode === TOO_MANY_REQUESTS ||
    $metadata?.clockSkewCorrected === true ||
    $retryable !== undefined ||
    THROTTLES.has(name)
  );
}

/** The name and message of an error, with the HTTP status if the answer was not AWS's. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { $fault, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  return $fault === undefined && status !== undefined
    ? `HTTP ${status} with an answer that is not AWS's`
    : `${error.name}: ${error.message}`;
}
