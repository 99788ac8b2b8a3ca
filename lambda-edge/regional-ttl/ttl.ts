/**
 * The core of the regional TTLs: how long the edge and the browser keep an answer, by the tier of
 * its path and the part of the world in which the function runs.
 *
 * Pure functions: no AWS types, no I/O, no clock. The rule above all others: nothing is kept longer
 * than the origin allows, and what cannot be read goes on as it came.
 */
import type { Continent } from '../../lib/model/aws';
import type { RegionalTtlSettings, TtlRule } from '../../lib/model/contracts';
import { findRule, type Headers } from '../normalize-cache-key';

/** The part of an origin's answer that is read and written here. */
export interface OriginResponse {
  /** Such as `200`. */
  readonly status: string;
  readonly headers: Headers;
}

/**
 * CloudFront keeps these for its error caching minimum even where the origin allows nothing. "How
 * CloudFront processes HTTP 4xx and 5xx status codes from your origin", Amazon CloudFront developer
 * guide.
 */
const ALWAYS_CACHED_ERRORS: ReadonlySet<number> = new Set([404, 414, 500, 501, 502, 503, 504]);

/**
 * Answers whose freshness is never to be guessed: temporary redirects ("Overview of Status Codes",
 * RFC 9110, section 15.1), and 304, which repeats the freshness of an answer that we do not see.
 */
const NEVER_GUESSED: ReadonlySet<number> = new Set([302, 303, 304, 307]);

const NOT_CACHED = 'private, no-store';

/**
 * The answer with the `Cache-Control` of its tier: `s-maxage` for the edge, `max-age` for the
 * browser, and the tier's stale directives. Other directives stay, and so do all other headers but,
 * where the tier asks for it, `Set-Cookie`. Applied twice, it changes nothing more.
 *
 * - `no-store`, `private` and `no-cache` are left alone, and so is a header that cannot be read.
 * - An answer with `Set-Cookie` is kept out of the shared cache, which would hand one viewer's
 *   session to the next.
 * - An error is kept for the tier's error TTL at most, and only if CloudFront would keep it at all.
 *
 * @param response is not changed
 * @param region where the function runs
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
  // Where CloudFront may keep the answer all the same, the cookie must not be in it: an error, or,
  // on a path whose tier cannot be told, a tier with a minimum TTL.
  const mayBeKept =
    ALWAYS_CACHED_ERRORS.has(Number(response.status)) ||
    (rule === undefined && settings.paths.some(strips));
  return notCached(mayBeKept ? { ...response, headers: others } : response);
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
  const told = directives && freshnessOf(directives);
  const expires = expiresIn(response.headers);
  if (directives === undefined || told === undefined || expires === 'unreadable') return response;
  const named = names(directives, true);
  if (named.has('no-store') || named.has('private') || named.has('no-cache')) return response;

  const status = Number(response.status);
  const allowed = told['s-maxage'] ?? told['max-age'] ?? expires;
  const isError = status >= 400;
  if (
    allowed === undefined &&
    (isError ? !ALWAYS_CACHED_ERRORS.has(status) : NEVER_GUESSED.has(status))
  )
    return response;

  const freshness = isError
    ? errorFreshness(told, allowed, expires, rule)
    : answerFreshness(told, allowed, expires, rule, continent);
  const mayBeStale =
    !isError &&
    freshness['s-maxage'] !== 0 &&
    !named.has('must-revalidate') &&
    !named.has('proxy-revalidate');
  const all: Freshness = {
    ...freshness,
    'stale-while-revalidate':
      told['stale-while-revalidate'] ?? (mayBeStale ? rule.staleWhileRevalidateSeconds : undefined),
    'stale-if-error': told['stale-if-error'] ?? (mayBeStale ? rule.staleIfErrorSeconds : undefined),
  };
  const kept = directives.filter(({ name }) => !isFreshness(name)).map(({ text }) => text);
  const written = FRESHNESS.flatMap((name) =>
    all[name] === undefined ? [] : [`${name}=${all[name]}`],
  );
  return withCacheControl(response, [...kept, ...written].join(', '));
}

function answerFreshness(
  told: Freshness,
  allowed: number | undefined,
  expires: number | undefined,
  rule: TtlRule,
  continent: Continent | undefined,
): Freshness {
  const { defaultTtlSeconds, maxTtlSeconds } = (continent && rule.continents?.[continent]) ?? rule;
  // A browser with less to go by than the edge gets no more than the edge was allowed.
  const browser = told['max-age'] ?? expires ?? allowed;
  const { browserTtlSeconds } = rule;
  return {
    'max-age':
      browserTtlSeconds === undefined
        ? told['max-age']
        : Math.min(browserTtlSeconds, browser ?? browserTtlSeconds),
    's-maxage': allowed === undefined ? defaultTtlSeconds : Math.min(allowed, maxTtlSeconds),
  };
}

function errorFreshness(
  told: Freshness,
  allowed: number | undefined,
  expires: number | undefined,
  rule: TtlRule,
): Freshness {
  const browser = told['max-age'] ?? expires;
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

/** A list header that was sent several times is one list: RFC 9110, section 5.3. */
function cacheControlOf(headers: Headers): string {
  return (headers['cache-control'] ?? []).map(({ value }) => value).join(',');
}

/** One directive of a `Cache-Control` header. */
export interface Directive {
  /** In lower case. */
  readonly name: string;
  /** Without quotes and their escapes. */
  readonly value?: string;
  /** As it was written. */
  readonly text: string;
}

/**
 * One element of the list, perhaps empty, up to the next comma: "Lists" and "Quoted Strings", RFC
 * 9110, sections 5.6.1 and 5.6.4.
 */
const ELEMENT =
  /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=([!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[^"\\]|\\.)*"))?)?[ \t]*(,|$)/y;

/**
 * The directives of a `Cache-Control` header: "Cache-Control", RFC 9111, section 5.2. Values may be
 * tokens or quoted.
 *
 * @returns undefined if the header is malformed: what its directives were to mean is unknown
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
 * @param qualified whether directives count that are limited to some headers, as `private="x-user"`
 * is
 */
function names(directives: readonly Directive[], qualified = false): ReadonlySet<string> {
  return new Set(
    directives.filter(({ value }) => qualified || value === undefined).map(({ name }) => name),
  );
}

/** In the order in which they are written. */
const FRESHNESS = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'] as const;
type Freshness = { readonly [name in (typeof FRESHNESS)[number]]?: number };

function isFreshness(name: string): name is (typeof FRESHNESS)[number] {
  return (FRESHNESS as readonly string[]).includes(name);
}

/**
 * The greatest number of seconds that a cache must be able to tell: "Delta Seconds", RFC 9111,
 * section 1.2.2.
 */
const MAX_SECONDS = 2 ** 31;

/**
 * Of a directive that was given twice, the shorter time. Undefined if one is no number of seconds.
 */
function freshnessOf(directives: readonly Directive[]): Freshness | undefined {
  const told: { [name in (typeof FRESHNESS)[number]]?: number } = {};
  for (const { name, value } of directives) {
    if (!isFreshness(name)) continue;
    if (value === undefined || !/^\d+$/.test(value)) return undefined;
    told[name] = Math.min(Number(value), told[name] ?? MAX_SECONDS);
  }
  return told;
}

/**
 * The seconds until `Expires`, counted from `Date`. A value that is no date, such as `0`, lies in
 * the past: "Expires", RFC 9111, section 5.3.
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
