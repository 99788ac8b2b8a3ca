import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import { type Rule, rdsRules } from '../../../model/rules';
import {
  acknowledge,
  acknowledgeNoRotation,
  checkRule,
  copySecret,
  isolatedSubnets,
  ONE_COPY_PER_REGION,
  withFixedName,
} from '../../house-rules';
import type { DatabaseEndpoint, IPostgresPrimary } from '../interfaces';
import {
  acknowledgeBackups,
  acknowledgeInstance,
  cfnInstance,
  checkBackupRetention,
  checkIdentifier,
  checkInstanceProps,
  closedSecurityGroup,
  commonSettings,
  databaseKey,
  INSTANCE_METRICS,
  logGroupsBefore,
  maxAllocatedStorage,
  monitoringRole,
  type PostgresInstanceProps,
  type PostgresLogType,
  postgresEngine,
  postgresVersion,
} from './instance';
import { type PostgresFigures, postgresParameters } from './parameters';

/** A region that the master secret is copied to. */
export interface SecretReplicaRegion {
  /** The region, such as `ap-southeast-1`. */
  readonly region: string;
  /**
   * The key of that region for the copy: its alias, such as `alias/market-secrets`, or its ARN. It
   * must exist before the primary is deployed.
   */
  readonly encryptionKey: string;
}

export interface PostgresPrimaryProps extends PostgresInstanceProps {
  /**
   * The instance's identifier, by which replicas of other regions address it. At most 63 lower-case
   * letters, digits and hyphens.
   */
  readonly instanceIdentifier: string;

  /**
   * The database that is created with the instance. Another name would *replace* the instance;
   * create further databases with SQL.
   *
   * @default - none but the engine's own `postgres`
   */
  readonly databaseName?: string;

  /**
   * The name of the master user. Changing it replaces the instance.
   *
   * @default 'postgres'
   */
  readonly masterUsername?: string;

  /**
   * The storage at the start, 20 GiB to 64 TiB of gp3.
   *
   * @default Size.gibibytes(100)
   */
  readonly allocatedStorage?: Size;

  /**
   * How long automatic backups are kept, 1 to 35 days. Read replicas require them.
   *
   * @default Duration.days(14)
   */
  readonly backupRetention?: Duration;

  /**
   * Whether a standby in a second zone takes over when the first zone fails.
   *
   * @default true
   */
  readonly multiAz?: boolean;

  /**
   * The engine's parameters.
   *
   * @default - see PostgresFigures
   */
  readonly parameters?: PostgresFigures;

  /**
   * The name of the master secret, the same in every region that it is copied to.
   *
   * @default - a generated name
   */
  readonly secretName?: string;

  /**
   * The key for the master secret.
   *
   * @default - the key of the database
   */
  readonly secretEncryptionKey?: kms.IKey;

  /**
   * Regions that the master secret is copied to, each under a key of its own.
   *
   * @default - none
   */
  readonly secretReplicaRegions?: readonly SecretReplicaRegion[];
}

/** What another stack must know of a primary that it did not create. */
export interface PostgresPrimaryAttributes {
  readonly instanceIdentifier: string;
  /** The host name of the instance's endpoint. */
  readonly endpointAddress: string;
  /**
   * The port.
   *
   * @default 5432
   */
  readonly port?: number;
  /** The security group of the instance. Rules for clients are added to it. */
  readonly securityGroup: ec2.ISecurityGroup;
  /**
   * The immutable id of the instance, such as `db-ABCDEFGHIJKL`, which IAM policies name.
   *
   * @default - `grantConnect` throws
   */
  readonly instanceResourceId?: string;
  /**
   * Master user and password.
   *
   * @default - not known
   */
  readonly masterSecret?: secretsmanager.ISecret;
}

/** The grants and the metrics of a primary, created here or imported. */
abstract class PostgresPrimaryBase extends Construct implements IPostgresPrimary {
  public abstract readonly instance: rds.IDatabaseInstance;
  public abstract readonly instanceIdentifier: string;
  public abstract readonly connections: ec2.Connections;
  public abstract readonly endpoint: DatabaseEndpoint;
  public abstract readonly masterSecret?: secretsmanager.ISecret;

  public grantConnect(grantee: iam.IGrantable, user: string): iam.Grant {
    return this.instance.grantConnect(grantee, user);
  }

  public metricCpu(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return INSTANCE_METRICS.cpu(this.instance, options);
  }

