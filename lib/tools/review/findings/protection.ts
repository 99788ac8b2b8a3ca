/** Safeguards of data that a change removes or weakens, while the data stays in place. */
import { isObject, type TemplateResource } from '../../assembly';
import type { ResourceChange, StackChange } from '../changes';
import { isTrue, shown, text } from '../template-values';
import type { Finding, Severity } from './finding';
import { leavesSnapshot } from './stateful-losses';

type Properties = Readonly<Record<string, unknown>>;

/** A property that protects data. */
interface Safeguard {
  /** The safeguard, as the subject of "… is removed". */
  readonly safeguard: string;
  readonly types: RegExp;
  readonly read: (properties: Properties) => unknown;
  /**
   * `off`: it was on and no longer is. `lower`: the number decreased; a missing one counts as
   * `absent`. `changed`: the value differs.
   */
  readonly when: 'off' | 'lower' | 'changed';
  readonly absent?: number;
  readonly severity: Severity;
}

/** Reads a property by its path; a list by its index. */
const property =
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

const BUCKET_ENCRYPTION = [
  'BucketEncryption',
  'ServerSideEncryptionConfiguration',
  '0',
  'ServerSideEncryptionByDefault',
];

const SAFEGUARDS: readonly Safeguard[] = [
  {
    safeguard: 'deletion protection',
    types: /./,
    read: property('DeletionProtection'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'deletion protection',
    types: DYNAMODB,
    read: property('DeletionProtectionEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'the retention of backups in days',
    types: RDS,
    read: property('BackupRetentionPeriod'),
    when: 'lower',
    absent: 1,
    severity: 'high',
  },
  {
    safeguard: 'the retention of snapshots in days',
    types: ELASTICACHE,
    read: property('SnapshotRetentionLimit'),
    when: 'lower',
    absent: 0,
    severity: 'high',
  },
  {
    safeguard: 'point-in-time recovery',
    types: DYNAMODB,
    read: property('PointInTimeRecoverySpecification', 'PointInTimeRecoveryEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'versioning',
    types: BUCKET,
    read: (it) => property('VersioningConfiguration', 'Status')(it) === 'Enabled',
    when: 'off',
    severity: 'high',
  },
  { safeguard: 'Multi-AZ', types: RDS, read: property('MultiAZ'), when: 'off', severity: 'high' },
  {
    safeguard: 'Multi-AZ',
    types: ELASTICACHE,
    read: property('MultiAZEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'automatic failover',
    types: ELASTICACHE,
    read: property('AutomaticFailoverEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'storage encryption',
    types: RDS,
    read: property('StorageEncrypted'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'encryption at rest',
    types: ELASTICACHE,
    read: property('AtRestEncryptionEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'encryption in transit',
    types: ELASTICACHE,
    read: property('TransitEncryptionEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'encryption',
    types: /^AWS::(EFS::FileSystem|EC2::Volume)$/,
    read: property('Encrypted'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'encryption by KMS',
    types: DYNAMODB,
    read: property('SSESpecification', 'SSEEnabled'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'the default encryption of the bucket',
    types: BUCKET,
    read: (it) => property(...BUCKET_ENCRYPTION)(it) !== undefined,
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'the encryption key',
    types: BUCKET,
    read: property(...BUCKET_ENCRYPTION, 'KMSMasterKeyID'),
    when: 'changed',
    severity: 'medium',
  },
  {
    safeguard: 'the encryption key',
    types: /./,
    read: property('KmsKeyId'),
    when: 'changed',
    severity: 'medium',
  },
  {
    safeguard: 'the enabled state of the key',
    types: KMS,
    read: (it) => !isOff(it.Enabled),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'object lock',
    types: BUCKET,
    read: (it) => property('ObjectLockConfiguration')(it) !== undefined,
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'replication',
    types: BUCKET,
    read: (it) => property('ReplicationConfiguration')(it) !== undefined,
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'user authentication',
    types: ELASTICACHE,
    read: (it) => Array.isArray(it.UserGroupIds) && it.UserGroupIds.length > 0,
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'the requirement of TLS',
    types: ELASTICACHE,
    read: (it) => it.TransitEncryptionMode !== 'preferred',
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'the requirement of TLS',
    types: /^AWS::RDS::DBProxy$/,
    read: property('RequireTLS'),
    when: 'off',
    severity: 'high',
  },
  {
    safeguard: 'the requirement of TLS',
    types: /^AWS::RDS::DB(Cluster)?ParameterGroup$/,
    read: (it) => String(property('Parameters', 'rds.force_ssl')(it)) === '1',
    when: 'off',
    severity: 'high',
  },
  // "When you make a change to this property, a new secret version is created":
  // "AWS::SecretsManager::Secret", AWS CloudFormation template reference.
  {
    safeguard: 'the generation of the secret, which replaces its value,',
    types: /^AWS::SecretsManager::Secret$/,
    read: property('GenerateSecretString'),
    when: 'changed',
    severity: 'high',
  },
  {
    safeguard: 'key rotation',
    types: KMS,
    read: property('EnableKeyRotation'),
    when: 'off',
    severity: 'medium',
  },
  {
    safeguard: 'the waiting period before the key is deleted in days',
    types: KMS,
    read: property('PendingWindowInDays'),
    when: 'lower',
    absent: 30,
    severity: 'medium',
  },
  {
    safeguard: 'the retention of logs in days',
    types: /^AWS::Logs::LogGroup$/,
    read: property('RetentionInDays'),
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
        ? weakened(change, change.oldResource, change.newResource).map(
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
      message: 'termination protection of the stack is removed',
    },
  ];
}

/**
 * A finding for each changed nested stack. Its template is an asset that the review does not read,
 * and an unread change must not look safe.
 */
function nestedStacks({ path: stack, resources }: StackChange): Finding[] {
  return resources
    .filter(({ type, action }) => type === 'AWS::CloudFormation::Stack' && action !== 'add')
    .map(({ path }) => ({
      topic: 'protection',
      severity: 'high',
      stack,
      path,
      message: 'the nested stack changes, and the review does not read nested stacks',
    }));
}

function weakened(
  { stateful }: ResourceChange,
  before: TemplateResource,
  after: TemplateResource,
): Pick<Finding, 'severity' | 'message'>[] {
  const policies = (['DeletionPolicy', 'UpdateReplacePolicy'] as const).flatMap(
    (attribute): Pick<Finding, 'severity' | 'message'>[] => {
      const otherwise =
        attribute === 'DeletionPolicy' && leavesSnapshot(before) ? 'Snapshot' : 'Delete';
      const [from, to] = [before[attribute] ?? otherwise, after[attribute] ?? otherwise];
      if (retentionRank(to) >= retentionRank(from)) return [];
      return [
        {
          severity: stateful ? 'high' : 'medium',
          message: `${attribute} is weakened from ${from} to ${to}`,
        },
      ];
    },
  );
  const rules = SAFEGUARDS.filter(
    ({ types }) => types.test(before.Type) && types.test(after.Type),
  ).flatMap((rule) => {
    const message = weakening(
      rule,
      rule.read(before.Properties ?? {}),
      rule.read(after.Properties ?? {}),
    );
    return message === undefined ? [] : [{ severity: rule.severity, message }];
  });
  return [...policies, ...rules];
}

/**
 * How much a policy retains: nothing, a snapshot, everything. `RetainExceptOnCreate` deletes only
 * the remains of a failed creation.
 */
function retentionRank(policy: string): number {
  return ['Delete', 'Snapshot'].includes(policy) ? ['Delete', 'Snapshot'].indexOf(policy) : 2;
}

function weakening(
  { safeguard, when, absent }: Safeguard,
  before: unknown,
  after: unknown,
): string | undefined {
  if (when === 'off') return isOn(before) && !isOn(after) ? `${safeguard} is removed` : undefined;
  if (when === 'changed') {
    return before === undefined || text(before) === text(after)
      ? undefined
      : `${safeguard} changes from ${shown(before)} to ${shown(after ?? 'none')}`;
  }
  const [from, to] = [Number(before ?? absent), Number(after ?? absent)];
  return to < from
    ? `${safeguard} is lowered from ${from === Infinity ? 'unlimited' : from} to ${to}`
    : undefined;
}

function isOff(value: unknown): boolean {
  return value === false || value === 'false';
}

/** Whether a safeguard is on. Cognito writes `ACTIVE`. */
function isOn(value: unknown): boolean {
  return isTrue(value) || value === 'ACTIVE';
}
