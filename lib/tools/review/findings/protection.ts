/** Safety nets of data that a change takes away or loosens, while the data stay where they are. */
import type { TemplateResource } from '../../assembly';
import { isObject, type ResourceChange, type StackChange, shown, text } from '../changes';
import type { Finding, Severity } from './finding';
import { leavesSnapshot } from './stateful-losses';

type Properties = Readonly<Record<string, unknown>>;

interface Rule {
  /** What it is about, as in "deletion protection is taken away". */
  readonly what: string;
  readonly types: RegExp;
  readonly read: (properties: Properties) => unknown;
  /**
   * `off`: it was on and is not. `lower`: the number went down; none is `absent`. `changed`: it is
   * another.
   */
  readonly when: 'off' | 'lower' | 'changed';
  readonly absent?: number;
  readonly severity: Severity;
}

const at =
  (...names: string[]) =>
  (properties: Properties): unknown =>
    names.reduce<unknown>(
      (value, name) =>
        isObject(value) ? value[name] : Array.isArray(value) ? value[Number(name)] : undefined,
      properties,
    );

const RDS = /^AWS::RDS::DB(Instance|Cluster)$/;
const ELASTICACHE = /^AWS::ElastiCache::ReplicationGroup$/;
const DYNAMODB = /^AWS::DynamoDB::(Global)?Table$/;
const KMS = /^AWS::KMS::/;
const BUCKET = /^AWS::S3::Bucket$/;

const encryptionOf = at(
  'BucketEncryption',
  'ServerSideEncryptionConfiguration',
  '0',
  'ServerSideEncryptionByDefault',
);
const bucketKey = at(
  'BucketEncryption',
  'ServerSideEncryptionConfiguration',
  '0',
  'ServerSideEncryptionByDefault',
  'KMSMasterKeyID',
);

