import { join } from 'node:path';
import { App, Duration, Lazy, RemovalPolicy, SecretValue, Stack, Stage } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as route53 from 'aws-cdk-lib/aws-route53';
import type { EdgeBehavior } from '../../../../lib/constructs/edge/distribution/behavior';
import {
  EdgeDistribution,
  type EdgeDistributionProps,
} from '../../../../lib/constructs/edge/distribution/edge-distribution';
import type { EdgeFunction } from '../../../../lib/constructs/edge/functions/edge-function';
import { CacheTier } from '../../../../lib/constructs/edge/tiers/cache-tier';
import { EdgeWebAcl } from '../../../../lib/constructs/edge/web-acl';
import { testStack } from '../../../test-stack';
import { certificateIn } from '../certificate';

const zoneIn = (stack: Stack) =>
  route53.HostedZone.fromHostedZoneAttributes(stack, 'Zone', {
    hostedZoneId: 'Z123',
    zoneName: 'example.com',
  });

/** The configuration of the one distribution in a template. */
function configOf(template: Template) {
  const [distribution] = Object.values(template.findResources('AWS::CloudFront::Distribution'));
  return distribution?.Properties.DistributionConfig;
}

/** The settings and the handler of an edge function, from the asset as it would be uploaded. */
function assetOf(
  stack: Stack,
  template: Template,
  event: 'Viewer request' | 'Origin request' | 'Origin response',
): string {
  const all = Object.values(template.findResources('AWS::Lambda::Function'));
  const edge = all.find(({ Properties }) => Properties.Description.startsWith(event));
  return join(
    Stage.of(stack)?.outdir ?? '',
    `asset.${edge?.Properties.Code.S3Key.replace('.zip', '')}`,
  );
}

describe('with only the required props, in a stack of its own', () => {
  const stack = testStack();
  new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: certificateIn(stack),
    readOriginName: 'origin.example.com',
  });
  const template = Template.fromStack(stack);

  test('caches nothing, and forwards every method with all but Host and the edge headers', () => {
    const config = configOf(template);
    const [allOfTheViewer] = Object.keys(
      template.findResources('AWS::CloudFront::OriginRequestPolicy'),
    );
    template.hasResourceProperties('AWS::CloudFront::OriginRequestPolicy', {
      OriginRequestPolicyConfig: {
        HeadersConfig: {
          HeaderBehavior: 'allExcept',
          Headers: ['host', 'x-isochrone-language', 'x-isochrone-image-format'],
        },
        CookiesConfig: { CookieBehavior: 'all' },
        QueryStringsConfig: { QueryStringBehavior: 'all' },
      },
    });
    expect(config.CacheBehaviors).toBeUndefined();
    expect(config.DefaultCacheBehavior).toMatchObject({
      CachePolicyId: cloudfront.CachePolicy.CACHING_DISABLED.cachePolicyId,
      OriginRequestPolicyId: { Ref: allOfTheViewer },
      AllowedMethods: expect.arrayContaining(['GET', 'POST', 'DELETE']),
      ViewerProtocolPolicy: 'redirect-to-https',
    });
    expect(config.Origins).toEqual([
      expect.objectContaining({
        DomainName: 'origin.example.com',
        CustomOriginConfig: expect.objectContaining({
          OriginProtocolPolicy: 'https-only',
          OriginSSLProtocols: ['TLSv1.2'],
        }),
      }),
    ]);
    expect(config.Origins[0].OriginCustomHeaders).toBeUndefined();
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });

  test('has a web ACL and access logs', () => {
    expect(configOf(template).WebACLId).toEqual({
      'Fn::GetAtt': [Object.keys(template.findResources('AWS::WAFv2::WebACL'))[0], 'Arn'],
    });
    template.resourceCountIs('AWS::Logs::Delivery', 1);
    template.resourceCountIs('AWS::Route53::RecordSet', 0);
  });
});

