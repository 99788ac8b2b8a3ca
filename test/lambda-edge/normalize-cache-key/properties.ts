/**
 * Properties of every query and every request. The tests run them, and `npm run bench -- edge` runs
 * them a million times.
 */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { normalizeRequest } from '../../../lambda-edge/normalize-cache-key/lambda-request';
import {
  cacheKeyOf,
  IMAGE_FORMAT_HEADER,
  LANGUAGE_HEADER,
  MAX_PARAMETERS,
  MAX_QUERY_LENGTH,
  queryNormalizer,
} from '../../../lambda-edge/normalize-cache-key/normalize';
import type { CacheKeySettings, QueryRule } from '../../../lib/model/contracts/edge';

export const NOISE: QueryRule = { deny: ['ref', 'utm_*', 'gclid', 'fbclid', '_'] };

/** A few rules, prepared once; only the query is random. */
const RULES: readonly QueryRule[] = [
  'none',
  NOISE,
  { deny: [] },
  { deny: ['a', '%61'] },
  { deny: ['*'] },
  { deny: ['a*', 'b'] },
  { allow: ['a'] },
  { allow: ['', 'ref', '%61'] },
];
const rules = fc.constantFrom(...RULES.map((rule) => ({ rule, normalize: queryNormalizer(rule) })));

const denoise = queryNormalizer(NOISE);

const anyQuery = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('a', 'b', '%', '6', '1', '=', '&', '+', 'é', '\ud800') }),
);

/** Short queries of a few pieces, so that two of them are often nearly equal. */
const similarQuery = fc
  .array(
    fc.string({
      unit: fc.constantFrom('a', 'A', '%61', '%41', '=', '+', '%20', '1', 'utm_'),
      maxLength: 4,
    }),
    { maxLength: 4 },
  )
  .map((list) => list.join('&'));

const nameOf = (parameter: string) => parameter.split('=', 1)[0] ?? '';

/** Decodes byte by byte, as an origin without a character encoding would. */
const meaningOf = (name: string) =>
  name
    .replace(/\+/g, ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

function isKept(rule: Exclude<QueryRule, 'none'>, parameter: string): boolean {
  const name = nameOf(parameter);
  if (parameter === '') return false;
  if ('allow' in rule) return rule.allow.includes(name);
  return !rule.deny.some((denied) =>
    denied.endsWith('*') ? name.startsWith(denied.slice(0, -1)) : name === denied,
  );
}

/** The kept parameters by the name as an origin reads it, each list in the order of the query. */
function keptByMeaning(rule: QueryRule, query: string): [string, string[]][] {
  const byMeaning = new Map<string, string[]>();
  for (const parameter of rule === 'none'
    ? []
    : query.split('&').filter((one) => isKept(rule, one))) {
    const meaning = meaningOf(nameOf(parameter));
    byMeaning.set(meaning, [...(byMeaning.get(meaning) ?? []), parameter]);
  }
  return [...byMeaning].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The definition, without optimization: groups by meaning, ordered by their smallest spelling. */
function byDefinition(rule: QueryRule, query: string): string {
  if (
    rule !== 'none' &&
    (query.length > MAX_QUERY_LENGTH || query.split('&').length > MAX_PARAMETERS)
  )
    return query;
  const smallest = (group: readonly string[]) => group.map(nameOf).sort()[0] ?? '';
  return keptByMeaning(rule, query)
    .map(([, group]) => group)
    .sort((a, b) => (smallest(a) < smallest(b) ? -1 : 1))
    .flat()
    .join('&');
}

const distinctNames = fc.uniqueArray(
  fc.tuple(
    fc.string({
      unit: fc.constantFrom('a', 'b', 'B', '_', '-', '.', '9', 'é'),
      minLength: 1,
      maxLength: 4,
    }),
    fc.constantFrom('', '=', '=1', '=%E9'),
  ),
  { selector: ([name]) => name },
);

const settings: CacheKeySettings = {
  paths: [
    { pattern: '/images/*', query: { allow: ['w'] }, imageFormat: true },
    { pattern: '*', query: NOISE, language: true },
  ],
  languages: ['en', 'fr'],
};
const keyOf = cacheKeyOf(settings);

const headerText = fc.string({
  unit: fc.constantFrom('en', 'fr', '-', ',', ';q=', '0.5', '*', 'image/webp', ' ', 'é'),
});
const anyRequest = fc.record({
  uri: fc.constantFrom('/', '/images/a', '/images/../a', '/%61', ''),
  querystring: anyQuery,
  headers: fc.dictionary(
    fc.constantFrom(
      'accept',
      'accept-language',
      LANGUAGE_HEADER,
      'X-Isochrone-Image-Format',
      '__proto__',
    ),
    fc.array(headerText.map((value) => ({ value }))),
  ),
});

/** The number of characters of a request as it would be forwarded. */
const sizeOf = (request: { querystring: string; headers: Record<string, { value: string }[]> }) =>
  request.querystring.length +
  Object.entries(request.headers)
    .flatMap(([name, values]) => values.map(({ value }) => name.length + value.length))
    .reduce((sum, size) => sum + size, 0);

const OUR_HEADERS = `${LANGUAGE_HEADER}fr${IMAGE_FORMAT_HEADER}jpeg`.length;

export const PROPERTIES: Readonly<Record<string, fc.IProperty<unknown>>> = {
  'the result is never longer, and normalizing it again does not change it': fc.property(
    anyQuery,
    rules,
    (query, { normalize }) => {
      const once = normalize(query);
      assert.ok(once.length <= query.length);
      assert.equal(normalize(once), once);
    },
  ) as fc.IProperty<unknown>,

  'the result follows the definition': fc.property(
    fc.oneof(anyQuery, similarQuery),
    rules,
    (query, { rule, normalize }) => {
      assert.equal(normalize(query), byDefinition(rule, query));
    },
  ) as fc.IProperty<unknown>,

  'the order of distinct names does not matter': fc.property(
    distinctNames.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    ),
    ([one, other]) => {
      const written = (list: readonly [string, string][]) =>
        list.map((parts) => parts.join('')).join('&');
      assert.equal(denoise(written(one)), denoise(written(other)));
    },
  ) as fc.IProperty<unknown>,

  'requests whose kept parameters differ in a byte never share a key': fc.property(
    similarQuery,
    similarQuery,
    (one, other) => {
      // Only merged pairs are checked: keeping two queries apart is always allowed.
      if (denoise(one) === denoise(other))
        assert.deepEqual(keptByMeaning(NOISE, one), keptByMeaning(NOISE, other));
    },
  ) as fc.IProperty<unknown>,

  'a request grows by no more than our headers': fc.property(anyRequest, (request) => {
    assert.ok(sizeOf(normalizeRequest(request, keyOf)) <= sizeOf(request) + OUR_HEADERS);
  }) as fc.IProperty<unknown>,
};
