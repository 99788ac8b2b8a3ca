import type { TemplateResource } from '../../../../lib/tools/assembly/assembly';
import { parseAcknowledgement } from '../../../../lib/tools/review/findings/stateful-losses';
import { reviewChange } from '../../../../lib/tools/review/report/review';
import { assemblyOf, messagesOf, type Resources, resource, reviewOf, stackOf } from '../fixture';

const PATH = { Metadata: { 'aws:cdk:path': 'app/Data/Primary/Resource' } };
const KEPT = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' };

function database(
  identifier: string,
  rest: Partial<TemplateResource> = {},
  properties: Record<string, unknown> = {},
): Resources {
  return {
    Db: resource(
      'AWS::RDS::DBInstance',
      { DBInstanceIdentifier: identifier, ...properties },
      { ...PATH, ...rest },
    ),
  };
}

/**
 * "DeletionPolicy attribute" and "UpdateReplacePolicy attribute", AWS CloudFormation user guide.
 */
test.each<[string, Resources, Resources, string]>([
  ['replaced and retained', database('a', KEPT), database('b', KEPT), 'replaced kept'],
  [
    'replaced and retained by only one of the two templates',
    database('a', KEPT),
    database('b'),
    'replaced deleted',
  ],
  [
    'replaced with a snapshot',
    database('a', KEPT),
    database('b', { UpdateReplacePolicy: 'Snapshot' }),
    'replaced snapshot',
  ],
  ['replaced without a policy', database('a'), database('b'), 'replaced deleted'],
  [
    'possibly replaced',
    database('a', KEPT, { Engine: 'x' }),
    database('a', KEPT, { Engine: 'y' }),
    'may-be-replaced kept',
  ],
  ['removed and retained', database('a', KEPT), {}, 'removed kept'],
  ['removed without a policy, which leaves a snapshot', database('a'), {}, 'removed snapshot'],
  [
    'removed from a cluster without a policy',
    database('a', {}, { DBClusterIdentifier: 'c' }),
    {},
    'removed deleted',
  ],
  ['a bucket removed without a policy', { B: resource('AWS::S3::Bucket') }, {}, 'removed deleted'],
  [
    'renamed and retained',
    database('a', KEPT),
    { Other: database('a', KEPT).Db as TemplateResource },
    'renamed kept',
  ],
  [
    'a stateful type replaced by a stateless one',
    { X: resource('AWS::S3::Bucket') },
    { X: resource('AWS::SNS::Topic') },
    'replaced deleted',
  ],
])('is a loss: %s', (_what, before, after, expected) => {
  const review = reviewOf(before, after);
  expect(review.losses.map(({ kind, data }) => `${kind} ${data}`)).toEqual([expected]);
  expect(review.needsDecision).toBe(true);
});

test.each<[string, Resources, Resources]>([
  ['changed in place', database('a'), database('a', {}, { DBInstanceClass: 'db.r6g.xlarge' })],
  ['added', {}, database('a')],
  [
    'a stateless resource is replaced',
    { T: resource('AWS::SNS::Topic', { TopicName: 'a' }) },
    { T: resource('AWS::SNS::Topic', { TopicName: 'b' }) },
  ],
  ['a stateless resource is removed', { T: resource('AWS::SNS::Topic') }, {}],
])('no loss: %s', (_what, before, after) => {
  expect(reviewOf(before, after)).toMatchObject({ losses: [], needsDecision: false });
});

test('the losses of a removed stack say that nothing is lost before the stack is deleted', () => {
  const rest = stackOf({}, { stackName: 'rest', path: 'app/Rest' });
  const review = reviewChange(
    assemblyOf('base', rest, stackOf(database('a', KEPT))),
    assemblyOf('head', rest),
  );
  expect(review.losses[0]?.message).toMatch(
    /no longer in the app: `cdk deploy` leaves the stack as it is.*is retained with its data/,
  );
});

