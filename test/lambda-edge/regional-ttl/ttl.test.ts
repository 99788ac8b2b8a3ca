import fc from 'fast-check';
import type { Headers } from '../../../lambda-edge/normalize-cache-key/lambda-request';
import { applyTtl, parseCacheControl } from '../../../lambda-edge/regional-ttl/ttl';
import type { RegionalTtlSettings, TtlRule } from '../../../lib/model/contracts/edge';

const STATIC: TtlRule = {
  pattern: '/static/*',
  defaultTtlSeconds: 7200,
  maxTtlSeconds: 172_800,
  continents: { apac: { defaultTtlSeconds: 14_400, maxTtlSeconds: 172_800 } },
  errorTtlSeconds: 10,
  setCookie: 'bypass',
};
const NEWS: TtlRule = {
  pattern: '/news/*',
  defaultTtlSeconds: 60,
  maxTtlSeconds: 300,
  continents: { europe: { defaultTtlSeconds: 30, maxTtlSeconds: 40 } },
  browserTtlSeconds: 20,
  staleWhileRevalidateSeconds: 15,
  staleIfErrorSeconds: 100,
  errorTtlSeconds: 30,
  setCookie: 'bypass',
};
const STRIPPED: TtlRule = { ...NEWS, pattern: '/stripped/*', setCookie: 'strip' };
const SETTINGS: RegionalTtlSettings = {
  regions: { 'ap-northeast-1': 'apac', 'eu-west-1': 'europe' },
  paths: [STATIC, NEWS, STRIPPED],
};

const DATE = 'Sat, 21 Nov 2026 10:00:00 GMT';
const IN_A_MINUTE = 'Sat, 21 Nov 2026 10:01:00 GMT';

function answer(headers: Record<string, string | readonly string[]> = {}, status = '200') {
  const listed = Object.entries(headers).map(([name, values]) => [
    name,
    [values].flat().map((value) => ({ key: name, value })),
  ]);
  return { status, statusDescription: 'Whatever', headers: Object.fromEntries(listed) as Headers };
}

/** The `Cache-Control` of the answer, and undefined if the answer is untouched. */
function cacheControl(
  uri: string,
  headers: Record<string, string | readonly string[]>,
  { status = '200', region = 'us-east-1', settings = SETTINGS } = {},
) {
  const given = answer(headers, status);
  const result = applyTtl(given, { uri }, settings, region);
  return result === given
    ? undefined
    : result.headers['cache-control']?.map(({ value }) => value).join(' | ');
}

describe('the time at the edge', () => {
  test.each<[string, string, string, string]>([
    ['/static/app.js', 'us-east-1', '', 's-maxage=7200'],
    ['/static/app.js', 'ap-northeast-1', '', 's-maxage=14400'],
    ['/static/app.js', 'eu-west-1', '', 's-maxage=7200'],
    ['/static/app.js', 'mars-north-1', '', 's-maxage=7200'],
    ['/static/app.js', 'ap-northeast-1', 'max-age=31536000', 'max-age=31536000, s-maxage=172800'],
    ['/static/app.js', 'ap-northeast-1', 's-maxage=5', 's-maxage=5'],
    [
      '/news/1',
      'us-east-1',
      's-maxage=900',
      'max-age=20, s-maxage=300, stale-while-revalidate=15, stale-if-error=100',
    ],
    [
      '/news/1',
      'eu-west-1',
      's-maxage=900',
      'max-age=20, s-maxage=40, stale-while-revalidate=15, stale-if-error=100',
    ],
    [
      '/news/1',
      'eu-west-1',
      '',
      'max-age=20, s-maxage=30, stale-while-revalidate=15, stale-if-error=100',
    ],
  ])('%s in %s with %j: %s', (uri, region, header, expected) => {
    expect(cacheControl(uri, header === '' ? {} : { 'cache-control': header }, { region })).toBe(
      expected,
    );
  });

  test('a region that is not told counts as no part of the world', () => {
    expect(
      applyTtl(answer(), { uri: '/static/a' }, SETTINGS, undefined).headers['cache-control'],
    ).toEqual([{ key: 'Cache-Control', value: 's-maxage=7200' }]);
  });
});

