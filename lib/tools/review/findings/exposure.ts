/**
 * What a change exposes to more clients, or over weaker connections: public access, TLS versions,
 * authorization and the web ACL.
 */
import { objectOf, type TemplateResource } from '../../assembly';
import type { StackChange } from '../changes';
import { isTrue, objects, shown, text } from '../template-values';
import type { Finding, Severity } from './finding';

type Properties = Readonly<Record<string, unknown>>;
/** A finding of this topic: its severity and message. */
type Exposure = readonly [Severity, string];

export function exposureFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap((stack) =>
    stack.resources.flatMap(({ path, oldResource, newResource }) =>
      exposuresOf(oldResource, newResource).map(
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

function exposuresOf(
  before: TemplateResource | undefined,
  after: TemplateResource | undefined,
): Exposure[] {
  const type = (after ?? before)?.Type ?? '';
  const [old, now] = [before?.Properties, after?.Properties];
  if (type === 'AWS::WAFv2::WebACLAssociation' && now === undefined)
    return [['high', 'the web ACL no longer protects its target']];
  if (type === 'AWS::WAFv2::WebACL' && old)
    return now === undefined ? [['high', 'the web ACL is removed']] : webAclExposures(old, now);
  if (now === undefined) return [];
  switch (type) {
    case 'AWS::S3::Bucket':
      return bucketExposures(old, now);
    case 'AWS::RDS::DBInstance':
    case 'AWS::RDS::DBCluster':
      return isTrue(now.PubliclyAccessible) && !isTrue(old?.PubliclyAccessible)
        ? [['high', 'the database gets a public address']]
        : [];
    case 'AWS::ElasticLoadBalancingV2::LoadBalancer':
      return old?.Scheme === 'internal' && now.Scheme !== 'internal'
        ? [['high', 'the load balancer becomes internet-facing']]
        : [];
    case 'AWS::ElasticLoadBalancingV2::Listener':
      return listenerExposures(old, now);
    case 'AWS::Lambda::Url':
    case 'AWS::ApiGateway::Method':
    case 'AWS::ApiGatewayV2::Route':
      return authorizationExposures(type, old, now);
    case 'AWS::ElastiCache::User':
      return isTrue(now.NoPasswordRequired) && !isTrue(old?.NoPasswordRequired)
        ? [['high', 'the user needs no password']]
        : [];
    // "The default policy allows full access to the service": "Control access to VPC endpoints
    // using endpoint policies", AWS PrivateLink guide.
    case 'AWS::EC2::VPCEndpoint':
      return old?.PolicyDocument !== undefined && now.PolicyDocument === undefined
        ? [['high', 'the policy of the endpoint is removed, which allows full access']]
        : [];
    case 'AWS::CloudFront::Distribution':
      return old
        ? distributionExposures(objectOf(old.DistributionConfig), objectOf(now.DistributionConfig))
        : [];
    default:
      return [];
  }
}

const PUBLIC_ACCESS_BLOCKS = [
  'BlockPublicAcls',
  'BlockPublicPolicy',
  'IgnorePublicAcls',
  'RestrictPublicBuckets',
];

/**
 * A bucket without a configuration blocks public access too ("Blocking public access to your Amazon
 * S3 storage", Amazon S3 user guide).
 */
function bucketExposures(old: Properties | undefined, now: Properties): Exposure[] {
  const blocked = (properties: Properties | undefined) => {
    const configuration = properties?.PublicAccessBlockConfiguration;
    return PUBLIC_ACCESS_BLOCKS.filter(
      (name) => configuration === undefined || isTrue(objectOf(configuration)[name]),
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
 * A new function URL without authorization is a finding. A new API method without it is not,
 * because it is so often intended; only the removal of authorization is.
 */
function authorizationExposures(
  type: string,
  old: Properties | undefined,
  now: Properties,
): Exposure[] {
  const auth = (properties: Properties) =>
    String(properties[type === 'AWS::Lambda::Url' ? 'AuthType' : 'AuthorizationType'] ?? 'NONE');
  const wasClosed = old === undefined ? type === 'AWS::Lambda::Url' : auth(old) !== 'NONE';
  return auth(now) === 'NONE' && wasClosed
    ? [['high', 'anyone can call it: it requires no authorization']]
    : [];
}

function listenerExposures(old: Properties | undefined, now: Properties): Exposure[] {
  if (old === undefined) return [];
  if (
    TLS_PROTOCOLS.includes(String(old.Protocol)) &&
    !TLS_PROTOCOLS.includes(String(now.Protocol))
  ) {
    return [['high', `the listener no longer uses TLS: ${old.Protocol} becomes ${now.Protocol}`]];
  }
  const [from, to] = [
    String(old.SslPolicy ?? DEFAULT_SSL_POLICY),
    String(now.SslPolicy ?? DEFAULT_SSL_POLICY),
  ];
  return sslPolicyRank(to) < sslPolicyRank(from)
    ? [['high', `the TLS policy is lowered from ${from} to ${to}`]]
    : [];
}

const TLS_PROTOCOLS = ['HTTPS', 'TLS'];

/**
 * The policy of a listener that names none ("Security policies", Elastic Load Balancing user
 * guide).
 */
const DEFAULT_SSL_POLICY = 'ELBSecurityPolicy-2016-08';

/**
 * Ranks a policy by its lowest TLS version, then by how few ciphers it allows (`Res` restricted,
 * `Ext` extended). The rank follows from the name: `ELBSecurityPolicy-TLS13-1-2-Res-2021-06` allows
 * TLS 1.2 and 1.3, and a name without a version allows TLS 1.0.
 */
function sslPolicyRank(name: string): number {
  const minor =
    /(?:TLS13|TLS|FS|FIPS-2023-04)-1-(\d)/.exec(name.replace(/-Res-1-(\d)/, '-1-$1-Res'))?.[1] ??
    '0';
  return Number(minor) * 10 + (name.includes('-Res') ? 2 : 0) - (name.includes('-Ext') ? 1 : 0);
}

/**
 * The minimum TLS versions, from the weakest ("Supported protocols and ciphers between viewers and
 * CloudFront", Amazon CloudFront developer guide).
 */
const VIEWER_TLS_VERSIONS = [
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

function distributionExposures(old: Properties, now: Properties): Exposure[] {
  const tls = (config: Properties) =>
    String(objectOf(config.ViewerCertificate).MinimumProtocolVersion ?? 'TLSv1');
  const plainHttp = (config: Properties) =>
    behaviorsOf(config)
      .filter((behavior) => behavior.ViewerProtocolPolicy === 'allow-all')
      .map((behavior) => String(behavior.PathPattern));
  const weakOrigins = (config: Properties) =>
    objects(config.Origins).flatMap((origin) => {
      const custom = objectOf(origin.CustomOriginConfig);
      const versions = Array.isArray(custom.OriginSSLProtocols)
        ? custom.OriginSSLProtocols.map(String)
        : [];
      const outdated = versions
        .filter((version) => version !== 'TLSv1.2')
        .map((version) => `${version} to the origin ${origin.Id}`);
      const unencrypted = /^(http-only|match-viewer)$/.test(String(custom.OriginProtocolPolicy));
      return [...outdated, ...(unencrypted ? [`plain HTTP to the origin ${origin.Id}`] : [])];
    });
  const signed = (config: Properties) =>
    behaviorsOf(config)
      .filter(({ TrustedKeyGroups, TrustedSigners }) =>
        [TrustedKeyGroups, TrustedSigners].some((each) => Array.isArray(each) && each.length > 0),
      )
      .map((behavior) => String(behavior.PathPattern));
  const paths = [...objects(now.CacheBehaviors).map(({ PathPattern }) => String(PathPattern)), '*'];
  const unsigned = signed(old).filter(
    (path) => paths.includes(path) && !signed(now).includes(path),
  );
  const geo = (config: Properties) =>
    String(objectOf(objectOf(config.Restrictions).GeoRestriction).RestrictionType ?? 'none');
  const added = (of: (config: Properties) => string[]) =>
    of(now).filter((each) => !of(old).includes(each));
  return [
    ...(old.WebACLId !== undefined && (now.WebACLId === undefined || now.WebACLId === '')
      ? [['high', 'the web ACL is removed from the distribution'] as const]
      : []),
    ...(VIEWER_TLS_VERSIONS.indexOf(tls(now)) < VIEWER_TLS_VERSIONS.indexOf(tls(old))
      ? [
          [
            'high',
            `the minimum TLS version for viewers is lowered from ${tls(old)} to ${tls(now)}`,
          ] as const,
        ]
      : []),
    ...unsigned.map((path) => ['high', `signed URLs are no longer required at ${path}`] as const),
    ...(geo(old) !== 'none' && geo(now) === 'none'
      ? [['medium', 'the restrictions by country are removed'] as const]
      : []),
    ...added(plainHttp).map((path) => ['high', `viewers may use plain HTTP for ${path}`] as const),
    ...added(weakOrigins).map((weak) => ['medium', `allows ${weak}`] as const),
  ];
}

/** The behaviors of a distribution, the default one first. */
function behaviorsOf(config: Properties): Record<string, unknown>[] {
  const byDefault = { PathPattern: '*', ...objectOf(config.DefaultCacheBehavior) };
  return [byDefault, ...objects(config.CacheBehaviors)];
}

function webAclExposures(old: Properties, now: Properties): Exposure[] {
  const allows = (acl: Properties) => 'Allow' in objectOf(acl.DefaultAction);
  const after = new Map(objects(now.Rules).map((rule) => [rule.Name, rule]));
  return [
    ...bypassExposures(objects(old.Rules), objects(now.Rules)),
    ...(allows(now) && !allows(old)
      ? [['high', 'the web ACL allows requests by default'] as const]
      : []),
    ...objects(old.Rules).flatMap((rule): Exposure[] => {
      const next = after.get(rule.Name);
      if (next === undefined) return [['high', `the web ACL loses the rule ${shown(rule.Name)}`]];
      if (!isBlocking(next) && isBlocking(rule))
        return [
          [
            'high',
            `the rule ${shown(rule.Name)} of the web ACL no longer blocks: it counts or allows`,
          ],
        ];
      const [from, to] = [rateLimitOf(rule), rateLimitOf(next)];
      const overridden = nonBlockingGroupRules(next).filter(
        (name) => !nonBlockingGroupRules(rule).includes(name),
      );
      return [
        ...(matchedText(rule) === matchedText(next)
          ? []
          : [
              [
                'medium',
                `the rule ${shown(rule.Name)} of the web ACL matches other requests`,
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
              `${name} in the rule ${shown(rule.Name)} of the web ACL now counts or allows`,
            ] as const,
        ),
      ];
    }),
  ];
}

/**
 * Rules that newly allow requests past blocking rules. AWS WAF evaluates rules by priority and
 * stops at the first that allows ("Setting rule priority", AWS WAF developer guide).
 */
function bypassExposures(old: readonly Properties[], now: readonly Properties[]): Exposure[] {
  const allows = (rule: Properties) => 'Allow' in objectOf(rule.Action);
  const passed = (rules: readonly Properties[], by: unknown) => {
    const rule = rules.find((each) => each.Name === by && allows(each));
    return rules
      .filter((each) => rule && isBlocking(each) && Number(each.Priority) > Number(rule.Priority))
      .map(({ Name }) => Name);
  };
  return now.filter(allows).flatMap(({ Name }): Exposure[] => {
    const more = passed(now, Name).filter((name) => !passed(old, Name).includes(name));
    return more.length === 0
      ? []
      : [
          [
            'high',
            `the rule ${shown(Name)} of the web ACL now allows requests before these rules: ` +
              more.map((name) => shown(name)).join(', '),
          ],
        ];
  });
}

/** A statement as text, without the parts that other findings cover. */
function matchedText({ Statement }: Properties): string {
  const { RateBasedStatement, ManagedRuleGroupStatement, ...rest } = objectOf(Statement);
  const { Limit, ...rate } = objectOf(RateBasedStatement);
  const { RuleActionOverrides, ExcludedRules, ...group } = objectOf(ManagedRuleGroupStatement);
  return text({ ...rest, rate, group });
}

/** Whether a rule blocks, by its own action or by those of its rule group. */
function isBlocking(rule: Properties): boolean {
  const own = objectOf(rule.Action);
  return rule.Action === undefined
    ? !('Count' in objectOf(rule.OverrideAction))
    : !('Count' in own || 'Allow' in own);
}

function rateLimitOf(rule: Properties): number {
  return Number(objectOf(objectOf(rule.Statement).RateBasedStatement).Limit ?? 0);
}

/** The rules of a managed group that are overridden to count or allow, or excluded. */
function nonBlockingGroupRules(rule: Properties): string[] {
  const group = objectOf(objectOf(rule.Statement).ManagedRuleGroupStatement);
  const overrides = objects(group.RuleActionOverrides).filter(
    ({ ActionToUse }) => 'Count' in objectOf(ActionToUse) || 'Allow' in objectOf(ActionToUse),
  );
  return [...overrides, ...objects(group.ExcludedRules)].map(({ Name }) => String(Name));
}