describe('with all props', () => {
  const behaviors: EdgeBehavior[] = [
    { pathPattern: '/admin/*', tier: CacheTier.uncached() },
    { pathPattern: '/auth/*', tier: CacheTier.uncached() },
    { pathPattern: '/static/hashed/*', tier: CacheTier.immutable() },
    { pathPattern: '/static/*', tier: CacheTier.static() },
    { pathPattern: '/media/*', tier: CacheTier.media().with({ varyByImageFormat: true }) },
    { pathPattern: '/api/market/overview', tier: CacheTier.marketOverview() },
    { pathPattern: '/api/market/realtime/*', tier: CacheTier.realtimeMarketData() },
    { pathPattern: '/api/market/historical/*', tier: CacheTier.historicalMarketData() },
    { pathPattern: '/api/reference/*', tier: CacheTier.referenceData() },
    { pathPattern: '/api/news/*', tier: CacheTier.news().with({ varyByLanguage: true }) },
    { pathPattern: '/api/strategies/*', tier: CacheTier.strategies() },
    { pathPattern: '/api/public/*', tier: CacheTier.publicApi() },
    { pathPattern: '/api/stream/*', tier: CacheTier.uncached(), methods: 'read' },
    { pathPattern: '/api/*', tier: CacheTier.uncached() },
  ];
  const stack = testStack();
  const edge = new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com', 'example.com'],
    certificate: certificateIn(stack),
    hostedZone: zoneIn(stack),
    readOriginName: 'read.example.com',
    writeOriginName: 'write.example.com',
    originVerification: {
      secret: SecretValue.secretsManager('market/origin', { jsonField: 'header' }),
    },
    behaviors,
    defaultTier: CacheTier.standard().with({ varyByLanguage: true }),
    languages: ['en', 'ja'],
    contentSecurityPolicy: "default-src 'self'",
    logEncryptionKey: new kms.Key(stack, 'Key', { enableKeyRotation: true }),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const template = Template.fromStack(stack);
  const config = configOf(template);
  const served = [...config.CacheBehaviors, { PathPattern: '*', ...config.DefaultCacheBehavior }];
  const behaviorOf = (pattern: string) => served.find(({ PathPattern }) => PathPattern === pattern);
  const cached = behaviors.filter(({ tier }) => tier.cached).map(({ pathPattern }) => pathPattern);

  test('serves the behaviors in their order', () => {
    expect(
      config.CacheBehaviors.map(({ PathPattern }: { PathPattern: string }) => PathPattern),
    ).toEqual(behaviors.map(({ pathPattern }) => pathPattern));
  });

  test.each([...cached, '*'])(
    '%s is read from the read origin, which gets only the parts of the key',
    (pattern) => {
      expect(behaviorOf(pattern)).toMatchObject({
        TargetOriginId: 'read',
        AllowedMethods: ['GET', 'HEAD', 'OPTIONS'],
      });
      expect(behaviorOf(pattern)).not.toHaveProperty('OriginRequestPolicyId');
    },
  );

  test.each(['/admin/*', '/auth/*', '/api/*'])(
    '%s takes every method to the write origin',
    (pattern) => {
      expect(behaviorOf(pattern)).toMatchObject({
        TargetOriginId: 'write',
        AllowedMethods: expect.arrayContaining(['POST', 'DELETE']),
      });
    },
  );

  test('an uncached path can be read from the read origin', () => {
    expect(behaviorOf('/api/stream/*')).toMatchObject({
      TargetOriginId: 'read',
      AllowedMethods: ['GET', 'HEAD', 'OPTIONS'],
      CachePolicyId: cloudfront.CachePolicy.CACHING_DISABLED.cachePolicyId,
      OriginRequestPolicyId: {
        Ref: Object.keys(template.findResources('AWS::CloudFront::OriginRequestPolicy'))[0],
      },
    });
  });

  test('equal tiers share a policy', () => {
    expect(behaviorOf('/api/reference/*').CachePolicyId).toEqual(
      behaviorOf('/api/public/*').CachePolicyId,
    );
    template.resourceCountIs('AWS::CloudFront::CachePolicy', 9);
  });

  test('the edge functions run only before and after each cache, one for each event', () => {
    const versionOf = ({ version }: EdgeFunction) => stack.resolve(version.functionArn);
    if (!edge.normalizer || !edge.regionalTtl) throw new Error('An edge function is missing.');
    const both = [
      { EventType: 'viewer-request', LambdaFunctionARN: versionOf(edge.normalizer) },
      { EventType: 'origin-response', LambdaFunctionARN: versionOf(edge.regionalTtl) },
    ];
    expect(both[0]?.LambdaFunctionARN).not.toEqual(both[1]?.LambdaFunctionARN);
    for (const behavior of served) {
      const associations = [...cached, '*'].includes(behavior.PathPattern) ? both : undefined;
      expect({
        path: behavior.PathPattern,
        associations: behavior.LambdaFunctionAssociations,
      }).toEqual({
        path: behavior.PathPattern,
        associations,
      });
    }
  });

  test('the edge function applies the tier of each path', async () => {
    const { handler } = require(join(assetOf(stack, template, 'Viewer request'), 'index.js'));
    const normalized = async (uri: string) => {
      const headers = { accept: [{ value: 'image/avif' }], 'accept-language': [{ value: 'ja' }] };
      const request = { uri, querystring: 'utm_source=x&b=2&a=1', headers };
      const { querystring, headers: sent } = await handler({ Records: [{ cf: { request } }] });
      return [
        querystring,
        sent['x-isochrone-language']?.[0].value,
        sent['x-isochrone-image-format']?.[0].value,
      ];
    };
    expect(await normalized('/static/hashed/app.1f.js')).toEqual(['', undefined, undefined]);
    expect(await normalized('/static/app.js')).toEqual(['a=1&b=2', undefined, undefined]);
    expect(await normalized('/media/a.jpg')).toEqual(['a=1&b=2', undefined, 'avif']);
    expect(await normalized('/api/news/today')).toEqual(['a=1&b=2', 'ja', undefined]);
    expect(await normalized('/')).toEqual(['a=1&b=2', 'ja', undefined]);
  });

  test('static files are cached four hours in Asia and the Pacific, two elsewhere', async () => {
    const asset = assetOf(stack, template, 'Origin response');
    const cacheControl = async (region: string, uri: string, headers: object = {}) => {
      const before = process.env.AWS_REGION;
      process.env.AWS_REGION = region;
      try {
        const { handler } = require(join(asset, 'index.js'));
        const { headers: sent } = await handler({
          Records: [{ cf: { request: { uri }, response: { status: '200', headers } } }],
        });
        return sent['cache-control']?.[0].value;
      } finally {
        if (before === undefined) delete process.env.AWS_REGION;
        else process.env.AWS_REGION = before;
      }
    };
    expect(await cacheControl('ap-northeast-1', '/static/app.js')).toBe('s-maxage=14400');
    expect(await cacheControl('eu-west-1', '/static/app.js')).toBe('s-maxage=7200');
    expect(await cacheControl('eu-west-1', '/static/hashed/app.js')).toBe(
      'max-age=31536000, s-maxage=31536000',
    );
    const long = { 'cache-control': [{ value: 'max-age=99999999' }] };
    expect(await cacheControl('ap-northeast-1', '/static/app.js', long)).toBe(
      'max-age=99999999, s-maxage=172800',
    );
    expect(
      await cacheControl('ap-northeast-1', '/static/app.js', { 'set-cookie': [{ value: 'a=b' }] }),
    ).toBe('private, no-store');
    template.hasResourceProperties('AWS::CloudFront::CachePolicy', {
      CachePolicyConfig: {
        Name: Match.stringLikeRegexp('-static$'),
        DefaultTTL: 7200,
        MaxTTL: 172_800,
      },
    });
  });

  test('viewers connect with TLS 1.2 or later over HTTP/2 and HTTP/3, from anywhere', () => {
    expect(config).toMatchObject({
      Aliases: ['www.example.com', 'example.com'],
      HttpVersion: 'http2and3',
      IPV6Enabled: true,
      PriceClass: 'PriceClass_All',
      ViewerCertificate: { MinimumProtocolVersion: 'TLSv1.2_2025', SslSupportMethod: 'sni-only' },
    });
    expect(config).not.toHaveProperty('Restrictions');
  });

  test('the origins recognize the distribution by a secret that is not in the template', () => {
    expect(config.Origins).toHaveLength(2);
    for (const origin of config.Origins) {
      expect(origin.OriginCustomHeaders).toEqual([
        {
          HeaderName: 'x-origin-verify',
          HeaderValue: '{{resolve:secretsmanager:market/origin:SecretString:header::}}',
        },
      ]);
    }
  });

  test('responses have security headers', () => {
    template.hasResourceProperties('AWS::CloudFront::ResponseHeadersPolicy', {
      ResponseHeadersPolicyConfig: {
        SecurityHeadersConfig: {
          StrictTransportSecurity: {
            AccessControlMaxAgeSec: 63_072_000,
            IncludeSubdomains: true,
            Override: true,
          },
          ContentTypeOptions: { Override: true },
          FrameOptions: { FrameOption: 'DENY', Override: true },
          ReferrerPolicy: { ReferrerPolicy: 'strict-origin-when-cross-origin', Override: true },
          ContentSecurityPolicy: { ContentSecurityPolicy: "default-src 'self'", Override: false },
        },
        CustomHeadersConfig: Match.absent(),
        RemoveHeadersConfig: Match.absent(),
      },
    });
    expect(
      new Set(served.map(({ ResponseHeadersPolicyId }) => JSON.stringify(ResponseHeadersPolicyId)))
        .size,
    ).toBe(1);
  });

  test('each name has an A and an AAAA record', () => {
    const records = Object.values(template.findResources('AWS::Route53::RecordSet')).map(
      ({ Properties }) => [Properties.Name, Properties.Type],
    );
    expect(records.sort()).toEqual([
      ['example.com.', 'A'],
      ['example.com.', 'AAAA'],
      ['www.example.com.', 'A'],
      ['www.example.com.', 'AAAA'],
    ]);
  });

  test('hit rates are measured, and logs have the removal policy and the key', () => {
    template.resourceCountIs('AWS::CloudFront::MonitoringSubscription', 1);
    template.hasResource('AWS::S3::Bucket', { DeletionPolicy: 'Delete' });
    template.hasResource('AWS::Logs::LogGroup', {
      DeletionPolicy: 'Delete',
      Properties: { KmsKeyId: Match.anyValue() },
    });
  });

  test('exposes the distribution, its names and its web ACL', () => {
    expect(edge.domainNames).toEqual(['www.example.com', 'example.com']);
    expect(stack.resolve(edge.webAcl.webAclRef.webAclArn)).toEqual(config.WebACLId);
    expect(stack.resolve(edge.distributionId)).toEqual({ Ref: expect.any(String) });
    expect(edge.domainName).toBe(edge.distribution.distributionDomainName);
  });
});

