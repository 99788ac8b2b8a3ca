/**
 * The core of the cache-key normaliser: what CloudFront's cache key may not see as different, made equal.
 *
 * Pure functions over strings: no AWS types, no I/O, nothing that a CloudFront Function could not run as well.
 *
 * The rule above all others: two requests whose answers may differ never share a key. So a byte that is kept is never
 * decoded, re-encoded or changed in case, and whatever is in doubt stays as it came. A missed merge costs one trip to
 * the origin; a wrong merge serves the wrong content.
 */

/** Which query parameters stay: none, all but those denied, or only those allowed. Names are compared byte by byte, undecoded. */
export type QueryRule =
  | 'none'
  | {
      /** Names to drop; a `*` at the end stands for any rest. */
      readonly deny: readonly string[];
    }
  | {
      /** The only names to keep. */
      readonly allow: readonly string[];
    };

/** What applies to the paths that match a pattern. */
export interface PathRule {
  /** In CloudFront's syntax: `*` stands for any characters, `?` for exactly one. Case matters. */
  readonly pattern: string;
  readonly query: QueryRule;
  /** Whether the negotiated language is part of the key. */
  readonly language?: boolean;
  /** Whether the negotiated image format is part of the key. */
  readonly imageFormat?: boolean;
}

/** The settings written beside the handler at synthesis. */
export interface Settings {
  /** In the order of the distribution's behaviours: the first match wins. */
  readonly paths: readonly PathRule[];
  /** The languages that the origin speaks, the default one first. */
  readonly languages?: readonly string[];
}

/** Headers as Lambda@Edge gives them: by name in lower case. */
export type Headers = Record<string, { key?: string; value: string }[]>;

/** The part of a viewer's request that is read and written here. */
export interface ViewerRequest {
  /** The path as the viewer sent it. */
  readonly uri: string;
  /** Without the question mark. */
  readonly querystring: string;
  readonly headers: Headers;
}

/** Carries the negotiated language to the cache key and the origin. */
export const LANGUAGE_HEADER = 'x-isochrone-language';

/** Carries the negotiated image format to the cache key and the origin. */
export const IMAGE_FORMAT_HEADER = 'x-isochrone-image-format';

/** Characters of a query that is still normalised; a longer one goes on as it came. CloudFront itself takes URLs of 8,192 bytes. */
export const MAX_QUERY_LENGTH = 8192;

/** Parameters of a query that is still normalised, empty ones included; a query with more goes on as it came. */
export const MAX_PARAMETERS = 1000;

/** Characters of an `Accept` or `Accept-Language` header that is still read; a longer one counts as absent. */
export const MAX_ACCEPT_LENGTH = 1024;

/** Image formats beside the fallback, the better one first: it wins when the viewer ranks both the same. */
const IMAGE_FORMATS = ['avif', 'webp', 'jpeg'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/**
 * The request with a normalised query and its two synthetic headers set or removed. A viewer's own copies of those
 * headers never survive, because the cache key and the origin trust them. (On uncached paths, where no function runs,
 * the origin request policy leaves them out.)
 *
 * @param request is not changed
 */
export function normalizeRequest<Request extends ViewerRequest>(request: Request, settings: Settings): Request {
  const rule = findRule(settings.paths, request.uri);
  const headers: Headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !isSynthetic(name)));
  if (rule === undefined) return { ...request, headers };
  if (rule.language && settings.languages !== undefined) {
    const language = negotiateLanguage(headerValue(request.headers, 'accept-language'), settings.languages);
    if (language !== undefined) headers[LANGUAGE_HEADER] = [{ key: LANGUAGE_HEADER, value: language }];
  }
  if (rule.imageFormat) {
    headers[IMAGE_FORMAT_HEADER] = [{ key: IMAGE_FORMAT_HEADER, value: negotiateImageFormat(headerValue(request.headers, 'accept')) }];
  }
  return { ...request, querystring: normalizeQuery(request.querystring, rule.query), headers };
}

function isSynthetic(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === LANGUAGE_HEADER || lower === IMAGE_FORMAT_HEADER;
}

/** A list header that was sent several times is one list: RFC 9110, section 5.3. */
function headerValue(headers: Headers, name: string): string {
  return (headers[name] ?? []).map(({ value }) => value).join(',');
}

/**
 * Escapes of unreserved characters, `.` or `..` as a segment, and `//`. CloudFront resolves them before it chooses a behaviour
 * ("Path pattern", Amazon CloudFront developer guide), but functions see the path as it was sent.
 */
const NOT_AS_CLOUDFRONT_MATCHES_IT = /%(?:2[de]|3\d|[46][1-9a-f]|[57][0-9a]|5f|7e)|(?:^|\/)\.{1,2}(?:\/|$)|\/\//i;

/**
 * The first rule whose pattern matches the path; none if no pattern does, or if CloudFront may have chosen the behaviour
 * by another spelling of the path: then we cannot know which rule is meant.
 */
export function findRule(rules: readonly PathRule[], path: string): PathRule | undefined {
  if (NOT_AS_CLOUDFRONT_MATCHES_IT.test(path)) return undefined;
  return rules.find(({ pattern }) => matchesPath(pattern, path));
}

/** Whether a path matches a pattern in CloudFront's syntax. A slash at the start may be left out of the pattern. */
export function matchesPath(pattern: string, path: string): boolean {
  return matchesWildcards(withoutFirstSlash(pattern), withoutFirstSlash(path));
}

function withoutFirstSlash(text: string): string {
  return text.startsWith('/') ? text.slice(1) : text;
}

