import { Duration, Lazy } from 'aws-cdk-lib';
import {
  CacheTier,
  type CacheTierOptions,
  DEFAULT_DENIED_QUERY,
  type QueryInKey,
} from '../../../../lib/constructs/edge/tiers/cache-tier';

const seconds = Duration.seconds;

describe('the default tiers', () => {
  test.each<[CacheTier, number, number]>([
    [CacheTier.standard(), 3600, 86_400],
    [CacheTier.static(), 7200, 172_800],
    [CacheTier.immutable(), 31_536_000, 31_536_000],
    [CacheTier.media(), 604_800, 604_800],
    [CacheTier.publicApi(), 300, 300],
    [CacheTier.marketOverview(), 30, 30],
    [CacheTier.referenceData(), 300, 300],
    [CacheTier.news(), 60, 60],
    [CacheTier.strategies(), 900, 900],
    [CacheTier.realtimeMarketData(), 300, 300],
    [CacheTier.historicalMarketData(), 3600, 3600],
  ])('$name', (tier, defaultTtl, maxTtl) => {
    expect([tier.minTtl.toSeconds(), tier.defaultTtl.toSeconds(), tier.maxTtl.toSeconds()]).toEqual(
      [0, defaultTtl, maxTtl],
    );
    expect(tier.cached).toBe(true);
  });

  test('keep standard and static content longer in Asia and the Pacific', () => {
    expect(CacheTier.standard().continents.apac?.defaultTtl?.toSeconds()).toBe(7200);
    expect(CacheTier.static().continents.apac?.defaultTtl?.toSeconds()).toBe(14_400);
  });

  test('leave the browser TTL to the origin, except for hashed files and public responses', () => {
    expect(CacheTier.standard().browserTtl).toBeUndefined();
    expect(CacheTier.immutable().browserTtl?.toDays()).toBe(365);
    expect(CacheTier.publicApi().browserTtl?.toMinutes()).toBe(5);
  });

  test('keep errors for ten seconds, and cookies out of the cache', () => {
    expect(CacheTier.news()).toMatchObject({ setCookie: 'bypass' });
    expect(CacheTier.news().errorTtl.toSeconds()).toBe(10);
  });

  test('have a query in the key if the content can depend on it', () => {
    expect(CacheTier.immutable().query).toBe('none');
    expect(CacheTier.publicApi().query).toEqual({ deny: DEFAULT_DENIED_QUERY });
  });

  test('uncached() caches nothing', () => {
    expect(CacheTier.uncached().cached).toBe(false);
    expect(() => CacheTier.uncached().with({ name: 'other' })).toThrow(
      'CacheTier at uncached: with must be used on a cached tier',
    );
  });
});

