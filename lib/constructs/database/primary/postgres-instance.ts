/**
 * What the primary and its replicas have in common: their settings, and what stands around an
 * instance.
 */
import { ArnFormat, Duration, RemovalPolicy, Size, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import { acknowledge, keptLogGroup } from '../../house-rules';

/**
 * "Turning Enhanced Monitoring on and off", Amazon RDS user guide; 0, which turns it off, is left
 * out.
 */
const MONITORING_INTERVALS_SECONDS: readonly number[] = [1, 5, 10, 15, 30, 60];

/** "Naming constraints in Amazon RDS", Amazon RDS user guide. */
const IDENTIFIER_LENGTH = 63;

const LOG_TYPES = ['postgresql', 'upgrade'] as const;
/** The logs that RDS for PostgreSQL can export. */
export type PostgresLogType = (typeof LOG_TYPES)[number];

/** Settings that every instance has, primary or replica. */
export interface PostgresInstanceProps {
  readonly vpc: ec2.IVpc;

  /**
   * Where the instances are placed. RDS needs subnets in two zones at least.
   *
   * @default - the isolated subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * The instance class, without `db.`. Memory parameters follow it. A replica smaller than its
   * source may not keep up with it.
   *
   * @default r6g.large
   */
  readonly instanceType?: ec2.InstanceType;

  /**
   * The engine's version. A major version alone leaves the minor one to RDS, which upgrades it in
   * the maintenance window.
   *
   * On replicas it selects the family of their parameter groups, nothing else: what they run is
   * what their source runs.
   *
   * @default PostgresEngineVersion.VER_17
   */
  readonly engineVersion?: rds.PostgresEngineVersion;

  /**
   * The version that a major upgrade to `engineVersion` begins at. It makes the upgrade two
   * deployments, in all regions:
   *
   * 1. with it, the primary is upgraded, and RDS takes the replicas of its region along; all
   *   replicas keep their parameter groups, which RDS would refuse in the new family as long as
   *   they run the old version;
   * 2. without it, once every replica runs the new version, their parameter groups follow.
   *
   * @default - no upgrade is under way, and the primary refuses one
   */
  readonly upgradingFrom?: rds.PostgresEngineVersion;

  /**
   * The port. Another one would *replace* the instance, which its fixed name makes fail.
   *
   * @default 5432
   */
  readonly port?: number;

  /**
   * Up to where RDS grows the storage when it fills. Storage does not grow with the source's: give
   * replicas what the primary has.
   *
   * @default Size.tebibytes(1)
   */
  readonly maxAllocatedStorage?: Size;

  /**
   * Provisioned I/O operations per second of gp3. RDS takes them from 400 GiB on.
   *
   * @default - gp3's baseline: 3,000, and 12,000 from 400 GiB on
   */
  readonly storageIops?: number;

  /**
   * Provisioned throughput of gp3, in MiB/s. RDS takes it from 400 GiB on.
   *
   * @default - gp3's baseline: 125, and 500 from 400 GiB on
   */
  readonly storageThroughput?: number;

  /**
   * The key, of this region, for what is stored in it: storage, snapshots, Performance Insights.
   * Another one would *replace* the instance, which its fixed name makes fail: restore a snapshot
   * under the new key instead.
   *
   * @default - a new key, rotated every year
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * Standard is free and keeps 7 days of Performance Insights. Advanced is charged per vCPU and
   * keeps 15 months.
   *
   * @default DatabaseInsightsMode.STANDARD
   */
  readonly databaseInsights?: rds.DatabaseInsightsMode;

  /**
   * How often the operating system's metrics are taken: 1, 5, 10, 15, 30 or 60 seconds.
   *
   * @default Duration.seconds(60)
   */
  readonly monitoringInterval?: Duration;

  /**
   * The weekly window for maintenance and minor upgrades, in UTC, such as `Sun:03:00-Sun:04:00`.
   * Give replicas an earlier one than their source: PostgreSQL wants standbys upgraded first.
   *
   * @default - RDS chooses one per instance
   */
  readonly maintenanceWindow?: string;

  /**
   * How long the exported logs are kept.
   *
   * @default RetentionDays.ONE_YEAR
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * A key of this region for the exported logs. A key of this app is told to let CloudWatch Logs
   * use it; an imported one must do so already.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * What happens to data when this is removed from the stack. CloudFormation ignores it for an
   * instance that is a read replica: deletion protection is what keeps those.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Whether RDS refuses to delete the instances.
   *
   * @default - true, unless `removalPolicy` is DESTROY
   */
  readonly deletionProtection?: boolean;
}

/**
 * The props of `rds.DatabaseInstance` and of `rds.DatabaseInstanceReadReplica` that do not depend
 * on which of them it is.
 */
export function commonSettings(props: PostgresInstanceProps, encryptionKey: kms.IKey) {
  const databaseInsightsMode = props.databaseInsights ?? rds.DatabaseInsightsMode.STANDARD;
  return {
    vpc: props.vpc,
    instanceType: props.instanceType ?? new ec2.InstanceType('r6g.large'),
    port: props.port ?? 5432,
    publiclyAccessible: false,
    iamAuthentication: true,
    storageType: rds.StorageType.GP3,
    maxAllocatedStorage: maxAllocatedStorage(props).toGibibytes(),
    iops: props.storageIops,
    storageThroughput: props.storageThroughput,
    copyTagsToSnapshot: true,
    autoMinorVersionUpgrade: true,
    preferredMaintenanceWindow: props.maintenanceWindow,
    caCertificate: rds.CaCertificate.RDS_CA_RSA2048_G1,
    databaseInsightsMode,
    enablePerformanceInsights: true,
    performanceInsightRetention:
      databaseInsightsMode === rds.DatabaseInsightsMode.ADVANCED
        ? rds.PerformanceInsightRetention.MONTHS_15
        : rds.PerformanceInsightRetention.DEFAULT,
    performanceInsightEncryptionKey: encryptionKey,
    monitoringInterval: monitoringInterval(props),
    cloudwatchLogsExports: [...LOG_TYPES],
    removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    deletionProtection: isProtected(props),
  };
}

export function postgresVersion(props: PostgresInstanceProps): rds.PostgresEngineVersion {
  return props.engineVersion ?? rds.PostgresEngineVersion.VER_17;
}

export function postgresEngine(version: rds.PostgresEngineVersion): rds.IInstanceEngine {
  return rds.DatabaseInstanceEngine.postgres({ version });
}

export function maxAllocatedStorage(props: PostgresInstanceProps): Size {
  return props.maxAllocatedStorage ?? Size.tebibytes(1);
}

export function databaseSubnets(props: PostgresInstanceProps): ec2.SubnetSelection {
  return props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_ISOLATED };
}

