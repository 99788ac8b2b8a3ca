/**
 * What becomes reachable by more people, or over weaker connections: public access, versions of
 * TLS, the firewall.
 */
import type { TemplateResource } from '../../assembly';
import { isObject, type StackChange, shown, text } from '../changes';
import type { Finding, Severity } from './finding';

type Properties = Readonly<Record<string, unknown>>;
type Said = readonly [Severity, string];

export function exposureFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap((stack) =>
    stack.resources.flatMap(({ path, oldResource, newResource }) =>
      said(oldResource, newResource).map(
        ([severity, message]): Finding => ({
          topic: 'exposure',
          severity,
          stack: stack.path,
          path,
          message,
        }),
      ),
    ),
  );
}

function said(before: TemplateResource | undefined, after: TemplateResource | undefined): Said[] {
  const type = (after ?? before)?.Type ?? '';
  const [old, now] = [before?.Properties, after?.Properties];
  if (type === 'AWS::WAFv2::WebACLAssociation' && now === undefined)
    return [['high', 'the web ACL no longer guards what it was attached to']];
  if (type === 'AWS::WAFv2::WebACL' && old)
    return now === undefined ? [['high', 'the web ACL is removed']] : webAclSays(old, now);
  if (now === undefined) return [];
  switch (type) {
    case 'AWS::S3::Bucket':
      return bucketSays(old, now);
    case 'AWS::RDS::DBInstance':
    case 'AWS::RDS::DBCluster':
      return isOn(now.PubliclyAccessible) && !isOn(old?.PubliclyAccessible)
        ? [['high', 'the database gets a public address']]
        : [];
    case 'AWS::ElasticLoadBalancingV2::LoadBalancer':
      return old?.Scheme === 'internal' && now.Scheme !== 'internal'
        ? [['high', 'the load balancer becomes internet-facing']]
        : [];
    case 'AWS::ElasticLoadBalancingV2::Listener':
      return listenerSays(old, now);
    case 'AWS::Lambda::Url':
    case 'AWS::ApiGateway::Method':
    case 'AWS::ApiGatewayV2::Route':
      return authSays(type, old, now);
    case 'AWS::ElastiCache::User':
      return isOn(now.NoPasswordRequired) && !isOn(old?.NoPasswordRequired)
        ? [['high', 'the user needs no password']]
        : [];
    // "The default policy allows full access to the service": "Control access to VPC endpoints
    // using endpoint policies", AWS PrivateLink guide.
    case 'AWS::EC2::VPCEndpoint':
      return old?.PolicyDocument !== undefined && now.PolicyDocument === undefined
        ? [['high', 'the policy of the endpoint is taken away, and everything goes through it']]
        : [];
    case 'AWS::CloudFront::Distribution':
      return old
        ? distributionSays(record(old.DistributionConfig), record(now.DistributionConfig))
        : [];
    default:
      return [];
  }
}

const BLOCKS = [
  'BlockPublicAcls',
  'BlockPublicPolicy',
  'IgnorePublicAcls',
  'RestrictPublicBuckets',
];

/**
 * A new bucket without a configuration blocks public access too ("Blocking public access to your
 * Amazon S3 storage", Amazon S3 user guide).
 */
function bucketSays(old: Properties | undefined, now: Properties): Said[] {
  const blocked = (properties: Properties | undefined) => {
    const configuration = properties?.PublicAccessBlockConfiguration;
    return BLOCKS.filter(
      (name) => configuration === undefined || isOn(record(configuration)[name]),
    );
  };
  const open = blocked(old).filter((name) => !blocked(now).includes(name));
  const acl = String(now.AccessControl ?? '');
  return [
    ...(open.length > 0
      ? [['high', `public access is no longer blocked: ${open.join(', ')} off`] as const]
      : []),
    ...(acl.startsWith('Public') && old?.AccessControl !== acl
      ? [['high', `the ACL becomes ${acl}`] as const]
      : []),
  ];
}

/**
 * A function's URL is open from the start; a method of an API is so often meant to be that only its
 * opening is said.
 */
function authSays(type: string, old: Properties | undefined, now: Properties): Said[] {
  const auth = (properties: Properties) =>
    String(properties[type === 'AWS::Lambda::Url' ? 'AuthType' : 'AuthorizationType'] ?? 'NONE');
  const wasClosed = old === undefined ? type === 'AWS::Lambda::Url' : auth(old) !== 'NONE';
  return auth(now) === 'NONE' && wasClosed
    ? [['high', 'everybody may call it: it asks for no authorization']]
    : [];
}

