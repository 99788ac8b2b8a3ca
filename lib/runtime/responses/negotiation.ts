/** Which language and which content coding a client gets: pure functions over header texts. */

/**
 * Characters of an `Accept-…` header that are read; a longer one counts as absent, so that its cost
 * is bounded.
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
 * The items of a header with quality values, in their order. An item whose weight is malformed is
 * skipped: what it was to mean is unknown.
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
 * The language of an answer: the look-up of RFC 4647, section 3.4, over the ranges in the order of
 * their weights. `de-CH` finds `de` where there is no `de-CH`; `de` does not find `de-CH`. `*`
 * stands for the first offered language that is not refused. A language is refused if the longest
 * range that begins it has weight 0.
 *
 * @param offered the languages of the service, the default one first
 * @returns one of `offered`; the first of them if nothing fits, because an answer in another
 * language is better than none
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
    // A single letter begins an extension and means nothing at the end.
    if (subtags.at(-1)?.length === 1) subtags = subtags.slice(0, -1);
  }
  return undefined;
}

/** The content codings in which an answer can be had. */
export type ContentCoding = 'br' | 'gzip' | 'identity';

/**
 * The coding of an answer, by RFC 9110, section 12.5.3: the highest weight wins, then the earlier
 * place in `available`. `identity` that is not named is acceptable and comes last. Without the
 * header it is `identity`, because who doesn't ask may not know any.
 *
 * @param available the codings of this answer other than `identity`, the better one first
 * @returns `identity` too if nothing is acceptable: the RFC prefers such an answer to an error
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
    const its = weightOf(coding) ?? 0;
    if (its > 0 && its >= weight) {
      best = coding;
      weight = its;
    }
  }
  return best;
}
