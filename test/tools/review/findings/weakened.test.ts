/**
 * Changes that replace nothing but weaken a safeguard. Each is a finding, and the opposite or
 * harmless change is not.
 */
import type { Finding } from '../../../../lib/tools/review/findings/finding';
import { messagesOf, type Resources, resource, reviewOf } from '../fixture';

type Properties = Record<string, unknown>;

const one = (type: string, properties: Properties): Resources => ({
  It: resource(type, properties),
});
const changed = (topic: Finding['topic'], type: string, before: Properties, after: Properties) =>
  messagesOf(topic, reviewOf(one(type, before), one(type, after)));

const GROUP = 'AWS::ElastiCache::ReplicationGroup';
const statements = (...all: unknown[]) => ({ PolicyDocument: { Statement: all } });
const EVERYTHING = { Effect: 'Allow', Action: '*', Resource: '*', Principal: '*' };

describe.each<[Finding['topic'], string, Properties, Properties, string]>([
  [
    'protection',
    'AWS::KMS::Key',
    {},
    { Enabled: false },
    'high It: the enabled state of the key is removed',
  ],
  [
    'protection',
    'AWS::S3::Bucket',
    { ObjectLockConfiguration: {} },
    {},
    'high It: object lock is removed',
  ],
  [
    'protection',
    'AWS::S3::Bucket',
    { ReplicationConfiguration: {} },
    {},
    'high It: replication is removed',
  ],
  ['protection', GROUP, { UserGroupIds: ['users'] }, {}, 'high It: user authentication is removed'],
  [
    'protection',
    GROUP,
    { TransitEncryptionEnabled: true },
    { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' },
    'high It: the requirement of TLS is removed',
  ],
  [
    'protection',
    'AWS::RDS::DBProxy',
    { RequireTLS: true },
    {},
    'high It: the requirement of TLS is removed',
  ],
  [
    'protection',
    'AWS::RDS::DBParameterGroup',
    { Parameters: { 'rds.force_ssl': '1' } },
    { Parameters: { 'rds.force_ssl': '0' } },
    'high It: the requirement of TLS is removed',
  ],
  [
    'protection',
    'AWS::SecretsManager::Secret',
    { GenerateSecretString: { PasswordLength: 20 } },
    { GenerateSecretString: { PasswordLength: 30 } },
    'high It: the generation of the secret, which replaces its value, changes ' +
      'from {"PasswordLength":20} to {"PasswordLength":30}',
  ],
  [
    'exposure',
    'AWS::Lambda::Url',
    { AuthType: 'AWS_IAM' },
    { AuthType: 'NONE' },
    'high It: anyone can call it: it requires no authorization',
  ],
  [
    'exposure',
    'AWS::ApiGatewayV2::Route',
    { AuthorizationType: 'JWT' },
    {},
    'high It: anyone can call it: it requires no authorization',
  ],
  [
    'exposure',
    'AWS::ElastiCache::User',
    {},
    { NoPasswordRequired: true },
    'high It: the user needs no password',
  ],
  [
    'exposure',
    'AWS::EC2::VPCEndpoint',
    statements({ ...EVERYTHING, Action: 's3:GetObject' }),
    {},
    'high It: the policy of the endpoint is removed, which allows full access',
  ],
  [
    'exposure',
    'AWS::CloudFront::Distribution',
    { DistributionConfig: { DefaultCacheBehavior: { TrustedKeyGroups: ['key'] } } },
    { DistributionConfig: { DefaultCacheBehavior: {} } },
    'high It: signed URLs are no longer required at *',
  ],
  [
    'exposure',
    'AWS::CloudFront::Distribution',
    { DistributionConfig: { Restrictions: { GeoRestriction: { RestrictionType: 'whitelist' } } } },
    { DistributionConfig: { Restrictions: { GeoRestriction: { RestrictionType: 'none' } } } },
    'medium It: the restrictions by country are removed',
  ],
])('%s of %s', (topic, type, before, after, finding) => {
  test('is a finding if it is weakened', () =>
    expect(changed(topic, type, before, after)).toContain(finding));
  test('is no finding if it is strengthened', () => {
    const back = changed(topic, type, after, before);
    expect(back.filter((each) => !/changes from/.test(each))).toEqual([]);
  });
});

test('a new function URL without authorization is a finding', () => {
  const url = (AuthType: string) =>
    messagesOf('exposure', reviewOf({}, one('AWS::Lambda::Url', { AuthType })));
  expect(url('NONE')).toEqual(['high It: anyone can call it: it requires no authorization']);
  expect(url('AWS_IAM')).toEqual([]);
});

test('an instance without a deletion policy would have left a snapshot', () => {
  const instance = (DeletionPolicy?: string, more: Properties = {}): Resources => ({
    It: resource('AWS::RDS::DBInstance', more, { DeletionPolicy }),
  });
  expect(messagesOf('protection', reviewOf(instance(), instance('Delete')))).toEqual([
    'high It: DeletionPolicy is weakened from Snapshot to Delete',
  ]);
  const member = { DBClusterIdentifier: 'cluster' };
  expect(
    messagesOf('protection', reviewOf(instance(undefined, member), instance('Delete', member))),
  ).toEqual([]);
});

describe('a web ACL', () => {
  const rule = (Name: string, Priority: number, Action: string, Statement: unknown = {}) => ({
    Name,
    Priority,
    Action: { [Action]: {} },
    Statement,
  });
  const acl = (...Rules: unknown[]) => ({ DefaultAction: { Allow: {} }, Rules });
  const findings = (before: Properties, after: Properties) =>
    changed('exposure', 'AWS::WAFv2::WebACL', before, after);
  const block = rule('block', 1, 'Block');

  test.each<[string, Properties, Properties]>([
    ['a new rule', acl(block), acl(rule('pass', 0, 'Allow'), block)],
    ['another order', acl(block, rule('pass', 2, 'Allow')), acl(block, rule('pass', 0, 'Allow'))],
  ])('that allows requests before a blocking rule by %s is a finding', (_, before, after) => {
    expect(findings(before, after)).toEqual([
      'high It: the rule pass of the web ACL now allows requests before these rules: block',
    ]);
    expect(findings(after, before).filter((each) => /before these rules/.test(each))).toEqual([]);
  });

  test('whose rule matches other requests is a finding', () => {
    const narrowed = acl(rule('block', 1, 'Block', { ByteMatchStatement: { SearchString: '/x' } }));
    expect(findings(acl(block), narrowed)).toEqual([
      'medium It: the rule block of the web ACL matches other requests',
    ]);
  });

  test('with other priorities in the same order is no finding', () => {
    expect(
      findings(
        acl(block, rule('pass', 2, 'Allow')),
        acl(rule('pass', 20, 'Allow'), rule('block', 10, 'Block')),
      ),
    ).toEqual([]);
  });
});

describe('security groups', () => {
  const ingress = (rule: Properties) =>
    one('AWS::EC2::SecurityGroupIngress', { GroupId: 'sg', IpProtocol: 'tcp', ...rule });
  const port = (attribute: string) => ({ 'Fn::GetAtt': ['Database', attribute] });
  const database = (attribute: string) =>
    ingress({ SourceSecurityGroupId: 'app', FromPort: port(attribute), ToPort: port(attribute) });

  test('a port known only after the deployment equals only itself', () => {
    expect(
      messagesOf('network', reviewOf(database('Endpoint.Port'), database('Endpoint.Port'))),
    ).toEqual([]);
    expect(messagesOf('network', reviewOf(database('Endpoint.Port'), database('Other')))).toEqual([
      'medium It: opened from app on tcp <Database.Other>',
      'low It: closed from app on tcp <Database.Endpoint.Port>',
    ]);
  });

  test.each<[string, Properties]>([
    ['half of the internet', { CidrIp: '128.0.0.0/1' }],
    ['all of it in another notation', { CidrIpv6: '0:0:0:0:0:0:0:0/0' }],
  ])('%s is a finding of high severity', (_, peer) => {
    expect(
      messagesOf('network', reviewOf({}, ingress({ ...peer, FromPort: 22, ToPort: 22 }))),
    ).toEqual([expect.stringMatching(/^high It: opened/)]);
  });

  test('a private network is a finding of medium severity, however large', () => {
    const network = ingress({ CidrIp: '10.0.0.0/8', FromPort: 22, ToPort: 22 });
    expect(messagesOf('network', reviewOf({}, network))).toEqual([
      'medium It: opened from 10.0.0.0/8 on tcp 22',
    ]);
  });

  test('a protocol number equals the protocol name', () => {
    const rule = { CidrIp: '10.0.0.0/8', FromPort: 22, ToPort: 22 };
    expect(
      messagesOf('network', reviewOf(ingress(rule), ingress({ ...rule, IpProtocol: 6 }))),
    ).toEqual([]);
  });

  test('rules inside Fn::If are compared', () => {
    const group = (...SecurityGroupIngress: unknown[]) =>
      one('AWS::EC2::SecurityGroup', { SecurityGroupIngress });
    const open = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, CidrIp: '0.0.0.0/0' };
    expect(
      messagesOf(
        'network',
        reviewOf(group(), group({ 'Fn::If': ['Debug', open, { Ref: 'AWS::NoValue' }] })),
      ),
    ).toEqual(['high It: opened from everywhere (0.0.0.0/0) on tcp 22']);
  });
});

describe('permissions', () => {
  test('a policy given as JSON text is compared', () => {
    const policy = one('AWS::Logs::ResourcePolicy', {
      PolicyDocument: JSON.stringify({ Statement: [EVERYTHING] }),
    });
    expect(messagesOf('permissions', reviewOf({}, policy))).toEqual([
      expect.stringMatching(/^high It: new: allows \* to do \* on \*/),
    ]);
  });

  test('a permission for an organization is not open to everyone', () => {
    const permission = (more: Properties) =>
      messagesOf(
        'permissions',
        reviewOf(
          {},
          one('AWS::Lambda::Permission', {
            Action: 'lambda:InvokeFunction',
            FunctionName: 'f',
            Principal: '*',
            ...more,
          }),
        ),
      );
    expect(permission({ PrincipalOrgID: 'o-1' })).toEqual([
      expect.stringMatching(/^medium It: .*"PrincipalOrgID":"o-1"/),
    ]);
    expect(permission({})).toEqual([expect.stringMatching(/^high /)]);
  });
});
