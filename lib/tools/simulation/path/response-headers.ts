/**
 * Headers that a response headers policy removes and sets: "Understand response headers policies",
 * Amazon CloudFront developer guide.
 */
import type { CorsModel, ResponseHeadersModel } from '../distribution';
import type { HeaderFields, HttpAnswer, HttpRequest } from '../messages';

export function withResponseHeaders(
  request: HttpRequest,
  answer: HttpAnswer,
  policy: ResponseHeadersModel | undefined,
): HttpAnswer {
  if (policy === undefined) return answer;
  const headers: Record<string, readonly string[]> = { ...without(answer.headers, policy.remove) };
  for (const { name, value, override } of policy.set) {
    if (override || headers[name] === undefined) headers[name] = [value];
  }
  const origin = request.headers.origin?.[0];
  if (policy.cors && origin !== undefined) setCors(headers, request.method, origin, policy.cors);
  return { ...answer, headers };
}

/**
 * All of the policy's, or with any of the origin's own, none: "CORS headers", "Origin override".
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

/** `*` stands for a part of the host, as in `https://*.example.com`. */
function matchesOrigin(pattern: string, origin: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^(?:https?://)?${escaped.join('[^/]*')}$`, 'i').test(origin);
}

function without(headers: HeaderFields, names: readonly string[]): HeaderFields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
