import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { Construct } from 'constructs';
import * as handler from '../../../../lambda-edge/normalize-cache-key/normalize';
import {
  CachePolicies,
  IMAGE_FORMAT_HEADER,
  LANGUAGE_HEADER,
} from '../../../../lib/constructs/edge/tiers/cache-policies';
import { CacheTier } from '../../../../lib/constructs/edge/tiers/cache-tier';

function policies(quota?: number): CachePolicies {
  return new CachePolicies(new Stack(new App(), 'Test'), 'Policies', { quota });
}

const policyCount = (of: CachePolicies) =>
  of.node.findAll().filter((child) => child instanceof cloudfront.CfnCachePolicy).length;

describe('the policy of a tier', () => {
  const subject = policies();
  subject.policyOf(CacheTier.static());
  subject.policyOf(CacheTier.immutable());
  subject.policyOf(
    CacheTier.of({
      name: 'picky',
      minTtl: Duration.seconds(5),
      defaultTtl: Duration.seconds(10),
      maxTtl: Duration.seconds(20),
      query: { allow: ['symbol', 'depth'] },
      varyByLanguage: true,
      varyByImageFormat: true,
      compress: false,
    }),
  );
  const template = Template.fromStack(Stack.of(subject));
  const hasPolicy = (config: object) =>
    template.hasResourceProperties('AWS::CloudFront::CachePolicy', {
      CachePolicyConfig: Match.objectLike(config),
    });

  test('leaves denied parameters to the edge function, and Accept-Encoding to CloudFront', () => {
    hasPolicy({
      MinTTL: 0,
      DefaultTTL: 7200,
      MaxTTL: 172_800,
      ParametersInCacheKeyAndForwardedToOrigin: {
        CookiesConfig: { CookieBehavior: 'none' },
        EnableAcceptEncodingBrotli: true,
        EnableAcceptEncodingGzip: true,
        HeadersConfig: { HeaderBehavior: 'none' },
        QueryStringsConfig: { QueryStringBehavior: 'all' },
      },
    });
  });

  test('has no query if the tier has none', () => {
    hasPolicy({
      DefaultTTL: 31_536_000,
      ParametersInCacheKeyAndForwardedToOrigin: Match.objectLike({
        QueryStringsConfig: { QueryStringBehavior: 'none' },
      }),
    });
  });

  test('lists allowed parameters and the negotiated headers, never Accept-Encoding', () => {
    hasPolicy({
      Name: Match.stringLikeRegexp('^Test-Policies-.*-picky$'),
      MinTTL: 5,
      DefaultTTL: 10,
      MaxTTL: 20,
      ParametersInCacheKeyAndForwardedToOrigin: {
        CookiesConfig: { CookieBehavior: 'none' },
        EnableAcceptEncodingBrotli: false,
        EnableAcceptEncodingGzip: false,
        HeadersConfig: {
          HeaderBehavior: 'whitelist',
          Headers: ['x-isochrone-language', 'x-isochrone-image-format'],
        },
        QueryStringsConfig: { QueryStringBehavior: 'whitelist', QueryStrings: ['depth', 'symbol'] },
      },
    });
  });
});

test('the headers in the key are the ones that the edge function sets', () => {
  expect([LANGUAGE_HEADER, IMAGE_FORMAT_HEADER]).toEqual([
    handler.LANGUAGE_HEADER,
    handler.IMAGE_FORMAT_HEADER,
  ]);
});

test('tiers with equal content share one policy, even if names and continents differ', () => {
  const subject = policies();
  const first = subject.policyOf(CacheTier.publicApi());
  expect(subject.policyOf(CacheTier.realtimeMarketData())).toBe(first);
  expect(subject.policyOf(CacheTier.publicApi().with({ name: 'a', query: { deny: ['x'] } }))).toBe(
    first,
  );
  expect(
    subject.policyOf(CacheTier.publicApi().with({ name: 'b', query: { allow: ['x', 'y'] } })),
  ).toBe(subject.policyOf(CacheTier.publicApi().with({ name: 'c', query: { allow: ['y', 'x'] } })));
  expect(policyCount(subject)).toBe(2);
  subject.policyOf(CacheTier.news());
  expect(policyCount(subject)).toBe(3);
});

