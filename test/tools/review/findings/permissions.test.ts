import { messagesOf, type Resources, resource, reviewOf } from '../fixture';

const ROLE = { 'Fn::GetAtt': ['Bucket', 'Arn'] };

interface Statement {
  readonly Effect?: string;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

const document = (...statements: readonly Statement[]) => ({
  Version: '2012-10-17',
  Statement: statements.map((each) => ({ Effect: 'Allow', ...each })),
});

/** A policy of a role. */
const identity = (...statements: readonly Statement[]): Resources => ({
  P: resource('AWS::IAM::Policy', {
    PolicyDocument: document(...statements),
    Roles: [{ Ref: 'Role' }],
  }),
});
const trust = (Principal: unknown, Condition?: unknown): Resources => ({
  Role: resource('AWS::IAM::Role', {
    AssumeRolePolicyDocument: document({ Action: 'sts:AssumeRole', Principal, Condition }),
  }),
});
const bucket = (...statements: readonly Statement[]): Resources => ({
  B: resource('AWS::S3::BucketPolicy', {
    Bucket: { Ref: 'Bucket' },
    PolicyDocument: document(...statements),
  }),
});

const read = { Action: 's3:GetObject', Resource: ROLE };
const org = { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } };

/**
 * "IAM JSON policy elements reference", IAM user guide. Each row widens permissions; its reverse
 * narrows them.
 */
const WIDENINGS: readonly [string, Resources, Resources, readonly string[]][] = [
  ['a statement is added', {}, identity(read), ['medium P: new: may s3:GetObject on <Bucket.Arn>']],
  [
    'an action is added',
    identity(read),
    identity({ ...read, Action: ['s3:GetObject', 's3:PutObject'] }),
    ['medium P: widened: may s3:PutObject on <Bucket.Arn>'],
  ],
  [
    'an action becomes a wildcard',
    identity(read),
    identity({ ...read, Action: 's3:*' }),
    ['high P: widened: may s3:* on <Bucket.Arn> (wildcard action s3:*)'],
  ],
  [
    'a resource becomes a wildcard',
    identity(read),
    identity({ ...read, Resource: '*' }),
    ['medium P: widened: may s3:GetObject on * (wildcard resource *)'],
  ],
  [
    'a condition is removed',
    identity({ ...read, Condition: org }),
    identity(read),
    ['medium P: widened: may s3:GetObject on <Bucket.Arn>'],
  ],
  [
    'all but some actions',
    {},
    identity({ NotAction: 'iam:*', Resource: ROLE }),
    ['high P: new: may all but iam:* on <Bucket.Arn> (wildcard action all but iam:*)'],
  ],
  [
    'a denial is removed',
    identity({ ...read, Effect: 'Deny' }),
    {},
    ['high P: no longer denies s3:GetObject on <Bucket.Arn>'],
  ],
  [
    'another service may assume the role',
    trust({ Service: 'ec2.amazonaws.com' }),
    trust({ Service: ['ec2.amazonaws.com', 'lambda.amazonaws.com'] }),
    ['medium Role: widened: may be assumed by Service lambda.amazonaws.com (sts:AssumeRole)'],
  ],
  [
    'anyone may assume the role',
    trust({ Service: 'ec2.amazonaws.com' }),
    trust('*'),
    ['high Role: widened: may be assumed by * (sts:AssumeRole) (wildcard principal *)'],
  ],
  [
    'a bucket is open to everyone',
    bucket({ ...read, Principal: { Service: 'cloudfront.amazonaws.com' } }),
    bucket({ ...read, Principal: { AWS: '*' } }),
    ['high B: widened: allows * to do s3:GetObject on <Bucket.Arn> (wildcard principal *)'],
  ],
  [
    'an organization is not everyone',
    {},
    bucket({ ...read, Principal: '*', Condition: org }),
    [
      'medium B: new: allows * to do s3:GetObject on <Bucket.Arn>, ' +
        'if {"StringEquals":{"aws:PrincipalOrgID":"o-1"}} (wildcard principal *)',
    ],
  ],
  [
    'the resource of a key policy is the key itself',
    { K: resource('AWS::KMS::Key', { KeyPolicy: document() }) },
    {
      K: resource('AWS::KMS::Key', {
        KeyPolicy: document({ Action: 'kms:Decrypt', Resource: '*', Principal: { AWS: 'arn:x' } }),
      }),
    },
    ['medium K: new: allows AWS arn:x to do kms:Decrypt on *'],
  ],
  [
    'anyone may invoke a function',
    {},
    {
      L: resource('AWS::Lambda::Permission', {
        Action: 'lambda:InvokeFunction',
        FunctionName: { Ref: 'Fn' },
        Principal: '*',
      }),
    },
    ['high L: new: allows * to do lambda:InvokeFunction on <Fn> (wildcard principal *)'],
  ],
  [
    'a policy inside a role',
    { Role: resource('AWS::IAM::Role') },
    {
      Role: resource('AWS::IAM::Role', {
        Policies: [{ PolicyName: 'p', PolicyDocument: document({ Action: '*', Resource: '*' }) }],
      }),
    },
    ['high Role: new: may * on * (wildcard action *, wildcard resource *)'],
  ],
];

