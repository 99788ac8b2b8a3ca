import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import { acknowledge } from '../../house-rules';
import {
  acknowledgeBackups,
  acknowledgeInstance,
  type BoundPostgresSource,
  cfnInstance,
  checkBackupRetention,
  checkChain,
  checkIdentifier,
  checkInstanceProps,
  closedSecurityGroup,
  commonSettings,
  continueChain,
  databaseKey,
  databaseSubnets,
  type IPostgresWriter,
  leafFigures,
  logGroupsBefore,
  monitoringRole,
  type PostgresInstanceProps,
  type PostgresLogType,
  type PostgresReplicaFigures,
  PostgresSource,
  postgresEngine,
  postgresReplicaParameters,
  postgresVersion,
  replayDelay,
} from '../primary';
import { checkLeafParameters, checkLeaves, checkZones, MAX_LEAVES } from './checks';

export interface PostgresReplicasProps extends PostgresInstanceProps {
  /**
   * The instance to follow. It is required, and there is no way to take it back: CloudFormation
   * promotes a replica that no longer names a source, and a promotion cannot be undone. Of a hub
   * that was promoted, it is the one that the hub has left: `leftInRegion`.
   */
  readonly source: PostgresSource;

  /**
   * What the instances' names begin with: `<prefix>-hub`, `<prefix>-leaf-1` and so on. Lower-case
   * letters, digits and hyphens.
   */
  readonly identifierPrefix: string;

  /**
   * Leaves, spread over the zones in turn. In another region than the source's, they stand beside
   * the hub and follow it; 0 to 14. In the source's own region there is no hub, and they follow the
   * source; 1 to 14.
   *
   * Before lowering it, deploy `deletionProtection: false`, or RDS refuses to delete the last ones.
   *
   * @default 2
   */
  readonly leaves?: number;

  /**
   * The zones, in turn: the hub takes the first, the leaves go on from there.
   *
   * @default - the zones of the subnets
   */
  readonly availabilityZones?: readonly string[];

  /**
   * Whether the hub has a standby in a second zone. Without one, the leaves go on answering while
   * RDS replaces a failed hub, but with data that grows older until it is back. It doubles the
   * price of the hub.
   *
   * @default - true once it was promoted, otherwise false
   */
  readonly hubMultiAz?: boolean;

  /**
   * How long the hub's automatic backups are kept, 1 to 35 days. The leaves follow a hub only if it
   * has them, and a promoted hub has them from its first minute. Leaves have none.
   *
   * @default Duration.days(7)
   */
  readonly backupRetention?: Duration;

  /**
   * The engine's parameters. `maxConnections` must not be below the primary's.
   *
   * @default - see PostgresReplicaFigures
   */
  readonly parameters?: PostgresReplicaFigures;

  /**
   * Parameters of single leaves, by their number, where one serves other readers than the rest.
   * What is not said here is as in `parameters`. A leaf that is set up for reports does not belong
   * behind a `ReaderEndpoint` of the others.
   *
   * @default - all replicas have the same
   */
  readonly leafParameters?: Readonly<Record<number, PostgresReplicaFigures>>;
}

/**
 * Read replicas of one PostgreSQL instance in one region.
 *
 * In another region than the source's: a hub that follows the source over the distance, once, and
 * leaves that follow the hub; two links of the three that RDS allows in a chain. In the source's
 * own region: leaves that follow it directly.
 *
 * The engine's version is the source's: it is not named on the instances. With a major version
 * alone on the source, RDS upgrades minor versions in the maintenance windows, for which AWS wants
 * the replicas to come first; give them the earlier window. A major upgrade is two deployments, see
 * `upgradingFrom`.
 *
 * Of a hub that was promoted, nothing is replaced: it is the `writer`, with two zones, and no
 * longer among the `instances`, which answer readers.
 *
 * @throws IsochroneError for a number of leaves or a chain that RDS does not allow, backups under a
 * day, or zones without a subnet
 */
export class PostgresReplicas extends Construct implements ec2.IConnectable {
  /**
   * The instance that follows the source of another region, and that its leaves follow. Absent in
   * the source's own region.
   */
  public readonly hub?: rds.DatabaseInstanceReadReplica;
  /** The hub once it was promoted, in place of `hub`. Its leaves follow it. */
  public readonly writer?: IPostgresWriter;
  public readonly leaves: readonly rds.DatabaseInstanceReadReplica[];
  /** All that follow another one, the hub first. */
  public readonly instances: readonly rds.DatabaseInstanceReadReplica[];
  /** The identifiers of the instances, in the same order, known at synthesis. */
  public readonly instanceIdentifiers: readonly string[];
  /** Host and port of the instances, in the same order. All of them answer queries. */
  public readonly endpoints: readonly rds.Endpoint[];
  /**
   * How long replay on each waits for a query at most, in the same order; undefined where
   * `overrides` leave it open.
   */
  public readonly replayDelays: readonly (Duration | undefined)[];
  public readonly connections: ec2.Connections;
  /**
   * The key of the hub's storage and, for all instances, of Performance Insights. Leaves inherit
   * the key of their storage from their source.
   */
  public readonly encryptionKey: kms.IKey;
  public readonly parameterGroup: rds.ParameterGroup;
  /** The log groups by identifier of the instance. */
  public readonly logGroups: Readonly<
    Record<string, Readonly<Record<PostgresLogType, logs.LogGroup>>>
  >;