const RULES: readonly Rule[] = [
  {
    what: 'deletion protection',
    types: /./,
    read: at('DeletionProtection'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'deletion protection',
    types: DYNAMODB,
    read: at('DeletionProtectionEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'the retention of backups, in days,',
    types: RDS,
    read: at('BackupRetentionPeriod'),
    when: 'lower',
    absent: 1,
    severity: 'high',
  },
  {
    what: 'the retention of snapshots, in days,',
    types: ELASTICACHE,
    read: at('SnapshotRetentionLimit'),
    when: 'lower',
    absent: 0,
    severity: 'high',
  },
  {
    what: 'point-in-time recovery',
    types: DYNAMODB,
    read: at('PointInTimeRecoverySpecification', 'PointInTimeRecoveryEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'versioning',
    types: BUCKET,
    read: (it) => at('VersioningConfiguration', 'Status')(it) === 'Enabled',
    when: 'off',
    severity: 'high',
  },
  { what: 'Multi-AZ', types: RDS, read: at('MultiAZ'), when: 'off', severity: 'high' },
  {
    what: 'Multi-AZ',
    types: ELASTICACHE,
    read: at('MultiAZEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'automatic failover',
    types: ELASTICACHE,
    read: at('AutomaticFailoverEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'encryption of storage',
    types: RDS,
    read: at('StorageEncrypted'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'encryption at rest',
    types: ELASTICACHE,
    read: at('AtRestEncryptionEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'encryption in transit',
    types: ELASTICACHE,
    read: at('TransitEncryptionEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'encryption',
    types: /^AWS::(EFS::FileSystem|EC2::Volume)$/,
    read: at('Encrypted'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'encryption by KMS',
    types: DYNAMODB,
    read: at('SSESpecification', 'SSEEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'the encryption that the bucket sets',
    types: BUCKET,
    read: (it) => encryptionOf(it) !== undefined,
    when: 'off',
    severity: 'high',
  },
  {
    what: 'the encryption key',
    types: BUCKET,
    read: bucketKey,
    when: 'changed',
    severity: 'medium',
  },
  {
    what: 'the encryption key',
    types: /./,
    read: at('KmsKeyId'),
    when: 'changed',
    severity: 'medium',
  },
  {
    what: 'the use of the key',
    types: KMS,
    read: (it) => !isOff(it.Enabled),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'object lock',
    types: BUCKET,
    read: (it) => at('ObjectLockConfiguration')(it) !== undefined,
    when: 'off',
    severity: 'high',
  },
  {
    what: 'replication',
    types: BUCKET,
    read: (it) => at('ReplicationConfiguration')(it) !== undefined,
    when: 'off',
    severity: 'high',
  },
  {
    what: 'authentication by users',
    types: ELASTICACHE,
    read: (it) => Array.isArray(it.UserGroupIds) && it.UserGroupIds.length > 0,
    when: 'off',
    severity: 'high',
  },
  {
    what: 'the refusal of connections without TLS',
    types: ELASTICACHE,
    read: (it) => it.TransitEncryptionMode !== 'preferred',
    when: 'off',
    severity: 'high',
  },
  {
    what: 'the refusal of connections without TLS',
    types: /^AWS::RDS::DBProxy$/,
    read: at('RequireTLS'),
    when: 'off',
    severity: 'high',
  },
  {
    what: 'the refusal of connections without TLS',
    types: /^AWS::RDS::DB(Cluster)?ParameterGroup$/,
    read: (it) => String(at('Parameters', 'rds.force_ssl')(it)) === '1',
    when: 'off',
    severity: 'high',
  },
  // "When you make a change to this property, a new secret version is created":
  // "AWS::SecretsManager::Secret", AWS CloudFormation template reference.
  {
    what: 'how the secret is made, so that a new value takes the place of the old one:',
    types: /^AWS::SecretsManager::Secret$/,
    read: at('GenerateSecretString'),
    when: 'changed',
    severity: 'high',
  },
  {
    what: 'rotation of the key',
    types: KMS,
    read: at('EnableKeyRotation'),
    when: 'off',
    severity: 'medium',
  },
  {
    what: 'the wait before the key is deleted, in days,',
    types: KMS,
    read: at('PendingWindowInDays'),
    when: 'lower',
    absent: 30,
    severity: 'medium',
  },
  {
    what: 'the retention of logs, in days,',
    types: /^AWS::Logs::LogGroup$/,
    read: at('RetentionInDays'),
    when: 'lower',
    absent: Infinity,
    severity: 'medium',
  },
];

export function protectionFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap((stack) => [
    ...terminationProtection(stack),
    ...nestedStacks(stack),
    ...stack.resources.flatMap((change) =>
      change.oldResource && change.newResource
        ? loosened(change, change.oldResource, change.newResource).map(
            ({ severity, message }): Finding => ({
              topic: 'protection',
              severity,
              stack: stack.path,
              path: change.path,
              message,
            }),
          )
        : [],
    ),
  ]);
}

function terminationProtection({ path, pair }: StackChange): Finding[] {
  if (
    !pair.before?.terminationProtection ||
    pair.after === undefined ||
    pair.after.terminationProtection
  )
    return [];
  return [
    {
      topic: 'protection',
      severity: 'high',
      stack: path,
      path,
      message: 'termination protection of the stack is taken away',
    },
  ];
}

/**
 * A nested stack is a template of its own, which an assembly holds as an asset. What is not looked
 * at must not look safe.
 */
function nestedStacks({ path: stack, resources }: StackChange): Finding[] {
  return resources
    .filter(({ type, action }) => type === 'AWS::CloudFormation::Stack' && action !== 'add')
    .map(({ path }) => ({
      topic: 'protection',
      severity: 'high',
      stack,
      path,
      message: 'the nested stack changes; this review does not read what is in it',
    }));
}

function loosened(
  { stateful }: ResourceChange,
  before: TemplateResource,
  after: TemplateResource,
): Pick<Finding, 'severity' | 'message'>[] {
  const policies = (['DeletionPolicy', 'UpdateReplacePolicy'] as const).flatMap(
    (attribute): Pick<Finding, 'severity' | 'message'>[] => {
      const otherwise =
        attribute === 'DeletionPolicy' && leavesSnapshot(before) ? 'Snapshot' : 'Delete';
      const [from, to] = [before[attribute] ?? otherwise, after[attribute] ?? otherwise];
      if (keeping(to) >= keeping(from)) return [];
      return [
        {
          severity: stateful ? 'high' : 'medium',
          message: `${attribute} is weakened from ${from} to ${to}`,
        },
      ];
    },
  );
  const rules = RULES.filter(
    ({ types }) => types.test(before.Type) && types.test(after.Type),
  ).flatMap((rule) => {
    const message = broken(
      rule,
      rule.read(before.Properties ?? {}),
      rule.read(after.Properties ?? {}),
    );
    return message === undefined ? [] : [{ severity: rule.severity, message }];
  });
  return [...policies, ...rules];
}

/**
 * How much a policy keeps: nothing, a snapshot, everything. `RetainExceptOnCreate` deletes only
 * what a failed creation leaves.
 */
function keeping(policy: string): number {
  return ['Delete', 'Snapshot'].includes(policy) ? ['Delete', 'Snapshot'].indexOf(policy) : 2;
}

function broken({ what, when, absent }: Rule, before: unknown, after: unknown): string | undefined {
  if (when === 'off') return isOn(before) && !isOn(after) ? `${what} is taken away` : undefined;
  if (when === 'changed') {
    return before === undefined || text(before) === text(after)
      ? undefined
      : `${what} changes from ${shown(before)} to ${shown(after ?? 'none')}`;
  }
  const [from, to] = [Number(before ?? absent), Number(after ?? absent)];
  return to < from
    ? `${what} is lowered from ${from === Infinity ? 'for ever' : from} to ${to}`
    : undefined;
}

function isOff(value: unknown): boolean {
  return value === false || value === 'false';
}

/** A template may say true as a word; Cognito says ACTIVE. */
function isOn(value: unknown): boolean {
  return value === true || value === 'true' || value === 'ACTIVE';
}
