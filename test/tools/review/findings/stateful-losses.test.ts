import type { TemplateResource } from '../../../../lib/tools/assembly/assembly';
import { parseAcknowledgement } from '../../../../lib/tools/review/findings/stateful-losses';
import { reviewChange } from '../../../../lib/tools/review/report/change-review';
import { assemblyOf, type Resources, resource, reviewOf, saidOf, stackOf } from '../two-assemblies';

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
  ['replaced, kept', database('a', KEPT), database('b', KEPT), 'replaced kept'],
  [
    'replaced, kept by one of the two templates only',
    database('a', KEPT),
    database('b'),
    'replaced deleted',
  ],
  [
    'replaced, with a snapshot',
    database('a', KEPT),
    database('b', { UpdateReplacePolicy: 'Snapshot' }),
    'replaced snapshot',
  ],
  ['replaced, by default', database('a'), database('b'), 'replaced deleted'],
  [
    'may be replaced',
    database('a', KEPT, { Engine: 'x' }),
    database('a', KEPT, { Engine: 'y' }),
    'may-be-replaced kept',
  ],
  ['removed, kept', database('a', KEPT), {}, 'removed kept'],
  ['removed, by default: RDS leaves a snapshot', database('a'), {}, 'removed snapshot'],
  [
    'removed from a cluster, by default',
    database('a', {}, { DBClusterIdentifier: 'c' }),
    {},
    'removed deleted',
  ],
  ['a removed bucket, by default', { B: resource('AWS::S3::Bucket') }, {}, 'removed deleted'],
  [
    'renamed',
    database('a', KEPT),
    { Other: database('a', KEPT).Db as TemplateResource },
    'renamed kept',
  ],
  [
    'another type, which held data',
    { X: resource('AWS::S3::Bucket') },
    { X: resource('AWS::SNS::Topic') },
    'replaced deleted',
  ],
])('%s', (_what, before, after, expected) => {
  const review = reviewOf(before, after);
  expect(review.losses.map(({ kind, data }) => `${kind} ${data}`)).toEqual([expected]);
  expect(review.needsDecision).toBe(true);
});

test.each<[string, Resources, Resources]>([
  ['changed in place', database('a'), database('a', {}, { DBInstanceClass: 'db.r6g.xlarge' })],
  ['added', {}, database('a')],
  [
    'stateless and replaced',
    { T: resource('AWS::SNS::Topic', { TopicName: 'a' }) },
    { T: resource('AWS::SNS::Topic', { TopicName: 'b' }) },
  ],
  ['stateless and removed', { T: resource('AWS::SNS::Topic') }, {}],
])('no loss: %s', (_what, before, after) => {
  expect(reviewOf(before, after)).toMatchObject({ losses: [], needsDecision: false });
});