describe('acknowledgements', () => {
  test.each<[string, boolean]>([
    ['app/Data/Primary', true],
    ['app/Data/Db', true],
    ['app/Data', true],
    ['app', true],
    ['app/Data/Prim', false],
    ['app/Data/Primary/Resource', false],
    ['app/Other', false],
  ])('with the path %s accept the loss: %s', (path, accepted) => {
    const review = reviewOf(database('a'), database('b'), [{ path, reason: 'planned' }]);
    expect(review.needsDecision).toBe(!accepted);
    expect(review.losses[0]?.acknowledged).toBe(accepted ? 'planned' : undefined);
    expect(review.unusedAcknowledgements).toEqual(accepted ? [] : [{ path, reason: 'planned' }]);
  });

  test('of one loss leave another one unaccepted', () => {
    const two = (name: string): Resources => ({
      ...database(name),
      B: resource('AWS::S3::Bucket', { BucketName: name }),
    });
    expect(
      reviewOf(two('a'), two('b'), [{ path: 'app/Data/B', reason: 'empty' }]).needsDecision,
    ).toBe(true);
  });

  test('have a reason, which may contain equals signs', () => {
    expect(parseAcknowledgement('app/Data/=moved: a=b')).toEqual({
      path: 'app/Data',
      reason: 'moved: a=b',
    });
    for (const wrong of ['app/Data', 'app/Data= ', '=because', ''])
      expect(() => parseAcknowledgement(wrong)).toThrow(/must be PATH=REASON, got/);
  });
});

