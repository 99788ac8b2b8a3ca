/**
 * The core of the cache key normalizer: it makes requests equal that CloudFront's cache key should
 * not distinguish.
 *
 * Pure functions over strings, for Lambda@Edge and CloudFront Functions alike: no AWS types, no
 * I/O, and only the syntax and the built-ins of the latter's runtime. That runtime has no
 * destructuring, no `for … of`, no object spread, no `Map` and no `flatMap`; the build refuses the
 * first three, and a test the others.
 *
 * The first rule: two requests whose responses may differ never share a key. A byte that is kept is
 * therefore never decoded, re-encoded or changed in case, and anything ambiguous stays as it came.
 * A missed merge costs one request to the origin; a wrong merge serves the wrong content.
 */
import type { CacheKeySettings, QueryRule } from '../../lib/model/contracts';
import { firstNames, groupsOf, nameOf } from './names';

/** The part of a request that the cache key depends on. */
export interface CacheKeyInput {
  /** The path as the viewer sent it. */
  readonly path: string;
  /** The query, without the question mark. */
  readonly query: string;
  /** The value of a header, by its name in lower case; empty if it was not sent. */
  readonly header: (name: string) => string;
}

/** The normalized parts of the cache key. */
export interface CacheKey {
  readonly query: string;
  /** The negotiated language; absent if the key does not depend on it. */
  readonly language?: string;
  /** The negotiated image format; absent if the key does not depend on it. */
  readonly imageFormat?: ImageFormat;
}

/** Carries the negotiated language to the cache key and the origin. */
export const LANGUAGE_HEADER = 'x-isochrone-language';

/** Carries the negotiated image format to the cache key and the origin. */
export const IMAGE_FORMAT_HEADER = 'x-isochrone-image-format';

/**
 * The longest query that is normalized, in characters; a longer one stays as it came. CloudFront
 * itself accepts URLs of up to 8,192 bytes.
 */
export const MAX_QUERY_LENGTH = 8192;

/**
 * The most parameters of a query that is normalized, empty ones included; a query with more stays
 * as it came.
 */
export const MAX_PARAMETERS = 100;

/**
 * The longest names of a query that is sorted, in characters of all its names together. This bounds
 * the time of comparing them as origins may read them.
 */
export const MAX_NAMES_LENGTH = 512;

/**
 * The longest `Accept` or `Accept-Language` header that is read, in characters; a longer one counts
 * as absent.
 */
export const MAX_ACCEPT_LENGTH = 1024;

