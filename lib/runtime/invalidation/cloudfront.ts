import { createHash } from 'node:crypto';
import { invalidOption } from '../../model/errors';
import { describeFailure, isRefused, isTransient } from '../../model/outcome';
import { optionalPackage, wholeNumber } from '../shared';
import type { EdgeInvalidator, EdgePathOutcome } from './edge';
import { chunks } from './parts';

/**
 * "Concurrent invalidation request maximum", Amazon CloudFront developer guide: the paths in
 * progress for one distribution at a time, 3,000 without a wildcard and 15 with a wildcard, counted
 * separately. CloudFront never accepts a request with more.
 */
const MAX_PATHS = 3000;
const MAX_WILDCARDS = 15;

/** The part of a `CreateInvalidation` request that is sent. */
export interface CloudFrontInvalidation {
  readonly DistributionId: string;
  readonly InvalidationBatch: {
    readonly CallerReference: string;
    readonly Paths: { readonly Quantity: number; readonly Items: string[] };
  };
}

/** Options of `CloudFrontInvalidator`. */
export interface CloudFrontInvalidatorOptions {
  /**
   * The distribution to invalidate. The role needs `cloudfront:CreateInvalidation` on it.
   */
  readonly distributionId: string;
  /**
   * How often a request is sent at most, 1 to 20.
   *
   * @default 6
   */
  readonly attempts?: number;
  /**
   * The longest pause before the first retry, in milliseconds, 0 to 30,000. The bound doubles for
   * each further retry, up to 30 seconds. A pause is random between half of its bound and the
   * bound. An invalidation takes CloudFront some seconds, so a shorter pause would be of no use.
   *
   * @default 2000
   */
  readonly pauseMs?: number;
  /**
   * Sends a request. A request is retried unless the error is the SDK's and has CloudFront's
   * refusal: `$fault` and the status in `$metadata`.
   *
   * @default - `CreateInvalidation` of `@aws-sdk/client-cloudfront`, which must be installed
   */
  readonly send?: (request: CloudFrontInvalidation) => Promise<unknown>;
}

const MAX_PAUSE_MS = 30_000;

/** Without `throwOnRequestTimeout`, the SDK only logs that the time is over, and waits on. */
const TIME_LIMITS = {
  connectionTimeout: 5000,
  requestTimeout: 20_000,
  throwOnRequestTimeout: true,
};

/**
 * Invalidates copies at CloudFront's edges. CloudFront treats a request with the same reference and
 * paths as the same request, so retries cost nothing.
 */
export class CloudFrontInvalidator implements EdgeInvalidator {
  private readonly send: (request: CloudFrontInvalidation) => Promise<unknown>;
  private readonly attempts: number;
  private readonly pauseMs: number;
  private readonly wakes = new Set<() => void>();
  private closed = false;

  /** @throws IsochroneError for invalid options */
  constructor(private readonly options: CloudFrontInvalidatorOptions) {
    const { distributionId, attempts = 6, pauseMs = 2000 } = options;
    if (typeof distributionId !== 'string' || !/^[A-Z0-9]+$/.test(distributionId)) {
      throw invalidOption('CloudFrontInvalidator', {
        property: 'distributionId',
        value: distributionId,
        mayBeSecret: true,
        allowed: 'the id of a distribution',
        rule: 'It has capital letters and digits.',
        fix: 'Write it like "E2QWRUHEXAMPLE".',
      });
    }
    this.attempts = wholeNumber('attempts', attempts, {
      owner: 'CloudFrontInvalidator',
      min: 1,
      max: 20,
      rule: 'Each request is sent that often at most.',
      fix: 'Leave it out for 6.',
    });
    this.pauseMs = wholeNumber('pauseMs', pauseMs, {
      owner: 'CloudFrontInvalidator',
      min: 0,
      max: MAX_PAUSE_MS,
      rule: 'It is in milliseconds.',
      fix: 'Leave it out for 2000.',
    });
    this.send = options.send ?? cloudFront();
  }

  public async invalidate(
    paths: readonly string[],
    reference: string,
  ): Promise<readonly EdgePathOutcome[]> {
    const outcomes: EdgePathOutcome[] = [];
    // One request after the other: concurrent requests would exceed CloudFront's limits together.
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

  /** Sends a request, with retries. Returns why it may not be accepted; undefined if it is. */
  private async request(paths: readonly string[], reference: string): Promise<string | undefined> {
    // CloudFront refuses a known reference with other paths, so the reference covers the paths.
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
    let inDoubt = false;
    const failure = (error: unknown, tries: string) =>
      `${describeFailure(error)} (${tries})${inDoubt ? '; it may be accepted' : ''}`;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.send(request);
        return undefined;
      } catch (error) {
        inDoubt ||= !isRefused(error);
        if (attempt >= this.attempts || !isTransient(error))
          return failure(error, `tries: ${attempt}`);
        await this.pause(attempt);
        if (this.closed) return failure(error, `closed after tries: ${attempt}`);
      }
    }
  }

  private async pause(attempt: number): Promise<void> {
    const longest = Math.min(this.pauseMs * 2 ** (attempt - 1), MAX_PAUSE_MS);
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.wakes.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, longest * (0.5 + Math.random() / 2));
      this.wakes.add(wake);
      // `close` may have been called while the request was under way.
      if (this.closed) wake();
    });
  }
}

/** Divides paths into requests that CloudFront accepts, paths with a wildcard apart from others. */
function batchesOf(paths: readonly string[]): string[][] {
  const distinct = [...new Set(paths)].sort();
  const wild = distinct.filter((path) => path.endsWith('*'));
  const plain = distinct.filter((path) => !path.endsWith('*'));
  return [...chunks(wild, MAX_WILDCARDS), ...chunks(plain, MAX_PATHS)];
}

type CloudFrontPackage = typeof import('@aws-sdk/client-cloudfront');

function cloudFront(): (request: CloudFrontInvalidation) => Promise<unknown> {
  const load = (): CloudFrontPackage => require('@aws-sdk/client-cloudfront');
  let made:
    | {
        readonly sdk: CloudFrontPackage;
        readonly client: InstanceType<CloudFrontPackage['CloudFrontClient']>;
      }
    | undefined;
  return async (request) => {
    if (made === undefined) {
      const sdk = optionalPackage('@aws-sdk/client-cloudfront', 'CloudFrontInvalidator', load);
      // CloudFront's API is in one region for all; the client still requires a region.
      const client = new sdk.CloudFrontClient({ region: 'us-east-1', requestHandler: TIME_LIMITS });
      made = { sdk, client };
    }
    return made.client.send(new made.sdk.CreateInvalidationCommand(request));
  };
}