function isProtected(props: PostgresInstanceProps): boolean {
  return props.deletionProtection ?? props.removalPolicy !== RemovalPolicy.DESTROY;
}

function monitoringInterval(props: PostgresInstanceProps): Duration {
  return props.monitoringInterval ?? Duration.minutes(1);
}

/** The checks of the props that every instance has. */
export function checkInstanceProps(scope: Construct, props: PostgresInstanceProps): void {
  const interval = monitoringInterval(props);
  if (!interval.isUnresolved() && !MONITORING_INTERVALS_SECONDS.includes(interval.toSeconds())) {
    throw invalidValue(scope, {
      property: 'monitoringInterval',
      value: interval.toSeconds(),
      allowed: `${MONITORING_INTERVALS_SECONDS.join(', ')} seconds`,
      rule: 'RDS offers no other intervals, and without it nobody sees what the operating system did.',
      fix: 'Leave it out for 60 seconds.',
    });
  }
  checkUpgrade(scope, props);
  const { min, max } = RDS_POSTGRESQL.gp3StorageGiB;
  const limit = maxAllocatedStorage(props);
  if (!limit.isUnresolved() && (limit.toGibibytes() < min || limit.toGibibytes() > max)) {
    throw invalidValue(scope, {
      property: 'maxAllocatedStorage',
      value: limit.toGibibytes(),
      allowed: `${min} to ${max} GiB`,
      rule: 'That is what gp3 storage of RDS for PostgreSQL holds.',
      fix: 'Leave it out for 1 TiB.',
    });
  }
}

function checkUpgrade(scope: Construct, props: PostgresInstanceProps): void {
  const from = props.upgradingFrom?.postgresMajorVersion;
  const to = postgresVersion(props).postgresMajorVersion;
  if (
    from === undefined ||
    Token.isUnresolved(from) ||
    Token.isUnresolved(to) ||
    Number(from) < Number(to)
  )
    return;
  throw invalidValue(scope, {
    property: 'upgradingFrom',
    value: from,
    allowed: `a major version below ${to}, the \`engineVersion\``,
    rule: 'It says where a major upgrade begins, and RDS never downgrades.',
    fix: 'Raise `engineVersion`, or leave it out when the upgrade is done.',
  });
}

/**
 * RDS folds identifiers to lower case; ours are literal in ARNs and log group names, so they must
 * be as RDS will have them.
 */
export function checkIdentifier(
  scope: Construct,
  property: string,
  value: string,
  suffix = '',
): void {
  if (Token.isUnresolved(value)) return;
  const length = IDENTIFIER_LENGTH - suffix.length;
  if (value.length <= length && /^[a-z](-?[a-z0-9])*$/.test(value)) return;
  throw invalidValue(scope, {
    property,
    value,
    allowed: `at most ${length} lower-case letters, digits and single hyphens, the first a letter, the last no hyphen`,
    rule: 'RDS takes no other identifiers, and other regions address the instance by it.',
    fix: 'Choose a name such as market-primary.',
  });
}

/** The key of a region's databases. */
export function databaseKey(scope: Construct, removalPolicy: RemovalPolicy): kms.Key {
  return new kms.Key(scope, 'Key', {
    description: `PostgreSQL at ${scope.node.path}`,
    enableKeyRotation: true,
    removalPolicy,
  });
}