/** Image formats, the best first: at equal weights in `Accept`, the earlier one wins. */
const IMAGE_FORMATS = ['avif', 'webp', 'jpeg'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/**
 * Prepares settings for many requests.
 *
 * @returns a function that computes the cache key of a request. It returns undefined if no rule
 * certainly applies; the query then stays as it came. In both cases the caller must remove the
 * viewer's own copies of the two headers, because the cache key and the origin trust them. (On
 * uncached paths, where no function runs, the origin request policy leaves them out.)
 */
export function cacheKeyOf(
  settings: CacheKeySettings,
): (input: CacheKeyInput) => CacheKey | undefined {
  const rules = settings.paths.map((rule) => ({
    pattern: rule.pattern,
    normalize: rule.query === undefined ? (query: string) => query : queryNormalizer(rule.query),
    language: rule.language,
    imageFormat: rule.imageFormat,
  }));
  const languages = settings.languages;
  return (input) => {
    const rule = findRule(rules, input.path);
    if (rule === undefined) return undefined;
    return {
      query: rule.normalize(input.query),
      language:
        rule.language && languages
          ? negotiateLanguage(input.header('accept-language'), languages)
          : undefined,
      imageFormat: rule.imageFormat ? negotiateImageFormat(input.header('accept')) : undefined,
    };
  };
}

/**
 * Escapes of unreserved characters, `.` or `..` as a segment, and `//`. CloudFront resolves them
 * before it chooses a behavior ("Path pattern", Amazon CloudFront developer guide), but functions
 * see the path as the viewer sent it.
 */
const NORMALIZED_BEFORE_MATCH =
  /%(?:2[de]|3\d|[46][1-9a-f]|[57][0-9a]|5f|7e)|(?:^|\/)\.{1,2}(?:\/|$)|\/\//i;

/**
 * The first rule whose pattern matches the path. Undefined if no pattern matches, or if CloudFront
 * may have chosen the behavior by another spelling of the path, so that the rule is not known.
 */
export function findRule<Rule extends { readonly pattern: string }>(
  rules: readonly Rule[],
  path: string,
): Rule | undefined {
  if (NORMALIZED_BEFORE_MATCH.test(path)) return undefined;
  return rules.find((rule) => matchesPath(rule.pattern, path));
}

/** Whether a path matches a pattern in CloudFront's syntax, whose leading slash is optional. */
export function matchesPath(pattern: string, path: string): boolean {
  return matchesWildcards(withoutFirstSlash(pattern), withoutFirstSlash(path));
}

function withoutFirstSlash(text: string): string {
  return text.startsWith('/') ? text.slice(1) : text;
}

/**
 * Two pointers instead of a regular expression: the time is at most proportional to the product of
 * the lengths, for any path. `catchesAll` of model/aws is the same over two patterns; its room
 * cannot be bundled for CloudFront Functions, whose syntax it does not keep to.
 */
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
 * Prepares a rule for many queries.
 *
 * @returns a function that keeps the parameters of the rule and sorts them by name. Its result is
 * never longer than the query, and normalizing it again does not change it.
 *
 * - Parameters whose names an origin may read as one keep their order among themselves, because
 *   it may read them as a list or an object: `a` and `%61`, `a` and `A`, `a[]` and `a[x]`, `a.b`
 *   and `a_b` ({@link groupsOf}). They stand together, in the place of the first.
 * - `flag` and `flag=` are different parameters, and so are `a=%E9` and `a=%e9`, or `+` and `%20`.
 * - Only `&` certainly separates parameters. `a=1;b=2` stays one parameter; it is kept if the rule
 *   keeps either name, and a query with it is not sorted.
 * - Empty parameters, as in `a&&b`, are dropped: they have neither a name nor a value. A lone `=`
 *   has both, empty, and stays.
 * - A query beyond {@link MAX_NAMES_LENGTH} is not sorted, nor is one with a name that has `%u` or
 *   begins with `?`.
 * - A query beyond {@link MAX_QUERY_LENGTH} or {@link MAX_PARAMETERS} stays as it came, except that
 *   `none` drops every query.
 */
export function queryNormalizer(rule: QueryRule): (query: string) => string {
  if (rule === 'none') return () => '';
  const allows = 'allow' in rule;
  const isListed = allows ? nameTest(rule.allow, []) : denyTest(rule.deny);
  return (query) => keepAndSort(query, (name) => isListed(name) === allows);
}

function keepAndSort(query: string, keeps: (name: string) => boolean): string {
  if (query.length > MAX_QUERY_LENGTH) return query;
  let equals = query.indexOf('=');
  // Most queries have one parameter, which needs no split, sort or join.
  if (!query.includes('&')) {
    const name = equals < 0 ? query : query.slice(0, equals);
    return keeps(name) || keepsPiece(query, keeps) ? query : '';
  }
  const hasSemicolon = query.includes(';');
  const names: string[] = [];
  const parameters: string[] = [];
  let count = 0;
  let namesLength = 0;
  for (let start = 0; start <= query.length; ) {
    if (++count > MAX_PARAMETERS) return query;
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    // Search again only after passing the last `=`, so that a query of many flags is read once.
    if (equals >= 0 && equals < start) equals = query.indexOf('=', start);
    const name = query.slice(start, equals >= 0 && equals < end ? equals : end);
    if (
      end > start &&
      (keeps(name) || (hasSemicolon && keepsPiece(query.slice(start, end), keeps)))
    ) {
      namesLength += name.length;
      names.push(name);
      parameters.push(query.slice(start, end));
    }
    start = end + 1;
  }
  if (hasSemicolon || namesLength > MAX_NAMES_LENGTH) return join(parameters);
  const places = firstNames(names);
  if (places !== undefined)
    return sortByPlace(parameters, places) || names.length < count ? join(parameters) : query;
  return isUnclear(query) ? join(parameters) : sortByGroup(parameters, names);
}

/**
 * Whether names may change their meaning in another place, or have one that groups do not know.
 *
 * - `new URLSearchParams(query)` drops a `?` before the first name (URL Standard).
 * - ASP.NET alone decodes `%u0061` ("HttpUtility.UrlDecode", .NET API reference).
 */
function isUnclear(query: string): boolean {
  return /(?:^|&)\?|%u/i.test(query);
}

/**
 * Whether the rule keeps one of the parameters that an origin may separate at semicolons, or there
 * are more than {@link MAX_PARAMETERS}.
 */
function keepsPiece(parameter: string, keeps: (name: string) => boolean): boolean {
  if (!parameter.includes(';')) return false;
  const pieces = parameter.split(';');
  return pieces.length > MAX_PARAMETERS || pieces.some((piece) => keeps(nameOf(piece)));
}

function join(parts: readonly string[]): string {
  let joined = parts[0] ?? '';
  for (let i = 1; i < parts.length; i++) joined += `&${parts[i]}`;
  return joined;
}

/**
 * Sorts groups by their first names, in raw byte order; the order within a group stays.
 *
 * No two groups have the same first name: equal names are in one group.
 */
function sortByGroup(parameters: readonly string[], names: readonly string[]): string {
  const firsts: Record<string, string> = Object.create(null);
  const joined: Record<string, string> = Object.create(null);
  groupsOf(names).forEach((group, i) => {
    const name = names[i] as string;
    const first = firsts[group];
    if (first === undefined) {
      firsts[group] = name;
      joined[name] = parameters[i] as string;
    } else {
      joined[first] += `&${parameters[i]}`;
    }
  });
  const sorted = Object.keys(joined).sort();
  return join(sorted.map((first) => joined[first] as string));
}

/**
 * Sorts in raw byte order. Insertion sort is stable, and needs one comparison for each parameter of
 * a sorted query.
 *
 * @param parameters sorted in place
 * @param places sorted in place, too
 * @returns whether the order has changed
 */
function sortByPlace(parameters: string[], places: string[]): boolean {
  let isMoved = false;
  for (let i = 1; i < places.length; i++) {
    const place = places[i] as string;
    const parameter = parameters[i] as string;
    let at = i;
    for (; at > 0 && isAfter(places[at - 1] as string, place); at--) {
      places[at] = places[at - 1] as string;
      parameters[at] = parameters[at - 1] as string;
    }
    if (at === i) continue;
    places[at] = place;
    parameters[at] = parameter;
    isMoved = true;
  }
  return isMoved;
}

/** `a > b`. Most names differ in their first byte, and numbers compare several times faster. */
function isAfter(a: string, b: string): boolean {
  const first = a.charCodeAt(0) || 0;
  const other = b.charCodeAt(0) || 0;
  return first === other ? a > b : first > other;
}

function denyTest(list: readonly string[]): (name: string) => boolean {
  return nameTest(
    list.filter((entry) => !entry.endsWith('*')),
    list.filter((entry) => entry.endsWith('*')).map((entry) => entry.slice(0, -1)),
  );
}

/**
 * Tests whether a name is one of `names` or begins with one of `prefixes`. It compares first bytes
 * first, because most names share none with either list.
 */
function nameTest(
  names: readonly string[],
  prefixes: readonly string[],
): (name: string) => boolean {
  const begins: Record<number, boolean> = {};
  names.concat(prefixes).forEach((entry) => {
    begins[entry.charCodeAt(0)] = true;
  });
  // An empty entry has no first byte. As a prefix, it matches every name.
  const isAny = prefixes.includes('');
  return (name) =>
    isAny ||
    (begins[name.charCodeAt(0)] === true &&
      (names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix))));
}

