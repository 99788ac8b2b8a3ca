/**
 * Rules for one request: whether it uses the caches, whether it may be collapsed with another one,
 * and how an expired object is revalidated.
 */
import type { BehaviorModel } from '../distribution';
import { variesByAnything } from './freshness';
import type { KeyedRequest, Validators } from './messages';
import type { StoredResponse } from './stored-response';

/**
 * Whether a request uses the caches. Other methods go straight to the origin, bypass the regional
 * edge cache and affect no object: "HTTP methods" in "Request and response behavior for custom
 * origins". So do all requests of a behavior that forwards all headers, or whose TTLs are all 0.
 */
export function isCacheable({
  behavior,
  request,
}: Pick<KeyedRequest, 'behavior' | 'request'>): boolean {
  const { headers, minTtlSeconds, defaultTtlSeconds, maxTtlSeconds } = behavior.cachePolicy;
  const disabled = minTtlSeconds === 0 && defaultTtlSeconds === 0 && maxTtlSeconds === 0;
  return behavior.cachedMethods.includes(request.method) && headers.kind !== 'all' && !disabled;
}

/**
 * Whether simultaneous requests are collapsed. They are not if all cookies go to the origin:
 * "Request collapsing".
 */
export function collapses({ cachePolicy, originRequest }: BehaviorModel): boolean {
  return cachePolicy.cookies.kind !== 'all' && originRequest.cookies.kind !== 'all';
}

/**
 * The validators of a conditional request to the origin: "Conditional requests" in "Request and
 * response behavior for custom origins". There are none for `Vary: *` with a minimum TTL of 0:
 * "Content negotiation", the same page.
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