  public metricConnections(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return INSTANCE_METRICS.connections(this.instance, options);
  }

  public metricFreeStorage(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return INSTANCE_METRICS.freeStorage(this.instance, options);
  }

  public metricWriteThroughput(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return INSTANCE_METRICS.writeThroughput(this.instance, options);
  }
}

class ImportedPostgresPrimary extends PostgresPrimaryBase {
  public readonly instance: rds.IDatabaseInstance;
  public readonly instanceIdentifier: string;
  public readonly connections: ec2.Connections;
  public readonly endpoint: DatabaseEndpoint;
  public readonly masterSecret?: secretsmanager.ISecret;

  constructor(scope: Construct, id: string, attributes: PostgresPrimaryAttributes) {
    super(scope, id);
    const { port = 5432 } = attributes;
    this.instanceIdentifier = attributes.instanceIdentifier;
    this.masterSecret = attributes.masterSecret;
    this.endpoint = { hostname: attributes.endpointAddress, port };
    this.connections = new ec2.Connections({
      securityGroups: [attributes.securityGroup],
      defaultPort: ec2.Port.tcp(port),
    });
    this.instance = rds.DatabaseInstance.fromDatabaseInstanceAttributes(this, 'Instance', {
      instanceIdentifier: attributes.instanceIdentifier,
      instanceEndpointAddress: attributes.endpointAddress,
      instanceResourceId: attributes.instanceResourceId,
      port,
      securityGroups: [attributes.securityGroup],
      engine: rds.DatabaseInstanceEngine.POSTGRES,
    });
  }
}

const STRIPED_FROM_GIB = RDS_POSTGRESQL.gp3StripedFromGiB;

/** Provisioned IOPS or throughput of gp3, given the allocated storage in GiB. */
const PROVISIONED_PERFORMANCE: Rule<number, { readonly allocatedGiB: number }> = {
  allows: (_, { allocatedGiB }) => allocatedGiB >= STRIPED_FROM_GIB,
  allowed: `left out below ${STRIPED_FROM_GIB} GiB`,
  rule:
    'RDS accepts provisioned performance of gp3 only for storage that is striped over four ' +
    'volumes.',
  fix: `Raise \`allocatedStorage\` to ${STRIPED_FROM_GIB} GiB, or leave it out.`,
};

/**
 * The PostgreSQL instance that takes the writes: in two zones, encrypted, backed up, and closed
 * until `connections` adds clients.
 *
 * Applications log in by IAM. The master password is for emergencies. It is a secret of this
 * construct, because RDS does not manage passwords of instances with read replicas.
 *
 * @throws IsochroneError for backups under a day, storage that gp3 does not have, or an identifier
 * that RDS does not accept
 */
export class PostgresPrimary extends PostgresPrimaryBase {
  /** A primary that another stack or app created. */
  public static fromPostgresPrimaryAttributes(
    scope: Construct,
    id: string,
    attributes: PostgresPrimaryAttributes,
  ): IPostgresPrimary {
    return new ImportedPostgresPrimary(scope, id, attributes);
  }

  public readonly instance: rds.DatabaseInstance;
  /** The identifier as given: known at synthesis, unlike `instance.instanceIdentifier`. */
  public readonly instanceIdentifier: string;
  public readonly connections: ec2.Connections;
  public readonly endpoint: DatabaseEndpoint;
  /** The key of storage, snapshots and Performance Insights. */
  public readonly encryptionKey: kms.IKey;
  /** Master user and password, with host, port and database. */
  public readonly masterSecret: secretsmanager.ISecret;
  public readonly parameterGroup: rds.ParameterGroup;
  public readonly logGroups: Readonly<Record<PostgresLogType, logs.LogGroup>>;