describe('protection', () => {
  const DB = 'AWS::RDS::DBInstance';
  const defaultPolicy = (type: string, name: string) =>
    type === DB && name === 'DeletionPolicy' ? 'Snapshot' : 'Delete';
  const policy = (
    type: string,
    name: string,
    before?: string,
    after?: string,
  ): [string, TemplateResource, TemplateResource, string] => [
    type,
    resource(type, {}, { [name]: before }),
    resource(type, {}, { [name]: after }),
    `${type === 'AWS::Logs::LogGroup' ? 'medium' : 'high'} X: ${name} is weakened ` +
      `from ${before} to ${after ?? defaultPolicy(type, name)}`,
  ];
  const property = (
    type: string,
    before: object,
    after: object,
    finding: string,
  ): [string, TemplateResource, TemplateResource, string] => [
    type,
    resource(type, { ...before }),
    resource(type, { ...after }),
    finding,
  ];
  const on = (type: string, name: string, what: string, severity = 'high') =>
    property(type, { [name]: true }, { [name]: false }, `${severity} X: ${what} is removed`);
  const CACHE = 'AWS::ElastiCache::ReplicationGroup';

  const encrypted = (key?: string) => ({
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } },
      ],
    },
  });

  test.each([
    policy(DB, 'DeletionPolicy', 'Retain', 'Delete'),
    policy(DB, 'UpdateReplacePolicy', 'Retain', 'Snapshot'),
    policy(DB, 'DeletionPolicy', 'RetainExceptOnCreate', undefined),
    policy('AWS::Logs::LogGroup', 'DeletionPolicy', 'Retain', 'Delete'),
    on(DB, 'DeletionProtection', 'deletion protection'),
    on('AWS::DynamoDB::Table', 'DeletionProtectionEnabled', 'deletion protection'),
    property(
      'AWS::Cognito::UserPool',
      { DeletionProtection: 'ACTIVE' },
      {},
      'high X: deletion protection is removed',
    ),
    property(
      DB,
      { BackupRetentionPeriod: 14 },
      { BackupRetentionPeriod: 7 },
      'high X: the retention of backups in days is lowered from 14 to 7',
    ),
    property(
      DB,
      { BackupRetentionPeriod: '14' },
      {},
      'high X: the retention of backups in days is lowered from 14 to 1',
    ),
    property(
      CACHE,
      { SnapshotRetentionLimit: 3 },
      {},
      'high X: the retention of snapshots in days is lowered from 3 to 0',
    ),
    on(DB, 'MultiAZ', 'Multi-AZ'),
    on(CACHE, 'MultiAZEnabled', 'Multi-AZ'),
    on(CACHE, 'AutomaticFailoverEnabled', 'automatic failover'),
    on(DB, 'StorageEncrypted', 'storage encryption'),
    on(CACHE, 'AtRestEncryptionEnabled', 'encryption at rest'),
    on(CACHE, 'TransitEncryptionEnabled', 'encryption in transit'),
    on('AWS::EFS::FileSystem', 'Encrypted', 'encryption'),
    on('AWS::KMS::Key', 'EnableKeyRotation', 'key rotation', 'medium'),
    property(
      'AWS::KMS::Key',
      {},
      { PendingWindowInDays: 7 },
      'medium X: the waiting period before the key is deleted in days is lowered from 30 to 7',
    ),
    property(
      'AWS::DynamoDB::Table',
      { PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
      {},
      'high X: point-in-time recovery is removed',
    ),
    property(
      'AWS::DynamoDB::Table',
      { SSESpecification: { SSEEnabled: true } },
      {},
      'high X: encryption by KMS is removed',
    ),
    property(
      'AWS::S3::Bucket',
      { VersioningConfiguration: { Status: 'Enabled' } },
      {},
      'high X: versioning is removed',
    ),
    property(
      'AWS::S3::Bucket',
      encrypted(),
      {},
      'high X: the default encryption of the bucket is removed',
    ),
    property(
      'AWS::Logs::LogGroup',
      {},
      { RetentionInDays: 90 },
      'medium X: the retention of logs in days is lowered from unlimited to 90',
    ),
    property(
      'AWS::Logs::LogGroup',
      { RetentionInDays: 90 },
      { RetentionInDays: 30 },
      'medium X: the retention of logs in days is lowered from 90 to 30',
    ),
  ])(
    '%s: a weakened safeguard is a finding, a strengthened one is not',
    (_type, before, after, finding) => {
      expect(messagesOf('protection', reviewOf({ X: before }, { X: after }))).toEqual([finding]);
      expect(messagesOf('protection', reviewOf({ X: after }, { X: before }))).toEqual([]);
      expect(messagesOf('protection', reviewOf({}, { X: after }))).toEqual([]);
    },
  );

  test.each([
    [{ X: resource(DB, { KmsKeyId: 'a' }) }, { X: resource(DB, { KmsKeyId: 'b' }) }],
    [
      { X: resource('AWS::S3::Bucket', encrypted('a')) },
      { X: resource('AWS::S3::Bucket', encrypted('b')) },
    ],
  ])('another encryption key is a finding', (before, after) => {
    expect(messagesOf('protection', reviewOf(before, after))).toEqual([
      'medium X: the encryption key changes from a to b',
    ]);
    expect(messagesOf('protection', reviewOf(before, before))).toEqual([]);
  });

  test('a changed nested stack is a finding, because it is not read', () => {
    const nested = (hash: string) => ({
      N: resource('AWS::CloudFormation::Stack', {
        TemplateURL: `https://bucket/${hash.repeat(64)}.json`,
      }),
    });
    const finding = [
      'high N: the nested stack changes, and the review does not read nested stacks',
    ];
    expect(messagesOf('protection', reviewOf(nested('a'), nested('b')))).toEqual(finding);
    expect(messagesOf('protection', reviewOf(nested('a'), {}))).toEqual(finding);
    expect(messagesOf('protection', reviewOf(nested('a'), nested('a')))).toEqual([]);
  });

  test('removed termination protection of a stack is a finding', () => {
    const of = (terminationProtection: boolean) =>
      assemblyOf('x', stackOf({}, { terminationProtection }));
    const findings = (from: boolean, to: boolean) =>
      reviewChange(of(from), of(to)).findings.map(({ path, message }) => `${path}: ${message}`);
    expect(findings(true, false)).toEqual([
      'app/Data: termination protection of the stack is removed',
    ]);
    expect([...findings(false, true), ...findings(true, true)]).toEqual([]);
  });
});