function listenerSays(old: Properties | undefined, now: Properties): Said[] {
  if (old === undefined) return [];
  if (SECURE.includes(String(old.Protocol)) && !SECURE.includes(String(now.Protocol))) {
    return [['high', `the listener no longer speaks TLS: ${old.Protocol} becomes ${now.Protocol}`]];
  }
  const [from, to] = [
    String(old.SslPolicy ?? DEFAULT_SSL_POLICY),
    String(now.SslPolicy ?? DEFAULT_SSL_POLICY),
  ];
  return sslPolicyRank(to) < sslPolicyRank(from)
    ? [['high', `the TLS policy is lowered from ${from} to ${to}`]]
    : [];
}

const SECURE = ['HTTPS', 'TLS'];

/**
 * What CloudFormation and the API take without a word ("Security policies", Elastic Load Balancing
 * user guide).
 */
const DEFAULT_SSL_POLICY = 'ELBSecurityPolicy-2016-08';

/**
 * By the lowest version of TLS that it takes, then by how few ciphers (`Res` restricted, `Ext`
 * extended). The names tell: `ELBSecurityPolicy-TLS13-1-2-Res-2021-06` takes TLS 1.2 and 1.3; one
 * without a version takes TLS 1.0.
 */
function sslPolicyRank(name: string): number {
  const minor =
    /(?:TLS13|TLS|FS|FIPS-2023-04)-1-(\d)/.exec(name.replace(/-Res-1-(\d)/, '-1-$1-Res'))?.[1] ??
    '0';
  return Number(minor) * 10 + (name.includes('-Res') ? 2 : 0) - (name.includes('-Ext') ? 1 : 0);
}

/**
 * From the weakest ("Supported protocols and ciphers between viewers and CloudFront", Amazon
 * CloudFront developer guide).
 */
const VIEWER_TLS = [
  'SSLv3',
  'TLSv1',
  'TLSv1_2016',
  'TLSv1.1_2016',
  'TLSv1.2_2018',
  'TLSv1.2_2019',
  'TLSv1.2_2021',
  'TLSv1.2_2025',
  'TLSv1.3_2025',
];

function distributionSays(old: Properties, now: Properties): Said[] {
  const tls = (config: Properties) =>
    String(record(config.ViewerCertificate).MinimumProtocolVersion ?? 'TLSv1');
  const plain = (config: Properties) =>
    [{ PathPattern: '*', ...record(config.DefaultCacheBehavior) }, ...items(config.CacheBehaviors)]
      .filter((behavior) => behavior.ViewerProtocolPolicy === 'allow-all')
      .map((behavior) => String(behavior.PathPattern));
  const weakOrigins = (config: Properties) =>
    items(config.Origins).flatMap((origin) => {
      const custom = record(origin.CustomOriginConfig);
      const versions = Array.isArray(custom.OriginSSLProtocols)
        ? custom.OriginSSLProtocols.map(String)
        : [];
      const old = versions
        .filter((version) => version !== 'TLSv1.2')
        .map((version) => `${version} to the origin ${origin.Id}`);
      const unencrypted = /^(http-only|match-viewer)$/.test(String(custom.OriginProtocolPolicy));
      return [...old, ...(unencrypted ? [`plain HTTP to the origin ${origin.Id}`] : [])];
    });
  const signed = (config: Properties) =>
    [{ PathPattern: '*', ...record(config.DefaultCacheBehavior) }, ...items(config.CacheBehaviors)]
      .filter(({ TrustedKeyGroups, TrustedSigners }) =>
        [TrustedKeyGroups, TrustedSigners].some((each) => Array.isArray(each) && each.length > 0),
      )
      .map((behavior) => String(behavior.PathPattern));
  const paths = [...items(now.CacheBehaviors).map(({ PathPattern }) => String(PathPattern)), '*'];
  const unsigned = signed(old).filter(
    (path) => paths.includes(path) && !signed(now).includes(path),
  );
  const geo = (config: Properties) =>
    String(record(record(config.Restrictions).GeoRestriction).RestrictionType ?? 'none');
  const added = (of: (config: Properties) => string[]) =>
    of(now).filter((each) => !of(old).includes(each));
  return [
    ...(old.WebACLId !== undefined && (now.WebACLId === undefined || now.WebACLId === '')
      ? [['high', 'the web ACL is taken off the distribution'] as const]
      : []),
    ...(VIEWER_TLS.indexOf(tls(now)) < VIEWER_TLS.indexOf(tls(old))
      ? [['high', `the TLS of viewers is lowered from ${tls(old)} to ${tls(now)}`] as const]
      : []),
    ...unsigned.map((path) => ['high', `signed URLs are no longer asked for at ${path}`] as const),
    ...(geo(old) !== 'none' && geo(now) === 'none'
      ? [['medium', 'restrictions by country are taken away'] as const]
      : []),
    ...added(plain).map((path) => ['high', `viewers may use plain HTTP for ${path}`] as const),
    ...added(weakOrigins).map((weak) => ['medium', `allows ${weak}`] as const),
  ];
}

