import fc from 'fast-check';
import {
  normalizeRequest,
  type ViewerRequest,
} from '../../../lambda-edge/normalize-cache-key/lambda-request';
import {
  cacheKeyOf,
  findRule,
  MAX_ACCEPT_LENGTH,
  MAX_NAMES_LENGTH,
  MAX_PARAMETERS,
  MAX_QUERY_LENGTH,
  matchesPath,
  negotiateImageFormat,
  negotiateLanguage,
  queryNormalizer,
} from '../../../lambda-edge/normalize-cache-key/normalize';
import { NOISE, PROPERTIES } from './properties';

describe('queryNormalizer', () => {
  test.each<[string, string, string]>([
    ['sorts by name', 'b=2&a=1', 'a=1&b=2'],
    ['sorts by raw bytes: upper case before lower case', 'a=1&B=2', 'B=2&a=1'],
    ['sorts names with underscores and hyphens', 'a_c=1&a-b=2&a_b=3', 'a-b=2&a_b=3&a_c=1'],
    ['sorts lists and objects of distinct names', 'b[]=1&a[x]=2&b[]=3', 'a[x]=2&b[]=1&b[]=3'],
    [
      'keeps the order of objects in a list, as Rack builds them',
      'items[][id]=1&items[][name]=foo&items[][id]=2&items[][name]=bar&b=0',
      'b=0&items[][id]=1&items[][name]=foo&items[][id]=2&items[][name]=bar',
    ],
    ['keeps the order of a value and a list of one name', 'b=0&a[]=2&a=1', 'a[]=2&a=1&b=0'],
    ['keeps the order of escaped brackets', 'b=0&a%5b%5D=2&a[0]=1', 'a%5b%5D=2&a[0]=1&b=0'],
    [
      'keeps the order of what PHP reads as `a_b`',
      'a_b=1&a.b=2&a+b=3&a%20b=4&a[b=5',
      'a_b=1&a.b=2&a+b=3&a%20b=4&a[b=5',
    ],
    [
      'keeps the order of a name and a longer one after a null byte',
      'b&a%00b=2&a=1',
      'a%00b=2&a=1&b',
    ],
    ['keeps the order of names in dots and brackets', 'b=0&a.y=2&a[x]=1', 'a.y=2&a[x]=1&b=0'],
    ['keeps the order of names in other case', 'b=0&ID=2&id=1', 'ID=2&id=1&b=0'],
    [
      'sorts other names beside such',
      'user_name=1&user[x]=2&user_id=3&user=4',
      'user[x]=2&user=4&user_id=3&user_name=1',
    ],
    ['keeps names together that are one to two origins', 'a_b=1&a=2&a.b=3', 'a_b=1&a=2&a.b=3'],
    ['keeps the order of names between semicolons', 'b=1&a=1;b=2', 'b=1&a=1;b=2'],
    ['does not sort escapes that ASP.NET alone decodes', 'b=0&a=1&%u0061=2', 'b=0&a=1&%u0061=2'],
    ['sorts by name, not by value', 'a=9&a-b=1', 'a=9&a-b=1'],
    ['drops parameters that are denied by name', 'ref=x&q=1&gclid=2&fbclid=3&_=4', 'q=1'],
    ['drops parameters with a denied prefix', 'utm_source=a&utm_sourcex=b&utm_=c&utm=d', 'utm=d'],
    ['denies by the whole name', 'refs=1&aref=2&Ref=3&__=4', 'Ref=3&__=4&aref=2&refs=1'],
    ['compares names undecoded', '%72ef=1', '%72ef=1'],
    ['keeps escapes and their case', 'q=%E9', 'q=%E9'],
    ['keeps an escape in other case apart', 'q=%e9', 'q=%e9'],
    ['keeps the case of values', 'q=ABC', 'q=ABC'],
    ['keeps a flag', 'flag', 'flag'],
    ['keeps an empty value', 'flag=', 'flag='],
    ['keeps the order of repeated names', 'b=2&a=z&b=1&a=y', 'a=z&a=y&b=2&b=1'],
    ['keeps equal parameters twice', 'a=1&a=1', 'a=1&a=1'],
    ['keeps a flag and a value of one name in their order', 'a=1&a', 'a=1&a'],
    ['keeps the order of spellings of one name', 'b=0&a=1&%61=2', 'a=1&%61=2&b=0'],
    ['keeps the other order of spellings apart', 'b=0&%61=2&a=1', '%61=2&a=1&b=0'],
    ['keeps a space as it was written', 'q=a+b&r=a%20b', 'q=a+b&r=a%20b'],
    ['keeps values with equal signs', 'q=a=b==', 'q=a=b=='],
    ['does not separate at a semicolon', 'a=1;ref=2', 'a=1;ref=2'],
    ['keeps what it would keep of either side of a semicolon', 'ref=1;a=2&_', 'ref=1;a=2'],
    ['drops what it would drop of both sides', 'ref=1;gclid=2', ''],
    ['keeps a lone equal sign: its name and value are empty', '=', '='],
    ['drops parameters without a byte', '&&b=1&&a=2&', 'a=2&b=1'],
    [
      'keeps names of the prototype chain',
      '__proto__=1&constructor=2&toString',
      '__proto__=1&constructor=2&toString',
    ],
    ['keeps raw non-ASCII characters', 'ü=ß&日=本', 'ü=ß&日=本'],
    ['keeps broken escapes', '%=1&%G1=2&%E=3', '%=1&%E=3&%G1=2'],
    ['keeps an empty query', '', ''],
    ['drops a query of only denied parameters', 'utm_medium=x&_=1', ''],
  ])('%s', (_, query, expected) => {
    expect(queryNormalizer(NOISE)(query)).toBe(expected);
  });

  test.each<[string, string]>([
    ['b=2&x=3&a=1', 'a=1&b=2'],
    ['ab=1&A=2&%61=3', ''],
    ['a&a=', 'a&a='],
    ['=', ''],
    ['__proto__=1', ''],
  ])('an allow list keeps only its names: %s', (query, expected) => {
    expect(queryNormalizer({ allow: ['a', 'b'] })(query)).toBe(expected);
  });

  test('`none` drops everything, however long', () => {
    expect(queryNormalizer('none')('a=1')).toBe('');
    expect(queryNormalizer('none')('x'.repeat(MAX_QUERY_LENGTH + 1))).toBe('');
  });

  test('normalizes up to the limits, and leaves a query beyond them as it came', () => {
    const many = (count: number) => ['b', ...Array.from({ length: count - 1 }, () => 'a')];
    expect(queryNormalizer(NOISE)(many(MAX_PARAMETERS).join('&')).startsWith('a&')).toBe(true);
    expect(queryNormalizer(NOISE)(many(MAX_PARAMETERS + 1).join('&'))).toBe(
      many(MAX_PARAMETERS + 1).join('&'),
    );
    const long = (length: number) => `b&a=${'x'.repeat(length - 4)}`;
    expect(queryNormalizer(NOISE)(long(MAX_QUERY_LENGTH)).startsWith('a=')).toBe(true);
    expect(queryNormalizer(NOISE)(long(MAX_QUERY_LENGTH + 1))).toBe(long(MAX_QUERY_LENGTH + 1));
  });

  test('leaves names that are too long to read in their order', () => {
    const long = (length: number) => `b&%61${'x'.repeat(length - 'b%61'.length)}`;
    const normalize = queryNormalizer(NOISE);
    expect(normalize(long(MAX_NAMES_LENGTH))).toMatch(/^%61x*&b$/);
    expect(normalize(long(MAX_NAMES_LENGTH + 1))).toBe(long(MAX_NAMES_LENGTH + 1));
    expect(normalize(`${long(MAX_NAMES_LENGTH + 1)}&ref`)).toBe(long(MAX_NAMES_LENGTH + 1));
  });

  test('keeps a parameter of too many semicolons', () => {
    const pieces = (count: number) => Array.from({ length: count }, () => 'ref').join(';');
    expect(queryNormalizer({ deny: ['*'] })(pieces(MAX_PARAMETERS))).toBe('');
    expect(queryNormalizer({ deny: ['*'] })(pieces(MAX_PARAMETERS + 1))).toHaveLength(403);
  });

  test('sorts a long list in the worst order, and keeps the order of equal names', () => {
    const sent = Array.from(
      { length: MAX_PARAMETERS },
      (_, i) => `${String.fromCharCode(122 - (i % 26))}=${i}`,
    );
    const sorted = [...sent].sort((a, b) => a.charCodeAt(0) - b.charCodeAt(0));
    expect(queryNormalizer(NOISE)(sent.join('&'))).toBe(sorted.join('&'));
  });

  test.each(Object.entries(PROPERTIES))('property: %s', (_, property) => {
    fc.assert(property, { numRuns: 2000 });
  });
});