test.each(WIDENINGS)(
  'widened: %s; the reverse change only narrows',
  (_what, before, after, expected) => {
    expect(
      messagesOf('permissions', reviewOf(before, after)).filter((each) => !each.startsWith('low')),
    ).toEqual(expected);
    const back = messagesOf('permissions', reviewOf(after, before));
    expect(back.filter((each) => !each.startsWith('low'))).toEqual([]);
    expect(back).not.toEqual([]);
  },
);

test.each<[string, Resources, Resources]>([
  [
    'statements in another order',
    identity(read, { Action: 'a:b', Resource: '*' }),
    identity({ Action: 'a:b', Resource: '*' }, read),
  ],
  [
    'two statements become one',
    identity(read, { ...read, Action: 's3:PutObject' }),
    identity({ ...read, Action: ['s3:GetObject', 's3:PutObject'] }),
  ],
  [
    'a statement moves to another policy of the role',
    identity(read),
    { Q: identity(read).P as Resources[string] },
  ],
  [
    'an action that a wildcard allowed already',
    identity({ ...read, Action: 's3:Get*' }),
    identity({ ...read, Action: ['s3:Get*', 's3:getobject'] }),
  ],
  [
    'a permission to read an asset with a new hash',
    identity({ ...read, Resource: `arn:aws:s3:::assets/${'a'.repeat(64)}.zip` }),
    identity({ ...read, Resource: `arn:aws:s3:::assets/${'b'.repeat(64)}.zip` }),
  ],
  [
    '`*` in its two notations',
    bucket({ ...read, Principal: '*' }),
    bucket({ ...read, Principal: { AWS: '*' } }),
  ],
])('%s is not a change', (_what, before, after) => {
  expect(messagesOf('permissions', reviewOf(before, after))).toEqual([]);
});

test('attaching a policy to another role widens the permissions of that role', () => {
  const attached = (...roles: string[]) => ({
    P: resource('AWS::IAM::Policy', {
      PolicyDocument: document(read),
      Roles: roles.map((Ref) => ({ Ref })),
    }),
  });
  expect(messagesOf('permissions', reviewOf(attached('A'), attached('A', 'B')))).toEqual([
    'medium P: new: may s3:GetObject on <Bucket.Arn>',
  ]);
});

test('managed policies and permissions boundaries', () => {
  const role = (properties: Record<string, unknown>) => ({
    Role: resource('AWS::IAM::Role', properties),
  });
  const admin = role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] });
  expect(messagesOf('permissions', reviewOf(role({}), admin))).toEqual([
    'high Role: new: has the managed policy arn:aws:iam::aws:policy/AdministratorAccess',
  ]);
  expect(messagesOf('permissions', reviewOf(admin, role({})))).toEqual([]);
  expect(messagesOf('permissions', reviewOf(role({ PermissionsBoundary: 'a' }), role({})))).toEqual(
    ['high Role: its permissions boundary is removed'],
  );
  expect(messagesOf('permissions', reviewOf(role({}), role({ PermissionsBoundary: 'a' })))).toEqual(
    [],
  );
});