describe('CacheTier.of', () => {
  const tier = (options: Partial<CacheTierOptions>) =>
    CacheTier.of({ name: 'prices', defaultTtl: seconds(60), ...options });

  test('refuses a maximum below the default, and says what CDK would do', () => {
    expect(() => tier({ maxTtl: seconds(59) })).toThrow(
      'CacheTier at prices: defaultTtl must be at most the maximum TTL, 59 seconds, got 60.\n' +
        'CloudFront needs minimum TTL ≤ default TTL ≤ maximum TTL; CDK silently raises the ' +
        'others. ' +
        'Lower it, or raise the maximum TTL.',
    );
    expect(tier({ maxTtl: seconds(60) }).maxTtl.toSeconds()).toBe(60);
  });

  test('refuses a default below the minimum', () => {
    expect(() => tier({ minTtl: Duration.minutes(2) })).toThrow(
      'defaultTtl must be at least the minimum TTL, 120 seconds, got 60',
    );
    expect(tier({ minTtl: Duration.minutes(1) }).minTtl.toSeconds()).toBe(60);
  });

  test('refuses a cached tier that keeps nothing', () => {
    expect(() => tier({ defaultTtl: seconds(0) })).toThrow('maxTtl must be more than 0');
    expect(tier({ defaultTtl: seconds(0), maxTtl: seconds(1) }).defaultTtl.toSeconds()).toBe(0);
  });

  test('refuses TTLs that are out of order in one part of the world', () => {
    expect(() => tier({ continents: { apac: { defaultTtl: seconds(61) } } })).toThrow(
      'continents.apac.defaultTtl must be at most the maximum TTL, 60 seconds, got 61',
    );
    expect(() => tier({ continents: { europe: { maxTtl: seconds(59) } } })).toThrow(
      'continents.europe.defaultTtl',
    );
    const own = tier({ continents: { apac: { defaultTtl: seconds(61), maxTtl: seconds(61) } } });
    expect(own.continents.apac?.defaultTtl?.toSeconds()).toBe(61);
  });

  test('has the longest TTL of any part of the world', () => {
    expect(tier({}).longestTtl.toSeconds()).toBe(60);
    const maxTtl = seconds(90);
    expect(
      tier({ continents: { apac: { maxTtl }, europe: { defaultTtl: seconds(1) } } }).longestTtl,
    ).toBe(maxTtl);
    expect(
      tier({ maxTtl: seconds(100), continents: { apac: { maxTtl } } }).longestTtl.toSeconds(),
    ).toBe(100);
  });

  test.each(['staleWhileRevalidate', 'staleIfError'] as const)(
    'refuses a %s that CloudFront would shorten',
    (property) => {
      expect(() => tier({ [property]: seconds(61) })).toThrow(
        `${property} must be at most the longest maximum TTL, 60 seconds, got 61`,
      );
      expect(tier({ [property]: seconds(60) })[property]?.toSeconds()).toBe(60);
      expect(
        tier({ [property]: seconds(61), continents: { apac: { maxTtl: seconds(61) } } })[
          property
        ]?.toSeconds(),
      ).toBe(61);
    },
  );

  test("refuses an error TTL below CloudFront's minimum", () => {
    expect(() => tier({ errorTtl: seconds(9) })).toThrow(
      'errorTtl must be at least 10 seconds, got "Duration.seconds(9)"',
    );
    expect(tier({ errorTtl: seconds(11) }).errorTtl.toSeconds()).toBe(11);
  });

  test('strips cookies with a minimum TTL, under which even `no-store` is cached', () => {
    const minTtl = seconds(1);
    expect(() => tier({ minTtl, setCookie: 'bypass' })).toThrow(
      'setCookie must be strip with a minimum TTL above 0',
    );
    expect(tier({ minTtl }).setCookie).toBe('strip');
    expect(tier({ setCookie: 'strip' }).setCookie).toBe('strip');
  });

  test('does not check TTLs that are known only at deployment', () => {
    expect(() => tier({ minTtl: seconds(Lazy.number({ produce: () => 90 })) })).not.toThrow();
  });

  test.each(['', '1st', 'a b', 'x'.repeat(41)])('refuses the name %j', (name) => {
    expect(() => tier({ name })).toThrow(
      'name must be a letter, then letters, digits and hyphens, 40 characters at most',
    );
  });
  test.each(['a', 'market-overview-2', 'x'.repeat(40)])('accepts the name %j', (name) => {
    expect(tier({ name }).name).toBe(name);
  });

  const names = (count: number) => Array.from({ length: count }, (_, i) => `p${i}`);
  test.each<[string, QueryInKey]>([
    ['query.deny must be names without', { deny: ['a=b'] }],
    ['query.deny must be names without', { deny: ['*a'] }],
    ['query.deny must be names without', { deny: [''] }],
    ['query.allow must be names without', { allow: ['utm_*'] }],
    ['query.allow must be 1 to 10 different names', { allow: [] }],
    ['query.allow must be 1 to 10 different names', { allow: names(11) }],
    ['query.allow must be 1 to 10 different names', { allow: ['a', 'a'] }],
    [
      'query.allow must be at most 1024 characters together, not 1025',
      { allow: ['x'.repeat(1025)] },
    ],
  ])('refuses a query key: %s (%j)', (message, query) => {
    expect(() => tier({ query })).toThrow(message);
  });
  test.each<[QueryInKey]>([
    ['none'],
    [{ deny: [] }],
    [{ deny: ['utm_*', '_'] }],
    [{ allow: names(10) }],
    [{ allow: ['x'.repeat(1024)] }],
  ])('accepts the query key %j', (query) => {
    expect(tier({ query }).query).toBe(query);
  });

  test('`with` changes the given options and the defaults that follow from them', () => {
    const changed = tier({ compress: false, browserTtl: seconds(5), setCookie: 'strip' }).with({
      name: 'quotes',
      defaultTtl: seconds(90),
      varyByLanguage: undefined,
    });
    expect(changed).toMatchObject({
      name: 'quotes',
      compress: false,
      varyByLanguage: false,
      setCookie: 'strip',
    });
    expect(changed.browserTtl?.toSeconds()).toBe(5);
    expect(changed.maxTtl.toSeconds()).toBe(90);
  });
});
