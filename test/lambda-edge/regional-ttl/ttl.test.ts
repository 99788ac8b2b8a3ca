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
  ...STATIC,
  pattern: '/news/*',
  defaultTtlSeconds: 60,
  maxTtlSeconds: 300,
  continents: { europe: { defaultTtlSeconds: 30, maxTtlSeconds: 40 } },
  browserTtlSeconds: 20,
  staleWhileRevalidateSeconds: 15,
  staleIfErrorSeconds: 100,
  errorTtlSeconds: 30,
};
const STRIPPED: TtlRule = { ...NEWS, pattern: '/stripped/*', setCookie: 'strip' };
const SETTINGS: RegionalTtlSettings = {
  regions: { 'ap-northeast-1': 'apac', 'eu-west-1': 'europe' },
  paths: [STATIC, NEWS, STRIPPED],
};

const DATE = 'Sat, 21 Nov 2026 10:00:00 GMT';
const IN_A_MINUTE = 'Sat, 21 Nov 2026 10:01:00 GMT';

function response(headers: Record<string, string | readonly string[]> = {}, status = '200') {
  const listed = Object.entries(headers).map(([name, values]) => [
    name,
    [values].flat().map((value) => ({ key: name, value })),
  ]);
  return { status, statusDescription: 'Whatever', headers: Object.fromEntries(listed) as Headers };
}

/** The `Cache-Control` of the response, or undefined if the response is unchanged. */
function cacheControl(
  uri: string,
  headers: Record<string, string | readonly string[]>,
  { status = '200', region = 'us-east-1', settings = SETTINGS } = {},
) {
  const given = response(headers, status);
  const result = applyTtl(given, { uri }, settings, region);
  return result === given
    ? undefined
    : result.headers['cache-control']?.map(({ value }) => value).join(' | ');
}

describe('the TTL at the edge', () => {
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

  test('without a region, the TTLs of the tier apply', () => {
    expect(
      applyTtl(response(), { uri: '/static/a' }, SETTINGS, undefined).headers['cache-control'],
    ).toEqual([{ key: 'Cache-Control', value: 's-maxage=7200' }]);
  });
});