test('a stack that leaves the app loses nothing yet, and says so', () => {
  const rest = stackOf({}, { stackName: 'rest', path: 'app/Rest' });
  const review = reviewChange(
    assemblyOf('base', rest, stackOf(database('a', KEPT))),
    assemblyOf('head', rest),
  );
  expect(review.losses[0]?.message).toMatch(
    /no longer in the app: `cdk deploy` leaves it as it is.*stays behind with its data/,
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
  ])('%s: %s', (path, accepted) => {
    const review = reviewOf(database('a'), database('b'), [{ path, reason: 'planned' }]);
    expect(review.needsDecision).toBe(!accepted);
    expect(review.losses[0]?.acknowledged).toBe(accepted ? 'planned' : undefined);
    expect(review.unusedAcknowledgements).toEqual(accepted ? [] : [{ path, reason: 'planned' }]);
  });

  test('one of two losses leaves the other', () => {
    const two = (name: string): Resources => ({
      ...database(name),
      B: resource('AWS::S3::Bucket', { BucketName: name }),
    });
    expect(
      reviewOf(two('a'), two('b'), [{ path: 'app/Data/B', reason: 'empty' }]).needsDecision,
    ).toBe(true);
  });

  test('have a reason, which may hold what separates it', () => {
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
  const policy = (
    type: string,
    name: string,
    before?: string,
    after?: string,
  ): [string, TemplateResource, TemplateResource, string] => [
    type,
    resource(type, {}, { [name]: before }),
    resource(type, {}, { [name]: after }),
    `${type === 'AWS::Logs::LogGroup' ? 'medium' : 'high'} X: ${name} is weakened from ${before} to ${after ?? (type === DB && name === 'DeletionPolicy' ? 'Snapshot' : 'Delete')}`,
  ];
  const property = (
    type: string,
    before: object,
    after: object,
    says: string,
  ): [string, TemplateResource, TemplateResource, string] => [
    type,
    resource(type, { ...before }),
    resource(type, { ...after }),
    says,
  ];
  const on = (type: string, name: string, what: string, severity = 'high') =>
    property(type, { [name]: true }, { [name]: false }, `${severity} X: ${what} is taken away`);
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
      'high X: deletion protection is taken away',
    ),
    property(
      DB,
      { BackupRetentionPeriod: 14 },
      { BackupRetentionPeriod: 7 },
      'high X: the retention of backups, in days, is lowered from 14 to 7',
    ),
    property(
      DB,
      { BackupRetentionPeriod: '14' },
      {},
      'high X: the retention of backups, in days, is lowered from 14 to 1',
    ),
    property(
      CACHE,
      { SnapshotRetentionLimit: 3 },
      {},
      'high X: the retention of snapshots, in days, is lowered from 3 to 0',
    ),
    on(DB, 'MultiAZ', 'Multi-AZ'),
    on(CACHE, 'MultiAZEnabled', 'Multi-AZ'),
    on(CACHE, 'AutomaticFailoverEnabled', 'automatic failover'),
    on(DB, 'StorageEncrypted', 'encryption of storage'),
    on(CACHE, 'AtRestEncryptionEnabled', 'encryption at rest'),
    on(CACHE, 'TransitEncryptionEnabled', 'encryption in transit'),
    on('AWS::EFS::FileSystem', 'Encrypted', 'encryption'),
    on('AWS::KMS::Key', 'EnableKeyRotation', 'rotation of the key', 'medium'),
    property(
      'AWS::KMS::Key',
      {},
      { PendingWindowInDays: 7 },
      'medium X: the wait before the key is deleted, in days, is lowered from 30 to 7',
    ),
    property(
      'AWS::DynamoDB::Table',
      { PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
      {},
      'high X: point-in-time recovery is taken away',
    ),
    property(
      'AWS::DynamoDB::Table',
      { SSESpecification: { SSEEnabled: true } },
      {},
      'high X: encryption by KMS is taken away',
    ),
    property(
      'AWS::S3::Bucket',
      { VersioningConfiguration: { Status: 'Enabled' } },
      {},
      'high X: versioning is taken away',
    ),
    property(
      'AWS::S3::Bucket',
      encrypted(),
      {},
      'high X: the encryption that the bucket sets is taken away',
    ),
    property(
      'AWS::Logs::LogGroup',
      {},
      { RetentionInDays: 90 },
      'medium X: the retention of logs, in days, is lowered from for ever to 90',
    ),
    property(
      'AWS::Logs::LogGroup',
      { RetentionInDays: 90 },
      { RetentionInDays: 30 },
      'medium X: the retention of logs, in days, is lowered from 90 to 30',
    ),
  ])('%s: taken away is a finding, given is none', (_type, before, after, says) => {
    expect(saidOf('protection', reviewOf({ X: before }, { X: after }))).toEqual([says]);
    expect(saidOf('protection', reviewOf({ X: after }, { X: before }))).toEqual([]);
    expect(saidOf('protection', reviewOf({}, { X: after }))).toEqual([]);
  });

  test.each([
    [{ X: resource(DB, { KmsKeyId: 'a' }) }, { X: resource(DB, { KmsKeyId: 'b' }) }],
    [
      { X: resource('AWS::S3::Bucket', encrypted('a')) },
      { X: resource('AWS::S3::Bucket', encrypted('b')) },
    ],
  ])('another key is a finding', (before, after) => {
    expect(saidOf('protection', reviewOf(before, after))).toEqual([
      'medium X: the encryption key changes from a to b',
    ]);
    expect(saidOf('protection', reviewOf(before, before))).toEqual([]);
  });

  test('a nested stack is not read, and that is said', () => {
    const nested = (hash: string) => ({
      N: resource('AWS::CloudFormation::Stack', {
        TemplateURL: `https://bucket/${hash.repeat(64)}.json`,
      }),
    });
    const says = ['high N: the nested stack changes; this review does not read what is in it'];
    expect(saidOf('protection', reviewOf(nested('a'), nested('b')))).toEqual(says);
    expect(saidOf('protection', reviewOf(nested('a'), {}))).toEqual(says);
    expect(saidOf('protection', reviewOf(nested('a'), nested('a')))).toEqual([]);
  });

  test('termination protection, which is in the manifest', () => {
    const of = (terminationProtection: boolean) =>
      assemblyOf('x', stackOf({}, { terminationProtection }));
    const says = (from: boolean, to: boolean) =>
      reviewChange(of(from), of(to)).findings.map(({ path, message }) => `${path}: ${message}`);
    expect(says(true, false)).toEqual([
      'app/Data: termination protection of the stack is taken away',
    ]);
    expect([...says(false, true), ...says(true, true)]).toEqual([]);
  });
});
