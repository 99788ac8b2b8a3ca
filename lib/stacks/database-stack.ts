import { ArnFormat, Duration, Size } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as rds from 'aws-cdk-lib/aws-rds';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import {
  type DatabaseLogin,
  type IPostgresWriter,
  PostgresPrimary,
  type PostgresReplicaFigures,
  PostgresReplicas,
  PostgresSource,
  QueryAdvice,
  ReaderEndpoint,
  SchemaMigrations,
} from '../constructs/database';
import { SharedSecret } from '../constructs/keys';
import { DATABASE_ROLES, type Deployment, foundingRegion } from '../model/config';
import { RegionStack, type RegionStackProps, regionSettings } from './region-stack';

export interface DatabaseStackProps extends RegionStackProps {
  readonly vpc: ec2.IVpc;
  readonly key: kms.IKey;
}

/**
 * PostgreSQL in a region: in the primary region the primary and its replicas, in others a hub and
 * its leaves.
 */
export class DatabaseStack extends RegionStack {
  /** In the primary region only: created as such, or the promoted hub. */
  public readonly primary?: IPostgresWriter;
  /** Undefined in a primary region that never had replicas. */
  public readonly replicas?: PostgresReplicas;
  /** The DNS name of the replicas; undefined without replicas. */
  public readonly readers?: ReaderEndpoint;
  /** Advice on the queries of the primary; undefined in other regions, or if not enabled. */
  public readonly primaryAdvice?: QueryAdvice;
  /** Advice on the queries of a replica; undefined without replicas, or if not enabled. */
  public readonly replicaAdvice?: QueryAdvice;

  constructor(scope: Construct, id: string, props: DatabaseStackProps) {
    super(scope, id, props, { description: 'PostgreSQL' });
    const { database, primaryRegion } = this.deployment;
    const { readReplicas, availabilityZones } = regionSettings(props);
    const { leftSource } = this.names;
    const isPrimary = props.region === primaryRegion;
    const instance = {
      vpc: props.vpc,
      instanceType: new ec2.InstanceType(database.instanceClass.replace(/^db\./, '')),
      engineVersion: postgresVersion(database.engineVersion),
      upgradingFrom:
        database.upgradingFrom === undefined ? undefined : postgresVersion(database.upgradingFrom),
      maxAllocatedStorage: Size.gibibytes(database.maxAllocatedStorageGiB),
      backupRetention: Duration.days(database.backupRetentionDays),
      parameters: postgresFigures(database.parameters),
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
    };

    const made =
      isPrimary && leftSource === undefined
        ? new PostgresPrimary(this, 'Primary', {
            ...instance,
            instanceIdentifier: this.names.primaryInstance,
            databaseName: database.databaseName,
            allocatedStorage: Size.gibibytes(database.allocatedStorageGiB),
            secretName: this.names.databaseSecret,
            secretReplicaRegions: this.copiesElsewhere(),
          })
        : undefined;
    // In the first primary region, even after a promotion: the name of the secret is taken in every
    // region. Also while no region has poolers.
    if (props.region === foundingRegion(this.deployment)) {
      new SharedSecret(this, 'PoolerUsers', {
        secretName: this.names.poolerUsers,
        description:
          'SCRAM verifiers of the users that log in through the poolers, as a JSON object ' +
          'by user name',
        encryptionKey: props.key,
        initialValue: '{}',
        regions: this.copiesElsewhere(),
        withoutRotationBecause:
          'It holds verifiers, with which nobody can log in. PostgreSQL must have the same ' +
          'ones, and the applications the passwords: the runbook rotates between two ' +
          'users, so that no connection fails meanwhile.',
        removalPolicy: this.removalPolicy,
      });
    }
    // A hub is one of the replicas, until it becomes the primary.
    const leaves = isPrimary ? readReplicas : readReplicas - 1;
    if (made === undefined || leaves > 0) {
      this.replicas = new PostgresReplicas(this, 'Replicas', {
        ...instance,
        source: this.sourceOf(isPrimary, made),
        encryptionKey: made?.encryptionKey,
        identifierPrefix: this.names.replicaPrefix(props.region),
        // A replica cannot move to another zone under its name. With the first three zones only, a
        // fourth zone moves none of them.
        availabilityZones: availabilityZones.slice(0, 3),
        leaves,
      });
    }
    this.primary = made ?? this.replicas?.writer;
    if (this.primary !== undefined && database.migrationsFolder !== undefined) {
      new SchemaMigrations(this, 'Migrations', {
        vpc: props.vpc,
        database: this.primary,
        host: this.primary.instance.dbInstanceEndpointAddress,
        databaseName: database.databaseName,
        credentials: made?.masterSecret ?? this.copiedSecret(props.key),
        folder: database.migrationsFolder,
        logEncryptionKey: props.key,
        removalPolicy: this.removalPolicy,
      });
    }
    if (this.replicas !== undefined && this.replicas.instances.length > 0) {
      this.readers = new ReaderEndpoint(this, 'Readers', {
        vpc: props.vpc,
        replicas: this.replicas,
        primary: { region: primaryRegion, instanceIdentifier: this.names.primaryInstance },
        name: this.names.readers,
        // A slow query may delay its replica for this long, which alone must not remove it.
        dropLag: Duration.seconds(
          Math.max(60, 2 * database.parameters.maxStandbyStreamingDelaySeconds),
        ),
        fallBackToWriter: this.primary?.instance.instanceEndpoint.hostname,
        logEncryptionKey: props.key,
        removalPolicy: this.removalPolicy,
      });
    }
    if (!database.queryAdvice) return;
    if (this.primary) {
      const { instance: primary } = this.primary;
      this.primaryAdvice = this.adviseOn('PrimaryAdvice', props, this.names.primaryInstance, {
        instance: primary,
        access: this.primary,
      });
    }
    if (this.replicas) {
      // Reads are spread evenly over the replicas of a region, so one replica represents them all.
      const [first] = this.replicas.instances;
      const [identifier] = this.replicas.instanceIdentifiers;
      if (first && identifier) {
        this.replicaAdvice = this.adviseOn('ReplicaAdvice', props, identifier, {
          instance: first,
          access: this.replicas,
        });
      }
    }
  }

