import { messagesOf, type Resources, resource, reviewOf } from '../fixture';

const of = (type: string, properties: Record<string, unknown> = {}): Resources => ({
  X: resource(type, properties),
});

const LISTENER = 'AWS::ElasticLoadBalancingV2::Listener';
const BLOCKED = {
  BlockPublicAcls: true,
  BlockPublicPolicy: true,
  IgnorePublicAcls: true,
  RestrictPublicBuckets: true,
};
const listener = (SslPolicy?: string) => of(LISTENER, { Protocol: 'HTTPS', SslPolicy });
const distribution = (config: Record<string, unknown>) =>
  of('AWS::CloudFront::Distribution', { DistributionConfig: config });
const viewerTls = (MinimumProtocolVersion: string) =>
  distribution({ ViewerCertificate: { MinimumProtocolVersion } });
const behavior = (ViewerProtocolPolicy: string) =>
  distribution({ CacheBehaviors: [{ PathPattern: '/a/*', ViewerProtocolPolicy }] });
const origin = (custom: object) =>
  distribution({ Origins: [{ Id: 'o', CustomOriginConfig: custom }] });

const rule = (rest: object = {}) => ({ Name: 'r', Action: { Block: {} }, ...rest });
const group = (overrides: object[], rest: object = { OverrideAction: { None: {} } }) => ({
  Name: 'r',
  Statement: { ManagedRuleGroupStatement: { Name: 'Common', RuleActionOverrides: overrides } },
  ...rest,
});
const acl = (rules: object[], DefaultAction: object = { Block: {} }) =>
  of('AWS::WAFv2::WebACL', { Rules: rules, DefaultAction });
const limit = (Limit: number) => acl([rule({ Statement: { RateBasedStatement: { Limit } } })]);

test.each<[string, Resources, Resources, string]>([
  [
    'public access to a bucket',
    of('AWS::S3::Bucket', { PublicAccessBlockConfiguration: BLOCKED }),
    of('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: { ...BLOCKED, BlockPublicPolicy: false },
    }),
    'high X: public access is no longer blocked: BlockPublicPolicy off',
  ],
  [
    'the ACL of a bucket',
    of('AWS::S3::Bucket'),
    of('AWS::S3::Bucket', { AccessControl: 'PublicRead' }),
    'high X: the ACL becomes PublicRead',
  ],
  [
    'public access to a database',
    of('AWS::RDS::DBInstance'),
    of('AWS::RDS::DBInstance', { PubliclyAccessible: true }),
    'high X: the database gets a public address',
  ],
  [
    'an internet-facing load balancer',
    of('AWS::ElasticLoadBalancingV2::LoadBalancer', { Scheme: 'internal' }),
    of('AWS::ElasticLoadBalancingV2::LoadBalancer', { Scheme: 'internet-facing' }),
    'high X: the load balancer becomes internet-facing',
  ],
  [
    'a listener without TLS',
    listener(),
    of(LISTENER, { Protocol: 'HTTP' }),
    'high X: the listener no longer uses TLS: HTTPS becomes HTTP',
  ],
  ...(
    [
      ['ELBSecurityPolicy-TLS13-1-2-2021-06', 'ELBSecurityPolicy-TLS13-1-1-2021-06'],
      ['ELBSecurityPolicy-TLS13-1-3-2021-06', 'ELBSecurityPolicy-TLS13-1-2-2021-06'],
      ['ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09', 'ELBSecurityPolicy-TLS13-1-2-PQ-2025-09'],
      ['ELBSecurityPolicy-TLS13-1-2-2021-06', 'ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06'],
      ['ELBSecurityPolicy-FS-1-2-Res-2020-10', 'ELBSecurityPolicy-FS-1-1-2019-08'],
      ['ELBSecurityPolicy-TLS-1-2-2017-01', 'ELBSecurityPolicy-2016-08'],
    ] as const
  ).map(([from, to]): [string, Resources, Resources, string] => [
    `TLS of a listener: ${to}`,
    listener(from),
    listener(to),
    `high X: the TLS policy is lowered from ${from} to ${to}`,
  ]),
  [
    'TLS of viewers',
    viewerTls('TLSv1.2_2021'),
    viewerTls('TLSv1_2016'),
    'high X: the minimum TLS version for viewers is lowered from TLSv1.2_2021 to TLSv1_2016',
  ],
  [
    'plain HTTP',
    behavior('redirect-to-https'),
    behavior('allow-all'),
    'high X: viewers may use plain HTTP for /a/*',
  ],
  [
    'plain HTTP to an origin',
    origin({ OriginProtocolPolicy: 'https-only' }),
    origin({ OriginProtocolPolicy: 'http-only' }),
    'medium X: allows plain HTTP to the origin o',
  ],
  [
    'older TLS to an origin',
    origin({ OriginSSLProtocols: ['TLSv1.2'] }),
    origin({ OriginSSLProtocols: ['TLSv1.2', 'TLSv1'] }),
    'medium X: allows TLSv1 to the origin o',
  ],
  [
    'a distribution without its web ACL',
    distribution({ WebACLId: 'a' }),
    distribution({}),
    'high X: the web ACL is removed from the distribution',
  ],
  ['a rule removed', acl([rule()]), acl([]), 'high X: the web ACL loses the rule r'],
  [
    'a rule changed to count',
    acl([rule()]),
    acl([rule({ Action: { Count: {} } })]),
    'high X: the rule r of the web ACL no longer blocks: it counts or allows',
  ],
  [
    'a rule group changed to count',
    acl([group([])]),
    acl([group([], { OverrideAction: { Count: {} } })]),
    'high X: the rule r of the web ACL no longer blocks: it counts or allows',
  ],
  [
    'a rule of a group changed to count',
    acl([group([])]),
    acl([group([{ Name: 'SizeRestrictions', ActionToUse: { Count: {} } }])]),
    'high X: SizeRestrictions in the rule r of the web ACL now counts or allows',
  ],
  [
    'a default action that allows',
    acl([]),
    acl([], { Allow: {} }),
    'high X: the web ACL allows requests by default',
  ],
  [
    'a higher rate limit',
    limit(20),
    limit(60),
    'medium X: the rate limit of the rule r is raised from 20 to 60',
  ],
])(
  '%s: the weaker setting is a finding, the stronger one is not',
  (_what, before, after, expected) => {
    expect(messagesOf('exposure', reviewOf(before, after))).toEqual([expected]);
    expect(messagesOf('exposure', reviewOf(after, before))).toEqual([]);
    expect(messagesOf('exposure', reviewOf(after, after))).toEqual([]);
  },
);

test('a web ACL that is removed or detached is a finding, an added one is not', () => {
  const both: Resources = {
    W: resource('AWS::WAFv2::WebACL', { Rules: [] }),
    A: resource('AWS::WAFv2::WebACLAssociation'),
  };
  expect(messagesOf('exposure', reviewOf(both, {})).sort()).toEqual([
    'high A: the web ACL no longer protects its target',
    'high W: the web ACL is removed',
  ]);
  expect(messagesOf('exposure', reviewOf({}, both))).toEqual([]);
});
