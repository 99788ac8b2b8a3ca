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
  MAX_NAMES_LENGTH,
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
  fc.string({
    unit: fc.constantFrom('a', 'A', 'b', '_', '.', '[', ']', ';', '=', '&', '%u', '0061', '?'),
  }),
);

/** Short queries of a few pieces, so that two of them are often nearly equal. */
const similarQuery = fc
  .array(
    fc.string({
      unit: fc.constantFrom(
        'a',
        'A',
        '%61',
        '=',
        '+',
        '%20',
        '1',
        'utm_',
        '_',
        '.',
        '[]',
        '[',
        ';',
      ),
      maxLength: 4,
    }),
    { maxLength: 4 },
  )
  .map((list) => list.join('&'));

const nameOf = (parameter: string) => parameter.split('=', 1)[0] ?? '';

/** The names that a parameter may have for some origin; see `names.ts`. */
function readingsOf(parameter: string): string[] {
  const name = nameOf(parameter)
    .replace(/\+/g, ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/[^\0-\x7e]+/g, '\x7f')
    .toLowerCase();
  const php = name
    .replace(/\0.*$/s, '')
    .replace(/^ +/, '')
    .replace(/^([^[]*)\[.*\].*$/s, '$1')
    .replace(/[ .[]/g, '_');
  const word = /[\w\x7f-]+/.exec(name)?.[0] ?? '';
  return /^[^\w\x7f-]*[[\].]/.test(name) ? [php, word, ''] : [php, word];
}

function isKept(rule: Exclude<QueryRule, 'none'>, parameter: string): boolean {
  const names = [parameter, ...parameter.split(';')].map(nameOf);
  if (parameter === '') return false;
  if ('allow' in rule) return names.some((name) => rule.allow.includes(name));
  return !names.every((name) =>
    rule.deny.some((denied) =>
      denied.endsWith('*') ? name.startsWith(denied.slice(0, -1)) : name === denied,
    ),
  );
}

function kept(rule: QueryRule, query: string): string[] {
  return rule === 'none' ? [] : query.split('&').filter((one) => isKept(rule, one));
}

/** The kept parameters in groups that share a reading, each in the order of the query. */
function groupsOf(parameters: readonly string[]): string[][] {
  let groups = parameters.map((_, i) => i);
  parameters.forEach((one, i) => {
    parameters.slice(0, i).forEach((other, j) => {
      if (!readingsOf(one).some((reading) => readingsOf(other).includes(reading))) return;
      groups = groups.map((group) => (group === groups[i] ? Number(groups[j]) : group));
    });
  });
  return [...new Set(groups)].map((group) => parameters.filter((_, i) => groups[i] === group));
}

/** The groups, ordered by their first names. */
function sortedGroups(rule: QueryRule, query: string): string[][] {
  const firstName = ([first = '']: readonly string[]) => nameOf(first);
  return groupsOf(kept(rule, query)).sort((a, b) => (firstName(a) < firstName(b) ? -1 : 1));
}

/** The definition, without optimization. */
function byDefinition(rule: QueryRule, query: string): string {
  const count = query.split('&').length;
  if (rule !== 'none' && (query.length > MAX_QUERY_LENGTH || count > MAX_PARAMETERS)) return query;
  return sortedGroups(rule, query).flat().join('&');
}

const distinctNames = fc.uniqueArray(
  fc.tuple(
    fc.string({
      unit: fc.constantFrom('a', 'b', 'B', '_', '-', '9'),
      minLength: 1,
      maxLength: 4,
    }),
    fc.constantFrom('', '[]', '[x]', '%5Bx%5D'),
    fc.constantFrom('', '=', '=1', '=%E9'),
  ),
  { selector: ([name]) => name.toLowerCase() },
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
      const result = normalize(query);
      const mayStay = /%u|;|(?:^|&)\?/i.test(query) || query.length > MAX_NAMES_LENGTH;
      if (mayStay && result === kept(rule, query).join('&')) return;
      assert.equal(result, byDefinition(rule, query));
    },
  ) as fc.IProperty<unknown>,

  'the order of distinct names does not matter': fc.property(
    distinctNames.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    ),
    ([one, other]) => {
      const written = (list: readonly (readonly string[])[]) =>
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
        assert.deepEqual(sortedGroups(NOISE, one), sortedGroups(NOISE, other));
    },
  ) as fc.IProperty<unknown>,

  'a request grows by no more than our headers': fc.property(anyRequest, (request) => {
    assert.ok(sizeOf(normalizeRequest(request, keyOf)) <= sizeOf(request) + OUR_HEADERS);
  }) as fc.IProperty<unknown>,
};
