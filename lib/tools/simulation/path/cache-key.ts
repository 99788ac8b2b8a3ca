/**
 * The cache key: host and path of the request, and the query, headers and cookies that the cache
 * policy selects. "Understand the cache key" and "Understand cache policies", Amazon CloudFront
 * developer guide.
 */

import { type BehaviorModel, parameterName, type Selection, selects } from '../distribution';
import { cookiesOf } from '../headers';
import type { HeaderFields, HttpRequest } from '../messages';
import { normalizedAcceptEncoding } from './accept-encoding';

/** Separates the parts of a key. It cannot occur in a host, path or query. */
const PART = '\n';

/** @returns `key`, and its first part `urlKey`, which contains the URL only */
export function cacheKey(
  behavior: BehaviorModel,
  request: HttpRequest,
): { key: string; urlKey: string } {
  const { query, headers, cookies } = behavior.cachePolicy;
  const kept = keptQuery(request.query, query);
  // The question mark is part of the key only with a query, so `/a` and `/a?` are the same object.
  const urlKey = `${request.host}${request.path}${kept === undefined ? '' : `?${kept}`}`;
  const parts = [
    ...keptHeaders(request, headers),
    ...keptCookies(request.headers, cookies).map((cookie) => `cookie:${cookie}`),
    ...encodings(behavior, request),
    ...methods(request),
  ];
  return { key: parts.length === 0 ? urlKey : `${urlKey}${PART}${parts.join(PART)}`, urlKey };
}

/**
 * The selected part of the query. The order and bytes of the request are kept, because both
 * distinguish objects. Only `&` separates parameters, and `flag` differs from `flag=`: "Cache
 * content based on query string parameters".
 */
function keptQuery(query: string, selection: Selection): string | undefined {
  if (query === '' || selection.kind === 'none') return undefined;
  if (selection.kind === 'all') return query;
  const kept = query.split('&').filter((parameter) => selects(selection, parameterName(parameter)));
  return kept.length === 0 ? undefined : kept.join('&');
}

/**
 * The selected headers by value, byte by byte. An empty header differs from a missing one: "Cache
 * content based on request headers".
 */
function keptHeaders({ headers }: HttpRequest, { kind, names }: Selection): string[] {
  const taken = kind === 'only' ? names : kind === 'all' ? Object.keys(headers) : [];
  return [...taken]
    .sort()
    .filter((name) => name !== 'host' && name !== 'cookie' && Object.hasOwn(headers, name))
    .map((name) => `${name}:${headers[name]?.join(',')}`);
}

/**
 * The selected cookies, sorted by name because browsers choose their own order: "Cache content
 * based on cookies".
 */
function keptCookies(headers: HeaderFields, selection: Selection): string[] {
  return cookiesOf(headers)
    .filter((cookie) => selects(selection, parameterName(cookie)))
    .sort();
}

function encodings({ cachePolicy }: BehaviorModel, { headers }: HttpRequest): string[] {
  const encoding = normalizedAcceptEncoding(headers['accept-encoding'], cachePolicy);
  return encoding === undefined ? [] : [`accept-encoding=${encoding}`];
}

/**
 * Whether a cache can serve the method: "Caching of responses to GET and HEAD", "Allowed HTTP
 * methods" in "Cache behavior settings".
 */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** GET and HEAD share an object; OPTIONS has its own: the same page. */
function methods({ method }: HttpRequest): string[] {
  return isRead(method) ? [] : [`method=${method}`];
}
