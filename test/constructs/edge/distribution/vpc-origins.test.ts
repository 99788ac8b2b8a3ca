import { Duration, SecretValue, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import {
  EdgeDistribution,
  type EdgeDistributionProps,
} from '../../../../lib/constructs/edge/distribution/edge-distribution';
import { VpcOriginSet } from '../../../../lib/constructs/edge/distribution/vpc-origins';
import { CacheTier } from '../../../../lib/constructs/edge/tiers/cache-tier';
import { testStack } from '../../../test-stack';
import { certificateIn } from '../certificate';

const TIER = { name: 'pages', defaultTtl: Duration.minutes(5), setCookie: 'strip' } as const;

function edgeWith(
  props: Partial<EdgeDistributionProps> = {},
  stack: Stack = testStack(),
): EdgeDistribution {
  return new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: certificateIn(stack),
    readOriginName: 'origin.example.com',
    vpcOrigins: {
      primary: { region: 'us-east-1', vpcOriginId: 'vo_1' },
      others: [
        { region: 'eu-west-1', vpcOriginId: 'vo_2', originShieldRegion: 'eu-west-1' },
        { region: 'ap-southeast-1', vpcOriginId: 'vo_3' },
      ],
      switchesName: 'market-regions',
    },
    behaviors: [
      { pathPattern: '/stream/*', tier: CacheTier.uncached(), methods: 'read' },
      { pathPattern: '/api/*', tier: CacheTier.uncached() },
      { pathPattern: '/static/*', tier: CacheTier.of({ ...TIER, name: 'static', query: 'none' }) },
    ],
    defaultTier: CacheTier.of({ ...TIER, varyByLanguage: true }),
    languages: ['en', 'ja'],
    ...props,
  });
}