describe('what the origin says', () => {
  const tail = 'stale-while-revalidate=15, stale-if-error=100';
  test.each<[string, string | readonly string[], string | undefined]>([
    [
      'the shorter max-age wins, for edge and browser',
      'max-age=10',
      `max-age=10, s-maxage=10, ${tail}`,
    ],
    [
      's-maxage decides about the edge',
      'max-age=10, s-maxage=50',
      `max-age=10, s-maxage=50, ${tail}`,
    ],
    ['s-maxage alone bounds the browser as well', 's-maxage=5', `max-age=5, s-maxage=5, ${tail}`],
    [
      'other directives stay as they were written',
      'Public, FOO="a, b", max-age=10',
      `Public, FOO="a, b", max-age=10, s-maxage=10, ${tail}`,
    ],
    ['case does not matter', 'MAX-AGE=10', `max-age=10, s-maxage=10, ${tail}`],
    [
      'spaces may be missing, and elements empty',
      ',public,,max-age=10,',
      `public, max-age=10, s-maxage=10, ${tail}`,
    ],
    [
      'several headers are one list',
      ['public', 'max-age=10'],
      `public, max-age=10, s-maxage=10, ${tail}`,
    ],
    ['a number may be quoted', 'max-age="10"', `max-age=10, s-maxage=10, ${tail}`],
    ['of two, the shorter', 'max-age=10, max-age=5', `max-age=5, s-maxage=5, ${tail}`],
    [
      'a comma within quotes separates nothing',
      'x="no-store, private"',
      `x="no-store, private", max-age=20, s-maxage=60, ${tail}`,
    ],
    [
      'a number beyond all counts is a great one',
      `max-age=${'9'.repeat(40)}`,
      `max-age=20, s-maxage=300, ${tail}`,
    ],
    [
      'its own stale directives stay',
      'stale-if-error=1',
      'max-age=20, s-maxage=60, stale-while-revalidate=15, stale-if-error=1',
    ],
    [
      'nothing is served stale that must be revalidated',
      'max-age=10, must-revalidate',
      'must-revalidate, max-age=10, s-maxage=10',
    ],
    ['… by shared caches either', 'proxy-revalidate', 'proxy-revalidate, max-age=20, s-maxage=60'],
    ['nothing is served stale that is never fresh', 'max-age=0', 'max-age=0, s-maxage=0'],
    ['no-store is left alone', 'no-store, max-age=10', undefined],
    ['private is left alone', 'PRIVATE', undefined],
    ['private of some headers is left alone', 'private="x-user"', undefined],
    ['no-cache is left alone', 'no-cache', undefined],
    ['a number that is none', 'max-age=1.5', undefined],
    ['a negative number', 'max-age=-1', undefined],
    ['a missing number', 'max-age', undefined],
    ['an empty number', 'max-age=', undefined],
    ['a space within', 'max-age = 10', undefined],
    ['a missing comma', 'public max-age=10', undefined],
    ['an open quote', 'public, x="a', undefined],
    ['a character outside ASCII', 'public, é', undefined],
    ['a stale time that is none', 'max-age=10, stale-if-error=soon', undefined],
  ])('%s', (_, header, expected) => {
    expect(cacheControl('/news/1', { 'cache-control': header })).toBe(expected);
  });

  test.each<[string, Record<string, string>, string | undefined]>([
    ['counts from Date', { expires: IN_A_MINUTE, date: DATE }, 's-maxage=60'],
    ['in the past means now', { expires: DATE, date: IN_A_MINUTE }, 's-maxage=0'],
    ['that is no date means now', { expires: '0', date: DATE }, 's-maxage=0'],
    [
      'yields to max-age',
      { expires: DATE, date: DATE, 'cache-control': 'max-age=5' },
      'max-age=5, s-maxage=5',
    ],
    ['cannot be read without Date', { expires: IN_A_MINUTE }, undefined],
  ])('Expires %s', (_, headers, expected) => {
    expect(cacheControl('/static/a', headers)).toBe(expected);
  });

  test('validators, Vary and the rest are untouched, and so is the answer that was given', () => {
    const given = answer({
      etag: '"a"',
      'last-modified': DATE,
      vary: 'Accept',
      'cache-control': 'max-age=1',
    });
    const before = structuredClone(given);
    expect(applyTtl(given, { uri: '/static/a' }, SETTINGS, 'us-east-1')).toEqual({
      ...before,
      headers: {
        ...before.headers,
        'cache-control': [{ key: 'Cache-Control', value: 'max-age=1, s-maxage=1' }],
      },
    });
    expect(given).toEqual(before);
  });
});