describe('with split methods and read failover', () => {
  const stack = testStack();
  const edge = new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: certificateIn(stack),
    readOriginName: 'read.example.com',
    writeOriginName: 'write.example.com',
    batchOriginName: 'batch.example.com',
    readFailover: true,
    recentWriter: Duration.seconds(30),
    originShieldRegion: 'eu-west-2',
    originVerification: { secret: SecretValue.secretsManager('market/origin') },
    behaviors: [
      { pathPattern: '/admin/*', tier: CacheTier.uncached() },
      {
        pathPattern: '/api/*',
        tier: CacheTier.uncached(),
        methods: 'split',
        batchPatterns: ['/api/reports/*'],
      },
      { pathPattern: '/news/*', tier: CacheTier.news() },
    ],
    defaultMethods: 'split',
  });
  const template = Template.fromStack(stack);
  const config = configOf(template);
  const [admin, api, news] = config.CacheBehaviors;

  test('a split path is uncached and takes every method, and only the router runs', () => {
    const router = stack.resolve(edge.originRouter?.version.functionArn);
    for (const behavior of [api, config.DefaultCacheBehavior]) {
      expect(behavior).toMatchObject({
        TargetOriginId: 'split',
        AllowedMethods: expect.arrayContaining(['GET', 'POST', 'DELETE']),
        CachePolicyId: cloudfront.CachePolicy.CACHING_DISABLED.cachePolicyId,
        LambdaFunctionAssociations: [
          { EventType: 'origin-request', LambdaFunctionARN: router },
          { EventType: 'origin-response', LambdaFunctionARN: router },
        ],
      });
      expect(behavior).toHaveProperty('OriginRequestPolicyId');
    }
    expect(admin).not.toHaveProperty('LambdaFunctionAssociations');
  });

  test('its origin is the read origin, with the header but without Origin Shield', () => {
    const origin = config.Origins.find(({ Id }: { Id: string }) => Id === 'split');
    expect(origin).toMatchObject({
      DomainName: 'read.example.com',
      OriginCustomHeaders: [{ HeaderName: 'x-origin-verify' }],
    });
    expect(origin).not.toHaveProperty('OriginShield');
  });

  test('the router has the names, the duration and the batch patterns', async () => {
    const { handler } = require(join(assetOf(stack, template, 'Origin request'), 'index.js'));
    const nameFor = async (method: string, uri: string, cookie = '') => {
      const origin = { custom: { domainName: 'read.example.com' } };
      const request = { method, uri, headers: { cookie: [{ value: cookie }] }, origin };
      return (await handler({ Records: [{ cf: { request } }] })).origin.custom.domainName;
    };
    const wrote = (secondsAgo: number) =>
      `__Host-isochrone-wrote=${Math.floor(Date.now() / 1000) - secondsAgo}`;
    expect(await nameFor('GET', '/api/orders')).toBe('read.example.com');
    expect(await nameFor('POST', '/api/orders')).toBe('write.example.com');
    expect(await nameFor('GET', '/api/orders', wrote(15))).toBe('write.example.com');
    expect(await nameFor('GET', '/api/orders', wrote(3600))).toBe('read.example.com');
    expect(await nameFor('POST', '/api/reports/1')).toBe('batch.example.com');
    expect(await nameFor('POST', '/')).toBe('write.example.com');
  });

  test('only reads fail over from the read to the write origin', () => {
    const { Items: groups, Quantity: count } = config.OriginGroups;
    expect(count).toBe(1);
    expect(groups[0]).toMatchObject({
      FailoverCriteria: { StatusCodes: { Items: [500, 502, 503, 504] } },
      Members: { Items: [{ OriginId: 'read' }, { OriginId: 'write' }] },
    });
    expect(news.TargetOriginId).toBe(groups[0].Id);
    expect(admin.TargetOriginId).toBe('write');
    expect(config.Origins.map(({ Id }: { Id: string }) => Id).sort()).toEqual([
      'read',
      'split',
      'write',
    ]);
  });
});

