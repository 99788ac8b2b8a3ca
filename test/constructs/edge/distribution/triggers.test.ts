import { Duration, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  EdgeDistribution,
  type EdgeDistributionProps,
} from '../../../../lib/constructs/edge/distribution/edge-distribution';
import { StaticContent } from '../../../../lib/constructs/edge/static-content/static-content';
import { CacheTier } from '../../../../lib/constructs/edge/tiers/cache-tier';
import { testStack } from '../../../test-stack';
import { certificateIn } from '../certificate';

const PRIVATE: Partial<EdgeDistributionProps> = {
  vpcOrigins: { primary: { region: 'us-east-1', vpcOriginId: 'vo_1' } },
};

/** The behaviors in the template of one distribution. */
function servedBy(props: Partial<EdgeDistributionProps>, stack: Stack = testStack()) {
  const edge = new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: certificateIn(stack),
    readOriginName: 'origin.example.com',
    languages: ['en', 'ja'],
    ...props,
  });
  const template = Template.fromStack(stack);
  const [distribution] = Object.values(template.findResources('AWS::CloudFront::Distribution'));
  const {
    CacheBehaviors = [],
    DefaultCacheBehavior,
    Origins,
  } = distribution?.Properties.DistributionConfig ?? {};
  const policyOf = (type: string, reference: { Ref: string }) =>
    template.findResources(type)[reference.Ref]?.Properties;
  const behaviors = [...CacheBehaviors, { PathPattern: '*', ...DefaultCacheBehavior }].map(
    (behavior) => ({
      path: behavior.PathPattern,
      origin: Origins.find(({ Id }: { Id: string }) => Id === behavior.TargetOriginId),
      events: [
        ...(behavior.LambdaFunctionAssociations ?? []),
        ...(behavior.FunctionAssociations ?? []),
      ].map(({ EventType }) => EventType),
      key: policyOf('AWS::CloudFront::CachePolicy', behavior.CachePolicyId)?.CachePolicyConfig,
      removed: policyOf('AWS::CloudFront::ResponseHeadersPolicy', behavior.ResponseHeadersPolicyId)
        ?.ResponseHeadersPolicyConfig.RemoveHeadersConfig?.Items,
    }),
  );
  return {
    edge,
    template,
    behaviors,
    codeOf: () => Object.values(template.findResources('AWS::CloudFront::Function'))[0]?.Properties,
  };
}

const PAGES = CacheTier.of({
  name: 'pages',
  defaultTtl: Duration.hours(1),
  continents: { apac: { maxTtl: Duration.hours(4) } },
  staleIfError: Duration.hours(3),
  browserTtl: Duration.minutes(5),
  setCookie: 'strip',
  varyByLanguage: true,
  varyByImageFormat: true,
  cors: true,
});

const BOTH = ['viewer-request', 'origin-response'];
const NEGOTIATED = ['x-isochrone-language', 'x-isochrone-image-format'];
const CORS = ['origin', 'access-control-request-headers', 'access-control-request-method'];
const COOKIES = [{ Header: 'Set-Cookie' }];

describe.each<
  [
    string,
    Partial<EdgeDistributionProps>,
    { events: string[]; headers: string[]; maxTtl: number; removed?: object[] },
  ]
>([
  ['both functions', {}, { events: BOTH, headers: [...NEGOTIATED, ...CORS], maxTtl: 14_400 }],
  [
    'no normalized keys',
    { normalizeCacheKeys: false },
    { events: ['origin-response'], headers: CORS, maxTtl: 14_400 },
  ],
  [
    'no TTLs of the tiers',
    { tierTtls: false },
    {
      events: ['viewer-request'],
      headers: [...NEGOTIATED, ...CORS],
      maxTtl: 3600,
      removed: COOKIES,
    },
  ],
  [
    'neither',
    { normalizeCacheKeys: false, tierTtls: false },
    { events: [], headers: CORS, maxTtl: 3600, removed: COOKIES },
  ],
])('with %s', (_, props, expected) => {
  const { template, behaviors } = servedBy({
    defaultTier: PAGES.with({ setCookie: 'bypass' }),
    ...props,
  });
  const [served] = behaviors;

  test('the functions, the headers in the key and the TTLs follow the switches', () => {
    expect(served?.events).toEqual(expected.events);
    expect(served?.key).toMatchObject({
      DefaultTTL: 3600,
      MaxTTL: expected.maxTtl,
      ParametersInCacheKeyAndForwardedToOrigin: {
        HeadersConfig: { Headers: expected.headers },
        QueryStringsConfig: { QueryStringBehavior: 'all' },
      },
    });
  });

  test('cached responses lose cookies if no function checks them', () => {
    expect(served?.removed).toEqual(expected.removed);
  });

  test('the functions stay in the stack, so that they can be turned on again', () => {
    template.resourceCountIs('AWS::Lambda::Function', 2);
    template.resourceCountIs('AWS::Lambda::Version', 2);
  });
});