/**
 * Official samples of normalizers have these two collisions. Each served the content of one page at
 * the address of another.
 */
describe('known collisions', () => {
  const normalize = queryNormalizer(NOISE);

  test('values are neither decoded nor lower-cased: %E9 and %E8 are two pages', () => {
    const keys = [
      'q=%E9',
      'q=%E8',
      'q=%e9',
      'q=%EF%BF%BD',
      'q=\ufffd',
      'q=é',
      'q=A',
      'q=a',
      'q=%41',
    ].map(normalize);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('`flag` is not `flag=`', () => {
    expect([normalize('flag'), normalize('flag='), normalize('b&a'), normalize('b=&a=')]).toEqual([
      'flag',
      'flag=',
      'a&b',
      'a=&b=',
    ]);
  });
});

describe('matchesPath', () => {
  test.each`
    pattern        | path                   | matches
    ${'/static/*'} | ${'/static/app.js'}    | ${true}
    ${'/static/*'} | ${'/static/'}          | ${true}
    ${'/static/*'} | ${'/static'}           | ${false}
    ${'/static/*'} | ${'/STATIC/app.js'}    | ${false}
    ${'static/*'}  | ${'/static/app.js'}    | ${true}
    ${'*.jpg'}     | ${'/images/a.jpg'}     | ${true}
    ${'*.jpg'}     | ${'/images/a.jpg.exe'} | ${false}
    ${'/a/*/c'}    | ${'/a/b/b/c'}          | ${true}
    ${'/a?c'}      | ${'/abc'}              | ${true}
    ${'/a?c'}      | ${'/a/c'}              | ${true}
    ${'/a?c'}      | ${'/ac'}               | ${false}
    ${'/a?'}       | ${'/ab'}               | ${true}
    ${'/a.c'}      | ${'/abc'}              | ${false}
    ${'*'}         | ${'/'}                 | ${true}
    ${'*'}         | ${''}                  | ${true}
    ${'/*a*b*'}    | ${'/xxaxxbxx'}         | ${true}
    ${'/*a*b*'}    | ${'/xxbxxaxx'}         | ${false}
  `('$pattern matches $path: $matches', ({ pattern, path, matches }) => {
    expect(matchesPath(pattern, path)).toBe(matches);
  });
});

describe('findRule', () => {
  const rules = [
    { pattern: '/api/*', query: NOISE },
    { pattern: '/api/static/*', query: 'none' as const },
    { pattern: '*', query: 'none' as const },
  ];

  test('returns the first match, as CloudFront does', () => {
    expect(findRule(rules, '/api/static/x')).toBe(rules[0]);
    expect(findRule(rules, '/else')).toBe(rules[2]);
    expect(findRule(rules.slice(0, 2), '/else')).toBeUndefined();
  });

  test.each(['/static/../api/x', '/./api', '/api/..', '/%61pi/x', '/%2e%2E/x', '/a%7Eb'])(
    'returns undefined if CloudFront may have matched another spelling: %s',
    (path) => {
      expect(findRule(rules, path)).toBeUndefined();
    },
  );

  test.each(['/a..b', '/.well-known/x', '/%C3%A9', '/a%2Fb', '/a%20b'])(
    'returns a rule if CloudFront matched this spelling: %s',
    (path) => {
      expect(findRule(rules, path)).toBe(rules[2]);
    },
  );
});

describe('negotiateLanguage', () => {
  test.each<[string, string[], string]>([
    // RFC 9110, section 12.5.4: Danish, otherwise British English, otherwise any English.
    ['da, en-gb;q=0.8, en;q=0.7', ['en', 'da'], 'da'],
    ['da, en-gb;q=0.8, en;q=0.7', ['fr', 'en', 'en-GB'], 'en-GB'],
    ['da, en-gb;q=0.8, en;q=0.7', ['fr', 'en-US'], 'en-US'],
    ['da, en-gb;q=0.8, en;q=0.7', ['fr', 'it'], 'fr'],
    ['en-gb', ['en', 'en-US'], 'en'],
    // At equal weights, the viewer's order decides.
    ['fr, de', ['en', 'de', 'fr'], 'fr'],
    ['de;q=0.9, fr;q=0.9', ['en', 'fr', 'de'], 'de'],
    // A longer range applies to the shorter language, but that language's own weight comes first.
    ['en-GB', ['fr', 'en'], 'en'],
    ['zh-Hant-TW', ['en', 'zh', 'zh-Hant'], 'zh'],
    ['en-GB, en;q=0.1, fr;q=0.5', ['en', 'fr'], 'fr'],
    ['en-GB;q=0', ['fr', 'en'], 'fr'],
    // Neither is a prefix of the other at a hyphen.
    ['en', ['fr', 'eng'], 'fr'],
    // The wildcard stands for all languages that no other range names.
    ['*', ['en', 'fr'], 'en'],
    ['en;q=0, *', ['en', 'fr'], 'fr'],
    ['fr;q=0.2, *;q=0.5', ['fr', 'de'], 'de'],
    // If the viewer refuses all languages, the first one is used.
    ['en;q=0, fr;q=0', ['en', 'fr'], 'en'],
    // Case and spaces do not matter; the result is spelled as in the settings.
    ['  EN-us ;  Q=1.000 ', ['fr', 'en-US'], 'en-US'],
    // Malformed items are skipped.
    ['fr;q=2, de;q=0.1', ['en', 'fr', 'de'], 'de'],
  ])('%s with %j: %s', (header, supported, expected) => {
    expect(negotiateLanguage(header, supported)).toBe(expected);
  });

  test.each(['fr;q=0.1234', 'fr;q=', 'fr_FR', ';;q=,,\u0000', ''])(
    'a header without a well-formed item counts as absent: %j',
    (header) => {
      expect(negotiateLanguage(header, ['en', 'fr'])).toBe('en');
    },
  );

  test('a header that is too long counts as absent', () => {
    const header = (length: number) => `fr,${'x'.repeat(length - 3)}`;
    expect(negotiateLanguage(header(MAX_ACCEPT_LENGTH), ['en', 'fr'])).toBe('fr');
    expect(negotiateLanguage(header(MAX_ACCEPT_LENGTH + 1), ['en', 'fr'])).toBe('en');
  });

  test('property: any header gives one of the supported languages', () => {
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('en', '-', ',', ';q=', '0.5', '*', ' ', '1') }),
    );
    fc.assert(
      fc.property(header, (text) =>
        ['en', 'en-GB', 'fr'].includes(negotiateLanguage(text, ['en', 'en-GB', 'fr']) ?? ''),
      ),
    );
  });
});

