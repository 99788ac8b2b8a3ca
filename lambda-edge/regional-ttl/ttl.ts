/**
 * The core of the regional TTLs: how long the edge and the browser keep a response, by the tier of
 * its path and the part of the world in which the function runs.
 *
 * Pure functions: no AWS types, no I/O, no clock. The first rule: no response is kept longer than
 * the origin allows, and a response with unreadable headers stays as it came.
 */
import type { Continent } from '../../lib/model/aws';
import type { RegionalTtlSettings, TtlRule } from '../../lib/model/contracts';
import { findRule, type Headers } from '../normalize-cache-key';

/** The part of an origin's response that is read and written here. */
export interface OriginResponse {
  /** The status code, such as `200`. */
  readonly status: string;
  readonly headers: Headers;
}

/**
 * CloudFront caches these for its error caching minimum even if the origin forbids it: "How
 * CloudFront processes HTTP 4xx and 5xx status codes from your origin", Amazon CloudFront developer
 * guide.
 */
const ALWAYS_CACHED_ERRORS: ReadonlySet<number> = new Set([404, 414, 500, 501, 502, 503, 504]);

/**
 * Responses that have no default freshness: temporary redirects ("Overview of Status Codes", RFC
 * 9110, section 15.1), and 304, which renews a response that the function does not see.
 */
const NO_DEFAULT_FRESHNESS: ReadonlySet<number> = new Set([302, 303, 304, 307]);

const NOT_CACHED = 'private, no-store';

/**
 * The response with the `Cache-Control` of its tier: `s-maxage` for the edge, `max-age` for the
 * browser, and the tier's stale directives. Other directives and headers stay, except `Set-Cookie`
 * if the tier strips it. Applying it again changes nothing.
 *
 * - A response with `no-store`, `private` or `no-cache`, or with an unreadable header, stays as it
 *   is.
 * - A response with `Set-Cookie` is kept out of the shared cache, which would hand one viewer's
 *   session to the next.
 * - An error is kept for the tier's error TTL at most, and only if CloudFront would cache it at
 *   all.
 *
 * @param response is not changed
 * @param region the region in which the function runs
 */
export function applyTtl<Response extends OriginResponse>(
  response: Response,
  request: { readonly uri: string },
  settings: RegionalTtlSettings,
  region: string | undefined,
): Response {
  const rule = findRule(settings.paths, request.uri);
  const { 'set-cookie': cookies, ...others } = response.headers;
  if (cookies === undefined)
    return rule === undefined ? response : withTtl(response, rule, settings.regions[region ?? '']);
  if (rule?.setCookie === 'strip')
    return withTtl({ ...response, headers: others }, rule, settings.regions[region ?? '']);
  // CloudFront may cache an error all the same, and on a path of unknown tier also a response, if a
  // tier has a minimum TTL. Then the cookie must be removed.
  const mayBeCached =
    ALWAYS_CACHED_ERRORS.has(Number(response.status)) ||
    (rule === undefined && settings.paths.some(strips));
  return notCached(mayBeCached ? { ...response, headers: others } : response);
}

function strips({ setCookie }: TtlRule): boolean {
  return setCookie === 'strip';
}

function notCached<Response extends OriginResponse>(response: Response): Response {
  const named = names(parseCacheControl(cacheControlOf(response.headers)) ?? []);
  return named.has('no-store') || named.has('private')
    ? response
    : withCacheControl(response, NOT_CACHED);
}

function withTtl<Response extends OriginResponse>(
  response: Response,
  rule: TtlRule,
  continent: Continent | undefined,
): Response {
  const directives = parseCacheControl(cacheControlOf(response.headers));
  const sent = directives && freshnessOf(directives);
  const expires = expiresIn(response.headers);
  if (directives === undefined || sent === undefined || expires === 'unreadable') return response;
  const named = names(directives, true);
  if (named.has('no-store') || named.has('private') || named.has('no-cache')) return response;

  const status = Number(response.status);
  const allowed = sent['s-maxage'] ?? sent['max-age'] ?? expires;
  const isError = status >= 400;
  if (
    allowed === undefined &&
    (isError ? !ALWAYS_CACHED_ERRORS.has(status) : NO_DEFAULT_FRESHNESS.has(status))
  )
    return response;

  const freshness = isError
    ? errorFreshness(sent, allowed, expires, rule)
    : responseFreshness(sent, allowed, expires, rule, continent);
  const mayBeStale =
    !isError &&
    freshness['s-maxage'] !== 0 &&
    !named.has('must-revalidate') &&
    !named.has('proxy-revalidate');
  const all: Freshness = {
    ...freshness,
    'stale-while-revalidate':
      sent['stale-while-revalidate'] ?? (mayBeStale ? rule.staleWhileRevalidateSeconds : undefined),
    'stale-if-error': sent['stale-if-error'] ?? (mayBeStale ? rule.staleIfErrorSeconds : undefined),
  };
  const kept = directives.filter(({ name }) => !isFreshness(name)).map(({ text }) => text);
  const written = FRESHNESS.flatMap((name) =>
    all[name] === undefined ? [] : [`${name}=${all[name]}`],
  );
  return withCacheControl(response, [...kept, ...written].join(', '));
}