describe('a value that CDK accepts but CloudFront refuses or never uses', () => {
  function build(props: Partial<EdgeDistributionProps>, region: string | undefined = 'us-east-1') {
    const stack = new Stack(new App(), 'Test', { env: { region } });
    return () =>
      new EdgeDistribution(stack, 'Edge', {
        domainNames: ['www.example.com'],
        certificate: certificateIn(stack),
        readOriginName: 'read.example.com',
        ...props,
      });
  }
  const cached = (...patterns: string[]): Partial<EdgeDistributionProps> => ({
    behaviors: patterns.map((pathPattern) => ({ pathPattern, tier: CacheTier.news() })),
  });
  const paths = (count: number) => cached(...Array.from({ length: count }, (_, i) => `/${i}`));
  const token = Lazy.string({ produce: () => 'Whatever It Is' });
  const secret = SecretValue.secretsManager('market/origin');
  const zone = { zoneName: 'example.com' } as route53.IHostedZone;
  const two: Partial<EdgeDistributionProps> = { writeOriginName: 'write.example.com' };
  const three: Partial<EdgeDistributionProps> = { ...two, batchOriginName: 'batch.example.com' };
  const split: EdgeBehavior = { pathPattern: '/a/*', tier: CacheTier.uncached(), methods: 'split' };
  const lateTier = CacheTier.of({
    name: 'late',
    defaultTtl: Duration.seconds(Lazy.number({ produce: () => 90 })),
  });
  const byLanguage = CacheTier.news().with({ varyByLanguage: true });
  const origin = new HttpOrigin('files.example.com');
  const bare = { query: 'none', setCookie: 'strip' } as const;
  const privately: Partial<EdgeDistributionProps> = {
    vpcOrigins: { primary: { region: 'us-east-1', vpcOriginId: 'vo_1' } },
  };

  test.each<[string, Partial<EdgeDistributionProps>]>([
    ['domainNames must be at least one name', { domainNames: [] }],
    [
      'domainNames[0] must be a DNS name in lower case',
      { domainNames: ['https://www.example.com'] },
    ],
    ['domainNames[0] must be a DNS name in lower case', { domainNames: ['WWW.example.com'] }],
    ['domainNames[1] must be named once', { domainNames: ['a.example.com', 'a.example.com'] }],
    [
      'domainNames[0] must be a name in the hosted zone, example.com, got "www.example.org"',
      { domainNames: ['www.example.org'], hostedZone: zone },
    ],
    [
      'domainNames[0] must be a name in the hosted zone',
      { domainNames: ['notexample.com'], hostedZone: zone },
    ],
    ['readOriginName must be a DNS name', { readOriginName: '192.0.2.1' }],
    ['readOriginName must be a DNS name', { readOriginName: '*.example.com' }],
    ['writeOriginName must be a DNS name', { writeOriginName: 'write.example.com/api' }],
    [
      'originVerification.headerName must be a header that begins with `x-`',
      { originVerification: { secret, headerName: 'Host' } },
    ],
    [
      'originVerification.headerName must be',
      { originVerification: { secret, headerName: 'x-amz-verify' } },
    ],
    ['Use "eu-west-2", the nearest to eu-west-3.', { originShieldRegion: 'eu-west-3' }],
    ['Use the one nearest to the origin.', { originShieldRegion: 'mars-north-1' }],
    [
      'continents of the tier "static" must be left out with Origin Shield, got "apac"',
      { originShieldRegion: 'eu-west-2', defaultTier: CacheTier.static() },
    ],
    [
      'each TTL of the tier "late" must be a number that is known at synthesis',
      { defaultTier: lateTier },
    ],
    ['behaviors must be at most 75 beside the default one, got 76', paths(76)],
    ['behaviors must be at most 2 beside the default one, got 3', { ...paths(3), maxBehaviors: 2 }],
    ['behaviors[0].pathPattern must be 1 to 255 of the characters', cached('/a b')],
    [
      'behaviors[0].pathPattern must be a pattern that leaves some path to the default tier',
      cached('/*'),
    ],
    [
      'behaviors[1].pathPattern must be a pattern that behaviors[0], /a/*, does not match ' +
        'first, got "/a/*"',
      cached('/a/*', '/a/*'),
    ],
    [
      'behaviors[2].pathPattern must be a pattern that behaviors[0], /a/*, does not match first',
      cached('/a/*', '/c', '/a/b'),
    ],
    [
      'behaviors[0].methods must be read with the cached tier "news"',
      { behaviors: [{ pathPattern: '/a', tier: CacheTier.news(), methods: 'all' }] },
    ],
    [
      'behaviors[0].methods must be read with the cached tier "news"',
      { ...two, behaviors: [{ pathPattern: '/a', tier: CacheTier.news(), methods: 'split' }] },
    ],
    [
      'defaultMethods must be read with the cached tier',
      { defaultTier: CacheTier.news(), defaultMethods: 'all' },
    ],
    ['defaultMethods must be left out without a `writeOriginName`', { defaultMethods: 'split' }],
    [
      'defaultMethods must be left out',
      { writeOriginName: 'read.example.com', defaultMethods: 'split' },
    ],
    ['readFailover must be left out without a `writeOriginName`', { readFailover: true }],
    [
      'writeOriginName must be known at synthesis, because of defaultMethods',
      { writeOriginName: token, defaultMethods: 'split' },
    ],
    ['batchOriginName must be a DNS name', { batchOriginName: 'https://batch.example.com' }],
    [
      'behaviors[0].batchPatterns must be left out without',
      { ...two, behaviors: [{ ...split, batchPatterns: ['/a/b'] }] },
    ],
    [
      'behaviors[0].batchPatterns must be left out',
      { ...three, behaviors: [{ ...split, methods: 'all', batchPatterns: ['/a/b'] }] },
    ],
    [
      'behaviors[0].batchPatterns must be 1 to 255 of',
      { ...three, behaviors: [{ ...split, batchPatterns: ['/a b'] }] },
    ],
    [
      'behaviors[0].batchPatterns must be within the pattern of its behavior, /a/*, got "/b/*"',
      { ...three, behaviors: [{ ...split, batchPatterns: ['/a/b', '/b/*'] }] },
    ],
    [
      'behaviors[0].tier must be a cached tier with',
      { behaviors: [{ pathPattern: '/a', tier: CacheTier.uncached(), origin }] },
    ],
    ['behaviors[0].tier must be a cached tier with', { ...two, behaviors: [{ ...split, origin }] }],
    [
      'behaviors[0].methods must be read with the cached tier',
      { behaviors: [{ pathPattern: '/a', tier: CacheTier.immutable(), methods: 'all', origin }] },
    ],
    [
      'behaviors[0].batchPatterns must be left out without `methods: split`',
      {
        ...three,
        behaviors: [
          { pathPattern: '/a/*', tier: CacheTier.immutable(), batchPatterns: ['/a/b'], origin },
        ],
      },
    ],
    [
      "behaviors[0].tier must be a cached tier with `query: 'none'`, because the behavior " +
        'has an `origin` of its own',
      { behaviors: [{ pathPattern: '/a', tier: CacheTier.news(), origin }] },
    ],
    [
      'behaviors[0].tier must be a tier that varies by neither language nor image format, because',
      {
        ...privately,
        languages: ['en'],
        behaviors: [{ pathPattern: '/a', tier: byLanguage.with(bare), origin }],
      },
    ],
    ['recentWriter must be whole seconds, 1 at least', { recentWriter: Duration.millis(1500) }],
    ['recentWriter must be whole seconds, 1 at least', { recentWriter: Duration.seconds(0) }],
    ['languages[0] must be a BCP 47 tag', { languages: ['en_GB'] }],
    ['languages[0] must be a BCP 47 tag', { languages: [token] }],
    [
      'behaviors[0].batchPatterns must be 1 to 255 of',
      { ...three, behaviors: [{ ...split, batchPatterns: [token] }] },
    ],
    ['languages[1] must be named once', { languages: ['en', 'EN'] }],
    [
      'languages must be at least one language, because the tier "news" varies by language',
      { defaultTier: byLanguage },
    ],
    ['the number of cache policies', { ...cached('/a'), maxCachePolicies: 0 }],
  ])('refuses with: %s', (message, props) => {
    expect(build(props)).toThrow(message);
  });

  test.each<[string, Partial<EdgeDistributionProps>]>([
    [
      'split methods and failover with two origins',
      { ...two, defaultMethods: 'split', readFailover: true },
    ],
    ['an uncached default of reads', { defaultMethods: 'read' }],
    [
      'batch patterns with their origin',
      { ...three, behaviors: [{ ...split, batchPatterns: ['/a/b'] }] },
    ],
    [
      'a bucket',
      { behaviors: [{ pathPattern: '/a', tier: CacheTier.immutable(), methods: 'read', origin }] },
    ],
    [
      'a bucket with Origin Shield before the others',
      {
        originShieldRegion: 'eu-west-2',
        behaviors: [
          { pathPattern: '/a', tier: CacheTier.static().with({ query: 'none' }), origin },
        ],
      },
    ],
    [
      'a bucket whose files vary by language, beside public origins',
      {
        languages: ['en'],
        behaviors: [{ pathPattern: '/a', tier: byLanguage.with(bare), origin }],
      },
    ],
    [
      'a bucket beside VPC origins',
      {
        ...privately,
        behaviors: [{ pathPattern: '/a', tier: CacheTier.news().with(bare), origin }],
      },
    ],
    ['a recent writer of one second', { recentWriter: Duration.seconds(1) }],
    ['a wildcard name', { domainNames: ['*.example.com', 'example.com'], hostedZone: zone }],
    [
      'names that are known only on deployment',
      { domainNames: [token], readOriginName: token, writeOriginName: token },
    ],
    ['another x- header', { originVerification: { secret, headerName: 'X-Edge2' } }],
    ['a region with Origin Shield', { originShieldRegion: 'eu-west-2' }],
    [
      'Origin Shield before tiers that are the same everywhere',
      { originShieldRegion: 'eu-west-2', defaultTier: CacheTier.news() },
    ],
    ['a region that is known only on deployment', { originShieldRegion: token }],
    ['75 behaviors', paths(75)],
    ['more behaviors where the quota is higher', { ...paths(76), maxBehaviors: 76 }],
    ['the narrower pattern first', cached('/a/b', '/a/*')],
    ['patterns that only overlap', cached('/a/*', '*.jpg')],
    ['languages that a tier needs', { defaultTier: byLanguage, languages: ['en', 'pt-BR'] }],
  ])('accepts %s', (_, props) => {
    expect(build(props)).not.toThrow();
  });

  test('refuses a stack outside us-east-1, with a fix', () => {
    expect(build({}, 'eu-west-1')).toThrow(
      'EdgeDistribution at Test/Edge: env.region of the stack must be us-east-1, got ' +
        '"eu-west-1".\n' +
        'The certificate, the web ACL and the edge functions of CloudFront live in us-east-1 ' +
        'only. ' +
        "Put the construct into a stack of its own with `env: { region: 'us-east-1' }`. " +
        'It serves the whole world from there.',
    );
  });
});