  private adviseOn(
    id: string,
    { vpc, key }: DatabaseStackProps,
    instanceIdentifier: string,
    login: Pick<DatabaseLogin, 'instance' | 'access'>,
  ): QueryAdvice {
    const { databaseName, parameters } = this.deployment.database;
    return new QueryAdvice(this, id, {
      vpc,
      login: { ...login, user: DATABASE_ROLES.advisor, database: databaseName },
      instanceIdentifier,
      slowStatement: Duration.millis(parameters.slowStatementMs),
      logEncryptionKey: key,
      removalPolicy: this.removalPolicy,
    });
  }

  private sourceOf(isPrimary: boolean, made: PostgresPrimary | undefined): PostgresSource {
    if (made !== undefined) return PostgresSource.inThisRegion(made.instance);
    const { leftSource, primaryInstance } = this.names;
    if (isPrimary && leftSource !== undefined) return PostgresSource.leftInRegion(leftSource);
    return PostgresSource.inRegion({
      region: this.deployment.primaryRegion,
      instanceIdentifier: primaryInstance,
    });
  }

  /**
   * The copy of the master secret in the region of a promoted primary. The stack of the first
   * primary created the secret and its copies in every region.
   */
  private copiedSecret(key: kms.IKey): secretsmanager.ISecret {
    return secretsmanager.Secret.fromSecretAttributes(this, 'MasterSecret', {
      secretPartialArn: this.formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        resourceName: this.names.databaseSecret,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
      // By its ARN: this stack depends on that of the key, whose policy must not name its roles.
      encryptionKey: kms.Key.fromKeyArn(this, 'MasterSecretKey', key.keyArn),
    });
  }
}

/** `17` or `17.6`. The major version chooses the families of parameter groups. */
function postgresVersion(version: string): rds.PostgresEngineVersion {
  return rds.PostgresEngineVersion.of(version, version.replace(/\..*/, ''));
}

/** The deployment's parameters in the engine's units, as `postgresParameters` documents them. */
function postgresFigures(parameters: Deployment['database']['parameters']): PostgresReplicaFigures {
  return {
    maxConnections: parameters.maxConnections,
    slowStatement: Duration.millis(parameters.slowStatementMs),
    maxStandbyStreamingDelay: Duration.seconds(parameters.maxStandbyStreamingDelaySeconds),
    overrides: {
      default_statistics_target: String(parameters.statisticsTarget),
      random_page_cost: String(parameters.randomPageCost),
      effective_io_concurrency: String(parameters.effectiveIoConcurrency),
      min_wal_size: String(parameters.minWalSizeMiB),
      max_wal_size: String(parameters.maxWalSizeMiB),
      ...(parameters.workMemMiB === undefined
        ? {}
        : { work_mem: String(parameters.workMemMiB * 1024) }),
    },
  };
}