function webAclSays(old: Properties, now: Properties): Said[] {
  const allows = (acl: Properties) => 'Allow' in record(acl.DefaultAction);
  const after = new Map(items(now.Rules).map((rule) => [rule.Name, rule]));
  return [
    ...passesSays(items(old.Rules), items(now.Rules)),
    ...(allows(now) && !allows(old)
      ? [['high', 'the web ACL lets through by default'] as const]
      : []),
    ...items(old.Rules).flatMap((rule): Said[] => {
      const next = after.get(rule.Name);
      if (next === undefined) return [['high', `the web ACL loses the rule ${shown(rule.Name)}`]];
      if (!stops(next) && stops(rule))
        return [
          [
            'high',
            `the rule ${shown(rule.Name)} of the web ACL no longer blocks, it only counts or allows`,
          ],
        ];
      const [from, to] = [limitOf(rule), limitOf(next)];
      const overridden = countedInside(next).filter((name) => !countedInside(rule).includes(name));
      return [
        ...(matched(rule) === matched(next)
          ? []
          : [
              [
                'medium',
                `what the rule ${shown(rule.Name)} of the web ACL matches changes`,
              ] as const,
            ]),
        ...(to > from
          ? [
              [
                'medium',
                `the rate limit of the rule ${shown(rule.Name)} is raised from ${from} to ${to}`,
              ] as const,
            ]
          : []),
        ...overridden.map(
          (name) =>
            [
              'high',
              `${name} in the rule ${shown(rule.Name)} of the web ACL only counts or allows`,
            ] as const,
        ),
      ];
    }),
  ];
}

/**
 * The rules are gone through by priority, and what one allows, those behind it never see ("Setting
 * rule priority", AWS WAF developer guide).
 */
function passesSays(old: readonly Properties[], now: readonly Properties[]): Said[] {
  const allows = (rule: Properties) => 'Allow' in record(rule.Action);
  const passed = (rules: readonly Properties[], by: unknown) => {
    const rule = rules.find((each) => each.Name === by && allows(each));
    return rules
      .filter((each) => rule && stops(each) && Number(each.Priority) > Number(rule.Priority))
      .map(({ Name }) => Name);
  };
  return now.filter(allows).flatMap(({ Name }): Said[] => {
    const more = passed(now, Name).filter((name) => !passed(old, Name).includes(name));
    return more.length === 0
      ? []
      : [
          [
            'high',
            `what the rule ${shown(Name)} of the web ACL allows now goes past ${more.map((name) => shown(name)).join(', ')}`,
          ],
        ];
  });
}

/** A statement without what other findings name. */
function matched({ Statement }: Properties): string {
  const { RateBasedStatement, ManagedRuleGroupStatement, ...rest } = record(Statement);
  const { Limit, ...rate } = record(RateBasedStatement);
  const { RuleActionOverrides, ExcludedRules, ...group } = record(ManagedRuleGroupStatement);
  return text({ ...rest, rate, group });
}

/** A rule acts by itself, or lets the rules of its group act. */
function stops(rule: Properties): boolean {
  const own = record(rule.Action);
  return rule.Action === undefined
    ? !('Count' in record(rule.OverrideAction))
    : !('Count' in own || 'Allow' in own);
}

function limitOf(rule: Properties): number {
  return Number(record(record(rule.Statement).RateBasedStatement).Limit ?? 0);
}

/** The rules of a managed group that are told to count or allow, or left out. */
function countedInside(rule: Properties): string[] {
  const group = record(record(rule.Statement).ManagedRuleGroupStatement);
  const overrides = items(group.RuleActionOverrides).filter(
    ({ ActionToUse }) => 'Count' in record(ActionToUse) || 'Allow' in record(ActionToUse),
  );
  return [...overrides, ...items(group.ExcludedRules)].map(({ Name }) => String(Name));
}

function record(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function items(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isOn(value: unknown): boolean {
  return value === true || value === 'true';
}
