/**
 * Which requests and which answers a cache that all users share may touch: RFC 9111, and what
 * attacks on caches have taught.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** Directives of a `Cache-Control` header in lower case; those without a value are ''. */
export type Directives = ReadonlyMap<string, string>;

/**
 * Reads `Cache-Control` (RFC 9111, section 5.2). Quoted values may hold commas. Of a directive that
 * is repeated, the first counts (section 4.2.1).
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

/** All values of a header as one list: RFC 9110, section 5.3. */
export function headerText(value: number | string | readonly string[] | undefined): string {
  return value === undefined ? '' : typeof value === 'object' ? value.join(', ') : String(value);
}

/** The names in a header that is a list of names, in lower case. */
export function listedNames(header: string): string[] {
  return header
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

/** Requests that are about more, or less, than the whole answer of their URL. */
const PASSED_HEADERS = ['range', 'if-match', 'if-unmodified-since', 'if-range', 'upgrade'];

/** Frameworks and their middleware take another method from these. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

export interface RequestRules {
  readonly sessionCookies: 'any' | readonly string[];
  readonly honoursRequest: boolean;
  /** Whether the key or the route has settled who may share the answer. */
  readonly isUserSettled: boolean;
}

/**
 * Why a request goes to its handler, past the cache; nothing if it may be answered from the cache.
 */
export function whyPassed(
  method: string,
  headers: IncomingHttpHeaders,
  rules: RequestRules,
): string | undefined {
  if (method !== 'GET' && method !== 'HEAD') return 'method';
  // A body that a handler might read is not in the key (RFC 9110, section 9.3.1, gives it no
  // meaning).
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0')
    return 'request-body';
  const passed = PASSED_HEADERS.find((name) => headers[name] !== undefined);
  if (passed !== undefined) return passed;
  if (METHOD_OVERRIDES.some((name) => headers[name] !== undefined)) return 'method-override';
  if (!rules.isUserSettled) {
    if (headers.authorization !== undefined) return 'authorization';
    if (hasSession(headers.cookie, rules.sessionCookies)) return 'session-cookie';
  }
  if (rules.honoursRequest) {
    const directives = cacheControl(headerText(headers['cache-control']));
    if (
      directives.has('no-store') ||
      directives.has('no-cache') ||
      directives.get('max-age') === '0'
    )
      return 'request-cache-control';
  }
  return undefined;
}

function hasSession(cookie: string | undefined, names: 'any' | readonly string[]): boolean {
  if (cookie === undefined) return false;
  if (names === 'any') return true;
  return cookie.split(';').some((pair) => names.includes(pair.split('=', 1)[0]?.trim() ?? ''));
}

export interface AnswerRules {
  readonly ttlSeconds: number | 'answer';
  readonly maxTtlSeconds: number;
  readonly statuses: Readonly<Record<number, number>>;
  /** Request headers that are in the key, in lower case. */
  readonly keyed: ReadonlySet<string>;
  /** Whether the key belongs to one user: then `private` allows to store. */
  readonly isOneUsers: boolean;
}

export type Verdict =
  | { readonly stored: true; readonly ttlSeconds: number; readonly mayBeStale: boolean }
  /** `unkeyed`: the header that the answer varies by. */
  | { readonly stored: false; readonly reason: string; readonly unkeyed?: string };

const no = (reason: string, unkeyed?: string): Verdict => ({ stored: false, reason, unkeyed });

/**
 * Whether an answer may be stored, and for how long: "Storing Responses in Caches", RFC 9111,
 * section 3.
 *
 * @param headers by name in lower case
 */
export function judgeAnswer(
  status: number,
  headers: OutgoingHttpHeaders,
  rules: AnswerRules,
): Verdict {
  const ownSeconds = status === 200 ? undefined : rules.statuses[status];
  if (status !== 200 && ownSeconds === undefined) return no('status');
  if (headers['set-cookie'] !== undefined) return no('set-cookie');
  if (headers['content-range'] !== undefined) return no('content-range');
  if (headers.trailer !== undefined) return no('trailer');
  const type = headerText(headers['content-type']).toLowerCase();
  if (type.startsWith('text/event-stream') || type.startsWith('multipart/x-mixed-replace'))
    return no('stream');
  const directives = cacheControl(headerText(headers['cache-control']));
  // With field names (`private="x"`), parts could be stored: section 5.2.2.7 lets a cache treat it
  // as if it had none.
  if (directives.has('no-store')) return no('no-store');
  if (directives.has('no-cache')) return no('no-cache');
  if (directives.has('private') && !rules.isOneUsers) return no('private');
  for (const name of listedNames(headerText(headers.vary))) {
    if (name === '*') return no('vary: *');
    if (!rules.keyed.has(name)) return no(`vary: ${name}`, name);
  }
  const own = ownLifetime(directives);
  if (directives.has('s-maxage') && (own === undefined || own <= 0)) return no('s-maxage');
  const mayBeStale = !directives.has('must-revalidate') && !directives.has('proxy-revalidate');
  if (rules.ttlSeconds !== 'answer')
    return { stored: true, ttlSeconds: ownSeconds ?? rules.ttlSeconds, mayBeStale };
  const age = deltaSeconds(headerText(headers.age)) ?? 0;
  const left = Math.min(own ?? 0, ownSeconds ?? rules.maxTtlSeconds, rules.maxTtlSeconds) - age;
  return left > 0 ? { stored: true, ttlSeconds: left, mayBeStale } : no('no-lifetime');
}

/** `s-maxage` before `max-age` (section 4.2.1); a value that is no number counts as stale. */
function ownLifetime(directives: Directives): number | undefined {
  const text = directives.get('s-maxage') ?? directives.get('max-age');
  return text === undefined ? undefined : (deltaSeconds(text) ?? 0);
}

function deltaSeconds(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** A tag may hold any text; a header may not, and its separators would make two of one. */
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