test('accepts a web ACL and a geo restriction, in a stack without a region', () => {
  const stack = new Stack(new App(), 'Test');
  const { webAcl } = new EdgeWebAcl(stack, 'OwnAcl', { requestsPerMinute: 5000 });
  const edge = new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: certificateIn(stack),
    readOriginName: 'read.example.com',
    webAcl,
    geoRestriction: cloudfront.GeoRestriction.allowlist('JP'),
  });
  expect(edge.webAcl).toBe(webAcl);
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::WAFv2::WebACL', 1);
  expect(configOf(template).Restrictions).toEqual({
    GeoRestriction: { RestrictionType: 'whitelist', Locations: ['JP'] },
  });
});

test('Origin Shield stands before the read origin only', () => {
  const stack = new Stack(new App(), 'Test');
  new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: certificateIn(stack),
    readOriginName: 'read.example.com',
    writeOriginName: 'write.example.com',
    originShieldRegion: 'eu-west-2',
    behaviors: [{ pathPattern: '/news/*', tier: CacheTier.news() }],
  });
  const shields = configOf(Template.fromStack(stack)).Origins.map(
    ({ DomainName, OriginShield }: Record<string, unknown>) => [DomainName, OriginShield],
  );
  expect(Object.fromEntries(shields)).toEqual({
    'read.example.com': { Enabled: true, OriginShieldRegion: 'eu-west-2' },
    'write.example.com': undefined,
  });
});

