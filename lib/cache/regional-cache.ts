import { ArnFormat, CfnDeletionPolicy, Names, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct, type IConstruct } from 'constructs';
import { acknowledge } from '../acknowledge';
import { ELASTICACHE } from '../aws/limits';
import { invalidValue } from '../errors';
import { keptLogGroup } from '../log-groups';

/** The port of the cache. Changing it would replace the cache, and behind a closed security group another number hides nothing. */
const PORT = 6379;

/** The first Valkey version that ElastiCache offers, and that knows IAM authentication: "Authenticating with IAM", Amazon ElastiCache user guide. */
const FIRST_VALKEY_VERSION = 7.2;

/** Days of snapshots that the rule packs ask for. */
const SNAPSHOT_DAYS_OF_RULE_PACKS = 15;

/**
 * What the application user may do: every key, every channel and every command except those that Valkey marks dangerous.
 * `@dangerous` holds KEYS, FLUSHALL, FLUSHDB, SORT, CLIENT KILL, MIGRATE and all of `@admin`; it does not hold what a
 * caching client needs, such as SCAN, UNLINK, EVALSHA, CLIENT TRACKING, SUBSCRIBE, CLUSTER SLOTS and CLUSTER SHARDS.
 * INFO is in it, but the ready check of common clients sends INFO, and it only reads.
 */
const ACCESS_STRING = 'on ~* &* +@all -@dangerous +info';

/** What goes when memory is full: a value of Valkey's `maxmemory-policy`. */
export type MaxmemoryPolicy = (typeof ELASTICACHE.maxmemoryPolicies)[number];

/** A cache as other constructs see it: where it is, who may reach it and who may log in. */
export interface IRegionalCache extends IConstruct, ec2.IConnectable {
  /** The id of the replication group. An IAM token is signed for this name, not for the endpoint. */
  readonly replicationGroupId: string;
  /** Where clients begin: the cluster's topology is asked here. TLS only. */
  readonly configurationEndpoint: CacheEndpoint;
  /** The user that applications log in as. With IAM authentication, user id and user name are the same. */
  readonly userName: string;
  /**
   * Allow a role to log in as the application user. The network must let it through as well: see `connections`.
   *
   * A token lives for 15 minutes, and ElastiCache closes a connection 12 hours after its last authentication, so a client
   * must be able to fetch a token for each connection and authenticate again.
   */
  grantConnect(grantee: iam.IGrantable): iam.Grant;
}

/** An address and a port. */
export interface CacheEndpoint {
  readonly hostname: string;
  readonly port: number;
}

export interface RegionalCacheProps {
  /** The VPC that the nodes live in. */
  readonly vpc: ec2.IVpc;
  /**
   * The subnets of the nodes, in at least two availability zones. They can be changed in place, but ElastiCache lets no subnet go that a node is in.
   *
   * @default the isolated subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /**
   * Shards that the keys are spread over; at least 1. All nodes together, replicas included, may be 90. Changed online, without
   * a new cache; keys move while it serves. Change nothing else in the same deployment: CloudFormation reshards only then.
   *
   * @default 2
   */
  readonly shards?: number;
  /**
   * Replicas of each shard, in other zones than its primary; 0 to 5. With 0, a lost node loses its part of the cache.
   *
   * @default 1
   */
  readonly replicasPerShard?: number;
  /**
   * The type of every node. Changed online.
   *
   * @default 'cache.r7g.large'
   */
  readonly nodeType?: string;
  /**
   * The Valkey version, major and minor. A newer one is an upgrade in place; there is no way back. 8.2 is the first with vector search.
   *
   * @default '8.2'
   */
  readonly engineVersion?: string;
  /**
   * What goes when memory is full.
   *
   * @default 'allkeys-lru'
   */
  readonly maxmemoryPolicy?: MaxmemoryPolicy;
  /**
   * Days that daily snapshots are kept; 0 to 35, and 0 takes none. Whatever is older than the longest TTL has nothing left to restore.
   *
   * @default 1
   */
  readonly snapshotRetentionDays?: number;
  /**
   * When the daily snapshot is taken, in UTC, such as `05:00-06:00`. It must not overlap the maintenance window.
   *
   * @default ElastiCache chooses
   */
  readonly snapshotWindow?: string;
  /**
   * When maintenance may happen, in UTC, such as `sun:02:00-sun:03:00`.
   *
   * @default ElastiCache chooses
   */
  readonly maintenanceWindow?: string;
  /**
   * The physical name: up to 40 lower-case letters, digits and single hyphens, a letter first and no hyphen last. It also begins the
   * names of the user and its group. Another name *replaces* the cache.
   *
   * @default a name made by CloudFormation
   */
  readonly replicationGroupId?: string;
  /**
   * The key that encrypts memory on disk, snapshots and replication. Another key *replaces* the cache.
   *
   * @default a key of its own, rotated every year
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * How long the slow log and the engine log are kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * The key that encrypts the logs. Its policy must allow CloudWatch Logs; for a key of the same app, that is added here.
   *
   * @default the key that encrypts the cache
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * Where ElastiCache reports failovers, scaling and maintenance.
   *
   * @default nowhere
   */
  readonly notificationTopic?: sns.ITopic;
  /**
   * What happens to the cache and its key when they leave the stack. ElastiCache has no deletion protection of its own.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * One Valkey replication group in one region: cluster mode, several zones, encrypted on the wire and at rest, and open to nobody
 * until a security group is let in through `connections` and a role through `grantConnect`.
 *
 * Applications log in with IAM tokens: no password exists that could leak or would have to be rotated. Valkey user groups need no
 * `default` user; ElastiCache switches the engine's own one off as soon as the group is attached.
 */
export class RegionalCache extends Construct implements IRegionalCache {
  public readonly replicationGroup: elasticache.CfnReplicationGroup;
  public readonly replicationGroupId: string;
  public readonly configurationEndpoint: CacheEndpoint;
  public readonly encryptionKey: kms.IKey;
  /** Nobody may connect until allowed: `connections.allowDefaultPortFrom(fleet)`. */
  public readonly connections: ec2.Connections;
  public readonly userName: string;