test('uses a managed policy of AWS with exactly the same content', () => {
  const subject = policies();
  const optimized = CacheTier.of({
    name: 'optimized',
    minTtl: Duration.seconds(1),
    defaultTtl: Duration.days(1),
    maxTtl: Duration.days(365),
    query: 'none',
  });
  expect(subject.policyOf(CacheTier.uncached())).toBe(cloudfront.CachePolicy.CACHING_DISABLED);
  expect(subject.policyOf(optimized)).toBe(cloudfront.CachePolicy.CACHING_OPTIMIZED);
  expect(subject.policyOf(optimized.with({ name: 'raw', compress: false }))).toBe(
    cloudfront.CachePolicy.CACHING_OPTIMIZED_FOR_UNCOMPRESSED_OBJECTS,
  );
  expect(policyCount(subject)).toBe(0);
  subject.policyOf(optimized.with({ name: 'almost', minTtl: Duration.seconds(0) }));
  expect(policyCount(subject)).toBe(1);
});

test('with CORS, the headers reach the origin as a part of the key', () => {
  const subject = policies();
  subject.policyOf(CacheTier.publicApi().with({ cors: true, varyByLanguage: true }));
  const headers = [
    'x-isochrone-language',
    'origin',
    'access-control-request-headers',
    'access-control-request-method',
  ];
  Template.fromStack(Stack.of(subject)).hasResourceProperties('AWS::CloudFront::CachePolicy', {
    CachePolicyConfig: {
      ParametersInCacheKeyAndForwardedToOrigin: {
        HeadersConfig: { HeaderBehavior: 'whitelist', Headers: headers },
      },
    },
  });
  expect(subject.policyOf(CacheTier.referenceData())).not.toBe(
    subject.policyOf(CacheTier.realtimeMarketData().with({ cors: true })),
  );
});

test('a policy has the longest maximum TTL of any part of the world', () => {
  const subject = policies();
  const tier = CacheTier.static().with({
    maxTtl: Duration.hours(2),
    continents: { apac: { maxTtl: Duration.hours(4) } },
  });
  subject.policyOf(tier);
  Template.fromStack(Stack.of(subject)).hasResourceProperties('AWS::CloudFront::CachePolicy', {
    CachePolicyConfig: { DefaultTTL: 7200, MaxTTL: 14_400 },
  });
});

test('the quota counts policies, not tiers', () => {
  const subject = policies(1);
  subject.policyOf(CacheTier.publicApi());
  subject.policyOf(CacheTier.referenceData());
  subject.policyOf(CacheTier.uncached());
  expect(() => subject.policyOf(CacheTier.news())).toThrow(
    'CachePolicies at Test/Policies: the number of cache policies, with that of the tier ' +
      '"news", must be at most 1, got 2.',
  );
});

test('refuses two different tiers of one name, but not the same tier twice', () => {
  const subject = policies();
  subject.policyOf(CacheTier.news());
  subject.policyOf(CacheTier.news().with({}));
  expect(() => subject.policyOf(CacheTier.news().with({ compress: false }))).toThrow(
    'the name of a tier must be that of one tier only, got "news"',
  );
});

test('policy names differ even if the path of the construct is too long for a name', () => {
  const stack = new Stack(new App(), 'Test');
  let scope: Construct = stack;
  for (let depth = 0; depth < 12; depth++)
    scope = new Construct(scope, `a-rather-long-level-${depth}`);
  const subject = new CachePolicies(scope, 'Policies');
  subject.policyOf(CacheTier.news());
  subject.policyOf(CacheTier.static());
  const names = Object.values(
    Template.fromStack(stack).findResources('AWS::CloudFront::CachePolicy'),
  ).map(({ Properties }) => Properties.CachePolicyConfig.Name as string);
  expect(new Set(names).size).toBe(2);
  expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(128);
});
