/**
 * How long CloudFront keeps an answer. Unless another page is named, the rules are those of "Manage
 * how long content stays in the cache (expiration)", Amazon CloudFront developer guide. `public`,
 * `immutable` and heuristics have no part in them.
 */

import type { CachePolicyModel } from '../distribution';
import type { HeaderFields } from '../messages';
import { ageOnArrival, directivesOf, expiresAfter, secondsOf } from './cache-control';

/** Of one answer. Times in milliseconds, on the clock that was passed in. */
export interface Freshness {
  /** It may be kept, if only to be revalidated. */
  readonly storable: boolean;
  /** Those who wait for the same object may have it too. */
  readonly shareable: boolean;
  /** When it left the origin: its age counts from here. */
  readonly bornMs: number;
  readonly expiresMs: number;
  /** Until when it is served while it is fetched anew. */
  readonly whileRevalidateMs: number;
  /** Until when it is served in place of an error. */
  readonly ifErrorMs: number;
}

/**
 * "How CloudFront processes HTTP 4xx and 5xx status codes from your origin": always cached, with a
 * minimum of 10 seconds.
 */
const ERRORS_ALWAYS_CACHED = new Set([404, 414, 500, 501, 502, 503, 504]);
/** The same page: cached only with `max-age` or `s-maxage`. */
const ERRORS_CACHED_WITH_MAX_AGE = new Set([400, 403, 405, 412, 415]);
/** The same page: the error caching minimum TTL, if the distribution says nothing. */
const DEFAULT_ERROR_SECONDS = 10;
/**
 * "How CloudFront processes HTTP 3xx status codes from your origin": cached only with
 * `Cache-Control`.
 */
const REDIRECTS_CACHED_WITH_CACHE_CONTROL = new Set([307, 308]);

/** Seconds that an error stands before the origin is asked again. */
export function errorTtlSeconds(
  status: number,
  minimums: Readonly<Record<number, number>>,
): number {
  return minimums[status] ?? DEFAULT_ERROR_SECONDS;
}

/**
 * @param arrival headers of what came just now, which tell its age: of a 304, its own, and not
 * those it was merged with
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
  // "Request and response behavior for custom origins", content negotiation: `Vary: *` is fetched
  // each time, with a minimum TTL of 0.
  const statedSeconds =
    mustRevalidate || (variesByAnything(headers) && minTtlSeconds === 0)
      ? 0
      : (statedMaxAge ?? expiresAfter(headers, nowMs));
  const seconds =
    statedSeconds === undefined
      ? Math.max(defaultTtlSeconds, minTtlSeconds)
      : Math.max(Math.min(statedSeconds - age, maxTtlSeconds), minTtlSeconds, 0);
  const expiresMs = nowMs + seconds * 1000;
  // An object that must not be used without the origin's word is worth keeping only if the origin
  // can be asked about it.
  const hasValidator = headers.etag !== undefined || headers['last-modified'] !== undefined;
  const mayStore = minTtlSeconds > 0 || !(forbidsStoring || (mustRevalidate && !hasValidator));
  // RFC 9111, 5.2.2: both forbid to serve what is stale. CloudFront's documentation makes no
  // exception for `s-maxage`.
  const neverStale =
    mustRevalidate || directives.has('must-revalidate') || directives.has('proxy-revalidate');
  const staleFor = (name: string) =>
    Math.min(secondsOf(directives, name) ?? Number.POSITIVE_INFINITY, maxTtlSeconds) * 1000;
  return {
    storable: mayStore && isCachedStatus(status, headers),
    // "Request and response behavior for custom origins", request collapsing: how an origin
    // prevents it, with a minimum TTL of 0.
    shareable: minTtlSeconds > 0 || !(mustRevalidate || statedMaxAge === 0),
    bornMs,
    expiresMs,
    whileRevalidateMs:
      neverStale || !directives.has('stale-while-revalidate')
        ? expiresMs
        : expiresMs + staleFor('stale-while-revalidate'),
    // Without the directive an expired object is served on errors for as long as it is there;
    // `stale-if-error=0` is how to avoid it.
    ifErrorMs: neverStale
      ? 0
      : directives.has('stale-if-error')
        ? expiresMs + staleFor('stale-if-error')
        : Number.POSITIVE_INFINITY,
  };
}

/** Otherwise `Vary` is no part of the key: "Caching content based on request headers". */
export function variesByAnything({ vary }: HeaderFields): boolean {
  return vary?.some((field) => field.split(',').some((name) => name.trim() === '*')) ?? false;
}

/** 1xx is no answer, and a 304 that came here had nothing to confirm. */
function isCachedStatus(status: number, headers: HeaderFields): boolean {
  if (REDIRECTS_CACHED_WITH_CACHE_CONTROL.has(status))
    return headers['cache-control'] !== undefined;
  return status >= 200 && status !== 304;
}