interface Weighted {
  /** The item in lower case, without parameters. */
  readonly value: string;
  /** The quality value, 0 to 1. */
  readonly weight: number;
  /** The index in the header. */
  readonly order: number;
}

/** "Quality Values", RFC 9110, section 12.4.2. */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** The items of a header with quality values. An item with a malformed weight is skipped. */
function parseWeighted(header: string): Weighted[] {
  if (header.length > MAX_ACCEPT_LENGTH) return [];
  const items = header.split(',').map((item, order) => {
    const parts = item.split(';').map((part) => part.trim().toLowerCase());
    const weight = parts.slice(1).find((parameter) => parameter.startsWith('q='));
    return { value: parts[0] ?? '', weight: weight?.slice('q='.length) ?? '1', order };
  });
  return items
    .filter((item) => WEIGHT.test(item.weight))
    .map((item) => ({ value: item.value, weight: Number(item.weight), order: item.order }));
}

/** "Language-range", RFC 4647, section 2.1. */
const LANGUAGE_RANGE = /^(?:\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)$/;

/**
 * The supported language that the viewer prefers: by the highest weight, then by the order in the
 * header, then by the order of the list. The first supported language if the viewer accepts no
 * supported one, or the header cannot be read.
 *
 * A range applies to the languages that it is a prefix of (`en` to `en-GB`; the longest such range
 * wins). If there is no such range, a longer range applies to its own prefix (`en-GB` to `en`, the
 * look-up of RFC 4647, section 3.4), then `*`.
 *
 * @returns undefined only if no language is supported
 */
