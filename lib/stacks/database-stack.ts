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
 * PostgreSQL in a region: in the primary region the primary and its replicas, elsewhere a hub and
 * its leaves.
 */
export class DatabaseStack extends RegionStack {
  /** In the primary region only: made here as such, or the hub that was promoted. */
  public readonly primary?: IPostgresWriter;
  /** Absent in a primary region that never had any. */
  public readonly replicas?: PostgresReplicas;
  /** The name under which the replicas answer; absent without replicas. */
  public readonly readers?: ReaderEndpoint;
  /**
   * What looks at the queries of the primary; absent elsewhere, and where the deployment does not
   * ask for it.
   */
  public readonly primaryAdvice?: QueryAdvice;
  /**
   * What looks at the queries of a replica; absent without replicas, and where the deployment does
   * not ask for it.
   */
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
    // Where they were made first, also when another region is the primary one by now: their name is
    // taken in every region. And also while no region has poolers.
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
    // Where there is a hub, it is one of the replicas, until it is the primary.
    const leaves = isPrimary ? readReplicas : readReplicas - 1;
    if (made === undefined || leaves > 0) {
      this.replicas = new PostgresReplicas(this, 'Replicas', {
        ...instance,
        source: this.sourceOf(isPrimary, made),
        encryptionKey: made?.encryptionKey,
        identifierPrefix: this.names.replicaPrefix(props.region),
        // A replica cannot move to another zone under its name. Going round the first three only,
        // one of a fourth moves none.
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
        // A slow query may hold its replica back for so long: that alone must not take it out.
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
      // Reads are spread evenly over the replicas of a region: what is slow on one is slow on all.
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
   * The master secret where the primary was promoted: its name is taken in every region, by what
   * the first primary's stack has made.
   */
  private copiedSecret(key: kms.IKey): secretsmanager.ISecret {
    return secretsmanager.Secret.fromSecretAttributes(this, 'MasterSecret', {
      secretPartialArn: this.formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        resourceName: this.names.databaseSecret,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
      // By its ARN: the key's stack stands below this one, and must not name its roles.
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