/** Two pointers instead of a regular expression: its time is bounded by the product of the lengths, whatever the path. */
function matchesWildcards(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let starEnd = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      starEnd = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++starEnd;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/**
 * The query with the parameters that the rule keeps, sorted by name. Never longer than it was, and stable: normalising
 * twice changes nothing more.
 *
 * - Only `&` separates. `flag` and `flag=` are different parameters, and so are `a=%E9` and `a=%e9`, `+` and `%20`.
 * - Repeated names keep their order among themselves, because the origin may read them as a list.
 * - So do different spellings of one name, such as `a` and `%61`, for the same reason.
 * - Empty parameters, as in `a&&b`, are dropped: they have neither a name nor a value. A lone `=` has both, empty, and stays.
 * - Beyond {@link MAX_QUERY_LENGTH} or {@link MAX_PARAMETERS} the query is left as it came, except that `none` drops any.
 */
export function normalizeQuery(query: string, rule: QueryRule): string {
  if (rule === 'none') return '';
  if (query.length > MAX_QUERY_LENGTH) return query;
  const parameters = query.split('&');
  if (parameters.length > MAX_PARAMETERS) return query;
  return sortByName(parameters.filter((parameter) => parameter !== '' && keeps(rule, nameOf(parameter)))).join('&');
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf('=');
  return equals < 0 ? parameter : parameter.slice(0, equals);
}

function keeps(rule: Exclude<QueryRule, 'none'>, name: string): boolean {
  if ('allow' in rule) return rule.allow.includes(name);
  return !rule.deny.some((denied) => (denied.endsWith('*') ? name.startsWith(denied.slice(0, -1)) : name === denied));
}

/** Raw byte order; all spellings of one name stand where the smallest of them would. */
function sortByName(parameters: readonly string[]): string[] {
  const place = new Map<string, string>();
  for (const name of parameters.map(nameOf)) {
    const meant = unescapeName(name);
    const smallest = place.get(meant);
    if (smallest === undefined || name < smallest) place.set(meant, name);
  }
  return parameters
    .map((parameter) => ({ parameter, at: place.get(unescapeName(nameOf(parameter))) ?? '' }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .map(({ parameter }) => parameter);
}

/** Byte by byte and not as UTF-8, so that it cannot fail: it is only compared, never sent. */
function unescapeName(name: string): string {
  return name.replace(/\+/g, ' ').replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

interface Weighted {
  /** In lower case, without parameters. */
  readonly value: string;
  /** 0 to 1. */
  readonly weight: number;
  /** Its place in the header. */
  readonly order: number;
}

/** "Quality Values", RFC 9110, section 12.4.2. */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** The items of a header with quality values. An item whose weight is malformed is skipped: what it was to mean is unknown. */
function parseWeighted(header: string): Weighted[] {
  if (header.length > MAX_ACCEPT_LENGTH) return [];
  return header.split(',').flatMap((item, order) => {
    const [value = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice('q='.length) ?? '1';
    return WEIGHT.test(weight) ? [{ value, weight: Number(weight), order }] : [];
  });
}

/** "Language-range", RFC 4647, section 2.1. */
const LANGUAGE_RANGE = /^(?:\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)$/;

/**
 * The supported language that the viewer likes best: the highest weight, then the earlier place in the header, then the
 * earlier place in the list. The first supported one if none is acceptable or the header cannot be read.
 *
 * A range decides about the languages it begins (`en` about `en-GB`; the longest such range wins). Where there is none, a
 * longer range stands for the language it begins with (`en-GB` for `en`: the look-up of RFC 4647, section 3.4), then `*`.
 *
 * @returns undefined only if no language is supported
 */
export function negotiateLanguage(acceptLanguage: string, supported: readonly string[]): string | undefined {
  const ranges = parseWeighted(acceptLanguage).filter(({ value }) => LANGUAGE_RANGE.test(value));
  return best(supported, (language) => decidingRange(ranges, language.toLowerCase())) ?? supported[0];
}

function decidingRange(ranges: readonly Weighted[], language: string): Weighted | undefined {
  const covering = ranges.filter(({ value }) => language === value || language.startsWith(`${value}-`));
  const narrower = ranges.filter(({ value }) => value.startsWith(`${language}-`));
  return (
    covering.sort((a, b) => b.value.length - a.value.length)[0] ??
    narrower.sort((a, b) => b.weight - a.weight)[0] ??
    ranges.find(({ value }) => value === '*')
  );
}

/**
 * `avif`, `webp` or `jpeg`: the one of the highest weight among those that `Accept` names, `jpeg` if it names none. Wildcards
 * do not count, because every browser sends them and old ones cannot show what they then would get.
 */
export function negotiateImageFormat(accept: string): ImageFormat {
  const types = parseWeighted(accept);
  return best(IMAGE_FORMATS, (format) => rankless(types.find(({ value }) => value === `image/${format}`))) ?? 'jpeg';
}

/** Browsers list image types in no meaningful order: at equal weights, ours decides. */
function rankless(type: Weighted | undefined): Weighted | undefined {
  return type && { ...type, order: 0 };
}

/** The candidate of the highest weight above 0, then of the earliest order, then the first. */
function best<Candidate>(candidates: readonly Candidate[], judge: (candidate: Candidate) => Weighted | undefined): Candidate | undefined {
  let winner: { candidate: Candidate; judged: Weighted } | undefined;
  for (const candidate of candidates) {
    const judged = judge(candidate);
    if (judged === undefined || judged.weight === 0) continue;
    const { weight, order } = winner?.judged ?? { weight: 0, order: 0 };
    if (judged.weight > weight || (judged.weight === weight && judged.order < order)) winner = { candidate, judged };
  }
  return winner?.candidate;
}
