import { createHash } from 'node:crypto';
import { describeValue, IsochroneError } from '../../model/errors';
import { optionalPackage } from '../shared';
import type { EdgeInvalidator, EdgePathOutcome } from './edge';

/**
 * "Concurrent invalidation request maximum", Amazon CloudFront developer guide: paths of one
 * distribution in progress at a time, 3,000 without a wildcard and 15 with one, each counted by
 * itself. So no request of more is ever taken.
 */
const MAX_PATHS = 3000;
const MAX_WILDCARDS = 15;

/**
 * Errors that pass: too much at once, or nobody there ("CreateInvalidation", Amazon CloudFront API
 * reference; "Common errors").
 */
const PASSING =
  /TooManyInvalidationsInProgress|Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ServiceUnavailable|InternalFailure|InternalError|Timeout|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN/i;

/** As much of a request as is sent. */
export interface CloudFrontInvalidation {
  readonly DistributionId: string;
  readonly InvalidationBatch: {
    readonly CallerReference: string;
    readonly Paths: { readonly Quantity: number; readonly Items: string[] };
  };
}

export interface CloudFrontInvalidatorOptions {
  /**
   * The distribution whose copies are ended. The role needs `cloudfront:CreateInvalidation` on it.
   */
  readonly distributionId: string;
  /**
   * How often one request is sent, 1 to 20.
   *
   * @default 6
   */
  readonly attempts?: number;
  /**
   * The longest pause before the second try, in milliseconds; each further one is at most twice as
   * long, and 30 seconds. A pause is half of that at least, and random above. An invalidation takes
   * CloudFront some seconds: less would only knock.
   *
   * @default 2000
   */
  readonly pauseMs?: number;
  /**
   * Sends a request.
   *
   * @default `CreateInvalidation` of `@aws-sdk/client-cloudfront`, which must be installed
   */
  readonly send?: (request: CloudFrontInvalidation) => Promise<unknown>;
}

const LONGEST_PAUSE_MS = 30_000;

/**
 * Ends copies at CloudFront's edges. A request with the same reference and paths is one to
 * CloudFront too: retries cost nothing.
 */
export class CloudFrontInvalidator implements EdgeInvalidator {
  private readonly send: (request: CloudFrontInvalidation) => Promise<unknown>;
  private readonly attempts: number;
  private readonly pauseMs: number;
  private readonly wakes = new Set<() => void>();
  private closed = false;

  /** @throws IsochroneError for options that cannot be meant */
  constructor(private readonly options: CloudFrontInvalidatorOptions) {
    const { distributionId, attempts = 6, pauseMs = 2000 } = options;
    if (typeof distributionId !== 'string' || !/^[A-Z0-9]+$/.test(distributionId)) {
      refuse(
        'distributionId',
        distributionId,
        'the id of a distribution',
        'It has capital letters and digits.',
        'Write it like "E2QWRUHEXAMPLE".',
      );
    }
    if (!(Number.isInteger(attempts) && attempts >= 1 && attempts <= 20)) {
      refuse(
        'attempts',
        attempts,
        'a whole number from 1 to 20',
        'Each request is sent so often at most.',
        'Leave it out for 6.',
      );
    }
    if (!(Number.isInteger(pauseMs) && pauseMs >= 0 && pauseMs <= LONGEST_PAUSE_MS)) {
      refuse(
        'pauseMs',
        pauseMs,
        `a whole number from 0 to ${LONGEST_PAUSE_MS}`,
        'It is in milliseconds.',
        'Leave it out for 2000.',
      );
    }
    this.attempts = attempts;
    this.pauseMs = pauseMs;
    this.send = options.send ?? cloudFront();
  }

  public async invalidate(
    paths: readonly string[],
    reference: string,
  ): Promise<readonly EdgePathOutcome[]> {
    const outcomes: EdgePathOutcome[] = [];
    // One after the other: together they would run into the limits that they were divided for.
    for (const batch of batchesOf(paths)) {
      const error = await this.request(batch, reference);
      outcomes.push(...batch.map((path) => (error === undefined ? { path } : { path, error })));
    }
    return outcomes;
  }

  public async close(): Promise<void> {
    this.closed = true;
    for (const wake of this.wakes) wake();
  }

  /** Why the request was not taken; undefined if it was. */
  private async request(paths: readonly string[], reference: string): Promise<string | undefined> {
    // The same reference with other paths would be an error, so the paths are in it.
    const content = createHash('sha256')
      .update(JSON.stringify([reference, paths]))
      .digest('base64url');
    const request: CloudFrontInvalidation = {
      DistributionId: this.options.distributionId,
      InvalidationBatch: {
        CallerReference: `isochrone-${content}`,
        Paths: { Quantity: paths.length, Items: [...paths] },
      },
    };
    for (let attempt = 1; ; attempt++) {
      try {
        await this.send(request);
        return undefined;
      } catch (error) {
        if (attempt >= this.attempts || !passes(error))
          return `${described(error)} (tries: ${attempt})`;
        await this.pause(attempt);
        if (this.closed) return `${described(error)} (closed after tries: ${attempt})`;
      }
    }
  }

  private async pause(attempt: number): Promise<void> {
    const longest = Math.min(this.pauseMs * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, longest * (0.5 + Math.random() / 2));
      this.wakes.add(wake);
      // Closed while the request was under way.
      if (this.closed) wake();
    });
  }
}

/** Requests that CloudFront can take, paths with a wildcard apart from the others. */
function batchesOf(paths: readonly string[]): string[][] {
  const distinct = [...new Set(paths)].sort();
  const wild = distinct.filter((path) => path.endsWith('*'));
  const plain = distinct.filter((path) => !path.endsWith('*'));
  return [...chunks(wild, MAX_WILDCARDS), ...chunks(plain, MAX_PATHS)];
}

function chunks(list: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

function passes(error: unknown): boolean {
  const {
    name = '',
    code = '',
    $metadata,
  } = (error ?? {}) as { name?: string; code?: string; $metadata?: { httpStatusCode?: number } };
  return PASSING.test(`${name} ${code}`) || ($metadata?.httpStatusCode ?? 0) >= 500;
}

function described(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function refuse(
  property: string,
  value: unknown,
  allowed: string,
  rule: string,
  fix: string,
): never {
  throw new IsochroneError(
    `CloudFrontInvalidator: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}

/** As much of the SDK's client as is used, so that any version 3 will do. */
interface CloudFrontPackage {
  readonly CloudFrontClient: new (configuration: {
    readonly region: string;
  }) => { send(command: unknown): Promise<unknown> };
  readonly CreateInvalidationCommand: new (input: CloudFrontInvalidation) => unknown;
}

function cloudFront(): (request: CloudFrontInvalidation) => Promise<unknown> {
  const load = () => require('@aws-sdk/client-cloudfront') as CloudFrontPackage;
  let made:
    | {
        readonly sdk: CloudFrontPackage;
        readonly client: { send(command: unknown): Promise<unknown> };
      }
    | undefined;
  return async (request) => {
    if (made === undefined) {
      const sdk = optionalPackage('@aws-sdk/client-cloudfront', 'CloudFrontInvalidator', load);
      // CloudFront's API is in one region for all; the client still wants one.
      made = { sdk, client: new sdk.CloudFrontClient({ region: 'us-east-1' }) };
    }
    return made.client.send(new made.sdk.CreateInvalidationCommand(request));
  };
}