describe('negotiateImageFormat', () => {
  test.each<[string, string]>([
    ['image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8', 'avif'],
    ['image/webp,image/avif,*/*', 'avif'],
    ['image/webp,image/*;q=0.8', 'webp'],
    ['image/avif;q=0,image/webp', 'webp'],
    ['image/avif;q=0.5,image/webp;q=0.9', 'webp'],
    ['image/jpeg,image/webp;q=0.1', 'jpeg'],
    ['IMAGE/WEBP', 'webp'],
    ['image/*', 'jpeg'],
    ['*/*', 'jpeg'],
    ['', 'jpeg'],
    ['image/avif;q=x', 'jpeg'],
    // RFC 9110, section 12.5.1: none of its examples names an image, and wildcards do not count.
    ['audio/*; q=0.2, audio/basic', 'jpeg'],
    ['text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c', 'jpeg'],
    ['text/*, text/plain, text/plain;format=flowed, */*', 'jpeg'],
    // The same examples for images: a weight after a space, a parameter before the weight, the most
    // specific type.
    ['image/avif; q=0.2, image/webp', 'webp'],
    ['image/avif; q=0.5, image/webp; q=0.8, image/jpeg; q=0.7', 'webp'],
    ['image/*;q=0.3, image/avif;q=0.7, image/webp;level=1, */*;q=0.5', 'webp'],
  ])('%s: %s', (accept, expected) => {
    expect(negotiateImageFormat(accept)).toBe(expected);
  });
});

