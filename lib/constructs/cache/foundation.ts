import { CfnDeletionPolicy, type CfnResource, Names, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { DEFAULT_MAINTENANCE_WINDOW, DEFAULT_SNAPSHOT_WINDOW } from '../../model/aws';
import { elasticacheRules } from '../../model/rules';
import {
  acknowledge,
  checkRule,
  type EncryptedProps,
  type IsolatedProps,
  isolatedSubnets,
  type LoggedProps,
  loggedGroup,
  rotatedKey,
} from '../house-rules';
import { CACHE_PORT, CacheBase } from './cache-base';
import { checkReplicationGroupId, checkWindows, checkZones, snapshotRetention } from './checks';
import type { CacheEndpoint } from './interfaces';

/** Days of snapshots that the rule packs require. */
const SNAPSHOT_DAYS_OF_RULE_PACKS = 15;

/**
 * The permissions of the application user: every key, every channel and every command except those
 * that Valkey marks dangerous. `@dangerous` contains KEYS, FLUSHALL, FLUSHDB, SORT, CLIENT KILL,
 * MIGRATE and all of `@admin`. It does not contain the commands of a caching client, such as SCAN,
 * UNLINK, EVALSHA, CLIENT TRACKING, SUBSCRIBE, CLUSTER SLOTS and CLUSTER SHARDS. INFO is in it, but
 * the ready check of common clients sends INFO, and INFO only reads.
 */
const ACCESS_STRING = 'on ~* &* +@all -@dangerous +info';

/**
 * Props of every cache, independent or in a Global Datastore. The nodes need subnets in at least
 * two availability zones. The subnets can be changed in place, but ElastiCache does not release a
 * subnet that contains a node. The slow log and the engine log are kept for three months by
 * default.
 */
export interface CacheFoundationProps extends EncryptedProps, IsolatedProps, LoggedProps {
  /**
   * Replicas of each shard, in other zones than its primary; 0 to 5. With 0, a lost node loses its
   * part of the cache.
   *
   * @default 1
   */
  readonly replicasPerShard?: number;
  /**
   * Days that daily snapshots are kept, 0 to 35; 0 disables them. A snapshot older than the longest
   * TTL has nothing left to restore.
   *
   * @default 1
   */
  readonly snapshotRetentionDays?: number;
  /**
   * When the daily snapshot is taken, in UTC. It must not overlap the maintenance window.
   *
   * @default '05:00-06:00'
   */
  readonly snapshotWindow?: string;
  /**
   * When ElastiCache may replace nodes and install minor versions, in UTC. Give each region the
   * quiet hour of its users, and no two regions the same hour.
   *
   * @default 'sun:03:00-sun:04:00'
   */
  readonly maintenanceWindow?: string;
  /**
   * The physical name: up to 40 lower-case letters, digits and single hyphens, starting with a
   * letter and not ending with a hyphen. The names of the user and its group start with it as well.
   * Another name *replaces* the cache.
   *
   * @default - a name made by CloudFormation
   */
  readonly replicationGroupId?: string;
  /**
   * The key that encrypts the logs. Its policy must allow CloudWatch Logs; for a key of the same
   * app, the construct adds that statement.
   *
   * @default - the key that encrypts the cache
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * The topic to which ElastiCache reports failovers, scaling and maintenance.
   *
   * @default - no notifications
   */
  readonly notificationTopic?: sns.ITopic;
  /**
   * What happens to the cache, its key and its logs when they leave the stack. ElastiCache has no
   * deletion protection of its own.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** The resources that a replication group depends on, and the properties that follow from them. */
export interface CacheFoundation {
  readonly userName: string;
  readonly encryptionKey: kms.IKey;
  readonly connections: ec2.Connections;
  readonly replicasPerShard: number;
  readonly groupProps: elasticache.CfnReplicationGroupProps;
  /** Applies removal policies and acknowledgements to a replication group with these properties. */
  readonly finish: (group: elasticache.CfnReplicationGroup, ...foundations: CfnResource[]) => void;
}

/** A cache that is created here: a replication group on a foundation. */
export abstract class CreatedCache extends CacheBase {
  public abstract readonly replicationGroup: elasticache.CfnReplicationGroup;
  protected abstract readonly foundation: CacheFoundation;

  public get replicationGroupId(): string {
    return this.replicationGroup.ref;
  }

  public get configurationEndpoint(): CacheEndpoint {
    const hostname = this.replicationGroup.attrConfigurationEndPointAddress;
    return { hostname, port: CACHE_PORT };
  }

  public get encryptionKey(): kms.IKey {
    return this.foundation.encryptionKey;
  }

  /** Closed by default; admit clients with `connections.allowDefaultPortFrom(fleet)`. */
  public get connections(): ec2.Connections {
    return this.foundation.connections;
  }

  public get userName(): string {
    return this.foundation.userName;
  }
}

/**
 * Creates everything of a cache except its engine: key, network, user and logs. The resources are
 * children of `scope`.
 *
 * @throws IsochroneError for a value that ElastiCache would refuse
 */
export function cacheFoundation(scope: Construct, props: CacheFoundationProps): CacheFoundation {
  const replicasPerShard = props.replicasPerShard ?? 1;
  const snapshotRetentionDays = props.snapshotRetentionDays ?? 1;
  const maintenanceWindow = props.maintenanceWindow ?? DEFAULT_MAINTENANCE_WINDOW;
  const snapshotWindow =
    snapshotRetentionDays === 0 ? undefined : (props.snapshotWindow ?? DEFAULT_SNAPSHOT_WINDOW);
  const subnets = props.vpc.selectSubnets(isolatedSubnets(props));
  checkRule(scope, 'replicasPerShard', elasticacheRules.REPLICA_COUNT, replicasPerShard);
  checkRule(scope, 'snapshotRetentionDays', snapshotRetention, snapshotRetentionDays);
  checkWindows(scope, maintenanceWindow, snapshotWindow);
  checkReplicationGroupId(scope, props.replicationGroupId);
  checkZones(scope, subnets);

  const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
  // A retained cache still uses these resources: deleting them would fail and leave the stack
  // stuck.
  const foundationPolicy =
    removalPolicy === RemovalPolicy.SNAPSHOT ? RemovalPolicy.DESTROY : removalPolicy;

  const encryptionKey =
    props.encryptionKey ??
    rotatedKey(
      scope,
      `Encrypts the cache ${scope.node.path}.`,
      // A snapshot is unreadable without its key.
      removalPolicy === RemovalPolicy.SNAPSHOT ? RemovalPolicy.RETAIN : removalPolicy,
    );
  const securityGroup = new ec2.SecurityGroup(scope, 'SecurityGroup', {
    vpc: props.vpc,
    description: `The cache ${scope.node.path}: closed until somebody is allowed in.`,
    allowAllOutbound: false,
  });
  const subnetGroup = new elasticache.CfnSubnetGroup(scope, 'Subnets', {
    description: `The zones of the cache ${scope.node.path}.`,
    subnetIds: subnets.subnetIds,
  });
  const { userName, user, userGroup } = cacheUser(scope, props.replicationGroupId);
  const logDeliveryConfigurations = logDeliveries(scope, {
    logRetention: props.logRetention,
    logEncryptionKey: props.logEncryptionKey ?? encryptionKey,
    removalPolicy: foundationPolicy,
  });

  return {
    encryptionKey,
    connections: new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.tcp(CACHE_PORT),
    }),
    userName,
    replicasPerShard,
    groupProps: {
      replicationGroupDescription: `The cache ${scope.node.path}.`,
      replicationGroupId: props.replicationGroupId,
      replicasPerNodeGroup: replicasPerShard,
      multiAzEnabled: replicasPerShard > 0,
      cacheSubnetGroupName: subnetGroup.ref,
      securityGroupIds: [securityGroup.securityGroupId],
      kmsKeyId: encryptionKey.keyArn,
      userGroupIds: [userGroup.ref],
      snapshotRetentionLimit: snapshotRetentionDays,
      snapshotWindow,
      preferredMaintenanceWindow: maintenanceWindow,
      notificationTopicArn: props.notificationTopic?.topicArn,
      logDeliveryConfigurations,
    },
    finish: (group, ...foundations) => {
      group.applyRemovalPolicy(removalPolicy);
      securityGroup.applyRemovalPolicy(foundationPolicy);
      for (const foundation of [subnetGroup, user, userGroup, ...foundations]) {
        foundation.applyRemovalPolicy(foundationPolicy);
        // After a replacement, the cache no longer uses the old resource.
        foundation.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.DELETE;
      }
      acknowledgeFindings(group, replicasPerShard, snapshotRetentionDays);
    },
  };
}