describe('statuses', () => {
  test.each<[string, string, string | undefined]>([
    ['404', '', 's-maxage=30'],
    ['503', '', 's-maxage=30'],
    ['503', 'max-age=5', 'max-age=5, s-maxage=5'],
    ['404', 'max-age=3600', 'max-age=30, s-maxage=30'],
    ['404', 's-maxage=3600', 's-maxage=30'],
    ['404', 'no-store', undefined],
    // CloudFront keeps these only if the origin asks for it.
    ['400', '', undefined],
    ['403', '', undefined],
    ['403', 'max-age=3600', 'max-age=30, s-maxage=30'],
    // Nobody may guess how long these hold.
    ['302', '', undefined],
    ['304', '', undefined],
    ['302', 'max-age=5', 'max-age=5, s-maxage=5, stale-while-revalidate=15, stale-if-error=100'],
    ['304', 'max-age=5', 'max-age=5, s-maxage=5, stale-while-revalidate=15, stale-if-error=100'],
    ['301', '', 'max-age=20, s-maxage=60, stale-while-revalidate=15, stale-if-error=100'],
  ])('%s with %j: %s', (status, header, expected) => {
    expect(
      cacheControl('/news/1', header === '' ? {} : { 'cache-control': header }, { status }),
    ).toBe(expected);
  });
});

describe('Set-Cookie', () => {
  const result = (
    uri: string,
    headers: Record<string, string>,
    status = '200',
    settings = SETTINGS,
  ) => {
    const { headers: sent } = applyTtl(
      answer({ 'set-cookie': 'session=1', ...headers }, status),
      { uri },
      settings,
      'us-east-1',
    );
    return [sent['cache-control']?.[0]?.value, 'set-cookie' in sent];
  };

  test.each<[string, Record<string, string>, string]>([
    ['is kept out of the cache', {}, 'private, no-store'],
    ['… whatever the origin says', { 'cache-control': 'public, max-age=60' }, 'private, no-store'],
    ['… however malformed', { 'cache-control': 'max-age="' }, 'private, no-store'],
    [
      '… and though only some headers were private',
      { 'cache-control': 'private="set-cookie"' },
      'private, no-store',
    ],
    [
      'stays as it is if the origin saw to it',
      { 'cache-control': 'no-store, max-age=0' },
      'no-store, max-age=0',
    ],
  ])('an answer that sets one %s', (_, headers, expected) => {
    expect(result('/news/1', headers)).toEqual([expected, true]);
  });

  test('is taken away where the tier says so, and the answer is cached', () => {
    expect(result('/stripped/1', {})).toEqual([
      'max-age=20, s-maxage=60, stale-while-revalidate=15, stale-if-error=100',
      false,
    ]);
  });

  test('is taken away from errors, which CloudFront keeps in any case', () => {
    expect(result('/news/1', {}, '404')).toEqual(['private, no-store', false]);
    expect(result('/news/1', {}, '403')).toEqual(['private, no-store', true]);
  });

  test('is handled with the most care where the tier of a path cannot be told', () => {
    expect(result('/news/../x', {})).toEqual(['private, no-store', false]);
    expect(result('/news/../x', {}, '200', { ...SETTINGS, paths: [STATIC, NEWS] })).toEqual([
      'private, no-store',
      true,
    ]);
  });
});

test.each(['/else', '/news/../static/a'])(
  'a path whose tier cannot be told is left alone: %s',
  (uri) => {
    expect(cacheControl(uri, { 'cache-control': 'max-age=99999' })).toBeUndefined();
  },
);

