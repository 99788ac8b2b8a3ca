/** Which object a request asks for: what ceilings, key splitters and unsafe merges agree on. */
import type { BehaviorModel } from '../distribution';
import type { HttpRequest } from '../messages';
import type { Prepared } from '../path';

/**
 * A policy that may keep nothing is how CloudFront is told not to cache: "Managed cache policies",
 * CachingDisabled.
 */
export function isCached({ cachePolicy }: BehaviorModel): boolean {
  return cachePolicy.maxTtlSeconds > 0;
}

/**
 * By the deployment's key. Where it caches nothing, its key has nothing either: there, by the URL
 * as the viewer-request function left it.
 */
export function objectKey({ behavior, keyed, viewer }: Prepared): string {
  return isCached(behavior) && keyed
    ? `${behavior.pathPattern} ${keyed.key}`
    : `${behavior.pathPattern} ${urlOf(keyed?.request ?? viewer)}`;
}

export function urlOf({ host, path, query }: Pick<HttpRequest, 'host' | 'path' | 'query'>): string {
  return query === '' ? `${host}${path}` : `${host}${path}?${query}`;
}

/**
 * Only those can be answered from a cache: "Caching of responses to GET and HEAD", "Allowed HTTP
 * methods" in "Cache behavior settings".
 */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