  constructor(scope: Construct, id: string, props: PostgresReplicasProps) {
    super(scope, id);
    const source = props.source.bind(this);
    const isRemote = source.region !== undefined;
    const leafCount = props.leaves ?? 2;
    const backupRetention = props.backupRetention ?? Duration.days(7);
    const subnets = props.vpc.selectSubnets(databaseSubnets(props));
    const zones = props.availabilityZones ?? [...new Set(subnets.availabilityZones)];
    checkIdentifier(this, 'identifierPrefix', props.identifierPrefix, `-leaf-${MAX_LEAVES}`);
    checkInstanceProps(this, props);
    checkBackupRetention(this, backupRetention);
    checkLeaves(this, leafCount, isRemote);
    checkChain(
      this,
      source,
      (isRemote ? 1 : 0) + (leafCount > 0 ? 1 : 0),
      postgresVersion(props).postgresFullVersion,
    );
    checkLeafParameters(this, props.leafParameters ?? {}, leafCount);
    checkZones(this, zones, subnets.availabilityZones);

    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const hubIdentifier = `${props.identifierPrefix}-hub`;
    const leafIdentifiers = Array.from(
      { length: leafCount },
      (_, index) => `${props.identifierPrefix}-leaf-${index + 1}`,
    );
    const isPromoted = source.left === true;
    const hubMultiAz = props.hubMultiAz ?? isPromoted;
    const allIdentifiers = isRemote ? [hubIdentifier, ...leafIdentifiers] : leafIdentifiers;
    this.instanceIdentifiers = isPromoted ? leafIdentifiers : allIdentifiers;
    this.encryptionKey = props.encryptionKey ?? databaseKey(this, removalPolicy);
    const parameterGroup = (
      groupId: string,
      description: string,
      figures: PostgresReplicaFigures | undefined,
      // The family of what the replicas run, which is the old version until the upgrade is done.
      version = props.upgradingFrom ?? postgresVersion(props),
    ) =>
      new rds.ParameterGroup(this, groupId, {
        engine: postgresEngine(version),
        description,
        parameters: postgresReplicaParameters(this, figures),
        removalPolicy,
      });
    this.parameterGroup = parameterGroup(
      'Parameters',
      `PostgreSQL replicas ${props.identifierPrefix}`,
      props.parameters,
    );
    const securityGroup = closedSecurityGroup(this, props.vpc, removalPolicy);
    const common = {
      ...commonSettings(props, this.encryptionKey),
      parameterGroup: this.parameterGroup,
      // One for all: RDS wants the replicas of one source in one VPC.
      subnetGroup: new rds.SubnetGroup(this, 'Subnets', {
        vpc: props.vpc,
        vpcSubnets: databaseSubnets(props),
        description: `PostgreSQL replicas ${props.identifierPrefix}`,
        removalPolicy,
      }),
      securityGroups: [securityGroup],
      monitoringRole: monitoringRole(this, allIdentifiers, removalPolicy),
    };

    let hub: rds.DatabaseInstanceReadReplica | undefined;
    if (isRemote) {
      hub = new rds.DatabaseInstanceReadReplica(this, 'Hub', {
        ...common,
        instanceIdentifier: hubIdentifier,
        sourceDatabaseInstance: source.instance,
        multiAz: hubMultiAz,
        availabilityZone: hubMultiAz ? undefined : zones[0],
        storageEncryptionKey: this.encryptionKey,
      });
      follow(hub, source);
      continueChain(this, hub, source);
      // The L2 refuses it for PostgreSQL; RDS takes it, and leaves can follow only a hub that has
      // it.
      cfnInstance(hub).backupRetentionPeriod = backupRetention.toDays();
      acknowledge(
        cfnInstance(hub),
        'Encrypted with the key in KmsKeyId. AWS rules out StorageEncrypted on a read replica, which inherits encryption from its source.',
        ...STORAGE_ENCRYPTED_RULES,
      );
      if (!hubMultiAz) acknowledgeSingleZone(hub);
    }
    if (isPromoted && hub !== undefined) {
      // What is left of a database that somebody deleted by mistake.
      cfnInstance(hub).deleteAutomatedBackups = removalPolicy === RemovalPolicy.DESTROY;
      if (props.upgradingFrom !== undefined) {
        const group = parameterGroup(
          'HubParameters',
          `PostgreSQL primary ${hubIdentifier}`,
          props.parameters,
          postgresVersion(props),
        );
        cfnInstance(hub).dbParameterGroupName = group.bindToInstance({}).parameterGroupName;
        cfnInstance(hub).engineVersion = postgresVersion(props).postgresFullVersion;
        cfnInstance(hub).allowMajorVersionUpgrade = true;
      }
    }
    const leafSource = hub === undefined ? source : PostgresSource.inThisRegion(hub).bind(this);
    const figuresOf = (index: number) =>
      leafFigures(props.parameters, props.leafParameters?.[index + 1]);
    let previous: rds.DatabaseInstanceReadReplica | undefined;
    this.leaves = leafIdentifiers.map((identifier, index) => {
      const figures = figuresOf(index);
      const leaf = new rds.DatabaseInstanceReadReplica(this, `Leaf${index + 1}`, {
        ...common,
        parameterGroup:
          figures === props.parameters
            ? this.parameterGroup
            : parameterGroup(
                `Leaf${index + 1}Parameters`,
                `PostgreSQL replica ${identifier}`,
                figures,
              ),
        instanceIdentifier: identifier,
        sourceDatabaseInstance: leafSource.instance,
        availabilityZone: zones[(index + (isRemote ? 1 : 0)) % zones.length],
      });
      follow(leaf, leafSource);
      continueChain(this, leaf, leafSource);
      // One after the other: a new parameter group or class restarts an instance, and the others
      // answer meanwhile.
      if (previous !== undefined) cfnInstance(leaf).node.addDependency(previous);
      previous = leaf;
      acknowledge(
        cfnInstance(leaf),
        'A read replica inherits encryption and key from its source in the same region, and RDS takes neither from the template. The hub and PostgresPrimary are always encrypted.',
        ...STORAGE_ENCRYPTED_RULES,
      );
      acknowledgeSingleZone(leaf);
      return leaf;
    });

    this.hub = isPromoted ? undefined : hub;
    this.instances = this.hub === undefined ? this.leaves : [this.hub, ...this.leaves];
    this.endpoints = this.instances.map((instance) => instance.instanceEndpoint);
    const figures = [
      ...(this.hub === undefined ? [] : [props.parameters]),
      ...leafIdentifiers.map((_, index) => figuresOf(index)),
    ];
    this.replayDelays = figures.map((each) => replayDelay(this, each));
    // Not those of the instances: their port is only known at deployment, so rule packs could not
    // judge the rules.
    this.connections = new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.tcp(common.port),
    });
    if (isPromoted && hub !== undefined) {
      this.writer = {
        instance: hub,
        instanceIdentifier: hubIdentifier,
        connections: this.connections,
      };
      acknowledgeBackups(hub);
    }
    const all = hub === undefined ? this.leaves : [hub, ...this.leaves];
    this.logGroups = Object.fromEntries(
      all.map((instance, index) => {
        const identifier = allIdentifiers[index] as string;
        return [identifier, logGroupsBefore(instance, identifier, props)];
      }),
    );
    for (const instance of all) acknowledgeInstance(instance, props);
    for (const instance of this.instances) {
      acknowledge(
        cfnInstance(instance),
        'A read replica holds nothing that its source does not hold; the primary is backed up, and so is the hub.',
        'NIST.800.53.R5-RDSInBackupPlan',
      );
    }
  }
}

const STORAGE_ENCRYPTED_RULES = [
  'AwsSolutions-RDS2',
  'NIST.800.53.R5-RDSStorageEncrypted',
  'PCI.DSS.321-RDSStorageEncrypted',
] as const;

/**
 * The L2 always names the source by an ARN of its own region, and says StorageEncrypted whenever
 * there is a key.
 */
function follow(replica: rds.DatabaseInstanceReadReplica, source: BoundPostgresSource): void {
  const cfn = cfnInstance(replica);
  cfn.sourceDbInstanceIdentifier = source.sourceIdentifier;
  cfn.sourceRegion = source.region;
  cfn.storageEncrypted = undefined;
  acknowledge(
    cfn,
    'Replicas are spread over zones on purpose, and the zones come from the network or from `availabilityZones`.',
    'CloudFormation-Validate::W3010',
  );
}

function acknowledgeSingleZone(replica: rds.DatabaseInstanceReadReplica): void {
  acknowledge(
    cfnInstance(replica),
    'A read replica is one of several that answer the same queries, in different zones; a standby of each would double the price and answer none. `hubMultiAz` gives one to the hub.',
    'AwsSolutions-RDS3',
    'NIST.800.53.R5-RDSMultiAZSupport',
  );
}
