/**
 * The core of the cache-key normaliser: what CloudFront's cache key may not see as different, made
 * equal.
 *
 * Pure functions over strings, for Lambda@Edge and CloudFront Functions alike: no AWS types, no
 * I/O, and only the syntax and the built-ins of the latter's runtime. It has no destructuring, no
 * `for … of`, no spread of objects, no `Map` and no `flatMap`; the build refuses the first three, a
 * test the others.
 *
 * The rule above all others: two requests whose answers may differ never share a key. So a byte
 * that is kept is never decoded, re-encoded or changed in case, and whatever is in doubt stays as
 * it came. A missed merge costs one trip to the origin; a wrong merge serves the wrong content.
 */
import type { CacheKeySettings, QueryRule } from '../../lib/model/contracts';

/** What a viewer asks for, as far as it is read here. */
export interface Asked {
  /** The path as the viewer sent it. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** The value of a header, by its name in lower case; empty if it was not sent. */
  readonly header: (name: string) => string;
}

/** What the cache key is made of. */
export interface CacheKey {
  readonly query: string;
  /** Absent if the rule does not ask for it. */
  readonly language?: string;
  /** Absent if the rule does not ask for it. */
  readonly imageFormat?: ImageFormat;
}

/** Carries the negotiated language to the cache key and the origin. */
export const LANGUAGE_HEADER = 'x-isochrone-language';

/** Carries the negotiated image format to the cache key and the origin. */
export const IMAGE_FORMAT_HEADER = 'x-isochrone-image-format';

/**
 * Characters of a query that is still normalised; a longer one goes on as it came. CloudFront
 * itself takes URLs of 8,192 bytes.
 */
export const MAX_QUERY_LENGTH = 8192;

/**
 * Parameters of a query that is still normalised, empty ones included; a query with more goes on as
 * it came. Keeps the sort short.
 */
export const MAX_PARAMETERS = 100;

/**
 * Characters of an `Accept` or `Accept-Language` header that is still read; a longer one counts as
 * absent.
 */
export const MAX_ACCEPT_LENGTH = 1024;

/**
 * Image formats beside the fallback, the better one first: it wins when the viewer ranks both the
 * same.
 */
