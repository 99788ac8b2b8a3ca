import { Duration, RemovalPolicy, Token } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { type Rule, rdsRules } from '../../../model/rules';
import { acknowledge, checkKnown, checkRule, isolatedSubnets } from '../../house-rules';
import type { IPostgresWriter, IReaderInstances } from '../interfaces';
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
  INSTANCE_METRICS,
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

/** The most leaves of one source. One place stays free for a replacement. */
const MAX_LEAVES = RDS_POSTGRESQL.replicasPerSource - 1;

/**
 * The number of a leaf that has parameters of its own, as text, given how many leaves there are.
 */
const LEAF_NUMBER: Rule<string, { readonly leaves: number }> = {
  allows: (number, { leaves }) => /^[1-9]\d*$/.test(number) && Number(number) <= leaves,
  allowed: (_, { leaves }) =>
    leaves === 0 ? 'left out without leaves' : `by the numbers of the leaves, 1 to ${leaves}`,
  rule: 'Parameters of a leaf that does not exist would be ignored silently.',
  fix: 'Correct the number, or raise `leaves`.',
};

const SOME_ZONES: Rule<readonly string[]> = {
  allows: (zones) => zones.length > 0,
  allowed: 'at least one zone',
  rule: 'Every replica is placed in a zone.',
  fix: 'Leave it out for the zones of the subnets.',
};

/** A zone, given those of the subnets. */
const COVERED_ZONE: Rule<string, { readonly covered: readonly string[] }> = {
  allows: (zone, { covered }) =>
    covered.some((each) => Token.isUnresolved(each)) || covered.includes(zone),
  allowed: (_, { covered }) => `zones of the subnets: ${[...new Set(covered)].join(', ')}`,
  rule: 'RDS can use only a zone that the subnet group of the instance covers.',
  fix: 'Leave it out for all of them.',
};

/** An identifier of one of the instances. */
const OWN_INSTANCE: Rule<string, { readonly own: readonly string[] }> = {
  allows: (identifier, { own }) => own.includes(identifier),
  allowed: (_, { own }) => `one of ${own.join(', ')}`,
  rule: 'A metric is of one instance, and replicas have no metric in common.',
  fix: 'Use one of `instanceIdentifiers`.',
};

export interface PostgresReplicasProps extends PostgresInstanceProps {
  /**
   * The instance to follow. It is required and must stay: CloudFormation promotes a replica that no
   * longer names a source, and a promotion cannot be undone. After the promotion of a hub, it is
   * the instance that the hub followed before: `leftInRegion`.
   */
  readonly source: PostgresSource;

  /**
   * The prefix of the instances' identifiers: `<prefix>-hub`, `<prefix>-leaf-1` and so on.
   * Lower-case letters, digits and hyphens.
   */
  readonly identifierPrefix: string;

  /**
   * The number of leaves, spread over the zones in turn. In another region than the source's, they
   * follow the hub; 0 to 14. In the source's own region there is no hub, and they follow the
   * source; 1 to 14.
   *
   * Before lowering it, deploy `deletionProtection: false`, or RDS refuses to delete the last
   * leaves.
   *
   * @default 2
   */
  readonly leaves?: number;

  /**
   * The zones, used in turn: the first for the hub, the next ones for the leaves.
   *
   * @default - the zones of the subnets
   */
  readonly availabilityZones?: readonly string[];

  /**
   * Whether the hub has a standby in a second zone. Without one, the leaves still answer while RDS
   * replaces a failed hub, but their data gets older until the hub is back. A standby doubles the
   * price of the hub.
   *
   * @default - true once the hub was promoted, otherwise false
   */
  readonly hubMultiAz?: boolean;

  /**
   * How long the hub's automatic backups are kept, 1 to 35 days. Leaves can only follow a hub with
   * backups, and a promoted hub then has them from its first minute. Leaves have no backups.
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
   * Parameters of single leaves, by their number, for a leaf that serves other readers than the
   * rest. Parameters that are left out here are as in `parameters`. A leaf for reports does not
   * belong behind a `ReaderEndpoint` of the other leaves.
   *
   * @default - all replicas have the same parameters
   */
  readonly leafParameters?: Readonly<Record<number, PostgresReplicaFigures>>;
}

