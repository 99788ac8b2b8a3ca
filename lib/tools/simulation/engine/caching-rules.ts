/**
 * Whether a request passes the caches at all, whether it may wait for another, and what the origin
 * is asked about an expired object.
 */
import type { BehaviorModel } from '../distribution';
import { variesByAnything } from './freshness';
import type { KeyedRequest, Validators } from './messages';
import type { StoredResponse } from './stored-response';

/**
 * Other methods go straight to the origin, past the regional edge cache, and touch no object: "HTTP
 * methods" in "Request and response behavior for custom origins". So does all of a behavior that
 * takes all headers, or whose TTLs are all 0.
 */
export function isCacheable({
  behavior,
  request,
}: Pick<KeyedRequest, 'behavior' | 'request'>): boolean {
  const { headers, minTtlSeconds, defaultTtlSeconds, maxTtlSeconds } = behavior.cachePolicy;
  const disabled = minTtlSeconds === 0 && defaultTtlSeconds === 0 && maxTtlSeconds === 0;
  return behavior.cachedMethods.includes(request.method) && headers.kind !== 'all' && !disabled;
}

/** "Request collapsing": not where all cookies go to the origin. */
export function collapses({ cachePolicy, originRequest }: BehaviorModel): boolean {
  return cachePolicy.cookies.kind !== 'all' && originRequest.cookies.kind !== 'all';
}

/**
 * "Conditional requests" in "Request and response behavior for custom origins". None for `Vary: *`
 * with a minimum TTL of 0: "Content negotiation", the same page.
 */
export function validatorsOf(
  { response: { status, headers } }: StoredResponse,
  { cachePolicy }: BehaviorModel,
): Validators | undefined {
  if (status >= 400 || (variesByAnything(headers) && cachePolicy.minTtlSeconds === 0))
    return undefined;
  const [etag] = headers.etag ?? [];
  const [lastModified] = headers['last-modified'] ?? [];
  if (etag === undefined && lastModified === undefined) return undefined;
  return {
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}