/** Whatever is replicated from needs automatic backups. */
export function checkBackupRetention(scope: Construct, retention: Duration): void {
  if (retention.isUnresolved()) return;
  const days = retention.toDays({ integral: false });
  const { max } = RDS_POSTGRESQL.backupRetentionDays;
  if (Number.isInteger(days) && days >= 1 && days <= max) return;
  throw invalidValue(scope, {
    property: 'backupRetention',
    value: days,
    allowed: `1 to ${max} whole days`,
    rule: 'RDS replicates only from an instance with automatic backups.',
    fix: 'Leave it out for the default.',
  });
}

/**
 * A security group that lets nothing in and nothing out: whoever may connect is added by
 * `connections`. Replication does not pass through it. It stays as long as the instances that use
 * it, or the stack could not be removed.
 */
export function closedSecurityGroup(
  scope: Construct,
  vpc: ec2.IVpc,
  removalPolicy: RemovalPolicy,
): ec2.SecurityGroup {
  const group = new ec2.SecurityGroup(scope, 'SecurityGroup', {
    vpc,
    description: 'PostgreSQL',
    allowAllOutbound: false,
  });
  group.applyRemovalPolicy(removalPolicy);
  return group;
}

/** The role by which RDS writes enhanced monitoring, for these instances only. */
export function monitoringRole(
  scope: Construct,
  identifiers: readonly string[],
  removalPolicy: RemovalPolicy,
): iam.Role {
  const stack = Stack.of(scope);
  const role = new iam.Role(scope, 'MonitoringRole', {
    description: 'Writes enhanced monitoring of PostgreSQL to CloudWatch Logs.',
    // RDS's own advice against a confused deputy: "Setting up and enabling Enhanced Monitoring",
    // Amazon RDS user guide.
    assumedBy: new iam.ServicePrincipal('monitoring.rds.amazonaws.com', {
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnLike: {
          'aws:SourceArn': identifiers.map((identifier) =>
            instanceArn(scope, stack.region, identifier),
          ),
        },
      },
    }),
    managedPolicies: [
      iam.ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonRDSEnhancedMonitoringRole'),
    ],
  });
  role.applyRemovalPolicy(removalPolicy);
  acknowledge(
    role,
    'AWS keeps this policy for exactly this role, and RDS checks a monitoring role for its permissions: writing to log groups named RDS*, nothing else. The trust names the instances.',
    'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]',
  );
  return role;
}

/**
 * The ARN of an instance of this account. A read replica cannot follow an instance of another
 * account.
 */
export function instanceArn(scope: Construct, region: string, instanceIdentifier: string): string {
  return Stack.of(scope).formatArn({
    service: 'rds',
    region,
    resource: 'db',
    resourceName: instanceIdentifier,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/**
 * The log groups of an instance, made before it. RDS writes to groups of these names, and would
 * otherwise create them itself, without a retention; CDK's `cloudwatchLogsRetention` mends that
 * afterwards, with a Lambda.
 */
export function logGroupsBefore(
  instance: rds.IDatabaseInstance,
  identifier: string,
  props: PostgresInstanceProps,
): Record<PostgresLogType, logs.LogGroup> {
  const create = (type: PostgresLogType) => {
    const group = keptLogGroup(instance, `${type}-log`, {
      logGroupName: `/aws/rds/instance/${identifier}/${type}`,
      retention: props.logRetention ?? logs.RetentionDays.ONE_YEAR,
      encryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    cfnInstance(instance).node.addDependency(group);
    return group;
  };
  return { postgresql: create('postgresql'), upgrade: create('upgrade') };
}

/** The resource behind an instance, for properties that the L2 does not offer. */
export function cfnInstance(instance: rds.IDatabaseInstance): rds.CfnDBInstance {
  return instance.node.defaultChild as rds.CfnDBInstance;
}

/** The findings that every instance has, whichever it is. */
export function acknowledgeInstance(
  instance: rds.IDatabaseInstance,
  props: PostgresInstanceProps,
): void {
  const cfn = cfnInstance(instance);
  acknowledge(
    cfn,
    'Its security group lets nobody in until `connections` names them, and the subnets have no route from outside. Another port would hide nothing.',
    'AwsSolutions-RDS11',
  );
  if (!isProtected(props)) {
    acknowledge(
      cfn,
      'Whoever composes this stack has declared the database disposable, by `removalPolicy` or `deletionProtection`; the default is protected.',
      'AwsSolutions-RDS10',
      'NIST.800.53.R5-RDSInstanceDeletionProtectionEnabled',
    );
  }
}

/** The finding of an instance that is the primary. */
export function acknowledgeBackups(instance: rds.IDatabaseInstance): void {
  acknowledge(
    cfnInstance(instance),
    'RDS backs the instance up automatically, every day and to any second in between, for `backupRetention`. A plan of AWS Backup would keep the same again.',
    'NIST.800.53.R5-RDSInBackupPlan',
  );
}
