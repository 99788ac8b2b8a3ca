/**
 * Which requests a shared cache may answer, and which responses it may store: the rules of RFC
 * 9111, and defenses against known attacks on caches.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { CredentialRule } from './credentials';

/** Directives of a `Cache-Control` header in lower case. A directive without a value has ''. */
export type Directives = ReadonlyMap<string, string>;

/**
 * Parses `Cache-Control` (RFC 9111, section 5.2). Quoted values may contain commas. If a directive
 * is repeated, the first one counts (section 4.2.1).
 */
export function cacheControl(header: string): Directives {
  const directives = new Map<string, string>();
  for (const [, name = '', quoted, plain] of header.matchAll(
    /([^\s,=;"]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;]*)))?/g,
  )) {
    const lower = name.toLowerCase();
    if (!directives.has(lower)) directives.set(lower, quoted ?? plain ?? '');
  }
  return directives;
}

/** The field value of a header as one list (RFC 9110, section 5.3); '' for an absent header. */
export function fieldValue(value: number | string | readonly string[] | undefined): string {
  return value === undefined ? '' : typeof value === 'object' ? value.join(', ') : String(value);
}

/** The names in a header that lists names, in lower case. */
export function listedNames(header: string): string[] {
  return header
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

/** Headers of requests that do not simply ask for the whole response of their URL. */
const PASSED_HEADERS = ['range', 'if-match', 'if-unmodified-since', 'if-range', 'upgrade'];

/** Headers from which frameworks and their middleware take another method. */
const METHOD_OVERRIDES = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-forwarded-method',
  'x-original-method',
];

/** Why a request bypasses the cache; undefined if it may be answered from the cache. */
export function bypassReason(request: IncomingMessage, honorsRequest: boolean): string | undefined {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return 'method';
  // A handler might read the body, which is not in the key. RFC 9110, section 9.3.1, gives the body
  // of a GET no meaning.
  if (hasBody(request)) return 'request-body';
  const passed = PASSED_HEADERS.find((name) => headers[name] !== undefined);
  if (passed !== undefined) return passed;
  if (METHOD_OVERRIDES.some((name) => headers[name] !== undefined)) return 'method-override';
  if (honorsRequest) {
    const directives = cacheControl(fieldValue(headers['cache-control']));
    if (
      directives.has('no-store') ||
      directives.has('no-cache') ||
      directives.get('max-age') === '0'
    )
      return 'request-cache-control';
  }
  return undefined;
}

function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  // HTTP/2 needs no header for a body.
  const { stream } = request as { readonly stream?: { readonly endAfterHeaders?: boolean } };
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] ?? '0') !== '0' ||
    stream?.endAfterHeaders === false
  );
}

/** What a route knows of the credentials of a request. */
export interface CredentialSettings {
  readonly rule: CredentialRule;
  readonly sessionCookies: 'any' | readonly string[];
  /** Request headers that are in the key, in lower case. */
  readonly keyed: ReadonlySet<string>;
}

/** The parameters of a request, by their decoded names. */
export interface AskedParameters {
  /** Parameters that the route names in `query.allow`. */
  readonly allowed: readonly string[];
  /** Other parameters that are in the key. */
  readonly kept: readonly string[];
  readonly dropped: readonly string[];
}

/**
 * The credential of a request that is not in its key, so that the key does not tell users apart;
 * undefined if there is none.
 *
 * @param target the request target as the client sent it
 * @param hasUser whether middleware has found out who the user is
 * @returns a reason for the bypass: of a header with its name, of a parameter without it, because
 * a client can write anything into it
 */
