/**
 * Changes that leave everything in its place, and guard it less: each says so, and the neighbouring
 * change without harm does not.
 */
import type { Finding } from '../../../../lib/tools/review/findings/finding';
import { type Resources, resource, reviewOf, saidOf } from '../two-assemblies';

type Properties = Record<string, unknown>;

const one = (type: string, properties: Properties): Resources => ({
  It: resource(type, properties),
});
const changed = (topic: Finding['topic'], type: string, before: Properties, after: Properties) =>
  saidOf(topic, reviewOf(one(type, before), one(type, after)));

const GROUP = 'AWS::ElastiCache::ReplicationGroup';
const statements = (...all: unknown[]) => ({ PolicyDocument: { Statement: all } });
const EVERYTHING = { Effect: 'Allow', Action: '*', Resource: '*', Principal: '*' };

describe.each<[Finding['topic'], string, Properties, Properties, string]>([
  [
    'protection',
    'AWS::KMS::Key',
    {},
    { Enabled: false },
    'high It: the use of the key is taken away',
  ],
  [
    'protection',
    'AWS::S3::Bucket',
    { ObjectLockConfiguration: {} },
    {},
    'high It: object lock is taken away',
  ],
  [
    'protection',
    'AWS::S3::Bucket',
    { ReplicationConfiguration: {} },
    {},
    'high It: replication is taken away',
  ],
  [
    'protection',
    GROUP,
    { UserGroupIds: ['users'] },
    {},
    'high It: authentication by users is taken away',
  ],
  [
    'protection',
    GROUP,
    { TransitEncryptionEnabled: true },
    { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' },
    'high It: the refusal of connections without TLS is taken away',
  ],
  [
    'protection',
    'AWS::RDS::DBProxy',
    { RequireTLS: true },
    {},
    'high It: the refusal of connections without TLS is taken away',
  ],
  [
    'protection',
    'AWS::RDS::DBParameterGroup',
    { Parameters: { 'rds.force_ssl': '1' } },
    { Parameters: { 'rds.force_ssl': '0' } },
    'high It: the refusal of connections without TLS is taken away',
  ],
  [
    'protection',
    'AWS::SecretsManager::Secret',
    { GenerateSecretString: { PasswordLength: 20 } },
    { GenerateSecretString: { PasswordLength: 30 } },
    'high It: how the secret is made, so that a new value takes the place of the old one: changes from {"PasswordLength":20} to {"PasswordLength":30}',
  ],
  [
    'exposure',
    'AWS::Lambda::Url',
    { AuthType: 'AWS_IAM' },
    { AuthType: 'NONE' },
    'high It: everybody may call it: it asks for no authorization',
  ],
  [
    'exposure',
    'AWS::ApiGatewayV2::Route',
    { AuthorizationType: 'JWT' },
    {},
    'high It: everybody may call it: it asks for no authorization',
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
    'high It: the policy of the endpoint is taken away, and everything goes through it',
  ],
  [
    'exposure',
    'AWS::CloudFront::Distribution',
    { DistributionConfig: { DefaultCacheBehavior: { TrustedKeyGroups: ['key'] } } },
    { DistributionConfig: { DefaultCacheBehavior: {} } },
    'high It: signed URLs are no longer asked for at *',
  ],
  [
    'exposure',
    'AWS::CloudFront::Distribution',
    { DistributionConfig: { Restrictions: { GeoRestriction: { RestrictionType: 'whitelist' } } } },
    { DistributionConfig: { Restrictions: { GeoRestriction: { RestrictionType: 'none' } } } },
    'medium It: restrictions by country are taken away',
  ],
])('%s of %s', (topic, type, before, after, says) => {
  test('is said to be less', () => expect(changed(topic, type, before, after)).toContain(says));
  test('is not said to be less where it is more', () => {
    const back = changed(topic, type, after, before);
    expect(back.filter((each) => !/changes from/.test(each))).toEqual([]);
  });
});

test('a new URL of a function that asks for no authorization is open to everybody', () => {
  const url = (AuthType: string) =>
    saidOf('exposure', reviewOf({}, one('AWS::Lambda::Url', { AuthType })));
  expect(url('NONE')).toEqual(['high It: everybody may call it: it asks for no authorization']);
  expect(url('AWS_IAM')).toEqual([]);
});

test('an instance that said nothing of its deletion would have left a snapshot', () => {
  const instance = (DeletionPolicy?: string, more: Properties = {}): Resources => ({
    It: resource('AWS::RDS::DBInstance', more, { DeletionPolicy }),
  });
  expect(saidOf('protection', reviewOf(instance(), instance('Delete')))).toEqual([
    'high It: DeletionPolicy is weakened from Snapshot to Delete',
  ]);
  const member = { DBClusterIdentifier: 'cluster' };
  expect(
    saidOf('protection', reviewOf(instance(undefined, member), instance('Delete', member))),
  ).toEqual([]);
});

describe('the web ACL', () => {
  const rule = (Name: string, Priority: number, Action: string, Statement: unknown = {}) => ({
    Name,
    Priority,
    Action: { [Action]: {} },
    Statement,
  });
  const acl = (...Rules: unknown[]) => ({ DefaultAction: { Allow: {} }, Rules });
  const says = (before: Properties, after: Properties) =>
    changed('exposure', 'AWS::WAFv2::WebACL', before, after);
  const block = rule('block', 1, 'Block');

  test.each<[string, Properties, Properties]>([
    ['a new rule', acl(block), acl(rule('pass', 0, 'Allow'), block)],
    ['another order', acl(block, rule('pass', 2, 'Allow')), acl(block, rule('pass', 0, 'Allow'))],
  ])('lets requests past what blocks by %s', (_, before, after) => {
    expect(says(before, after)).toEqual([
      'high It: what the rule pass of the web ACL allows now goes past block',
    ]);
    expect(says(after, before).filter((each) => /past/.test(each))).toEqual([]);
  });

  test('matches something else', () => {
    const narrowed = acl(rule('block', 1, 'Block', { ByteMatchStatement: { SearchString: '/x' } }));
    expect(says(acl(block), narrowed)).toEqual([
      'medium It: what the rule block of the web ACL matches changes',
    ]);
  });

  test('with other numbers in the same order says nothing', () => {
    expect(
      says(
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

  test('a port that is known after the deployment only is the same in both', () => {
    expect(
      saidOf('network', reviewOf(database('Endpoint.Port'), database('Endpoint.Port'))),
    ).toEqual([]);
    expect(saidOf('network', reviewOf(database('Endpoint.Port'), database('Other')))).toEqual([
      'medium It: opened from app on tcp <Database.Other>',
      'low It: closed from app on tcp <Database.Endpoint.Port>',
    ]);
  });

  test.each<[string, Properties]>([
    ['half of the internet', { CidrIp: '128.0.0.0/1' }],
    ['all of it in other words', { CidrIpv6: '0:0:0:0:0:0:0:0/0' }],
  ])('%s is red', (_, peer) => {
    expect(saidOf('network', reviewOf({}, ingress({ ...peer, FromPort: 22, ToPort: 22 })))).toEqual(
      [expect.stringMatching(/^high It: opened/)],
    );
  });

  test('a private network is not, however large', () => {
    const network = ingress({ CidrIp: '10.0.0.0/8', FromPort: 22, ToPort: 22 });
    expect(saidOf('network', reviewOf({}, network))).toEqual([
      'medium It: opened from 10.0.0.0/8 on tcp 22',
    ]);
  });

  test('a protocol by its number is the one by its name', () => {
    const rule = { CidrIp: '10.0.0.0/8', FromPort: 22, ToPort: 22 };
    expect(saidOf('network', reviewOf(ingress(rule), ingress({ ...rule, IpProtocol: 6 })))).toEqual(
      [],
    );
  });

  test('rules under a condition are read', () => {
    const group = (...SecurityGroupIngress: unknown[]) =>
      one('AWS::EC2::SecurityGroup', { SecurityGroupIngress });
    const open = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, CidrIp: '0.0.0.0/0' };
    expect(
      saidOf(
        'network',
        reviewOf(group(), group({ 'Fn::If': ['Debug', open, { Ref: 'AWS::NoValue' }] })),
      ),
    ).toEqual(['high It: opened from everywhere (0.0.0.0/0) on tcp 22']);
  });
});

describe('permissions', () => {
  test('a policy that is given as text is read', () => {
    const policy = one('AWS::Logs::ResourcePolicy', {
      PolicyDocument: JSON.stringify({ Statement: [EVERYTHING] }),
    });
    expect(saidOf('permissions', reviewOf({}, policy))).toEqual([
      expect.stringMatching(/^high It: new: allows \* to do \* on \*/),
    ]);
  });

  test('a permission for an organization is not one for everybody', () => {
    const permission = (more: Properties) =>
      saidOf(
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
