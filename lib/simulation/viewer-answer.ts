/** What a viewer gets of an answer: by its own conditions, its range and its method, with the headers that a policy sets. */
import type { CorsModel, ResponseHeadersModel } from './distribution';
import type { HeaderFields, HttpAnswer, HttpRequest } from './messages';

/** Those of a 200 that a 304 has as well: RFC 9110, 15.4.5. CloudFront's own ones are added later. */
const DROPPED_BY_304 = ['content-encoding', 'content-language', 'content-length', 'content-range', 'content-type'];

/** 304, 206, 416 or without a body, as RFC 9110 (13.2.2, 14.2 and 9.3.2) has it of a cache that holds the whole answer. */
export function byConditions(request: HttpRequest, answer: HttpAnswer): HttpAnswer {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isRead && answer.status === 200) {
    if (isNotModified(request.headers, answer.headers)) {
      return { status: 304, headers: without(answer.headers, DROPPED_BY_304), bodyBytes: 0 };
    }
    if (request.method === 'GET') return ranged(request.headers, answer);
  }
  return request.method === 'HEAD' ? { status: answer.status, headers: answer.headers, bodyBytes: 0 } : answer;
}

/** `If-None-Match` counts alone where it is: RFC 9110, 13.2.2. */
function isNotModified(request: HeaderFields, answer: HeaderFields): boolean {
  const none = request['if-none-match'];
  if (none !== undefined) {
    const etag = answer.etag?.[0];
    const listed = none.flatMap((value) => value.match(/\*|(?:W\/)?"[^"]*"/g) ?? []);
    return listed.includes('*') || (etag !== undefined && listed.some((each) => opaque(each) === opaque(etag)));
  }
  const since = time(request['if-modified-since']);
  const modified = time(answer['last-modified']);
  return since !== undefined && modified !== undefined && modified <= since;
}

/** Compared weakly: RFC 9110, 8.8.3.2. */
function opaque(etag: string): string {
  return etag.replace(/^W\//, '');
}

function time(values: readonly string[] | undefined): number | undefined {
  const milliseconds = Date.parse(values?.[0] ?? '');
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** One range. Of several, the whole is answered, which is always allowed: RFC 9110, 14.2. */
function ranged(request: HeaderFields, answer: HttpAnswer): HttpAnswer {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.range?.join(',') ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '') || !isSameObject(request['if-range'], answer.headers))
    return answer;
  const size = answer.bodyBytes;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return answer;
  if (first > last) {
    const headers = { ...without(answer.headers, DROPPED_BY_304), 'content-range': [`bytes */${size}`] };
    return { status: 416, headers, bodyBytes: 0 };
  }
  return {
    status: 206,
    headers: { ...answer.headers, 'content-range': [`bytes ${first}-${last}/${size}`], 'content-length': [String(last - first + 1)] },
    bodyBytes: last - first + 1,
    ...(answer.body && { body: answer.body.subarray(first, last + 1) }),
  };
}

/** Compared strongly: RFC 9110, 13.1.5. */
function isSameObject(ifRange: readonly string[] | undefined, answer: HeaderFields): boolean {
  const condition = ifRange?.[0];
  if (condition === undefined) return true;
  return condition.startsWith('"') ? condition === answer.etag?.[0] : condition === answer['last-modified']?.[0];
}

/** "Understand response headers policies". */
export function withResponseHeaders(request: HttpRequest, answer: HttpAnswer, policy: ResponseHeadersModel | undefined): HttpAnswer {
  if (policy === undefined) return answer;
  const headers: Record<string, readonly string[]> = { ...without(answer.headers, policy.remove) };
  for (const { name, value, override } of policy.set) {
    if (override || headers[name] === undefined) headers[name] = [value];
  }
  const origin = request.headers.origin?.[0];
  if (policy.cors && origin !== undefined) setCors(headers, request.method, origin, policy.cors);
  return { ...answer, headers };
}

/** All of the policy's, or with any of the origin's own, none: "CORS headers", "Origin override". */
function setCors(headers: Record<string, readonly string[]>, method: string, origin: string, cors: CorsModel): void {
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

/** `*` stands for a part of the host, as in `https://*.example.com`. */
function matchesOrigin(pattern: string, origin: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^(?:https?://)?${escaped.join('[^/]*')}$`, 'i').test(origin);
}

function without(headers: HeaderFields, names: readonly string[]): HeaderFields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