describe('properties', () => {
  const seconds = fc.oneof(fc.nat({ max: 400 }), fc.constantFrom(0, 7200, 999_999_999_999));
  const directive = fc.oneof(
    seconds.map((s) => `max-age=${s}`),
    seconds.map((s) => `s-maxage="${s}"`),
    seconds.map((s) => `Stale-While-Revalidate=${s}`),
    fc.constantFrom(
      'public',
      'no-store',
      'private',
      'no-cache',
      'must-revalidate',
      'x="a,b\\""',
      '',
      'max-age',
      'é',
      'immutable',
    ),
  );
  const cacheControls = fc.oneof(
    { weight: 4, arbitrary: fc.array(directive, { maxLength: 4 }).map((list) => list.join(',')) },
    fc.string({
      unit: fc.constantFrom('max-age', 's-maxage', '=', '1', '"', '\\', ',', ' ', '\t', 'no-store'),
    }),
    fc.string({ unit: 'binary' }),
  );
  const answers = fc
    .record(
      {
        'cache-control': fc.array(cacheControls, { minLength: 1, maxLength: 2 }),
        expires: fc.constantFrom(DATE, IN_A_MINUTE, '0', 'Tue, 01 Jan 2999 00:00:00 GMT'),
        date: fc.constantFrom(DATE, 'yesterday'),
        'set-cookie': fc.constant('session=1'),
      },
      { requiredKeys: [] },
    )
    .chain((headers) =>
      fc
        .constantFrom('200', '301', '302', '304', '403', '404', '503', 'x')
        .map((status) => answer(headers, status)),
    );
  const uris = fc.constantFrom('/static/a', '/news/a', '/stripped/a', '/else', '/news/../x');
  const regions = fc.constantFrom(
    'us-east-1',
    'ap-northeast-1',
    'eu-west-1',
    '__proto__',
    undefined,
  );

  test('applied twice, it changes nothing more', () => {
    fc.assert(
      fc.property(answers, uris, regions, (given, uri, region) => {
        const once = applyTtl(given, { uri }, SETTINGS, region);
        expect(applyTtl(once, { uri }, SETTINGS, region)).toEqual(once);
      }),
      { numRuns: 3000 },
    );
  });

  /** What a header allows at the most, read by a regular expression instead of our parser. */
  const shortest = (text: string, name: string) =>
    Math.min(
      ...[...text.matchAll(new RegExp(`(?:^|,)[ \\t]*${name}="?(\\d+)`, 'gi'))].map(([, value]) =>
        Number(value),
      ),
    );

  test('nothing is kept longer than the origin or the tier allows', () => {
    fc.assert(
      fc.property(answers, uris, regions, (given, uri, region) => {
        const result = applyTtl(given, { uri }, SETTINGS, region);
        const before = (given.headers['cache-control'] ?? []).map(({ value }) => value).join(',');
        const after = (result.headers['cache-control'] ?? []).map(({ value }) => value).join(',');
        if (before === after || after === 'private, no-store') return;
        expect(before.replace(/"(?:[^"\\]|\\.)*"/g, '')).not.toMatch(
          /(^|,)[ \t]*(no-store|private|no-cache)[ \t]*(,|$)/i,
        );
        const edge = shortest(after, 's-maxage');
        const asked = Number.isFinite(shortest(before, 's-maxage'))
          ? shortest(before, 's-maxage')
          : shortest(before, 'max-age');
        expect(edge).toBeLessThanOrEqual(asked);
        expect(edge).toBeLessThanOrEqual(172_800);
        const browser = shortest(after, 'max-age');
        if (Number.isFinite(browser))
          expect(browser).toBeLessThanOrEqual(shortest(before, 'max-age'));
      }),
      { numRuns: 3000 },
    );
  });

  test('no cookie is ever in an answer that a shared cache may keep', () => {
    fc.assert(
      fc.property(answers, uris, regions, (given, uri, region) => {
        const { headers } = applyTtl(given, { uri }, SETTINGS, region);
        const kept = names(headers['cache-control']?.map(({ value }) => value).join(',') ?? '');
        if ('set-cookie' in headers)
          expect(kept.includes('no-store') || kept.includes('private')).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  const names = (text: string) =>
    (parseCacheControl(text) ?? [])
      .filter(({ value }) => value === undefined)
      .map(({ name }) => name);
});

test.each<[string, unknown]>([
  ['', []],
  ['a', [{ name: 'a', text: 'a' }]],
  [
    ' A=b , c="d\\"e" ',
    [
      { name: 'a', value: 'b', text: 'A=b' },
      { name: 'c', value: 'd"e', text: 'c="d\\"e"' },
    ],
  ],
  ['a="', undefined],
  ['a b', undefined],
  ['a,;', undefined],
])('parseCacheControl(%j)', (header, expected) => {
  expect(parseCacheControl(header)).toEqual(expected);
});
