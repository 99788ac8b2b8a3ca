import { parse as parseQuery } from 'node:querystring';
import fc from 'fast-check';
import { isCompressible } from '../../../lib/runtime/responses/bodies';
import { keyOf } from '../../../lib/runtime/responses/key';
import {
  type ContentCoding,
  negotiateCoding,
  negotiateLanguage,
} from '../../../lib/runtime/responses/negotiation';
import type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseStore,
} from '../../../lib/runtime/responses/options';
import { queryOfKey } from '../../../lib/runtime/responses/query';
import { ResponseCache } from '../../../lib/runtime/responses/response-cache';
import { cacheControl } from '../../../lib/runtime/responses/rules';

// The parser that Express calls "extended".
const { parse: parseExtended } = jest.requireActual<{ parse: (query: string) => unknown }>('qs');

describe('the language of an answer', () => {
  test.each([
    ['', ['en', 'de'], 'en'],
    ['de', ['en', 'de'], 'de'],
    ['DE-ch', ['en', 'de'], 'de'],
    ['de', ['en', 'de-CH'], 'en'],
    ['zh-Hant-TW', ['en', 'zh-Hant', 'zh'], 'zh-Hant'],
    // "Lookup", RFC 4647, section 3.4: a single letter goes with what follows it.
    ['zh-x-a', ['en', 'zh-x', 'zh'], 'zh'],
    ['fr, de;q=0.5', ['en', 'de'], 'de'],
    ['de;q=0.5, fr;q=0.6', ['de', 'fr'], 'fr'],
    ['de;q=0.5, fr;q=0.5', ['fr', 'de'], 'de'],
    ['*', ['en', 'de'], 'en'],
    ['en;q=0, *', ['en', 'de'], 'de'],
    ['en;q=0', ['en'], 'en'],
    ['de;q=2, fr', ['en', 'de', 'fr'], 'fr'],
    [`${'de,'.repeat(400)}`, ['en', 'de'], 'en'],
  ] as const)('%s of %j is %s', (header, offered, expected) => {
    expect(negotiateLanguage(header, offered)).toBe(expected);
  });

  const tag = fc.constantFrom(
    'en',
    'de',
    'de-ch',
    'de-ch-1996',
    'zh',
    'zh-hant',
    'zh-hant-tw',
    'fr',
    'en-gb',
  );
  const range = fc.record({
    value: fc.oneof(tag, fc.constant('*')),
    thousandths: fc.constantFrom(0, 1, 500, 501, 1000),
  });

  test('is what a naive search finds', () => {
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 5 }),
        fc.uniqueArray(tag, { minLength: 1, maxLength: 5 }),
        (ranges, offered) => {
          const header = ranges
            .map(({ value, thousandths }) => `${value};q=${(thousandths / 1000).toFixed(3)}`)
            .join(', ');
          expect(negotiateLanguage(header, offered as [string, ...string[]])).toBe(
            naiveLanguage(ranges, offered),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
});

/** Ranks every pair of a range and a language, and takes the first. */
function naiveLanguage(
  ranges: readonly { value: string; thousandths: number }[],
  offered: readonly string[],
): string | undefined {
  const refused = (language: string) => {
    const covering = ranges.filter(({ value }) => `${language}-`.startsWith(`${value}-`));
    const longest = Math.max(...covering.map(({ value }) => value.length));
    return covering.find(({ value }) => value.length === longest)?.thousandths === 0;
  };
  const acceptable = offered.filter((language) => !refused(language));
  const pairs = ranges.flatMap(({ value, thousandths }, order) =>
    acceptable
      .filter(
        (language) => thousandths > 0 && (value === '*' || `${value}-`.startsWith(`${language}-`)),
      )
      .map((language, place) => ({
        language,
        thousandths,
        order,
        length: value === '*' ? -place : language.length,
      })),
  );
  pairs.sort((a, b) => b.thousandths - a.thousandths || a.order - b.order || b.length - a.length);
  return pairs[0]?.language ?? acceptable[0] ?? offered[0];
}

describe('the coding of an answer', () => {
  const both: ContentCoding[] = ['br', 'gzip'];
  test.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip, br', 'br'],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['*;q=0.1', 'br'],
    ['gzip;q=0.2', 'gzip'],
    ['gzip;q=0.2, identity;q=0.3', 'identity'],
    ['deflate', 'identity'],
    ['identity;q=0', 'identity'],
    ['identity;q=0, gzip;q=0.001', 'gzip'],
    ['*;q=0', 'identity'],
    ['br;q=x, gzip', 'gzip'],
    ['GZIP ; Q=1', 'gzip'],
  ])('%s is %s', (header, expected) => {
    expect(negotiateCoding(header, both)).toBe(expected);
  });

  test('is what a naive reading finds', () => {
    const item = fc.record({
      value: fc.constantFrom('br', 'gzip', 'identity', '*', 'deflate'),
      tenths: fc.integer({ min: 0, max: 10 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(item, { selector: ({ value }) => value, maxLength: 5 }),
        (items) => {
          const header = items.map(({ value, tenths }) => `${value};q=${tenths / 10}`).join(',');
          const given = (coding: string) =>
            items.find(({ value }) => value === coding)?.tenths ??
            items.find(({ value }) => value === '*')?.tenths;
          const ranked = [
            ['br', given('br') ?? 0],
            ['gzip', given('gzip') ?? 0],
            ['identity', given('identity') ?? 0.5],
          ] as const;
          const best = Math.max(...ranked.map(([, weight]) => weight));
          const expected =
            best === 0 ? 'identity' : ranked.find(([, weight]) => weight === best)?.[0];
          expect(negotiateCoding(header, both)).toBe(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['application/json; charset=utf-8', true],
    ['text/html', true],
    ['image/svg+xml', true],
    ['application/problem+json', true],
    ['application/jsonx', false],
    ['image/png', false],
    ['font/woff2', false],
    ['application/octet-stream', false],
    ['', false],
  ])('%s compresses: %s', (type, expected) => {
    expect(isCompressible(type)).toBe(expected);
  });
});

describe('the query of a key', () => {
  const parameter = fc
    .array(fc.constantFrom('a', 'b', 'A', '=', '%61', '%', '[', ']', '+', '1'), { maxLength: 4 })
    .map((pieces) => pieces.join(''));

  test('two queries share one only if any parser reads them as one', () => {
    const pair = fc
      .array(parameter, { maxLength: 5 })
      .chain((parameters) =>
        fc.tuple(
          fc.constant(parameters),
          fc.shuffledSubarray(parameters, { minLength: parameters.length }),
        ),
      );
    let merged = 0;
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const [a, b] = [one.join('&'), other.join('&')];
        if (queryOfKey(a, 'all') !== queryOfKey(b, 'all')) return;
        if (a !== b) merged++;
        expect({ ...parseQuery(a) }).toEqual({ ...parseQuery(b) });
        expect(parseExtended(a)).toEqual(parseExtended(b));
      }),
      { numRuns: 5000 },
    );
    expect(merged).toBeGreaterThan(0);
  });

  test.each([
    ['b=2&a=1', 'all', 'a=1&b=2'],
    ['a=2&a=1', 'all', 'a=2&a=1'],
    ['flag=&b', 'all', 'b&flag='],
    ['&&a=1&', 'all', 'a=1'],
    ['b=%41&a=%e9', 'all', 'a=%e9&b=%41'],
    ['b=1&%61=2', 'all', 'b=1&%61=2'],
    ['b=1&a=2', 'none', ''],
    ['b=1&a=2', { allow: ['a'] }, 'a=2'],
    ['b=1&%61=2', { allow: ['a'] }, 'b=1&%61=2'],
    ['b=1&a=2', { deny: ['a'] }, 'b=1'],
  ] as const)('%s under %j is %s', (query, rule, expected) => {
    expect(queryOfKey(query, rule)).toBe(expected);
  });

  test('no text of one part of a key looks like another part', () => {
    const rules = { host: true, query: 'all', varyBy: ['x-a'] } as const;
    const part = fc.string({ maxLength: 6 });
    const parts = fc.record({
      target: part,
      host: part,
      a: part,
      user: fc.option(part, { nil: undefined }),
      language: fc.option(part, { nil: undefined }),
    });
    const key = ({
      target,
      host,
      a,
      user,
      language,
    }: {
      target: string;
      host: string;
      a: string;
      user?: string;
      language?: string;
    }) => keyOf({ target, headers: { host, 'x-a': a }, user, language }, rules);
    const canonical = ({ target, ...rest }: { target: string }) => {
      const [path, ...query] = target.split('?');
      return JSON.stringify([path, queryOfKey(query.join('?'), 'all'), rest]);
    };
    fc.assert(
      fc.property(parts, parts, (one, other) =>
        expect(key(one) === key(other)).toBe(canonical(one) === canonical(other)),
      ),
    );
  });
});

test('the host of HTTP/2 is in the key', () => {
  const key = (authority: string) =>
    keyOf(
      { target: '/', headers: { ':authority': authority }, user: undefined, language: undefined },
      { host: true, query: 'all', varyBy: [] },
    );
  expect(key('a.example')).not.toBe(key('b.example'));
});

test.each([
  ['max-age=5, private', { 'max-age': '5', private: '' }],
  ['PRIVATE="set-cookie, x", s-maxage="7"', { private: 'set-cookie, x', 's-maxage': '7' }],
  ['a="no-store\\", private"', { a: 'no-store\\", private' }],
  ['max-age=1, max-age=100', { 'max-age': '1' }],
  [',,no-store ,', { 'no-store': '' }],
  ['max-age = 5', { 'max-age': '5' }],
])('Cache-Control %s', (header, expected) => {
  expect(Object.fromEntries(cacheControl(header))).toEqual(expected);
});

describe('options', () => {
  const store = {} as ResponseStore;
  type Row = [name: string, bad: object, good: object];
  const routes: Row[] = [
    ['ttlSeconds', { ttlSeconds: 0 }, { ttlSeconds: 0.5 }],
    ['ttlSeconds', { ttlSeconds: undefined }, { ttlSeconds: 'answer' }],
    ['staleSeconds', { ttlSeconds: 'answer', staleSeconds: 5 }, { ttlSeconds: 5, staleSeconds: 5 }],
    ['statuses', { statuses: { 500: 5 } }, { statuses: { 404: 5 } }],
    ['statuses', { statuses: { 206: 5 } }, { statuses: { 301: 5 } }],
    ['statuses[404]', { statuses: { 404: 0 } }, { statuses: { 404: 1 } }],
    ['varyBy', { varyBy: ['a, b'] }, { varyBy: ['a', 'b'] }],
    ['languages', { languages: ['de_CH'] }, { languages: ['de-CH'] }],
    ['shared', { shared: true, user: () => 'a' }, { shared: false, user: () => 'a' }],
    ['maxBodyBytes', { maxBodyBytes: 0 }, { maxBodyBytes: 1 }],
  ];
  test.each(routes)('of a route: %s', (name, bad, good) => {
    const prepare = (route: object) =>
      new ResponseCache({ store }).prepare({ ttlSeconds: 5, ...route } as ResponseRoute<unknown>);
    expect(() => prepare(bad)).toThrow(`ResponseRoute: ${name} must be `);
    expect(() => prepare(good)).not.toThrow();
  });

  const caches: Row[] = [
    ['sessionCookies', { sessionCookies: ['a;b'] }, { sessionCookies: ['a', 'b'] }],
    ['tagHeader', { tagHeader: 'Cache Tag' }, { tagHeader: 'Cache-Tag' }],
    ['passSeconds', { passSeconds: -1 }, { passSeconds: 0 }],
    [
      'compressionThresholdBytes',
      { compressionThresholdBytes: Number.NaN },
      { compressionThresholdBytes: 0 },
    ],
  ];
  test.each(caches)('of a cache: %s', (name, bad, good) => {
    expect(() => new ResponseCache({ store, ...bad } as ResponseCacheOptions)).toThrow(
      `ResponseCache: ${name} must be `,
    );
    expect(() => new ResponseCache({ store, ...good } as ResponseCacheOptions)).not.toThrow();
  });
});