  constructor(scope: Construct, id: string, props: RegionalCacheProps) {
    super(scope, id);
    const shards = props.shards ?? 2;
    const replicasPerShard = props.replicasPerShard ?? 1;
    const engineVersion = props.engineVersion ?? '8.2';
    const maxmemoryPolicy = props.maxmemoryPolicy ?? 'allkeys-lru';
    const snapshotRetentionDays = props.snapshotRetentionDays ?? 1;
    const subnets = props.vpc.selectSubnets(props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_ISOLATED });

    this.checkSize(shards, replicasPerShard);
    this.checkEngine(engineVersion, maxmemoryPolicy);
    this.checkSnapshotRetention(snapshotRetentionDays);
    this.checkReplicationGroupId(props.replicationGroupId);
    this.checkZones(subnets);

    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    // A retained cache holds on to what it is built on: deleting that would fail and leave the stack stuck.
    const foundationPolicy = removalPolicy === RemovalPolicy.SNAPSHOT ? RemovalPolicy.DESTROY : removalPolicy;

    this.encryptionKey =
      props.encryptionKey ??
      new kms.Key(this, 'Key', {
        description: `Encrypts the cache ${this.node.path}.`,
        enableKeyRotation: true,
        // A snapshot is worth nothing without its key.
        removalPolicy: removalPolicy === RemovalPolicy.SNAPSHOT ? RemovalPolicy.RETAIN : removalPolicy,
      });

    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: `The cache ${this.node.path}: closed until somebody is allowed in.`,
      allowAllOutbound: false,
    });
    this.connections = new ec2.Connections({ securityGroups: [securityGroup], defaultPort: ec2.Port.tcp(PORT) });

    const subnetGroup = new elasticache.CfnSubnetGroup(this, 'Subnets', {
      description: `The zones of the cache ${this.node.path}.`,
      subnetIds: subnets.subnetIds,
    });
    const parameterGroup = new elasticache.CfnParameterGroup(this, 'Parameters', {
      description: `Settings of the cache ${this.node.path}.`,
      cacheParameterGroupFamily: `valkey${engineVersion.split('.')[0]}`,
      properties: { 'cluster-enabled': 'yes', 'maxmemory-policy': maxmemoryPolicy },
    });

    this.userName = props.replicationGroupId
      ? `${props.replicationGroupId.slice(0, 36).replace(/-$/, '')}-app`
      : Names.uniqueResourceName(this, { maxLength: 40, separator: '-' }).toLowerCase();
    const user = new elasticache.CfnUser(this, 'User', {
      engine: 'valkey',
      userId: this.userName,
      userName: this.userName,
      authenticationMode: { Type: 'iam' },
      accessString: ACCESS_STRING,
    });
    const userGroup = new elasticache.CfnUserGroup(this, 'Users', {
      engine: 'valkey',
      userGroupId: this.userName,
      userIds: [user.ref],
    });

    const logEncryptionKey = props.logEncryptionKey ?? this.encryptionKey;
    const logDelivery = (type: 'slow-log' | 'engine-log', logGroupId: string) => {
      const logGroup = keptLogGroup(this, logGroupId, {
        retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
        encryptionKey: logEncryptionKey,
        removalPolicy: foundationPolicy,
      });
      return {
        destinationType: 'cloudwatch-logs',
        destinationDetails: { cloudWatchLogsDetails: { logGroup: logGroup.logGroupName } },
        logFormat: 'json',
        logType: type,
      };
    };

    this.replicationGroup = new elasticache.CfnReplicationGroup(this, 'Resource', {
      replicationGroupDescription: `The cache ${this.node.path}.`,
      replicationGroupId: props.replicationGroupId,
      engine: 'valkey',
      engineVersion,
      autoMinorVersionUpgrade: true,
      cacheNodeType: props.nodeType ?? 'cache.r7g.large',
      cacheParameterGroupName: parameterGroup.ref,
      clusterMode: 'enabled',
      numNodeGroups: shards,
      replicasPerNodeGroup: replicasPerShard,
      // Cluster mode demands automatic failover, even where no replica could take over.
      automaticFailoverEnabled: true,
      multiAzEnabled: replicasPerShard > 0,
      cacheSubnetGroupName: subnetGroup.ref,
      securityGroupIds: [securityGroup.securityGroupId],
      port: PORT,
      atRestEncryptionEnabled: true,
      kmsKeyId: this.encryptionKey.keyArn,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
      userGroupIds: [userGroup.ref],
      snapshotRetentionLimit: snapshotRetentionDays,
      snapshotWindow: props.snapshotWindow,
      preferredMaintenanceWindow: props.maintenanceWindow,
      notificationTopicArn: props.notificationTopic?.topicArn,
      logDeliveryConfigurations: [logDelivery('slow-log', 'SlowLog'), logDelivery('engine-log', 'EngineLog')],
    });
    // Without it, CloudFormation answers another number of shards with a new, empty cache.
    this.replicationGroup.cfnOptions.updatePolicy = { useOnlineResharding: true };
    this.replicationGroup.applyRemovalPolicy(removalPolicy);
    securityGroup.applyRemovalPolicy(foundationPolicy);
    for (const foundation of [subnetGroup, parameterGroup, user, userGroup]) {
      foundation.applyRemovalPolicy(foundationPolicy);
      // Replaced, they are no longer what the cache is built on, and may go.
      foundation.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.DELETE;
    }

    this.replicationGroupId = this.replicationGroup.ref;
    this.configurationEndpoint = { hostname: this.replicationGroup.attrConfigurationEndPointAddress, port: PORT };

    this.acknowledgeFindings(replicasPerShard, snapshotRetentionDays);
  }

  public grantConnect(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['elasticache:Connect'],
      resourceArns: [this.arnOf('replicationgroup', this.replicationGroupId), this.arnOf('user', this.userName)],
    });
  }

  private arnOf(resource: string, resourceName: string): string {
    return Stack.of(this).formatArn({ service: 'elasticache', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  }

  private checkSize(shards: number, replicasPerShard: number): void {
    const rule = 'ElastiCache allows 5 replicas of a shard and 90 nodes in a cluster, primaries and replicas together.';
    if (!isInteger(replicasPerShard, 0, ELASTICACHE.replicasPerShard)) {
      throw invalidValue(this, {
        property: 'replicasPerShard',
        value: replicasPerShard,
        allowed: `0 to ${ELASTICACHE.replicasPerShard}`,
        rule,
        fix: 'Lower `replicasPerShard`; more shards or larger nodes carry more load.',
      });
    }
    const most = Token.isUnresolved(replicasPerShard)
      ? ELASTICACHE.nodesPerCluster
      : Math.floor(ELASTICACHE.nodesPerCluster / (1 + replicasPerShard));
    if (!isInteger(shards, 1, most)) {
      throw invalidValue(this, {
        property: 'shards',
        value: shards,
        allowed: `1 to ${most} with ${replicasPerShard} replicas per shard`,
        rule,
        fix: 'Lower `shards` or `replicasPerShard`, or take a larger `nodeType`.',
      });
    }
  }

  private checkEngine(engineVersion: string, maxmemoryPolicy: string): void {
    if (!/^\d+\.\d$/.test(engineVersion) || Number(engineVersion) < FIRST_VALKEY_VERSION) {
      throw invalidValue(this, {
        property: 'engineVersion',
        value: engineVersion,
        allowed: 'a Valkey version, major and minor, from 7.2 on',
        rule: 'ElastiCache offers Valkey from 7.2, and the parameter group belongs to the major version.',
        fix: "Write it like '8.2'.",
      });
    }
    if (!ELASTICACHE.maxmemoryPolicies.some((known) => known === maxmemoryPolicy)) {
      throw invalidValue(this, {
        property: 'maxmemoryPolicy',
        value: maxmemoryPolicy,
        allowed: `one of ${ELASTICACHE.maxmemoryPolicies.join(', ')}`,
        rule: 'Valkey knows no other policy.',
        fix: 'A cache wants allkeys-lru or allkeys-lfu.',
      });
    }
  }

  private checkSnapshotRetention(days: number): void {
    const { min, max } = ELASTICACHE.snapshotRetentionDays;
    if (!isInteger(days, min, max)) {
      throw invalidValue(this, {
        property: 'snapshotRetentionDays',
        value: days,
        allowed: `${min} to ${max}`,
        rule: 'ElastiCache keeps daily snapshots for whole days, 35 at most.',
        fix: 'Use 0 to take none.',
      });
    }
  }

  private checkReplicationGroupId(replicationGroupId: string | undefined): void {
    if (replicationGroupId === undefined) return;
    // The names of the user and its group are made from it at synthesis, so a value known only at deployment cannot be checked or cut.
    if (Token.isUnresolved(replicationGroupId) || !isReplicationGroupId(replicationGroupId)) {
      throw invalidValue(this, {
        property: 'replicationGroupId',
        value: replicationGroupId,
        allowed: `a literal of up to ${ELASTICACHE.replicationGroupIdLength} lower-case letters, digits and single hyphens, a letter first and no hyphen last`,
        rule: 'ElastiCache takes no other id; it would store capitals in lower case, and IAM tokens are signed for the id.',
        fix: 'Shorten or rename it, or leave it out for a name made by CloudFormation.',
      });
    }
  }

  private checkZones(subnets: ec2.SelectedSubnets): void {
    const zones = new Set(subnets.availabilityZones);
    if (zones.size < 2) {
      throw invalidValue(this, {
        property: 'vpcSubnets',
        value: [...zones],
        allowed: 'subnets in at least two availability zones',
        rule: 'A replica survives the loss of a zone only in another zone.',
        fix: 'Select subnets in two or three zones, or give the VPC more zones.',
      });
    }
  }

  private acknowledgeFindings(replicasPerShard: number, snapshotRetentionDays: number): void {
    acknowledge(
      this.replicationGroup,
      'Clients authenticate with IAM as a user of the attached RBAC user group. AUTH is the older alternative: a replication group takes one of the two, not both.',
      'AwsSolutions-AEC6',
    );
    if (replicasPerShard === 0) {
      acknowledge(
        this.replicationGroup,
        'The owner asked for no replicas (`replicasPerShard: 0`), so there is no node in another zone. A lost node costs its share of the cache, which fills again from the database.',
        'AwsSolutions-AEC4',
      );
    }
    if (snapshotRetentionDays < SNAPSHOT_DAYS_OF_RULE_PACKS) {
      acknowledge(
        this.replicationGroup,
        'A cache holds copies of what a database keeps, and the database has its own backups. An old snapshot would restore outdated entries; `snapshotRetentionDays` keeps more for those who store more in it.',
        'NIST.800.53.R5-ElastiCacheRedisClusterAutomaticBackup',
      );
    }
  }
}

function isReplicationGroupId(text: string): boolean {
  return text.length <= ELASTICACHE.replicationGroupIdLength && /^[a-z](-?[a-z0-9])*$/.test(text);
}

function isInteger(value: number, min: number, max: number): boolean {
  return Token.isUnresolved(value) || (Number.isInteger(value) && value >= min && value <= max);
}