const IMAGE_FORMATS = ['avif', 'webp', 'jpeg'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/**
 * Makes settings ready for many requests.
 *
 * @returns what tells the cache key of a request, or undefined if no rule is known to apply: then
 * the request goes on with the query that it came with. In either case, a viewer's own copies of
 * the two headers must not survive, because the cache key and the origin trust them. (On uncached
 * paths, where no function runs, the origin request policy leaves them out.)
 */
export function cacheKeyOf(settings: CacheKeySettings): (asked: Asked) => CacheKey | undefined {
  const rules = settings.paths.map((rule) => ({
    pattern: rule.pattern,
    normalize: rule.query === undefined ? (query: string) => query : queryNormalizer(rule.query),
    language: rule.language,
    imageFormat: rule.imageFormat,
  }));
  const languages = settings.languages;
  return (asked) => {
    const rule = findRule(rules, asked.path);
    if (rule === undefined) return undefined;
    return {
      query: rule.normalize(asked.query),
      language:
        rule.language && languages
          ? negotiateLanguage(asked.header('accept-language'), languages)
          : undefined,
      imageFormat: rule.imageFormat ? negotiateImageFormat(asked.header('accept')) : undefined,
    };
  };
}

/**
 * Escapes of unreserved characters, `.` or `..` as a segment, and `//`. CloudFront resolves them
 * before it chooses a behaviour ("Path pattern", Amazon CloudFront developer guide), but functions
 * see the path as it was sent.
 */
const NOT_AS_CLOUDFRONT_MATCHES_IT =
  /%(?:2[de]|3\d|[46][1-9a-f]|[57][0-9a]|5f|7e)|(?:^|\/)\.{1,2}(?:\/|$)|\/\//i;

/**
 * The first rule whose pattern matches the path; none if no pattern does, or if CloudFront may have
 * chosen the behaviour by another spelling of the path: then we cannot know which rule is meant.
 */
export function findRule<Rule extends { readonly pattern: string }>(
  rules: readonly Rule[],
  path: string,
): Rule | undefined {
  if (NOT_AS_CLOUDFRONT_MATCHES_IT.test(path)) return undefined;
  return rules.find((rule) => matchesPath(rule.pattern, path));
}

/**
 * Whether a path matches a pattern in CloudFront's syntax. A slash at the start may be left out of
 * the pattern.
 */
export function matchesPath(pattern: string, path: string): boolean {
  return matchesWildcards(withoutFirstSlash(pattern), withoutFirstSlash(path));
}

function withoutFirstSlash(text: string): string {
  return text.startsWith('/') ? text.slice(1) : text;
}

/**
 * Two pointers instead of a regular expression: its time is bounded by the product of the lengths,
 * whatever the path.
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
 * Makes a rule ready for many queries.
 *
 * @returns what gives a query with the parameters that the rule keeps, sorted by name. Never longer
 * than it was, and stable: normalising twice changes nothing more.
 *
 * - Only `&` separates. `flag` and `flag=` are different parameters, and so are `a=%E9` and
 *   `a=%e9`, `+` and `%20`.
 * - Repeated names keep their order among themselves, because the origin may read them as a list.
 * - So do different spellings of one name, such as `a` and `%61`, for the same reason.
 * - Empty parameters, as in `a&&b`, are dropped: they have neither a name nor a value. A lone `=`
 *   has both, empty, and stays.
 * - Beyond {@link MAX_QUERY_LENGTH} or {@link MAX_PARAMETERS} the query is left as it came, except
 *   that `none` drops any.
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
  // Most queries have one parameter: nothing to split, sort or join.
  if (!query.includes('&')) return keeps(equals < 0 ? query : query.slice(0, equals)) ? query : '';
  const names: string[] = [];
  const parameters: string[] = [];
  let count = 0;
  for (let start = 0; start <= query.length; ) {
    if (++count > MAX_PARAMETERS) return query;
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    // Looked for again only when it was passed, so that a query of many flags is still read once.
    if (equals >= 0 && equals < start) equals = query.indexOf('=', start);
    const name = query.slice(start, equals >= 0 && equals < end ? equals : end);
    if (end > start && keeps(name)) {
      names.push(name);
      parameters.push(query.slice(start, end));
    }
    start = end + 1;
  }
  const isMoved = names.length > 1 && sortByName(parameters, names);
  return isMoved || names.length < count ? join(parameters) : query;
}

function join(parts: readonly string[]): string {
  let joined = parts[0] ?? '';
  for (let i = 1; i < parts.length; i++) joined += `&${parts[i]}`;
  return joined;
}

/**
 * Raw byte order; all spellings of one name stand where the smallest of them would.
 *
 * By insertion: it keeps the order of equals, costs one comparison a parameter if they came sorted,
 * and few if they are few.
 *
 * @param parameters are put in order, and maybe `names` with them
 * @returns whether it moved any
 */
function sortByName(parameters: string[], names: string[]): boolean {
  const places = names.some(isEscaped) ? smallestSpellings(names) : names;
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

/**
 * `a > b`. Most names differ in their first byte, and comparing numbers is several times as fast.
 */
function isAfter(a: string, b: string): boolean {
  const first = a.charCodeAt(0) || 0;
  const other = b.charCodeAt(0) || 0;
  return first === other ? a > b : first > other;
}

function isEscaped(name: string): boolean {
  return name.includes('%') || name.includes('+');
}

/** For each name, the smallest of those that mean the same. */
function smallestSpellings(names: readonly string[]): string[] {
  const meant = names.map(unescapeName);
  return names.map((name, i) =>
    names.reduce(
      (smallest, other, j) =>
        meant[j] === meant[i] && isAfter(smallest, other) ? other : smallest,
      name,
    ),
  );
}

/** Byte by byte and not as UTF-8, so that it cannot fail: it is only compared, never sent. */
function unescapeName(name: string): string {
  if (!isEscaped(name)) return name;
  const pieces = name.replace(/\+/g, ' ').split('%');
  let meant = pieces[0] ?? '';
  for (let i = 1; i < pieces.length; i++) {
    const piece = pieces[i] as string;
    const byte = HEX_BYTE.test(piece) ? Number.parseInt(piece.slice(0, 2), 16) : undefined;
    meant += byte === undefined ? `%${piece}` : String.fromCharCode(byte) + piece.slice(2);
  }
  return meant;
}

const HEX_BYTE = /^[0-9a-f]{2}/i;

function denyTest(list: readonly string[]): (name: string) => boolean {
  return nameTest(
    list.filter((entry) => !entry.endsWith('*')),
    list.filter((entry) => entry.endsWith('*')).map((entry) => entry.slice(0, -1)),
  );
}

/**
 * Whether a name is one of these, or begins with one of those. Most names share no first byte with
 * either.
 */
function nameTest(
  names: readonly string[],
  prefixes: readonly string[],
): (name: string) => boolean {
  const begins: Record<number, boolean> = {};
  names.concat(prefixes).forEach((entry) => {
    begins[entry.charCodeAt(0)] = true;
  });
  // The first byte of nothing is no number: an empty entry is no name that begins with anything,
  // and a prefix of all.
  const isAny = prefixes.includes('');
  return (name) =>
    isAny ||
    (begins[name.charCodeAt(0)] === true &&
      (names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix))));
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

/**
 * The items of a header with quality values. An item whose weight is malformed is skipped: what it
 * was to mean is unknown.
 */
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
 * The supported language that the viewer likes best: the highest weight, then the earlier place in
 * the header, then the earlier place in the list. The first supported one if none is acceptable or
 * the header cannot be read.
 *
 * A range decides about the languages it begins (`en` about `en-GB`; the longest such range wins).
 * Where there is none, a longer range stands for the language it begins with (`en-GB` for `en`: the
 * look-up of RFC 4647, section 3.4), then `*`.
 *
 * @returns undefined only if no language is supported
 */
export function negotiateLanguage(
  acceptLanguage: string,
  supported: readonly string[],
): string | undefined {
  const ranges = parseWeighted(acceptLanguage).filter((range) => LANGUAGE_RANGE.test(range.value));
  return (
    best(supported, (language) => decidingRange(ranges, language.toLowerCase())) ?? supported[0]
  );
}

function decidingRange(ranges: readonly Weighted[], language: string): Weighted | undefined {
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
 * `avif`, `webp` or `jpeg`: the one of the highest weight among those that `Accept` names, `jpeg`
 * if it names none. Wildcards do not count, because every browser sends them and old ones cannot
 * show what they then would get.
 */
export function negotiateImageFormat(accept: string): ImageFormat {
  const types = parseWeighted(accept);
  return (
    best(IMAGE_FORMATS, (format) =>
      rankless(types.find((type) => type.value === `image/${format}`)),
    ) ?? 'jpeg'
  );
}

/** Browsers list image types in no meaningful order: at equal weights, ours decides. */
function rankless(type: Weighted | undefined): Weighted | undefined {
  return type && { value: type.value, weight: type.weight, order: 0 };
}

/** The candidate of the highest weight above 0, then of the earliest order, then the first. */
function best<Candidate>(
  candidates: readonly Candidate[],
  judge: (candidate: Candidate) => Weighted | undefined,
): Candidate | undefined {
  let winner: Candidate | undefined;
  let weight = 0;
  let order = 0;
  candidates.forEach((candidate) => {
    const judged = judge(candidate);
    if (judged === undefined || judged.weight < weight || judged.weight === 0) return;
    if (judged.weight === weight && judged.order >= order) return;
    winner = candidate;
    weight = judged.weight;
    order = judged.order;
  });
  return winner;
}
