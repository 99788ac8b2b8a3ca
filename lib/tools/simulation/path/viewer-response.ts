/**
 * Makes the viewer's response from a cached one: RFC 9110, 13 and 14, where CloudFront's
 * documentation is silent. CloudFront ignores the viewer's `Cache-Control` and `Pragma`: "Use
 * headers to control cache duration for individual objects".
 */
import type { CorsModel, ResponseHeadersModel } from '../distribution';
import { dateOf, type ServedResponse } from '../engine';
import { filterHeaders } from '../headers';
import type { HeaderFields, HttpRequest, HttpResponse } from '../messages';
import { isRead } from './cache-key';

/**
 * Applies the viewer's method, conditions and range.
 *
 * @param served the cached response. `Age` is added unless it is new from the origin.
 */
export function viewerResponse(
  request: HttpRequest,
  served: Pick<ServedResponse, 'response' | 'servedBy' | 'ageSeconds'>,
): HttpResponse {
  const isOld = served.servedBy !== 'origin' || served.ageSeconds > 0;
  const headers = isOld
    ? { ...served.response.headers, age: [String(served.ageSeconds)] }
    : served.response.headers;
  const response = { ...served.response, headers };
  if (
    isRead(request.method) &&
    (response.status === 200 || response.status === 206) &&
    isUnchanged(request.headers, headers)
  )
    return notModified(response);
  if (request.method === 'HEAD') return withoutBody(response);
  return request.method === 'GET' && response.status === 200
    ? ranged(request.headers, response)
    : response;
}

/**
 * Whether the viewer's copy is current. `If-None-Match` overrides `If-Modified-Since` and compares
 * weakly: RFC 9110, 13.1.2 and 13.2.2.
 */
function isUnchanged(requestHeaders: HeaderFields, headers: HeaderFields): boolean {
  const tags = requestHeaders['if-none-match'];
  if (tags !== undefined) {
    const own = headers.etag?.[0];
    if (tags.some((field) => field.trim() === '*')) return true;
    return (
      own !== undefined &&
      tags
        .flatMap((field) => field.match(/(?:W\/)?"[^"]*"/g) ?? [])
        .some((tag) => weak(tag) === weak(own))
    );
  }
  const since = dateOf(requestHeaders['if-modified-since']);
  const modified = dateOf(headers['last-modified']);
  return since !== undefined && modified !== undefined && modified <= since;
}

function weak(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}

/** Removes the fields that describe the missing body: RFC 9110, 15.4.5. */
function notModified(response: HttpResponse): HttpResponse {
  const headers = filterHeaders(response.headers, (name) => !DESCRIBES_BODY.has(name));
  return { status: 304, headers, bodyBytes: 0 };
}

const DESCRIBES_BODY = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
]);

function withoutBody({ status, headers }: HttpResponse): HttpResponse {
  return { status, headers, bodyBytes: 0 };
}

/**
 * Applies `Range`. CloudFront responds to an invalid range with the whole object: "How CloudFront
 * processes partial requests for an object (range GETs)". So does the model to several ranges,
 * because `multipart/byteranges` would not affect caching.
 */
function ranged(requestHeaders: HeaderFields, response: HttpResponse): HttpResponse {
  const [, first, last] =
    /^bytes=(\d*)-(\d*)$/.exec(requestHeaders.range?.join(',').trim() ?? '') ?? [];
  if (
    first === undefined ||
    last === undefined ||
    first + last === '' ||
    !isInTime(requestHeaders['if-range']?.[0], response.headers)
  )
    return response;
  const length = response.body?.byteLength ?? response.bodyBytes;
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? length - 1 : Math.min(Number(last), length - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return response;
  if (start > end) {
    return {
      status: 416,
      headers: {
        ...response.headers,
        'content-length': ['0'],
        'content-range': [`bytes */${length}`],
      },
      bodyBytes: 0,
    };
  }
  const bodyBytes = end - start + 1;
  const headers = {
    ...response.headers,
    'content-length': [String(bodyBytes)],
    'content-range': [`bytes ${start}-${end}/${length}`],
  };
  return {
    status: 206,
    headers,
    bodyBytes,
    ...(response.body && { body: response.body.subarray(start, end + 1) }),
  };
}

/**
 * Whether `If-Range` allows a partial response. It compares strongly, and a date exactly: RFC 9110,
 * 13.1.5.
 */
function isInTime(condition: string | undefined, headers: HeaderFields): boolean {
  if (condition === undefined) return true;
  if (condition.includes('"'))
    return !condition.startsWith('W/') && condition === headers.etag?.[0];
  return condition === headers['last-modified']?.[0] && dateOf([condition]) !== undefined;
}

/**
 * Removes and sets headers by a response headers policy: "Understand response headers policies",
 * Amazon CloudFront developer guide.
 */
export function withResponseHeaders(
  request: HttpRequest,
  response: HttpResponse,
  policy: ResponseHeadersModel | undefined,
): HttpResponse {
  if (policy === undefined) return response;
  const headers: Record<string, readonly string[]> = {
    ...filterHeaders(response.headers, (name) => !policy.remove.includes(name)),
  };
  for (const { name, value, override } of policy.set) {
    if (override || !Object.hasOwn(headers, name)) headers[name] = [value];
  }
  const origin = request.headers.origin?.[0];
  if (policy.cors && origin !== undefined) setCors(headers, request.method, origin, policy.cors);
  return { ...response, headers };
}

/**
 * Sets all CORS headers of the policy, or none if the origin set any and the policy does not
 * override them: "Origin override" in "CORS headers".
 */
function setCors(
  headers: Record<string, readonly string[]>,
  method: string,
  origin: string,
  cors: CorsModel,
): void {
  const own = Object.keys(headers).filter((name) => name.startsWith('access-control-'));
  if (own.length > 0 && !cors.override) return;
  for (const name of own) delete headers[name];
  const allowed = cors.allowOrigins.some((pattern) => matchesOrigin(pattern, origin));
  if (!allowed) return;
  const isWildcard = cors.allowOrigins.includes('*');
  headers['access-control-allow-origin'] = [isWildcard ? '*' : origin];
  if (!isWildcard) headers.vary = [...(headers.vary ?? []), 'Origin'];
  for (const [name, value] of Object.entries(cors.set)) {
    if (method === 'OPTIONS' || !cors.preflightOnly.includes(name)) headers[name] = [value];
  }
}

/** `*` matches a part of the host, as in `https://*.example.com`. */
function matchesOrigin(pattern: string, origin: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^(?:https?://)?${escaped.join('[^/]*')}$`, 'i').test(origin);
}
