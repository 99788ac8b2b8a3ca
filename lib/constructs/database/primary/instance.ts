/** What a primary and its replicas have in common: their settings and the resources around them. */
import { ArnFormat, Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { type Rule, rdsRules } from '../../../model/rules';
import {
  acknowledge,
  checkDuration,
  checkRule,
  type EncryptedProps,
  type IsolatedProps,
  isProtected,
  type LoggedProps,
  loggedGroup,
  type ProtectedProps,
  rotatedKey,
} from '../../house-rules';

const LOG_TYPES = ['postgresql', 'upgrade'] as const;
/** The logs that RDS for PostgreSQL can export. */
export type PostgresLogType = (typeof LOG_TYPES)[number];

/**
 * Settings that every instance has, primary or replica. Exported logs are kept for a year. RDS
 * needs subnets in at least two zones.
 *
 * The encryption key is also that of Performance Insights. Another key would *replace* the
 * instance, which fails because its name is fixed: restore a snapshot under the new key instead.
 */
export interface PostgresInstanceProps
  extends EncryptedProps,
    IsolatedProps,
    LoggedProps,
    ProtectedProps {
  /**
   * The instance class, without `db.`. Memory parameters follow it. A replica smaller than its
   * source may not keep up with it.
   *
   * @default r6g.large
   */
  readonly instanceType?: ec2.InstanceType;

  /**
   * The engine's version. A major version alone leaves the minor version to RDS, which upgrades it
   * in the maintenance window.
   *
   * On replicas it only selects the family of their parameter groups: they run the version that
   * their source runs.
   *
   * @default PostgresEngineVersion.VER_17
   */
  readonly engineVersion?: rds.PostgresEngineVersion;

  /**
   * The version that a major upgrade to `engineVersion` starts from. It splits the upgrade into two
   * deployments of all regions:
   *
   * 1. With it, the primary is upgraded, and RDS upgrades the replicas of its region along with it.
   *   All replicas keep their parameter groups, because RDS refuses groups of the new family as
   *   long as a replica runs the old version.
   * 2. Without it, once every replica runs the new version, their parameter groups follow.
   *
   * @default - no upgrade is under way, and the primary refuses one
   */
  readonly upgradingFrom?: rds.PostgresEngineVersion;

  /**
   * The port. Changing it would *replace* the instance, which fails because its name is fixed.
   *
   * @default 5432
   */
  readonly port?: number;

  /**
   * The size up to which RDS grows the storage when it fills. The storage of a replica does not
   * grow with that of its source: give replicas the same limit as the primary.
   *
   * @default Size.tebibytes(1)
   */
  readonly maxAllocatedStorage?: Size;

  /**
   * Provisioned I/O operations per second of gp3. RDS accepts them from 400 GiB on.
   *
   * @default - gp3's baseline: 3,000, and 12,000 from 400 GiB on
   */
  readonly storageIops?: number;

  /**
   * Provisioned throughput of gp3, in MiB/s. RDS accepts it from 400 GiB on.
   *
   * @default - gp3's baseline: 125, and 500 from 400 GiB on
   */
  readonly storageThroughput?: number;

  /**
   * Standard is free and keeps 7 days of Performance Insights. Advanced is charged per vCPU and
   * keeps 15 months.
   *
   * @default DatabaseInsightsMode.STANDARD
   */
  readonly databaseInsights?: rds.DatabaseInsightsMode;

  /**
   * The interval of the operating system's metrics: 1, 5, 10, 15, 30 or 60 seconds.
   *
   * @default Duration.seconds(60)
   */
  readonly monitoringInterval?: Duration;

  /**
   * The weekly window for maintenance and minor upgrades, in UTC, such as `Sun:03:00-Sun:04:00`.
   * Give replicas an earlier window than their source: PostgreSQL requires standbys to be upgraded
   * first.
   *
   * @default - RDS chooses one per instance
   */
  readonly maintenanceWindow?: string;

  /**
   * What happens to data and logs when this construct leaves the stack. CloudFormation ignores it
   * for a read replica, which only deletion protection keeps.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * The props of `rds.DatabaseInstance` and of `rds.DatabaseInstanceReadReplica` that do not depend
 * on which of the two the instance is.
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

function monitoringInterval(props: PostgresInstanceProps): Duration {
  return props.monitoringInterval ?? Duration.minutes(1);
}

/**
 * "Turning Enhanced Monitoring on and off", Amazon RDS user guide. An interval of 0, which turns it
 * off, is not accepted.
 */
const MONITORING_INTERVALS_SECONDS: readonly number[] = [1, 5, 10, 15, 30, 60];

const MONITORING_INTERVAL: Rule<number> = {
  allows: (seconds) => MONITORING_INTERVALS_SECONDS.includes(seconds),
  allowed: `${MONITORING_INTERVALS_SECONDS.join(', ')} seconds`,
  rule: 'Enhanced Monitoring of RDS has no other intervals, and here it must not be turned off.',
  fix: 'Leave it out for 60 seconds.',
};

/**
 * Checks the props that every instance has.
 *
 * @throws IsochroneError for a monitoring interval, an upgrade or a storage limit that RDS does not
 * accept
 */
export function checkInstanceProps(scope: Construct, props: PostgresInstanceProps): void {
  checkDuration(
    scope,
    'monitoringInterval',
    MONITORING_INTERVAL,
    monitoringInterval(props),
    'seconds',
  );
  if (props.upgradingFrom !== undefined) {
    checkRule(
      scope,
      'upgradingFrom',
      rdsRules.UPGRADE_START,
      props.upgradingFrom.postgresMajorVersion,
      {
        target: postgresVersion(props).postgresMajorVersion,
      },
    );
  }
  const limit = maxAllocatedStorage(props);
  if (limit.isUnresolved()) return;
  checkRule(scope, 'maxAllocatedStorage', rdsRules.GP3_STORAGE_GIB, limit.toGibibytes(), {
    max: RDS_POSTGRESQL.gp3StorageGiB.max,
  });
}

/**
 * Checks an identifier that RDS knows, or the part of it before a suffix.
 *
 * @throws IsochroneError if RDS would not accept it
 */
export function checkIdentifier(
  scope: Construct,
  property: string,
  value: string,
  suffix = '',
): void {
  checkRule(scope, property, rdsRules.RDS_IDENTIFIER, value, { suffixLength: suffix.length });
}

/**
 * Checks the retention of backups of an instance that others may follow.
 *
 * @throws IsochroneError for less than a day or more than RDS keeps
 */
export function checkBackupRetention(scope: Construct, retention: Duration): void {
  checkDuration(scope, 'backupRetention', rdsRules.BACKUP_RETENTION_DAYS, retention, 'days');
}

/** The key of a region's databases. */
export function databaseKey(scope: Construct, removalPolicy: RemovalPolicy): kms.Key {
  return rotatedKey(scope, `PostgreSQL at ${scope.node.path}`, removalPolicy);
}

/**
 * A security group without rules: `connections` adds the clients. Replication does not pass through
 * it. It stays as long as the instances that use it; otherwise the stack could not be removed.
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

/** The role with which RDS writes the enhanced monitoring of these instances, and no others. */
export function monitoringRole(
  scope: Construct,
  identifiers: readonly string[],
  removalPolicy: RemovalPolicy,
): iam.Role {
  const stack = Stack.of(scope);
  const role = new iam.Role(scope, 'MonitoringRole', {
    description: 'Writes enhanced monitoring of PostgreSQL to CloudWatch Logs.',
    // Against a confused deputy, as RDS advises: "Setting up and enabling Enhanced Monitoring",
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
    'AWS keeps this policy for exactly this role, and RDS checks a monitoring role for its ' +
      'permissions: writing to log groups named RDS*, nothing else. The trust names the instances.',
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
 * The log groups of an instance, created before it. RDS writes to groups of these names; if they
 * did not exist, it would create them without a retention. CDK's `cloudwatchLogsRetention` corrects
 * that afterwards, with a Lambda function.
 */
export function logGroupsBefore(
  instance: rds.IDatabaseInstance,
  identifier: string,
  props: PostgresInstanceProps,
): Record<PostgresLogType, logs.LogGroup> {
  const create = (type: PostgresLogType) => {
    const group = loggedGroup(instance, `${type}-log`, {
      ...props,
      logGroupName: `/aws/rds/instance/${identifier}/${type}`,
      defaultRetention: logs.RetentionDays.ONE_YEAR,
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

type InstanceMetric = (
  instance: rds.IDatabaseInstance,
  options?: cloudwatch.MetricOptions,
) => cloudwatch.Metric;

/** The metrics of an instance, with the statistic and the period that suit each of them. */
export const INSTANCE_METRICS: Readonly<
  Record<'cpu' | 'connections' | 'freeStorage' | 'writeThroughput' | 'replicaLag', InstanceMetric>
> = {
  cpu: (instance, options) =>
    instance.metricCPUUtilization({ period: Duration.minutes(5), ...options }),
  connections: (instance, options) =>
    instance.metricDatabaseConnections({
      period: Duration.minutes(1),
      statistic: 'Maximum',
      ...options,
    }),
  freeStorage: (instance, options) =>
    instance.metricFreeStorageSpace({
      period: Duration.minutes(5),
      statistic: 'Minimum',
      ...options,
    }),
  writeThroughput: (instance, options) =>
    instance.metric('WriteThroughput', {
      period: Duration.minutes(1),
      statistic: 'Average',
      ...options,
    }),
  replicaLag: (instance, options) =>
    instance.metric('ReplicaLag', {
      period: Duration.minutes(1),
      statistic: 'Maximum',
      ...options,
    }),
};

/** Acknowledges the findings that every instance has, primary or replica. */
export function acknowledgeInstance(
  instance: rds.IDatabaseInstance,
  props: PostgresInstanceProps,
): void {
  const cfn = cfnInstance(instance);
  acknowledge(
    cfn,
    'Its security group lets nobody in until `connections` names them, and the subnets have no ' +
      'route from outside. Another port would hide nothing.',
    'AwsSolutions-RDS11',
  );
  if (!isProtected(props)) {
    acknowledge(
      cfn,
      'Whoever composes this stack has declared the database disposable, by `removalPolicy` or ' +
        '`deletionProtection`; the default is protected.',
      'AwsSolutions-RDS10',
      'NIST.800.53.R5-RDSInstanceDeletionProtectionEnabled',
    );
  }
}

/** Acknowledges the finding of an instance that is the primary. */
export function acknowledgeBackups(instance: rds.IDatabaseInstance): void {
  acknowledge(
    cfnInstance(instance),
    'RDS backs the instance up automatically, every day and to any second in between, for ' +
      '`backupRetention`. A plan of AWS Backup would keep the same again.',
    'NIST.800.53.R5-RDSInBackupPlan',
  );
}