function responseFreshness(
  sent: Freshness,
  allowed: number | undefined,
  expires: number | undefined,
  rule: TtlRule,
  continent: Continent | undefined,
): Freshness {
  const { defaultTtlSeconds, maxTtlSeconds } = (continent && rule.continents?.[continent]) ?? rule;
  // A browser for which the origin sends nothing may keep it no longer than the edge may.
  const browser = sent['max-age'] ?? expires ?? allowed;
  const { browserTtlSeconds } = rule;
  return {
    'max-age':
      browserTtlSeconds === undefined
        ? sent['max-age']
        : Math.min(browserTtlSeconds, browser ?? browserTtlSeconds),
    's-maxage': allowed === undefined ? defaultTtlSeconds : Math.min(allowed, maxTtlSeconds),
  };
}

function errorFreshness(
  sent: Freshness,
  allowed: number | undefined,
  expires: number | undefined,
  rule: TtlRule,
): Freshness {
  const browser = sent['max-age'] ?? expires;
  return {
    'max-age': browser === undefined ? undefined : Math.min(browser, rule.errorTtlSeconds),
    's-maxage': Math.min(allowed ?? rule.errorTtlSeconds, rule.errorTtlSeconds),
  };
}

function withCacheControl<Response extends OriginResponse>(
  response: Response,
  value: string,
): Response {
  return {
    ...response,
    headers: { ...response.headers, 'cache-control': [{ key: 'Cache-Control', value }] },
  };
}

/** Joins the values of a list header that was sent several times: RFC 9110, section 5.3. */
function cacheControlOf(headers: Headers): string {
  return (headers['cache-control'] ?? []).map(({ value }) => value).join(',');
}

/** One directive of a `Cache-Control` header. */
export interface Directive {
  /** The name in lower case. */
  readonly name: string;
  /** The value without quotes and their escapes. */
  readonly value?: string;
  /** The directive as the origin wrote it. */
  readonly text: string;
}

/**
 * One element of the list, which may be empty, up to the next comma: "Lists" and "Quoted Strings",
 * RFC 9110, sections 5.6.1 and 5.6.4.
 */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const ELEMENT = new RegExp(
  `[ \\t]*(?:(${TOKEN})(?:=(${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))?)?[ \\t]*(,|$)`,
  'y',
);

/**
 * The directives of a `Cache-Control` header: "Cache-Control", RFC 9111, section 5.2. Values may be
 * tokens or quoted.
 *
 * @returns undefined if the header is malformed
 */
export function parseCacheControl(header: string): Directive[] | undefined {
  const directives: Directive[] = [];
  for (let at = 0; ; ) {
    ELEMENT.lastIndex = at;
    const match = ELEMENT.exec(header);
    if (match === null) return undefined;
    const [whole, name, value, end] = match;
    if (name !== undefined) {
      const unquoted = value?.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
      directives.push({
        name: name.toLowerCase(),
        value: unquoted,
        text: value === undefined ? name : `${name}=${value}`,
      });
    }
    if (end === '') return directives;
    at += whole.length;
  }
}

/**
 * The names of the directives.
 *
 * @param qualified whether to include directives for some headers only, such as `private="x-user"`
 */
function names(directives: readonly Directive[], qualified = false): ReadonlySet<string> {
  return new Set(
    directives.filter(({ value }) => qualified || value === undefined).map(({ name }) => name),
  );
}

/** The directives of freshness, in the order of the output. */
const FRESHNESS = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'] as const;
type Freshness = { readonly [name in (typeof FRESHNESS)[number]]?: number };

function isFreshness(name: string): name is (typeof FRESHNESS)[number] {
  return (FRESHNESS as readonly string[]).includes(name);
}

/**
 * The largest number of seconds that a cache must support: "Delta Seconds", RFC 9111, section
 * 1.2.2.
 */
const MAX_SECONDS = 2 ** 31;

/**
 * The freshness that the origin sent. If a directive is repeated, the shorter time counts.
 *
 * @returns undefined if a value is not a number of seconds
 */
function freshnessOf(directives: readonly Directive[]): Freshness | undefined {
  const freshness: { [name in (typeof FRESHNESS)[number]]?: number } = {};
  for (const { name, value } of directives) {
    if (!isFreshness(name)) continue;
    if (value === undefined || !/^\d+$/.test(value)) return undefined;
    freshness[name] = Math.min(Number(value), freshness[name] ?? MAX_SECONDS);
  }
  return freshness;
}

/**
 * The seconds from `Date` to `Expires`. An invalid date, such as `0`, counts as the past:
 * "Expires", RFC 9111, section 5.3.
 */
function expiresIn(headers: Headers): number | undefined | 'unreadable' {
  const expires = headers.expires ?? [];
  if (expires.length === 0) return undefined;
  const until = Math.min(...expires.map(({ value }) => Date.parse(value)));
  if (Number.isNaN(until)) return 0;
  const from = Date.parse(headers.date?.[0]?.value ?? '');
  return Number.isNaN(from)
    ? 'unreadable'
    : Math.min(Math.max(0, Math.floor((until - from) / 1000)), MAX_SECONDS);
}