describe('three regions behind VPC origins', () => {
  const stack = testStack();
  const edge = edgeWith(
    { originVerification: { secret: SecretValue.secretsManager('market/origin') } },
    stack,
  );
  const template = Template.fromStack(stack);
  const [distribution] = Object.values(template.findResources('AWS::CloudFront::Distribution'));
  const config = distribution?.Properties.DistributionConfig;
  const [functionId] = Object.keys(template.findResources('AWS::CloudFront::Function'));
  const [code] = Object.values(template.findResources('AWS::CloudFront::Function')).map(
    ({ Properties }) => Properties.FunctionCode,
  );

  test('each region is an origin with its name as the id, even if no behavior names it', () => {
    expect(config.Origins).toEqual(
      ['us-east-1', 'eu-west-1', 'ap-southeast-1'].map((region, i) =>
        expect.objectContaining({
          Id: region,
          DomainName: 'origin.example.com',
          VpcOriginConfig: { VpcOriginId: `vo_${i + 1}`, OriginKeepaliveTimeout: 55 },
          OriginCustomHeaders: [
            {
              HeaderName: 'x-origin-verify',
              HeaderValue: expect.stringContaining('resolve:secretsmanager'),
            },
          ],
        }),
      ),
    );
    expect(
      config.Origins.map(({ OriginShield }: { OriginShield?: unknown }) => OriginShield),
    ).toEqual([undefined, { Enabled: true, OriginShieldRegion: 'eu-west-1' }, undefined]);
  });

  test('behaviors name the primary, and one function selects for reads, not Lambda@Edge', () => {
    const served = [...config.CacheBehaviors, { PathPattern: '*', ...config.DefaultCacheBehavior }];
    const called = {
      EventType: 'viewer-request',
      FunctionARN: { 'Fn::GetAtt': [functionId, 'FunctionARN'] },
    };
    expect(
      served.map(({ PathPattern, TargetOriginId, FunctionAssociations }) => [
        PathPattern,
        TargetOriginId,
        FunctionAssociations,
      ]),
    ).toEqual([
      ['/stream/*', 'us-east-1', [called]],
      ['/api/*', 'us-east-1', undefined],
      ['/static/*', 'us-east-1', [called]],
      ['*', 'us-east-1', [called]],
    ]);
    expect(
      served.filter(({ LambdaFunctionAssociations }) => LambdaFunctionAssociations !== undefined),
    ).toEqual([]);
    template.resourceCountIs('AWS::Lambda::Function', 0);
    expect([edge.normalizer, edge.regionalTtl, edge.originRouter]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('the function has the cache keys, the nearest regions and the switches', () => {
    expect(code).toContain('{"pattern":"/stream/*"},{"pattern":"/static/*","query":"none"');
    expect(code).not.toContain('/api/*');
    expect(code).toContain('"regions":["us-east-1","eu-west-1","ap-southeast-1"]');
    expect(code).toContain('"eu-central-1":[1,0,2]');
    const [store] = Object.keys(template.findResources('AWS::CloudFront::KeyValueStore'));
    template.hasResourceProperties('AWS::CloudFront::KeyValueStore', {
      Name: 'market-regions',
      ImportSource: Match.absent(),
    });
    template.hasResourceProperties('AWS::CloudFront::Function', {
      FunctionConfig: {
        Runtime: 'cloudfront-js-2.0',
        KeyValueStoreAssociations: [{ KeyValueStoreARN: { 'Fn::GetAtt': [store, 'Arn'] } }],
      },
    });
  });

  test('cached responses lose their cookies, and others keep them', () => {
    const policies = template.findResources('AWS::CloudFront::ResponseHeadersPolicy');
    const removed = (behavior: { ResponseHeadersPolicyId: { Ref: string } }) =>
      policies[behavior.ResponseHeadersPolicyId.Ref]?.Properties.ResponseHeadersPolicyConfig
        .RemoveHeadersConfig;
    expect([...config.CacheBehaviors, config.DefaultCacheBehavior].map(removed)).toEqual([
      undefined,
      undefined,
      { Items: [{ Header: 'Set-Cookie' }] },
      { Items: [{ Header: 'Set-Cookie' }] },
    ]);
  });
});

test('accepts split methods, because a viewer function selects by method', () => {
  const tier = CacheTier.uncached();
  const split = { pathPattern: '/split/*', tier, methods: 'split' } as const;
  expect(() => edgeWith({ behaviors: [split] })).not.toThrow();
});

test('refuses more regions than an account has VPC origins', () => {
  const withOthers = (count: number) => () =>
    new VpcOriginSet(testStack(), 'Origins', {
      primary: { region: 'us-east-1', vpcOriginId: 'vo_0' },
      others: Array.from({ length: count }, (_, i) => ({
        region: `region-${i + 1}`,
        vpcOriginId: `vo_${i + 1}`,
      })),
      domainName: 'origin.example.com',
      keepaliveTimeout: Duration.seconds(55),
    });
  expect(withOthers(24)).not.toThrow();
  expect(withOthers(25)).toThrow(
    'VpcOriginSet at Test/Origins: others must be at most 24, got "25 regions".\nAn account ' +
      'has 25 VPC origins at most, and the primary is one of them.',
  );
});

describe('options that VPC origins exclude', () => {
  const tier = (options: object) => ({
    behaviors: [],
    languages: [],
    defaultTier: CacheTier.of({ ...TIER, ...options }),
  });

  test.each<[string, Partial<EdgeDistributionProps>, string]>([
    [
      'a write origin',
      { writeOriginName: 'write.example.com' },
      'writeOriginName must be left out with VPC origins',
    ],
    [
      'a batch origin',
      { batchOriginName: 'batch.example.com' },
      'batchOriginName must be left out',
    ],
    ['failover', { readFailover: true }, 'readFailover must be false with VPC origins'],
    [
      'one Origin Shield for all',
      { originShieldRegion: 'eu-west-1' },
      'Give it to each of the `vpcOrigins`.',
    ],
    [
      'TTLs by part of the world',
      tier({ continents: { apac: { defaultTtl: Duration.minutes(2) } } }),
      'continents of the tier "pages" must be left out',
    ],
    [
      'a browser TTL',
      tier({ browserTtl: Duration.minutes(1) }),
      'browserTtl of the tier "pages" must be left out',
    ],
    [
      'a stale directive',
      tier({ staleIfError: Duration.minutes(1) }),
      'staleIfError of the tier "pages" must be left out',
    ],
    [
      'an error TTL',
      tier({ errorTtl: Duration.minutes(1) }),
      'errorTtl of the tier "pages" must be 10 with VPC origins',
    ],
    [
      'cookies',
      tier({ setCookie: 'bypass' }),
      'setCookie of the tier "pages" must be strip with VPC origins',
    ],
    [
      'a region twice',
      {
        vpcOrigins: {
          primary: { region: 'eu-west-1', vpcOriginId: 'a' },
          others: [{ region: 'eu-west-1', vpcOriginId: 'b' }],
        },
      },
      'others[0].region must be known at synthesis, and named once',
    ],
    [
      'a region without Origin Shield',
      {
        vpcOrigins: {
          primary: { region: 'eu-west-3', vpcOriginId: 'a', originShieldRegion: 'eu-west-3' },
        },
      },
      'Use "eu-west-2", the nearest to eu-west-3.',
    ],
  ])('refuses %s', (_, props, message) => {
    expect(() => edgeWith(props)).toThrow(message);
  });

  test('accepts a tier and origins without them', () => {
    expect(() =>
      edgeWith({ ...tier({}), vpcOrigins: { primary: { region: 'eu-west-3', vpcOriginId: 'a' } } }),
    ).not.toThrow();
  });

  test('creates no function if no behavior reads', () => {
    expect(
      edgeWith({ behaviors: [], defaultTier: CacheTier.uncached() }).originSelector,
    ).toBeUndefined();
  });
});
