import fc from 'fast-check';
import {
  findRule,
  MAX_ACCEPT_LENGTH,
  MAX_PARAMETERS,
  MAX_QUERY_LENGTH,
  matchesPath,
  negotiateImageFormat,
  negotiateLanguage,
  normalizeQuery,
  normalizeRequest,
  type QueryRule,
  type Settings,
  type ViewerRequest,
} from '../../../lambda-edge/normalize-cache-key/normalize';

const NOISE: QueryRule = { deny: ['ref', 'utm_*', 'gclid', 'fbclid', '_'] };

describe('normalizeQuery', () => {
  test.each<[string, string, string]>([
    ['sorts by name', 'b=2&a=1', 'a=1&b=2'],
    ['sorts by raw bytes: upper case before lower case', 'a=1&B=2', 'B=2&a=1'],
    ['sorts by name, not by value', 'a=9&a-b=1', 'a=9&a-b=1'],
    ['drops what is denied by name', 'ref=x&q=1&gclid=2&fbclid=3&_=4', 'q=1'],
    ['drops what begins with a denied prefix', 'utm_source=a&utm_sourcex=b&utm_=c&utm=d', 'utm=d'],
    ['denies by the whole name', 'refs=1&aref=2&Ref=3&__=4', 'Ref=3&__=4&aref=2&refs=1'],
    ['compares names undecoded', '%72ef=1', '%72ef=1'],
    ['keeps escapes and their case', 'q=%E9', 'q=%E9'],
    ['keeps another escape apart', 'q=%e9', 'q=%e9'],
    ['keeps the case of values', 'q=ABC', 'q=ABC'],
    ['keeps a flag', 'flag', 'flag'],
    ['keeps an empty value', 'flag=', 'flag='],
    ['keeps the order of repeated names', 'b=2&a=z&b=1&a=y', 'a=z&a=y&b=2&b=1'],
    ['keeps equal parameters twice', 'a=1&a=1', 'a=1&a=1'],
    ['keeps a flag and its namesake in their order', 'a=1&a', 'a=1&a'],
    ['keeps the order of spellings of one name', 'b=0&a=1&%61=2', 'a=1&%61=2&b=0'],
    ['keeps their other order apart', 'b=0&%61=2&a=1', '%61=2&a=1&b=0'],
    ['keeps a space as it was written', 'q=a+b&r=a%20b', 'q=a+b&r=a%20b'],
    ['keeps values with equal signs', 'q=a=b==', 'q=a=b=='],
    ['does not separate at a semicolon', 'a=1;ref=2', 'a=1;ref=2'],
    ['keeps a lone equal sign: its name and value are empty', '=', '='],
    ['drops parameters without a byte', '&&b=1&&a=2&', 'a=2&b=1'],
    ['keeps names of the prototype chain', '__proto__=1&constructor=2&toString', '__proto__=1&constructor=2&toString'],
    ['keeps raw non-ASCII characters', 'ü=ß&日=本', 'ü=ß&日=本'],
    ['keeps broken escapes', '%=1&%G1=2&%E=3', '%=1&%E=3&%G1=2'],
    ['leaves nothing of nothing', '', ''],
    ['leaves nothing of noise', 'utm_medium=x&_=1', ''],
  ])('%s', (_, query, expected) => {
    expect(normalizeQuery(query, NOISE)).toBe(expected);
  });

  test.each<[string, string]>([
    ['b=2&x=3&a=1', 'a=1&b=2'],
    ['ab=1&A=2&%61=3', ''],
    ['a&a=', 'a&a='],
    ['=', ''],
    ['__proto__=1', ''],
  ])('an allow list keeps only its names: %s', (query, expected) => {
    expect(normalizeQuery(query, { allow: ['a', 'b'] })).toBe(expected);
  });

  test('`none` drops everything, however long', () => {
    expect(normalizeQuery('a=1', 'none')).toBe('');
    expect(normalizeQuery('x'.repeat(MAX_QUERY_LENGTH + 1), 'none')).toBe('');
  });

  test('up to the limits it normalises, beyond them it leaves the query alone', () => {
    const many = (count: number) => ['b', ...Array.from({ length: count - 1 }, () => 'a')];
    expect(normalizeQuery(many(MAX_PARAMETERS).join('&'), NOISE).startsWith('a&')).toBe(true);
    expect(normalizeQuery(many(MAX_PARAMETERS + 1).join('&'), NOISE)).toBe(many(MAX_PARAMETERS + 1).join('&'));
    const long = (length: number) => `b&a=${'x'.repeat(length - 4)}`;
    expect(normalizeQuery(long(MAX_QUERY_LENGTH), NOISE).startsWith('a=')).toBe(true);
    expect(normalizeQuery(long(MAX_QUERY_LENGTH + 1), NOISE)).toBe(long(MAX_QUERY_LENGTH + 1));
  });

  const anyRule = fc.oneof(
    fc.constant<QueryRule>('none'),
    fc.record({ deny: fc.array(fc.constantFrom('ref', 'utm_*', 'a', '*', '%61')) }),
    fc.record({ allow: fc.array(fc.constantFrom('ref', 'a', '', '%61')) }),
  );
  const anyQuery = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('a', 'b', '%', '6', '1', '=', '&', '+', 'é', '\ud800') }),
  );

  test('property: never throws, is never longer, and changes nothing the second time', () => {
    fc.assert(
      fc.property(anyQuery, anyRule, (query, rule) => {
        const once = normalizeQuery(query, rule);
        expect(once.length).toBeLessThanOrEqual(query.length);
        expect(normalizeQuery(once, rule)).toBe(once);
      }),
      { numRuns: 2000 },
    );
  });

  test('property: the order of distinct names does not matter', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'B', '_', '-', '.', '9', 'é'), minLength: 1, maxLength: 4 });
    const parameters = fc.uniqueArray(fc.tuple(name, fc.constantFrom('', '=', '=1', '=%E9')), { selector: ([n]) => n });
    const shuffled = parameters.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        const written = (list: readonly [string, string][]) => list.map((parts) => parts.join('')).join('&');
        expect(normalizeQuery(written(one), NOISE)).toBe(normalizeQuery(written(other), NOISE));
      }),
    );
  });

  test('property: equal keys mean equal bytes kept, in the same order for each name as an origin reads it', () => {
    const parameter = fc.string({ unit: fc.constantFrom('a', 'A', '%61', '%41', '=', '+', '%20', '1', 'utm_'), maxLength: 4 });
    const query = fc.array(parameter, { maxLength: 4 }).map((list) => list.join('&'));
    const meaning = (text: string) => {
      const byName = new Map<string, string[]>();
      for (const part of text.split('&').filter((p) => p !== '' && !p.startsWith('utm_'))) {
        const meant = decodeURIComponent((part.split('=')[0] ?? '').replace(/\+/g, ' '));
        byName.set(meant, [...(byName.get(meant) ?? []), part]);
      }
      return [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
    };
    fc.assert(
      fc.property(query, query, (one, other) => {
        const merged = normalizeQuery(one, NOISE) === normalizeQuery(other, NOISE);
        // Only merged pairs are held against the meaning: keeping apart is always allowed.
        if (merged) expect(meaning(one)).toEqual(meaning(other));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('matchesPath', () => {
  test.each<[string, string, boolean]>([
    ['/static/*', '/static/app.js', true],
    ['/static/*', '/static/', true],
    ['/static/*', '/static', false],
    ['/static/*', '/STATIC/app.js', false],
    ['static/*', '/static/app.js', true],
    ['*.jpg', '/images/a.jpg', true],
    ['*.jpg', '/images/a.jpg.exe', false],
    ['/a/*/c', '/a/b/b/c', true],
    ['/a?c', '/abc', true],
    ['/a?c', '/a/c', true],
    ['/a?c', '/ac', false],
    ['/a?', '/ab', true],
    ['/a.c', '/abc', false],
    ['*', '/', true],
    ['*', '', true],
    ['/*a*b*', '/xxaxxbxx', true],
    ['/*a*b*', '/xxbxxaxx', false],
  ])('%s against %s: %p', (pattern, path, expected) => {
    expect(matchesPath(pattern, path)).toBe(expected);
  });
});

describe('findRule', () => {
  const rules = [
    { pattern: '/api/*', query: NOISE },
    { pattern: '/api/static/*', query: 'none' as const },
    { pattern: '*', query: 'none' as const },
  ];

  test('takes the first match, as CloudFront does', () => {
    expect(findRule(rules, '/api/static/x')).toBe(rules[0]);
    expect(findRule(rules, '/else')).toBe(rules[2]);
    expect(findRule(rules.slice(0, 2), '/else')).toBeUndefined();
  });

  test.each(['/static/../api/x', '/./api', '/api/..', '/%61pi/x', '/%2e%2E/x', '/a%7Eb'])(
    'takes none where CloudFront may have matched another spelling: %s',
    (path) => {
      expect(findRule(rules, path)).toBeUndefined();
    },
  );

  test.each(['/a..b', '/.well-known/x', '/%C3%A9', '/a%2Fb', '/a%20b'])('takes one where it cannot: %s', (path) => {
    expect(findRule(rules, path)).toBe(rules[2]);
  });
});

describe('negotiateLanguage', () => {
  test.each<[string, string[], string]>([
    // RFC 9110, section 12.5.4: Danish, otherwise British English, otherwise any English.
    ['da, en-gb;q=0.8, en;q=0.7', ['en', 'da'], 'da'],
    ['da, en-gb;q=0.8, en;q=0.7', ['fr', 'en', 'en-GB'], 'en-GB'],
    ['da, en-gb;q=0.8, en;q=0.7', ['fr', 'en-US'], 'en-US'],
    ['da, en-gb;q=0.8, en;q=0.7', ['fr', 'it'], 'fr'],
    // At equal weights the viewer's order decides.
    ['fr, de', ['en', 'de', 'fr'], 'fr'],
    ['de;q=0.9, fr;q=0.9', ['en', 'fr', 'de'], 'de'],
    // A longer range finds the shorter language, and an own weight of that language comes first.
    ['en-GB', ['fr', 'en'], 'en'],
    ['zh-Hant-TW', ['en', 'zh', 'zh-Hant'], 'zh'],
    ['en-GB, en;q=0.1, fr;q=0.5', ['en', 'fr'], 'fr'],
    ['en-GB;q=0', ['fr', 'en'], 'fr'],
    // Neither is a prefix of the other at a hyphen.
    ['en', ['fr', 'eng'], 'fr'],
    // The wildcard stands for what nothing else names.
    ['*', ['en', 'fr'], 'en'],
    ['en;q=0, *', ['en', 'fr'], 'fr'],
    ['fr;q=0.2, *;q=0.5', ['fr', 'de'], 'de'],
    // Refused is refused, but someone must be answered.
    ['en;q=0, fr;q=0', ['en', 'fr'], 'en'],
    // Case and spaces do not matter; the answer is spelt as in the settings.
    ['  EN-us ;  Q=1.000 ', ['fr', 'en-US'], 'en-US'],
    // Malformed items are skipped, a malformed header is none.
    ['fr;q=2, de;q=0.1', ['en', 'fr', 'de'], 'de'],
    ['fr;q=0.1234', ['en', 'fr'], 'en'],
    ['fr;q=', ['en', 'fr'], 'en'],
    ['fr_FR', ['en', 'fr'], 'en'],
    [';;q=,,\u0000', ['en', 'fr'], 'en'],
    ['', ['en', 'fr'], 'en'],
  ])('%s with %j: %s', (header, supported, expected) => {
    expect(negotiateLanguage(header, supported)).toBe(expected);
  });

  test('a header that is too long counts as absent', () => {
    const header = (length: number) => `fr,${'x'.repeat(length - 3)}`;
    expect(negotiateLanguage(header(MAX_ACCEPT_LENGTH), ['en', 'fr'])).toBe('fr');
    expect(negotiateLanguage(header(MAX_ACCEPT_LENGTH + 1), ['en', 'fr'])).toBe('en');
  });

  test('property: whatever the header, the answer is one of the supported languages', () => {
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('en', '-', ',', ';q=', '0.5', '*', ' ', '1') }),
    );
    fc.assert(fc.property(header, (text) => ['en', 'en-GB', 'fr'].includes(negotiateLanguage(text, ['en', 'en-GB', 'fr']) ?? '')));
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
  ])('%s: %s', (accept, expected) => {
    expect(negotiateImageFormat(accept)).toBe(expected);
  });
});

describe('normalizeRequest', () => {
  const settings: Settings = {
    paths: [
      { pattern: '/images/*', query: { allow: ['w'] }, imageFormat: true },
      { pattern: '/pages/*', query: NOISE, language: true },
      { pattern: '*', query: NOISE },
    ],
    languages: ['en', 'fr'],
  };
  const sent = (uri: string, headers: Record<string, string> = {}) => ({
    clientIp: '192.0.2.1',
    method: 'GET',
    uri,
    querystring: 'w=1&ref=2',
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [{ key: name, value }]])),
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
    const normalized = normalizeRequest(request, settings);
    const synthetic = Object.entries(normalized.headers).filter(([name]) => name.toLowerCase().startsWith('x-isochrone'));
    expect(Object.fromEntries(synthetic.map(([name, values]) => [name, values.map(({ value }) => value).join()]))).toEqual(expected);
    expect(normalized.headers.accept).toEqual(before.headers.accept);
    expect(request).toEqual(before);
  });

  test('reads a header that was sent twice as one list', () => {
    const request: ViewerRequest = { uri: '/pages/a', querystring: '', headers: { 'accept-language': [{ value: 'de' }, { value: 'fr' }] } };
    expect(normalizeRequest(request, settings).headers['x-isochrone-language']).toEqual([{ key: 'x-isochrone-language', value: 'fr' }]);
  });

  test('changes only the query and the headers', () => {
    expect(normalizeRequest(sent('/else'), settings)).toEqual({ ...sent('/else'), querystring: 'w=1' });
    expect(normalizeRequest(sent('/pages/../else'), settings)).toEqual(sent('/pages/../else'));
  });
});