export function negotiateLanguage(
  acceptLanguage: string,
  supported: readonly string[],
): string | undefined {
  const ranges = parseWeighted(acceptLanguage).filter((range) => LANGUAGE_RANGE.test(range.value));
  return best(supported, (language) => rangeFor(ranges, language.toLowerCase())) ?? supported[0];
}

function rangeFor(ranges: readonly Weighted[], language: string): Weighted | undefined {
  const covering = ranges.filter(
    (range) => language === range.value || language.startsWith(`${range.value}-`),
  );
  const narrower = ranges.filter((range) => range.value.startsWith(`${language}-`));
  return (
    covering.sort((a, b) => b.value.length - a.value.length || a.order - b.order)[0] ??
    narrower.sort((a, b) => b.weight - a.weight || a.order - b.order)[0] ??
    ranges.find((range) => range.value === '*')
  );
}

/**
 * The format of the highest weight in `Accept`, or `jpeg` if it names none of them. Wildcards do
 * not count: every browser sends them, and old browsers could not show the other formats.
 */
export function negotiateImageFormat(accept: string): ImageFormat {
  const types = parseWeighted(accept);
  return (
    best(IMAGE_FORMATS, (format) =>
      withoutOrder(types.find((type) => type.value === `image/${format}`)),
    ) ?? 'jpeg'
  );
}

/** Ignores the order in the header: browsers list image types in no meaningful order. */
function withoutOrder(type: Weighted | undefined): Weighted | undefined {
  return type && { value: type.value, weight: type.weight, order: 0 };
}

/** The candidate of the highest weight above 0, then of the lowest order, then the first. */
function best<Candidate>(
  candidates: readonly Candidate[],
  rate: (candidate: Candidate) => Weighted | undefined,
): Candidate | undefined {
  let winner: Candidate | undefined;
  let weight = 0;
  let order = 0;
  candidates.forEach((candidate) => {
    const rated = rate(candidate);
    if (rated === undefined || rated.weight < weight || rated.weight === 0) return;
    if (rated.weight === weight && rated.order >= order) return;
    winner = candidate;
    weight = rated.weight;
    order = rated.order;
  });
  return winner;
}
