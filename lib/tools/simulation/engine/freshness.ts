/**
 * How long CloudFront keeps a response. Unless another page is named, the rules are those of
 * "Manage how long content stays in the cache (expiration)", Amazon CloudFront developer guide.
 * They ignore `public`, `immutable` and heuristic freshness.
 */

import type { CachePolicyModel } from '../distribution';
import type { HeaderFields } from '../messages';
import { ageOnArrival, directivesOf, expiresAfter, secondsOf } from './cache-control';

/** Times in milliseconds, on the caller's clock. */
export interface Freshness {
  /** Whether the response may be stored, if only to be revalidated. */
  readonly storable: boolean;
  /** Whether the response may be shared with the requests that waited for it. */
  readonly shareable: boolean;
  /** When the response left the origin. Its age counts from here. */
  readonly bornMs: number;
  readonly expiresMs: number;
  /** The end of stale-while-revalidate. */
  readonly whileRevalidateMs: number;
  /** The end of stale-if-error. */
  readonly ifErrorMs: number;
}

/**
 * "How CloudFront processes HTTP 4xx and 5xx status codes from your origin": always cached, by
 * default for at least 10 seconds.
 */
const ERRORS_ALWAYS_CACHED = new Set([404, 414, 500, 501, 502, 503, 504]);
/** The same page: cached only with `max-age` or `s-maxage`. */
const ERRORS_CACHED_WITH_MAX_AGE = new Set([400, 403, 405, 412, 415]);
/** The same page: the default error caching minimum TTL. */
const DEFAULT_ERROR_SECONDS = 10;
/**
 * Cached only with `Cache-Control`: "How CloudFront processes HTTP 3xx status codes from your
 * origin".
 */
const REDIRECTS_CACHED_WITH_CACHE_CONTROL = new Set([307, 308]);

/**
 * The error caching minimum TTL: seconds until CloudFront requests the object again after an error.
 */
export function errorTtlSeconds(
  status: number,
  minimums: Readonly<Record<number, number>>,
): number {
  return minimums[status] ?? DEFAULT_ERROR_SECONDS;
}

/**
 * Computes the freshness of a response that arrives now.
 *
 * @param headers the fields of the response; after a 304, merged with those of the stored response
 * @param arrival the fields that arrived, which determine the age; after a 304, its own fields only
 */
export function freshness(
  status: number,
  headers: HeaderFields,
  arrival: HeaderFields,
  policy: CachePolicyModel,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  nowMs: number,
): Freshness {
  const { minTtlSeconds, defaultTtlSeconds, maxTtlSeconds } = policy;
  const directives = directivesOf(headers);
  const statedMaxAge = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  const age = ageOnArrival(arrival, nowMs);
  const bornMs = nowMs - age * 1000;
  if (status >= 400) {
    const storable =
      ERRORS_ALWAYS_CACHED.has(status) ||
      (ERRORS_CACHED_WITH_MAX_AGE.has(status) && statedMaxAge !== undefined);
    const expiresMs =
      nowMs +
      Math.max(errorTtlSeconds(status, errorMinTtlSeconds), (statedMaxAge ?? 0) - age) * 1000;
    return { storable, shareable: true, bornMs, expiresMs, whileRevalidateMs: 0, ifErrorMs: 0 };
  }
  const forbidsStoring = directives.has('no-store') || directives.has('private');
  const mustRevalidate = forbidsStoring || directives.has('no-cache');
  // With a minimum TTL of 0, `Vary: *` is fetched each time: content negotiation in "Request and
  // response behavior for custom origins".
  const statedSeconds =
    mustRevalidate || (variesByAnything(headers) && minTtlSeconds === 0)
      ? 0
      : (statedMaxAge ?? expiresAfter(headers, nowMs));
  const seconds =
    statedSeconds === undefined
      ? Math.max(defaultTtlSeconds, minTtlSeconds)
      : Math.max(Math.min(statedSeconds - age, maxTtlSeconds), minTtlSeconds, 0);
  const expiresMs = nowMs + seconds * 1000;
  // An object that always needs revalidation is worth storing only with a validator.
  const hasValidator = headers.etag !== undefined || headers['last-modified'] !== undefined;
  const mayStore = minTtlSeconds > 0 || !(forbidsStoring || (mustRevalidate && !hasValidator));
  // Both directives forbid stale responses: RFC 9111, 5.2.2. CloudFront's documentation makes no
  // exception for `s-maxage`.
  const neverStale =
    mustRevalidate || directives.has('must-revalidate') || directives.has('proxy-revalidate');
  const staleFor = (name: string) =>
    Math.min(secondsOf(directives, name) ?? Number.POSITIVE_INFINITY, maxTtlSeconds) * 1000;
  return {
    storable: mayStore && isCachedStatus(status, headers),
    // With a minimum TTL of 0, these directives prevent request collapsing: "Request and response
    // behavior for custom origins".
    shareable: minTtlSeconds > 0 || !(mustRevalidate || statedMaxAge === 0),
    bornMs,
    expiresMs,
    whileRevalidateMs:
      neverStale || !directives.has('stale-while-revalidate')
        ? expiresMs
        : expiresMs + staleFor('stale-while-revalidate'),
    // Without the directive, CloudFront serves an expired object on errors for as long as it has
    // one; `stale-if-error=0` disables that.
    ifErrorMs: neverStale
      ? 0
      : directives.has('stale-if-error')
        ? expiresMs + staleFor('stale-if-error')
        : Number.POSITIVE_INFINITY,
  };
}

/**
 * Whether a response has `Vary: *`. Other values of `Vary` do not affect the key: "Caching content
 * based on request headers".
 */
export function variesByAnything({ vary }: HeaderFields): boolean {
  return vary?.some((field) => field.split(',').some((name) => name.trim() === '*')) ?? false;
}

/** A 1xx is not a final response, and a 304 without a stored object confirms nothing. */
function isCachedStatus(status: number, headers: HeaderFields): boolean {
  if (REDIRECTS_CACHED_WITH_CACHE_CONTROL.has(status))
    return headers['cache-control'] !== undefined;
  return status >= 200 && status !== 304;
}