export function unkeyedCredential(
  request: IncomingMessage,
  target: string,
  parameters: AskedParameters,
  hasUser: boolean,
  { rule, sessionCookies, keyed }: CredentialSettings,
): string | undefined {
  const { headers } = request;
  const header = rule.firstHeader(headers, keyed);
  if (header !== undefined) return header === 'authorization' ? header : `credential: ${header}`;
  if (!keyed.has('cookie') && hasSession(headers.cookie, sessionCookies)) return 'session-cookie';
  if (/^[a-z][a-z\d+.-]*:\/\/[^/?#]*@/i.test(target)) return 'userinfo';
  const isSecret =
    parameters.dropped.some((name) => rule.parameter(name, false)) ||
    parameters.kept.some((name) => rule.parameter(name, true));
  if (isSecret) return 'credential-parameter';
  if (rule.certificate(request)) return 'client-certificate';
  if (!hasUser) return undefined;
  const isKeyed =
    [...keyed].some(
      (name) => headers[name] !== undefined && (name === 'cookie' || rule.header(name)),
    ) || parameters.allowed.some((name) => rule.parameter(name, false));
  return isKeyed ? undefined : 'user';
}

function hasSession(cookie: string | undefined, names: 'any' | readonly string[]): boolean {
  if (cookie === undefined) return false;
  if (names === 'any') return true;
  return cookie.split(';').some((pair) => names.includes(pair.split('=', 1)[0]?.trim() ?? ''));
}

/** The settings that decide whether a response may be stored. */
export interface StorageRules {
  readonly ttlSeconds: number | 'answer';
  readonly maxTtlSeconds: number;
  readonly statuses: Readonly<Record<number, number>>;
  /** Request headers that are in the key, in lower case. */
  readonly keyed: ReadonlySet<string>;
  /** Whether the key belongs to one user. If so, a `private` response may be stored. */
  readonly isPerUser: boolean;
  readonly credentials: CredentialRule;
}

/** Whether a response may be stored, for how long, or why not. */
export type Verdict =
  | { readonly stored: true; readonly ttlSeconds: number; readonly mayBeStale: boolean }
  /** `unkeyed`: the header that the response varies by and that is not in the key. */
  | { readonly stored: false; readonly reason: string; readonly unkeyed?: string };

const refused = (reason: string, unkeyed?: string): Verdict => ({ stored: false, reason, unkeyed });

/**
 * Whether a response may be stored, and for how long: "Storing Responses in Caches", RFC 9111,
 * section 3.
 *
 * @param headers by name in lower case
 */
export function judgeResponse(
  status: number,
  headers: OutgoingHttpHeaders,
  rules: StorageRules,
): Verdict {
  const ownSeconds = status === 200 ? undefined : rules.statuses[status];
  if (status !== 200 && ownSeconds === undefined) return refused('status');
  if (headers['set-cookie'] !== undefined) return refused('set-cookie');
  const handedOut = Object.keys(headers).find(
    (name) => headers[name] !== undefined && rules.credentials.handsOut(name),
  );
  if (handedOut !== undefined) return refused(`credential: ${handedOut}`);
  if (headers['content-range'] !== undefined) return refused('content-range');
  if (headers.trailer !== undefined) return refused('trailer');
  const type = fieldValue(headers['content-type']).toLowerCase();
  if (type.startsWith('text/event-stream') || type.startsWith('multipart/x-mixed-replace'))
    return refused('stream');
  const directives = cacheControl(fieldValue(headers['cache-control']));
  // With field names (`private="x"`), parts of the response could be stored. Section 5.2.2.7 lets a
  // cache ignore the names.
  if (directives.has('no-store')) return refused('no-store');
  if (directives.has('no-cache')) return refused('no-cache');
  if (directives.has('private') && !rules.isPerUser) return refused('private');
  for (const name of listedNames(fieldValue(headers.vary))) {
    if (name === '*') return refused('vary: *');
    if (!rules.keyed.has(name)) return refused(`vary: ${name}`, name);
  }
  const own = ownLifetime(directives);
  if (directives.has('s-maxage') && (own === undefined || own <= 0)) return refused('s-maxage');
  const mayBeStale = !directives.has('must-revalidate') && !directives.has('proxy-revalidate');
  if (rules.ttlSeconds !== 'answer')
    return { stored: true, ttlSeconds: ownSeconds ?? rules.ttlSeconds, mayBeStale };
  const age = deltaSeconds(fieldValue(headers.age)) ?? 0;
  const left = Math.min(own ?? 0, ownSeconds ?? rules.maxTtlSeconds, rules.maxTtlSeconds) - age;
  return left > 0 ? { stored: true, ttlSeconds: left, mayBeStale } : refused('no-lifetime');
}

/** `s-maxage` overrides `max-age` (section 4.2.1). A value that is not a number counts as stale. */
function ownLifetime(directives: Directives): number | undefined {
  const text = directives.get('s-maxage') ?? directives.get('max-age');
  return text === undefined ? undefined : (deltaSeconds(text) ?? 0);
}

function deltaSeconds(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/**
 * The header that carries tags to a CDN. Tags are percent-encoded, because a tag may contain any
 * text: characters that a header forbids, and the separators of the list.
 */
export function tagHeaders(
  tags: readonly string[],
  name: string | undefined,
): Record<string, string> {
  if (name === undefined || tags.length === 0) return {};
  const lower = name.toLowerCase();
  return {
    [lower]: tags.map((tag) => encodeURIComponent(tag)).join(lower === 'surrogate-key' ? ' ' : ','),
  };
}