describe('a distribution of another stack', () => {
  const stack = new Stack(new App(), 'Other');
  const edge = EdgeDistribution.fromEdgeDistributionAttributes(stack, 'Edge', {
    distributionId: 'E123',
    domainName: 'd111111abcdef8.cloudfront.net',
  });

  test('has the attributes that were given', () => {
    expect([edge.distributionId, edge.domainName]).toEqual([
      'E123',
      'd111111abcdef8.cloudfront.net',
    ]);
    expect(edge.distribution.distributionId).toBe('E123');
  });

  test.each<[string, string, (props?: object) => Metric]>([
    ['Requests', 'Sum', (props) => edge.metricRequests(props)],
    ['5xxErrorRate', 'Average', (props) => edge.metric5xxErrorRate(props)],
    ['CacheHitRate', 'Average', (props) => edge.metricCacheHitRate(props)],
    ['OriginLatency', 'p95', (props) => edge.metricOriginLatency(props)],
  ])('has the metric %s (%s), with both dimensions, in us-east-1', (name, statistic, metric) => {
    expect(metric()).toMatchObject({
      namespace: 'AWS/CloudFront',
      metricName: name,
      statistic,
      dimensions: { DistributionId: 'E123', Region: 'Global' },
      region: 'us-east-1',
    });
    expect(metric({ statistic: 'Maximum' }).statistic).toBe('Maximum');
  });

  test('lets a role invalidate its objects', () => {
    const role = new iam.Role(stack, 'Role', { assumedBy: new iam.AccountRootPrincipal() });
    edge.grantCreateInvalidation(role);
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'cloudfront:CreateInvalidation',
            Resource: {
              'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp(':distribution/E123$')])],
            },
          },
        ],
      },
    });
  });
});