/**
 * One user that logs in by IAM, and its group. Both belong to Valkey and to one region: a Global
 * Datastore copies no users. Valkey user groups need no `default` user; ElastiCache disables the
 * `default` user of the engine as soon as the group is attached.
 */
function cacheUser(
  scope: Construct,
  replicationGroupId: string | undefined,
): { userName: string; user: elasticache.CfnUser; userGroup: elasticache.CfnUserGroup } {
  const userName = replicationGroupId
    ? `${replicationGroupId.slice(0, 36).replace(/-$/, '')}-app`
    : Names.uniqueResourceName(scope, { maxLength: 40, separator: '-' }).toLowerCase();
  const user = new elasticache.CfnUser(scope, 'User', {
    engine: 'valkey',
    userId: userName,
    userName,
    authenticationMode: { Type: 'iam' },
    accessString: ACCESS_STRING,
  });
  const userGroup = new elasticache.CfnUserGroup(scope, 'Users', {
    engine: 'valkey',
    userGroupId: userName,
    userIds: [user.ref],
  });
  return { userName, user, userGroup };
}

/** Delivers the slow log and the engine log as JSON, each to a log group of its own. */
function logDeliveries(
  scope: Construct,
  props: LoggedProps,
): elasticache.CfnReplicationGroup.LogDeliveryConfigurationRequestProperty[] {
  const delivery = (logType: 'slow-log' | 'engine-log', id: string) => {
    const logGroup = loggedGroup(scope, id, {
      ...props,
      defaultRetention: logs.RetentionDays.THREE_MONTHS,
    });
    return {
      destinationType: 'cloudwatch-logs',
      destinationDetails: { cloudWatchLogsDetails: { logGroup: logGroup.logGroupName } },
      logFormat: 'json',
      logType,
    };
  };
  return [delivery('slow-log', 'SlowLog'), delivery('engine-log', 'EngineLog')];
}

function acknowledgeFindings(
  group: elasticache.CfnReplicationGroup,
  replicasPerShard: number,
  snapshotRetentionDays: number,
): void {
  acknowledge(
    group,
    'Clients authenticate with IAM as a user of the attached RBAC user group. AUTH is ' +
      'the older alternative: a replication group takes one of the two, not both.',
    'AwsSolutions-AEC6',
  );
  if (replicasPerShard === 0) {
    acknowledge(
      group,
      'The owner asked for no replicas (`replicasPerShard: 0`), so there is no node in ' +
        'another zone. A lost node costs its share of the cache, which fills again from the ' +
        'database.',
      'AwsSolutions-AEC4',
    );
  }
  if (snapshotRetentionDays < SNAPSHOT_DAYS_OF_RULE_PACKS) {
    acknowledge(
      group,
      'A cache holds copies of what a database keeps, and the database has its own ' +
        'backups. An old snapshot would restore outdated entries; `snapshotRetentionDays` ' +
        'keeps more for those who store more in it.',
      'NIST.800.53.R5-ElastiCacheRedisClusterAutomaticBackup',
    );
  }
}