describe('Cache-Control of the origin', () => {
  const tail = 'stale-while-revalidate=15, stale-if-error=100';
  test.each<[string, string | readonly string[], string]>([
    [
      'the shorter max-age wins, for edge and browser',
      'max-age=10',
      `max-age=10, s-maxage=10, ${tail}`,
    ],
    ['s-maxage applies to the edge', 'max-age=10, s-maxage=50', `max-age=10, s-maxage=50, ${tail}`],
    ['s-maxage alone bounds the browser as well', 's-maxage=5', `max-age=5, s-maxage=5, ${tail}`],
    [
      'other directives stay as they were written',
      'Public, FOO="a, b", max-age=10',
      `Public, FOO="a, b", max-age=10, s-maxage=10, ${tail}`,
    ],
    ['case does not matter', 'MAX-AGE=10', `max-age=10, s-maxage=10, ${tail}`],
    [
      'spaces may be missing, and elements may be empty',
      ',public,,max-age=10,',
      `public, max-age=10, s-maxage=10, ${tail}`,
    ],
    [
      'several headers are one list',
      ['public', 'max-age=10'],
      `public, max-age=10, s-maxage=10, ${tail}`,
    ],
    ['a number may be quoted', 'max-age="10"', `max-age=10, s-maxage=10, ${tail}`],
    ['the shorter of two counts', 'max-age=10, max-age=5', `max-age=5, s-maxage=5, ${tail}`],
    [
      'a comma within quotes does not separate',
      'x="no-store, private"',
      `x="no-store, private", max-age=20, s-maxage=60, ${tail}`,
    ],
    [
      'a huge number counts as a large one',
      `max-age=${'9'.repeat(40)}`,
      `max-age=20, s-maxage=300, ${tail}`,
    ],
    [
      'stale directives of the origin stay',
      'stale-if-error=1',
      'max-age=20, s-maxage=60, stale-while-revalidate=15, stale-if-error=1',
    ],
    [
      'no stale directive is added to must-revalidate',
      'max-age=10, must-revalidate',
      'must-revalidate, max-age=10, s-maxage=10',
    ],
    ['… nor to proxy-revalidate', 'proxy-revalidate', 'proxy-revalidate, max-age=20, s-maxage=60'],
    ['… nor to a response that is never fresh', 'max-age=0', 'max-age=0, s-maxage=0'],
  ])('%s', (_, header, expected) => {
    expect(cacheControl('/news/1', { 'cache-control': header })).toBe(expected);
  });

  test.each(['no-store, max-age=10', 'PRIVATE', 'private="x-user"', 'no-cache'])(
    'that keeps the response out of the cache stays unchanged: %s',
    (header) => {
      expect(cacheControl('/news/1', { 'cache-control': header })).toBeUndefined();
    },
  );

  test.each([
    ['a fraction', 'max-age=1.5'],
    ['a negative number', 'max-age=-1'],
    ['a missing number', 'max-age'],
    ['an empty number', 'max-age='],
    ['a space around the equal sign', 'max-age = 10'],
    ['a missing comma', 'public max-age=10'],
    ['an open quote', 'public, x="a'],
    ['a character outside ASCII', 'public, é'],
    ['a stale time in words', 'max-age=10, stale-if-error=soon'],
  ])('with %s is unreadable, and stays unchanged', (_, header) => {
    expect(cacheControl('/news/1', { 'cache-control': header })).toBeUndefined();
  });

  test.each<[string, Record<string, string>, string | undefined]>([
    ['counts from Date', { expires: IN_A_MINUTE, date: DATE }, 's-maxage=60'],
    ['in the past means 0', { expires: DATE, date: IN_A_MINUTE }, 's-maxage=0'],
    ['that is not a date means 0', { expires: '0', date: DATE }, 's-maxage=0'],
    [
      'yields to max-age',
      { expires: DATE, date: DATE, 'cache-control': 'max-age=5' },
      'max-age=5, s-maxage=5',
    ],
    ['cannot be read without Date', { expires: IN_A_MINUTE }, undefined],
  ])('Expires %s', (_, headers, expected) => {
    expect(cacheControl('/static/a', headers)).toBe(expected);
  });

  test('validators, Vary and other headers stay, and the argument is not changed', () => {
    const given = response({
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
    // CloudFront caches these only if the origin asks for it.
    ['400', '', undefined],
    ['403', '', undefined],
    ['403', 'max-age=3600', 'max-age=30, s-maxage=30'],
    // These have no default freshness.
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
      response({ 'set-cookie': 'session=1', ...headers }, status),
      { uri },
      settings,
      'us-east-1',
    );
    return [sent['cache-control']?.[0]?.value, 'set-cookie' in sent];
  };

  test.each<[string, Record<string, string>, string]>([
    ['is kept out of the cache', {}, 'private, no-store'],
    [
      '… even if the origin allows it',
      { 'cache-control': 'public, max-age=60' },
      'private, no-store',
    ],
    ['… even if Cache-Control is malformed', { 'cache-control': 'max-age="' }, 'private, no-store'],
    [
      '… even if the origin marked only some headers private',
      { 'cache-control': 'private="set-cookie"' },
      'private, no-store',
    ],
    [
      'stays unchanged if the origin forbids caching',
      { 'cache-control': 'no-store, max-age=0' },
      'no-store, max-age=0',
    ],
  ])('a response that sets a cookie %s', (_, headers, expected) => {
    expect(result('/news/1', headers)).toEqual([expected, true]);
  });

  test('is removed if the tier strips it, and the response is cached', () => {
    expect(result('/stripped/1', {})).toEqual([
      'max-age=20, s-maxage=60, stale-while-revalidate=15, stale-if-error=100',
      false,
    ]);
  });

  test('is removed from errors that CloudFront caches in any case', () => {
    expect(result('/news/1', {}, '404')).toEqual(['private, no-store', false]);
    expect(result('/news/1', {}, '403')).toEqual(['private, no-store', true]);
  });

  test('is removed if the tier is unknown and a tier strips cookies', () => {
    expect(result('/news/../x', {})).toEqual(['private, no-store', false]);
    expect(result('/news/../x', {}, '200', { ...SETTINGS, paths: [STATIC, NEWS] })).toEqual([
      'private, no-store',
      true,
    ]);
  });
});

test.each(['/else', '/news/../static/a'])('leaves a path of unknown tier unchanged: %s', (uri) => {
  expect(cacheControl(uri, { 'cache-control': 'max-age=99999' })).toBeUndefined();
});

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
  const responses = fc
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
        .map((status) => response(headers, status)),
    );
  const uris = fc.constantFrom('/static/a', '/news/a', '/stripped/a', '/else', '/news/../x');
  const regions = fc.constantFrom(
    'us-east-1',
    'ap-northeast-1',
    'eu-west-1',
    '__proto__',
    undefined,
  );

  test('applying it again changes nothing', () => {
    fc.assert(
      fc.property(responses, uris, regions, (given, uri, region) => {
        const once = applyTtl(given, { uri }, SETTINGS, region);
        expect(applyTtl(once, { uri }, SETTINGS, region)).toEqual(once);
      }),
      { numRuns: 3000 },
    );
  });

  /** The shortest time of a directive, by a regular expression instead of the parser. */
  const shortest = (text: string, name: string) =>
    Math.min(
      ...[...text.matchAll(new RegExp(`(?:^|,)[ \\t]*${name}="?(\\d+)`, 'gi'))].map(([, value]) =>
        Number(value),
      ),
    );

  test('no response is kept longer than the origin or the tier allows', () => {
    fc.assert(
      fc.property(responses, uris, regions, (given, uri, region) => {
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

  test('no response that a shared cache may keep has a cookie', () => {
    fc.assert(
      fc.property(responses, uris, regions, (given, uri, region) => {
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
