/** Negotiation of the language and the content coding of a response, from header values alone. */

/**
 * The longest `Accept-…` header that is read, in characters. A longer one counts as absent, which
 * bounds the cost.
 */
const MAX_HEADER_LENGTH = 1024;

interface Weighted {
  /** In lower case, without parameters. */
  readonly value: string;
  /** 0 to 1. */
  readonly weight: number;
}

/** "Quality Values", RFC 9110, section 12.4.2. */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * The items of a header with quality values, in their order. An item with a malformed weight is
 * skipped.
 */
function parseWeighted(header: string): Weighted[] {
  if (header.length > MAX_HEADER_LENGTH) return [];
  const items: Weighted[] = [];
  for (const item of header.split(',')) {
    const [value = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const weight =
      parameters.find((parameter) => parameter.startsWith('q='))?.slice('q='.length) ?? '1';
    if (value !== '' && WEIGHT.test(weight)) items.push({ value, weight: Number(weight) });
  }
  return items;
}

/** "Language-range", RFC 4647, section 2.1. */
const LANGUAGE_RANGE = /^(?:\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)$/;

/**
 * Chooses the language of a response: the lookup of RFC 4647, section 3.4, over the ranges in the
 * order of their weights. `de-CH` matches `de` if `de-CH` is not offered; `de` does not match
 * `de-CH`. `*` stands for the first offered language that is not refused. A language is refused if
 * the longest range that is a prefix of it has weight 0.
 *
 * @param offered the languages of the service, the default one first
 * @returns one of `offered`; the default one if no language matches, because a response in another
 * language is better than an error
 */
export function negotiateLanguage(
  acceptLanguage: string,
  offered: readonly [string, ...string[]],
): string {
  const ranges = parseWeighted(acceptLanguage).filter((range) => LANGUAGE_RANGE.test(range.value));
  const candidates = offered.filter((language) => !isRefused(language.toLowerCase(), ranges));
  const ordered = ranges.filter((range) => range.weight > 0).sort((a, b) => b.weight - a.weight);
  for (const { value } of ordered) {
    const found = value === '*' ? candidates[0] : lookUp(value, candidates);
    if (found !== undefined) return found;
  }
  return candidates[0] ?? offered[0];
}

function isRefused(language: string, ranges: readonly Weighted[]): boolean {
  let longest: Weighted | undefined;
  for (const range of ranges) {
    const covers = range.value === language || language.startsWith(`${range.value}-`);
    if (covers && range.value.length > (longest?.value.length ?? 0)) longest = range;
  }
  return longest?.weight === 0;
}

function lookUp(range: string, candidates: readonly string[]): string | undefined {
  for (let subtags = range.split('-'); subtags.length > 0; ) {
    const found = candidates.find((language) => language.toLowerCase() === subtags.join('-'));
    if (found !== undefined) return found;
    subtags = subtags.slice(0, -1);
    // A single letter introduces an extension, so it is dropped with it.
    if (subtags.at(-1)?.length === 1) subtags = subtags.slice(0, -1);
  }
  return undefined;
}

/** The content codings of a response. */
export type ContentCoding = 'br' | 'gzip' | 'identity';

/**
 * Chooses the coding of a response, by RFC 9110, section 12.5.3: the highest weight wins, then the
 * earlier place in `available`. An `identity` that the header does not name is acceptable and comes
 * last. Without the header the coding is `identity`, because the client may know no other.
 *
 * @param available the codings of this response other than `identity`, the better one first
 * @returns `identity` also if nothing is acceptable: the RFC prefers such a response to an error
 */
export function negotiateCoding(
  acceptEncoding: string | undefined,
  available: readonly ContentCoding[],
): ContentCoding {
  if (acceptEncoding === undefined || available.length === 0) return 'identity';
  const items = parseWeighted(acceptEncoding).map((item) => ({
    ...item,
    value: item.value === 'x-gzip' ? 'gzip' : item.value,
  }));
  const weightOf = (coding: string): number | undefined =>
    (items.find((item) => item.value === coding) ?? items.find((item) => item.value === '*'))
      ?.weight;
  let best: ContentCoding = 'identity';
  let weight = weightOf('identity') ?? Number.MIN_VALUE;
  for (const coding of [...available].reverse()) {
    const candidate = weightOf(coding) ?? 0;
    if (candidate > 0 && candidate >= weight) {
      best = coding;
      weight = candidate;
    }
  }
  return best;
}