/**
 * Read replicas of one PostgreSQL instance in one region.
 *
 * In another region than the source's: a hub that follows the source across regions, once, and
 * leaves that follow the hub. They are two links of the three that RDS allows in a chain. In the
 * source's own region: leaves that follow it directly.
 *
 * The instances run the engine version of their source and do not name it. With a major version
 * alone on the source, RDS upgrades minor versions in the maintenance windows. AWS requires the
 * replicas to be upgraded first: give them the earlier window. A major upgrade takes two
 * deployments, see `upgradingFrom`.
 *
 * The promotion of a hub replaces nothing. The promoted hub is the `writer`, has two zones, and is
 * no longer among the `instances`, which answer readers.
 *
 * @throws IsochroneError for a number of leaves or a chain that RDS does not allow, backups under a
 * day, or zones without a subnet
 */
export class PostgresReplicas extends Construct implements ec2.IConnectable, IReaderInstances {
  /**
   * The instance that follows the source of another region, and that its leaves follow. Absent in
   * the source's own region and after its promotion.
   */
  public readonly hub?: rds.DatabaseInstanceReadReplica;
  /** The hub after its promotion, in place of `hub`. Its leaves follow it. */
  public readonly writer?: IPostgresWriter;
  public readonly leaves: readonly rds.DatabaseInstanceReadReplica[];
  /** All instances that follow another one, the hub first. */
  public readonly instances: readonly rds.DatabaseInstanceReadReplica[];
  /** The identifiers of the instances, in the same order, known at synthesis. */
  public readonly instanceIdentifiers: readonly string[];
  /** Host and port of the instances, in the same order. All of them answer queries. */
  public readonly endpoints: readonly rds.Endpoint[];
  /**
   * How long replay on each instance waits for a query at most, in the same order. Undefined where
   * `overrides` set no limit in milliseconds.
   */
  public readonly replayDelays: readonly (Duration | undefined)[];
  public readonly connections: ec2.Connections;
  /**
   * The key of the hub's storage and of the Performance Insights of all instances. Leaves inherit
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
    const subnets = props.vpc.selectSubnets(isolatedSubnets(props));
    const zones = props.availabilityZones ?? [...new Set(subnets.availabilityZones)];
    checkIdentifier(this, 'identifierPrefix', props.identifierPrefix, `-leaf-${MAX_LEAVES}`);
    checkInstanceProps(this, props);
    checkBackupRetention(this, backupRetention);
    checkKnown(this, 'leaves', rdsRules.REPLICAS_OF_ONE_SOURCE, leafCount, {
      min: isRemote ? 0 : 1,
      hubsElsewhere: 0,
    });
    checkChain(
      this,
      source,
      (isRemote ? 1 : 0) + (leafCount > 0 ? 1 : 0),
      postgresVersion(props).postgresFullVersion,
    );
    for (const number of Object.keys(props.leafParameters ?? {}))
      checkRule(this, 'leafParameters', LEAF_NUMBER, number, { leaves: leafCount });
    checkRule(this, 'availabilityZones', SOME_ZONES, zones);
    for (const zone of zones)
      checkRule(this, 'availabilityZones', COVERED_ZONE, zone, {
        covered: subnets.availabilityZones,
      });

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
      // The replicas run the old version until the upgrade is done.
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
      // One group for all: RDS requires the replicas of one source to be in one VPC.
      subnetGroup: new rds.SubnetGroup(this, 'Subnets', {
        vpc: props.vpc,
        vpcSubnets: isolatedSubnets(props),
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
      // The L2 refuses it for PostgreSQL. RDS accepts it, and leaves can only follow a hub with
      // backups.
      cfnInstance(hub).backupRetentionPeriod = backupRetention.toDays();
      acknowledge(
        cfnInstance(hub),
        'Encrypted with the key in KmsKeyId. AWS rules out StorageEncrypted on a read replica, ' +
          'which inherits encryption from its source.',
        ...STORAGE_ENCRYPTED_RULES,
      );
      if (!hubMultiAz) acknowledgeSingleZone(hub);
    }
    if (isPromoted && hub !== undefined) {
      // They are the last copy of a database that was deleted by mistake.
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
      // One after the other: a new parameter group or class restarts an instance, while the others
      // answer.
      if (previous !== undefined) cfnInstance(leaf).node.addDependency(previous);
      previous = leaf;
      acknowledge(
        cfnInstance(leaf),
        'A read replica inherits encryption and key from its source in the same region, and RDS ' +
          'takes neither from the template. The hub and PostgresPrimary are always encrypted.',
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
    // Not the connections of the instances: their port is only known at deployment, so rule packs
    // could not judge the rules.
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
        'A read replica holds nothing that its source does not hold; the primary is backed up, ' +
          'and so is the hub.',
        'NIST.800.53.R5-RDSInBackupPlan',
      );
    }
  }

  /**
   * Lets a role log in to all `instances` by IAM, as a user of PostgreSQL that has `rds_iam`. The
   * network must let it through as well: see `connections`.
   */
  public grantConnect(grantee: iam.IGrantable, user: string): iam.Grant {
    return this.instances
      .map((instance) => instance.grantConnect(grantee, user))
      .reduce(
        (all, grant) => all.combine(grant),
        iam.Grant.drop(grantee, 'log in to the replicas'),
      );
  }