  constructor(scope: Construct, id: string, props: PostgresPrimaryProps) {
    super(scope, id);
    const allocatedStorage = props.allocatedStorage ?? Size.gibibytes(100);
    const backupRetention = props.backupRetention ?? Duration.days(14);
    checkIdentifier(this, 'instanceIdentifier', props.instanceIdentifier);
    checkInstanceProps(this, props);
    checkBackupRetention(this, backupRetention);
    this.checkStorage(allocatedStorage, props);
    this.checkSecretRegions(props.secretReplicaRegions ?? []);

    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const engine = postgresEngine(postgresVersion(props));
    this.instanceIdentifier = props.instanceIdentifier;
    this.encryptionKey = props.encryptionKey ?? databaseKey(this, removalPolicy);
    this.parameterGroup = new rds.ParameterGroup(this, 'Parameters', {
      engine,
      description: `PostgreSQL primary ${props.instanceIdentifier}`,
      parameters: postgresParameters(this, props.parameters),
      removalPolicy,
    });
    const masterUsername = props.masterUsername ?? 'postgres';
    const settings = commonSettings(props, this.encryptionKey);
    const securityGroup = closedSecurityGroup(this, props.vpc, removalPolicy);
    this.instance = new rds.DatabaseInstance(this, 'Instance', {
      ...settings,
      engine,
      instanceIdentifier: props.instanceIdentifier,
      databaseName: props.databaseName,
      vpcSubnets: isolatedSubnets(props),
      securityGroups: [securityGroup],
      multiAz: props.multiAz ?? true,
      allocatedStorage: allocatedStorage.toGibibytes(),
      storageEncryptionKey: this.encryptionKey,
      backupRetention,
      // They are the last copy of a database that was deleted by mistake.
      deleteAutomatedBackups: removalPolicy === RemovalPolicy.DESTROY,
      parameterGroup: this.parameterGroup,
      monitoringRole: monitoringRole(this, [props.instanceIdentifier], removalPolicy),
      credentials: rds.Credentials.fromSecret(
        this.createSecret(props, masterUsername, removalPolicy),
        masterUsername,
      ),
      allowMajorVersionUpgrade: props.upgradingFrom !== undefined,
    });
    // Not the connections of the instance: their port is only known at deployment, so rule packs
    // could not judge the rules.
    this.connections = new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.tcp(settings.port),
    });
    this.endpoint = { hostname: this.instance.dbInstanceEndpointAddress, port: settings.port };
    this.masterSecret = this.instance.secret as secretsmanager.ISecret;
    this.logGroups = logGroupsBefore(this.instance, props.instanceIdentifier, props);

    acknowledgeInstance(this.instance, props);
    acknowledgeBackups(this.instance);
    if (props.multiAz === false) {
      acknowledge(
        cfnInstance(this.instance),
        'Whoever composes this stack asked for one zone with `multiAz: false`; the default is two.',
        'AwsSolutions-RDS3',
        'NIST.800.53.R5-RDSMultiAZSupport',
      );
    }
  }

  private createSecret(
    props: PostgresPrimaryProps,
    username: string,
    removalPolicy: RemovalPolicy,
  ): rds.DatabaseSecret {
    const secret = new rds.DatabaseSecret(this, 'MasterSecret', {
      username,
      dbname: props.databaseName,
      secretName: props.secretName,
      encryptionKey: props.secretEncryptionKey ?? this.encryptionKey,
      // Characters that a URL, psql's connection string or a shell would have to escape, and those
      // that RDS refuses.
      excludeCharacters: ' %+~`#$&*()|[]{}:;<>?!\'/@"\\=,^',
    });
    secret.applyRemovalPolicy(withFixedName(removalPolicy));
    copySecret(secret, props.secretReplicaRegions ?? []);
    acknowledgeNoRotation(
      secret,
      'Applications log in by IAM authentication, which is on, with tokens of 15 minutes. The ' +
        'master password is for emergencies; a rotation function would be one more holder of it, ' +
        'inside the network of the database.',
    );
    return secret;
  }

  private checkStorage(allocatedStorage: Size, props: PostgresPrimaryProps): void {
    const limit = maxAllocatedStorage(props);
    if (allocatedStorage.isUnresolved() || limit.isUnresolved()) return;
    const allocatedGiB = allocatedStorage.toGibibytes();
    checkRule(this, 'allocatedStorage', rdsRules.GP3_STORAGE_GIB, allocatedGiB, {
      max: limit.toGibibytes(),
    });
    for (const property of ['storageIops', 'storageThroughput'] as const) {
      const value = props[property];
      if (value !== undefined)
        checkRule(this, property, PROVISIONED_PERFORMANCE, value, { allocatedGiB });
    }
  }

  private checkSecretRegions(regions: readonly SecretReplicaRegion[]): void {
    const own = Stack.of(this).region;
    for (const [index, { region }] of regions.entries()) {
      if (region !== own && regions.findIndex((other) => other.region === region) === index)
        continue;
      throw invalidValue(this, {
        property: `secretReplicaRegions[${index}].region`,
        value: region,
        allowed: 'a region that does not have the secret yet',
        rule: ONE_COPY_PER_REGION,
        fix: 'Leave it out.',
      });
    }
  }
}
