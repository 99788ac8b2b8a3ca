import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import { acknowledge, withFixedName } from '../../house-rules';
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
  databaseSubnets,
  logGroupsBefore,
  maxAllocatedStorage,
  monitoringRole,
  type PostgresInstanceProps,
  type PostgresLogType,
  postgresEngine,
  postgresVersion,
} from './postgres-instance';
import { type PostgresFigures, postgresParameters } from './postgres-parameters';
import type { IPostgresWriter } from './postgres-writer';

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
   * The instance's name, by which replicas of other regions address it. Lower-case letters, digits
   * and hyphens, at most 63.
   */
  readonly instanceIdentifier: string;

  /**
   * The database that is created with the instance. Another name would *replace* the instance;
   * create further ones with SQL.
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
   * The storage to begin with, 20 GiB to 64 TiB of gp3.
   *
   * @default Size.gibibytes(100)
   */
  readonly allocatedStorage?: Size;

  /**
   * How long automatic backups are kept, 1 to 35 days. Read replicas need them.
   *
   * @default Duration.days(14)
   */
  readonly backupRetention?: Duration;

  /**
   * Whether a standby in a second zone takes over when the first one fails.
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
   * The name of the master secret, the same in every region it is copied to.
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

/**
 * The PostgreSQL instance that takes the writes: two zones, encrypted, backed up, without a way in
 * until `connections` gives one.
 *
 * Applications log in by IAM. The master password is for emergencies; it is a secret of our own,
 * since RDS does not manage passwords of instances with read replicas.
 *
 * @throws IsochroneError for backups under a day, storage that gp3 does not hold, or an identifier
 * that RDS does not take
 */
export class PostgresPrimary extends Construct implements IPostgresWriter {
  public readonly instance: rds.DatabaseInstance;
  /** The name as given: known at synthesis, unlike `instance.instanceIdentifier`. */
  public readonly instanceIdentifier: string;
  public readonly connections: ec2.Connections;
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
      vpcSubnets: databaseSubnets(props),
      securityGroups: [securityGroup],
      multiAz: props.multiAz ?? true,
      allocatedStorage: allocatedStorage.toGibibytes(),
      storageEncryptionKey: this.encryptionKey,
      backupRetention,
      // What is left of a database that somebody deleted by mistake.
      deleteAutomatedBackups: removalPolicy === RemovalPolicy.DESTROY,
      parameterGroup: this.parameterGroup,
      monitoringRole: monitoringRole(this, [props.instanceIdentifier], removalPolicy),
      credentials: rds.Credentials.fromSecret(
        this.createSecret(props, masterUsername, removalPolicy),
        masterUsername,
      ),
      allowMajorVersionUpgrade: props.upgradingFrom !== undefined,
    });
    // Not those of the instance: their port is only known at deployment, so rule packs could not
    // judge the rules.
    this.connections = new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.tcp(settings.port),
    });
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
      // What would have to be escaped in a URL, in psql's connection string or in a shell, and what
      // RDS refuses.
      excludeCharacters: ' %+~`#$&*()|[]{}:;<>?!\'/@"\\=,^',
    });
    secret.applyRemovalPolicy(withFixedName(removalPolicy));
    const cfn = secret.node.defaultChild as secretsmanager.CfnSecret;
    // The L2 wants a key construct, which would be one of this region; a key of another region is
    // known by its name.
    const copies = props.secretReplicaRegions ?? [];
    if (copies.length > 0)
      cfn.replicaRegions = copies.map(({ region, encryptionKey }) => ({
        region,
        kmsKeyId: encryptionKey,
      }));
    acknowledge(
      cfn,
      'Applications log in by IAM authentication, which is on, with tokens of 15 minutes. The master password is for emergencies; a rotation function would be one more holder of it, inside the network of the database.',
      'AwsSolutions-SMG4',
      'NIST.800.53.R5-SecretsManagerRotationEnabled',
    );
    return secret;
  }

  private checkStorage(allocatedStorage: Size, props: PostgresPrimaryProps): void {
    if (allocatedStorage.isUnresolved() || maxAllocatedStorage(props).isUnresolved()) return;
    const { gp3StorageGiB, gp3StripedFromGiB } = RDS_POSTGRESQL;
    const allocated = allocatedStorage.toGibibytes();
    const limit = maxAllocatedStorage(props).toGibibytes();
    if (allocated < gp3StorageGiB.min || allocated > limit) {
      throw invalidValue(this, {
        property: 'allocatedStorage',
        value: allocated,
        allowed: `${gp3StorageGiB.min} to ${limit} GiB, the \`maxAllocatedStorage\``,
        rule: 'gp3 storage of RDS for PostgreSQL begins there, and RDS never shrinks it.',
        fix: 'Raise `maxAllocatedStorage`, or begin with less.',
      });
    }
    for (const property of ['storageIops', 'storageThroughput'] as const) {
      if (props[property] === undefined || allocated >= gp3StripedFromGiB) continue;
      throw invalidValue(this, {
        property,
        value: props[property],
        allowed: `left out below ${gp3StripedFromGiB} GiB`,
        rule: 'RDS takes provisioned performance of gp3 only for storage that is striped over four volumes.',
        fix: `Raise \`allocatedStorage\` to ${gp3StripedFromGiB} GiB, or leave it out.`,
      });
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
        rule: 'Secrets Manager keeps one copy of a secret per region, and the original is in the region of the stack.',
        fix: 'Leave it out.',
      });
    }
  }
}