describe('normalizeRequest', () => {
  const keyOf = cacheKeyOf({
    paths: [
      { pattern: '/images/*', query: { allow: ['w'] }, imageFormat: true },
      { pattern: '/pages/*', query: NOISE, language: true },
      { pattern: '*', query: NOISE },
    ],
    languages: ['en', 'fr'],
  });
  const sent = (uri: string, headers: Record<string, string> = {}) => ({
    clientIp: '192.0.2.1',
    method: 'GET',
    uri,
    querystring: 'w=1&ref=2',
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, [{ key: name, value }]]),
    ),
  });
  const forged = { 'x-isochrone-language': 'xx', 'X-Isochrone-Image-Format': 'bmp' };

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['/images/a', { accept: 'image/webp' }, { 'x-isochrone-image-format': 'webp' }],
    ['/images/a', forged, { 'x-isochrone-image-format': 'jpeg' }],
    ['/pages/a', { 'accept-language': 'fr' }, { 'x-isochrone-language': 'fr' }],
    ['/pages/a', forged, { 'x-isochrone-language': 'en' }],
    ['/else', { ...forged, accept: 'image/webp', 'accept-language': 'fr' }, {}],
    ['/pages/../else', forged, {}],
  ])('%s with %j sets %j and nothing else', (uri, headers, expected) => {
    const request = sent(uri, headers);
    const before = structuredClone(request);
    const normalized = normalizeRequest(request, keyOf);
    const synthetic = Object.entries(normalized.headers).filter(([name]) =>
      name.toLowerCase().startsWith('x-isochrone'),
    );
    expect(
      Object.fromEntries(
        synthetic.map(([name, values]) => [name, values.map(({ value }) => value).join()]),
      ),
    ).toEqual(expected);
    expect(normalized.headers.accept).toEqual(before.headers.accept);
    expect(request).toEqual(before);
  });

  test('reads a header that was sent twice as one list', () => {
    const request: ViewerRequest = {
      uri: '/pages/a',
      querystring: '',
      headers: { 'accept-language': [{ value: 'de' }, { value: 'fr' }] },
    };
    expect(normalizeRequest(request, keyOf).headers['x-isochrone-language']).toEqual([
      { key: 'x-isochrone-language', value: 'fr' },
    ]);
  });

  test('changes only the query and the headers', () => {
    expect(normalizeRequest(sent('/else'), keyOf)).toEqual({
      ...sent('/else'),
      querystring: 'w=1',
    });
    expect(normalizeRequest(sent('/pages/../else'), keyOf)).toEqual(sent('/pages/../else'));
  });
});