test('a tier that strips cookies also strips them by policy, in case the function fails', () => {
  const pages = CacheTier.of({ name: 'pages', defaultTtl: Duration.hours(1), setCookie: 'strip' });
  const { behaviors } = servedBy({
    defaultTier: pages.with({ name: 'others', setCookie: 'bypass' }),
    behaviors: [
      { pathPattern: '/pages/*', tier: pages },
      { pathPattern: '/auth/*', tier: CacheTier.uncached() },
    ],
  });
  expect(behaviors.map(({ path, removed }) => [path, removed])).toEqual([
    ['/pages/*', COOKIES],
    ['/auth/*', undefined],
    ['*', undefined],
  ]);
});

describe('with VPC origins', () => {
  test('without normalized keys, the function still selects a region, and changes no query', () => {
    const tier = CacheTier.of({
      name: 'pages',
      defaultTtl: Duration.hours(1),
      setCookie: 'strip',
      varyByLanguage: true,
    });
    const { behaviors, codeOf } = servedBy({
      ...PRIVATE,
      defaultTier: tier,
      normalizeCacheKeys: false,
    });
    expect(behaviors[0]?.events).toEqual(['viewer-request']);
    expect(behaviors[0]?.key.ParametersInCacheKeyAndForwardedToOrigin.HeadersConfig).toEqual({
      HeaderBehavior: 'none',
    });
    expect(codeOf()?.FunctionCode).toContain('"paths":[],"regions":["us-east-1"]');
  });

  test('the selecting function splits methods, and a second one marks writers', () => {
    const { edge, template, behaviors } = servedBy({
      ...PRIVATE,
      recentWriter: Duration.seconds(30),
      behaviors: [
        { pathPattern: '/api/*', tier: CacheTier.uncached(), methods: 'split' },
        { pathPattern: '/admin/*', tier: CacheTier.uncached() },
        { pathPattern: '/stream/*', tier: CacheTier.uncached(), methods: 'read' },
      ],
    });
    expect(behaviors.map(({ path, origin, events }) => [path, origin.Id, events])).toEqual([
      ['/api/*', 'us-east-1', ['viewer-request', 'viewer-response']],
      ['/admin/*', 'us-east-1', []],
      ['/stream/*', 'us-east-1', ['viewer-request']],
      ['*', 'us-east-1', []],
    ]);
    const codes = Object.values(template.findResources('AWS::CloudFront::Function')).map(
      ({ Properties }) => Properties.FunctionCode,
    );
    expect(codes).toHaveLength(2);
    for (const code of codes) expect(code).toContain('"recentWriterSeconds":30');
    expect(edge.writerMarker).toBeDefined();
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });

  test('tiers with options that need a function are accepted if tier TTLs are turned off', () => {
    expect(() => servedBy({ ...PRIVATE, defaultTier: PAGES })).toThrow(
      'must be left out with VPC origins',
    );
    const { behaviors } = servedBy({ ...PRIVATE, defaultTier: PAGES, tierTtls: false });
    expect(behaviors[0]).toMatchObject({
      events: ['viewer-request'],
      key: { MaxTTL: 3600 },
      removed: COOKIES,
    });
  });
});

describe('a behavior with an origin of its own', () => {
  const TIER = CacheTier.of({
    name: 'assets',
    defaultTtl: Duration.days(365),
    query: 'none',
    setCookie: 'strip',
    cors: true,
  });

  test.each<[string, Partial<EdgeDistributionProps>, string[]]>([
    ['calls both functions', {}, BOTH],
    ['calls no function beside VPC origins', PRIVATE, []],
  ])('%s', (_, props, events) => {
    const stack = testStack();
    const { origin } = new StaticContent(stack, 'Content');
    const { template, behaviors } = servedBy(
      {
        behaviors: [
          { pathPattern: '/assets/*', tier: TIER, origin },
          { pathPattern: '/fonts/*', tier: TIER, origin },
          {
            pathPattern: '/news/*',
            tier: CacheTier.of({
              name: 'news',
              defaultTtl: Duration.minutes(1),
              setCookie: 'strip',
            }),
          },
        ],
        ...props,
      },
      stack,
    );
    const [assets, fonts, news] = behaviors;
    expect(assets).toMatchObject({
      events,
      origin: { S3OriginConfig: {}, OriginAccessControlId: expect.anything() },
    });
    expect(fonts?.origin).toBe(assets?.origin);
    expect(assets?.key.ParametersInCacheKeyAndForwardedToOrigin).toMatchObject({
      QueryStringsConfig: { QueryStringBehavior: 'none' },
      CookiesConfig: { CookieBehavior: 'none' },
      HeadersConfig: { Headers: CORS },
    });
    expect(news?.origin).toMatchObject({ DomainName: 'origin.example.com' });
    expect(news?.events).toContain('viewer-request');
    template.resourceCountIs('AWS::CloudFront::OriginAccessControl', 1);
  });
});