  /**
   * Seconds since the last transaction that an instance replayed was committed. It grows while
   * nothing is written to the primary. Maximum over 1 minute by default.
   *
   * @throws IsochroneError unless the identifier is one of `instanceIdentifiers`
   */
  public metricReplicaLag(identifier: string, options?: MetricOptions): Metric {
    return INSTANCE_METRICS.replicaLag(this.instanceOf(identifier), options);
  }

  /**
   * CPU of an instance in use, in percent. Average over 5 minutes by default.
   *
   * @throws IsochroneError unless the identifier is one of `instanceIdentifiers`
   */
  public metricCpu(identifier: string, options?: MetricOptions): Metric {
    return INSTANCE_METRICS.cpu(this.instanceOf(identifier), options);
  }

  /**
   * Open connections of an instance. Maximum over 1 minute by default.
   *
   * @throws IsochroneError unless the identifier is one of `instanceIdentifiers`
   */
  public metricConnections(identifier: string, options?: MetricOptions): Metric {
    return INSTANCE_METRICS.connections(this.instanceOf(identifier), options);
  }

  /**
   * Free storage of an instance, in bytes. Minimum over 5 minutes by default.
   *
   * @throws IsochroneError unless the identifier is one of `instanceIdentifiers`
   */
  public metricFreeStorage(identifier: string, options?: MetricOptions): Metric {
    return INSTANCE_METRICS.freeStorage(this.instanceOf(identifier), options);
  }

  private instanceOf(identifier: string): rds.DatabaseInstanceReadReplica {
    const own = this.instanceIdentifiers;
    checkRule(this, 'instanceIdentifier', OWN_INSTANCE, identifier, { own });
    return this.instances[own.indexOf(identifier)] as rds.DatabaseInstanceReadReplica;
  }
}

const STORAGE_ENCRYPTED_RULES = [
  'AwsSolutions-RDS2',
  'NIST.800.53.R5-RDSStorageEncrypted',
  'PCI.DSS.321-RDSStorageEncrypted',
] as const;

/**
 * Corrects the L2, which always names the source by an ARN of its own region, and sets
 * StorageEncrypted whenever there is a key.
 */
function follow(replica: rds.DatabaseInstanceReadReplica, source: BoundPostgresSource): void {
  const cfn = cfnInstance(replica);
  cfn.sourceDbInstanceIdentifier = source.sourceIdentifier;
  cfn.sourceRegion = source.region;
  cfn.storageEncrypted = undefined;
  acknowledge(
    cfn,
    'Replicas are spread over zones on purpose, and the zones come from the network or from ' +
      '`availabilityZones`.',
    'CloudFormation-Validate::W3010',
  );
}

function acknowledgeSingleZone(replica: rds.DatabaseInstanceReadReplica): void {
  acknowledge(
    cfnInstance(replica),
    'A read replica is one of several that answer the same queries, in different zones; a ' +
      'standby of each would double the price and answer none. `hubMultiAz` gives one to the hub.',
    'AwsSolutions-RDS3',
    'NIST.800.53.R5-RDSMultiAZSupport',
  );
}
