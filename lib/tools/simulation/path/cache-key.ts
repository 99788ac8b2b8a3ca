/**
 * The key of an object: the host and path of the request, and what the cache policy lists of its
 * query, headers and cookies. "Understand the cache key" and "Understand cache policies", Amazon
 * CloudFront developer guide.
 */

import { type BehaviorModel, parameterName, type Selection, selects } from '../distribution';
import type { HttpRequest } from '../messages';
import { normalizedAcceptEncoding } from './accept-encoding';

/** Between the parts of a key. No host, path or query has it in it. */
const PART = '\n';

/**
 * @returns `key`, which tells objects apart; and `urlKey`, the part of it that is the URL, which
 * comes first in it
 */
export function cacheKey(
  behavior: BehaviorModel,
  request: HttpRequest,
): { key: string; urlKey: string } {
  const { query, headers, cookies } = behavior.cachePolicy;
  const kept = keptQuery(request.query, query);
  // Spelled with a question mark only where something is kept: `/a` and `/a?` are one object where
  // nothing is.
  const urlKey = `${request.host}${request.path}${kept === undefined ? '' : `?${kept}`}`;
  const parts = [
    ...keptHeaders(request, headers),
    ...keptCookies(request.headers.cookie, cookies).map((cookie) => `cookie:${cookie}`),
    ...encodings(behavior, request),
    ...methods(request),
  ];
  return { key: parts.length === 0 ? urlKey : `${urlKey}${PART}${parts.join(PART)}`, urlKey };
}

/**
 * In the order and with the bytes of the request, for both tell objects apart; only `&` separates;
 * and `flag` is not `flag=`: "Cache content based on query string parameters".
 */
function keptQuery(query: string, selection: Selection): string | undefined {
  if (query === '' || selection.kind === 'none') return undefined;
  if (selection.kind === 'all') return query;
  const kept = query.split('&').filter((parameter) => selects(selection, parameterName(parameter)));
  return kept.length === 0 ? undefined : kept.join('&');
}

/**
 * By their values, whose bytes count; a header that is sent empty differs from none: "Cache content
 * based on request headers".
 */
function keptHeaders({ headers }: HttpRequest, { kind, names }: Selection): string[] {
  const taken = kind === 'only' ? names : kind === 'all' ? Object.keys(headers) : [];
  return [...taken]
    .sort()
    .filter((name) => name !== 'host' && name !== 'cookie' && headers[name] !== undefined)
    .map((name) => `${name}:${headers[name]?.join(',')}`);
}

/**
 * In the order of their names, for browsers choose their own order: "Cache content based on
 * cookies".
 */
function keptCookies(fields: readonly string[] | undefined, selection: Selection): string[] {
  if (fields === undefined || selection.kind === 'none') return [];
  const cookies = fields.flatMap((field) => field.split(';')).map((cookie) => cookie.trim());
  return cookies
    .filter((cookie) => cookie !== '' && selects(selection, parameterName(cookie)))
    .sort();
}

function encodings({ cachePolicy }: BehaviorModel, { headers }: HttpRequest): string[] {
  const encoding = normalizedAcceptEncoding(headers['accept-encoding'], cachePolicy);
  return encoding === undefined ? [] : [`accept-encoding=${encoding}`];
}

/**
 * GET and HEAD share an object; OPTIONS has its own: "Allowed HTTP methods" in "Cache behavior
 * settings".
 */
function methods({ method }: HttpRequest): string[] {
  return method === 'GET' || method === 'HEAD' ? [] : [`method=${method}`];
}
