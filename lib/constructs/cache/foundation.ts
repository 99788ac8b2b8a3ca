import { CfnDeletionPolicy, type CfnResource, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { DEFAULT_MAINTENANCE_WINDOW, DEFAULT_SNAPSHOT_WINDOW } from '../../model/aws';
import { acknowledge } from '../house-rules';
import { type CacheUser, cacheUser } from './access';
import {
  checkReplicas,
  checkReplicationGroupId,
  checkSnapshotRetention,
  checkZones,
} from './checks';
import { cacheLogs } from './logs';
import { checkWindows } from './windows';

/**
 * The port of every cache. Changing it would replace the cache, and behind a closed security group
 * another number hides nothing.
 */
export const CACHE_PORT = 6379;

/** Days of snapshots that the rule packs ask for. */
const SNAPSHOT_DAYS_OF_RULE_PACKS = 15;

/** What every cache has in its own region, whatever decides on its engine. */
export interface CacheFoundationProps {
  /** The VPC that the nodes live in. */
  readonly vpc: ec2.IVpc;
  /**
   * The subnets of the nodes, in at least two availability zones. They can be changed in place, but
   * ElastiCache lets no subnet go that a node is in.
   *
   * @default the isolated subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /**
   * Replicas of each shard, in other zones than its primary; 0 to 5. With 0, a lost node loses its
   * part of the cache.
   *
   * @default 1
   */
  readonly replicasPerShard?: number;
  /**
   * Days that daily snapshots are kept; 0 to 35, and 0 takes none. Whatever is older than the
   * longest TTL has nothing left to restore.
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
   * When maintenance may happen, in UTC: nodes are replaced and minor versions come. Give each
   * region the quiet hour of its users, and no two regions the same one.
   *
   * @default 'sun:03:00-sun:04:00'
   */
  readonly maintenanceWindow?: string;
  /**
   * The physical name: up to 40 lower-case letters, digits and single hyphens, a letter first and
   * no hyphen last. It also begins the names of the user and its group. Another name *replaces* the
   * cache.
   *
   * @default a name made by CloudFormation
   */
  readonly replicationGroupId?: string;
  /**
   * The key that encrypts memory on disk, snapshots and replication. Another key *replaces* the
   * cache.
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
   * The key that encrypts the logs. Its policy must allow CloudWatch Logs; for a key of the same
   * app, that is added here.
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
   * What happens to the cache and its key when they leave the stack. ElastiCache has no deletion
   * protection of its own.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** What a replication group stands on, and the properties that follow from it. */
export interface CacheFoundation extends Pick<CacheUser, 'userName'> {
  readonly encryptionKey: kms.IKey;
  readonly connections: ec2.Connections;
  readonly replicasPerShard: number;
  readonly groupProps: elasticache.CfnReplicationGroupProps;
  /** What is to be done with a replication group that has these properties. */
  readonly finish: (group: elasticache.CfnReplicationGroup, ...foundations: CfnResource[]) => void;
}

/**
 * Everything of a cache but its engine: key, network, user and logs. The children belong to
 * `scope`, under names of their own.
 *
 * @throws IsochroneError for a value that ElastiCache would refuse
 */
export function cacheFoundation(scope: Construct, props: CacheFoundationProps): CacheFoundation {
  const replicasPerShard = props.replicasPerShard ?? 1;
  const snapshotRetentionDays = props.snapshotRetentionDays ?? 1;
  const maintenanceWindow = props.maintenanceWindow ?? DEFAULT_MAINTENANCE_WINDOW;
  const snapshotWindow =
    snapshotRetentionDays === 0 ? undefined : (props.snapshotWindow ?? DEFAULT_SNAPSHOT_WINDOW);
  const subnets = props.vpc.selectSubnets(
    props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
  );
  checkReplicas(scope, 'replicasPerShard', replicasPerShard);
  checkSnapshotRetention(scope, snapshotRetentionDays);
  checkWindows(scope, maintenanceWindow, snapshotWindow);
  checkReplicationGroupId(scope, props.replicationGroupId);
  checkZones(scope, subnets);

  const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
  // A retained cache holds on to what it is built on: deleting that would fail and leave the stack
  // stuck.
  const foundationPolicy =
    removalPolicy === RemovalPolicy.SNAPSHOT ? RemovalPolicy.DESTROY : removalPolicy;

  const encryptionKey =
    props.encryptionKey ??
    new kms.Key(scope, 'Key', {
      description: `Encrypts the cache ${scope.node.path}.`,
      enableKeyRotation: true,
      // A snapshot is worth nothing without its key.
      removalPolicy:
        removalPolicy === RemovalPolicy.SNAPSHOT ? RemovalPolicy.RETAIN : removalPolicy,
    });
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
  const logDeliveryConfigurations = cacheLogs(scope, {
    retention: props.logRetention,
    encryptionKey: props.logEncryptionKey ?? encryptionKey,
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
        // Replaced, they are no longer what the cache is built on, and may go.
        foundation.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.DELETE;
      }
      acknowledgeFindings(group, replicasPerShard, snapshotRetentionDays);
    },
  };
}

function acknowledgeFindings(
  group: elasticache.CfnReplicationGroup,
  replicasPerShard: number,
  snapshotRetentionDays: number,
): void {
  acknowledge(
    group,
    'Clients authenticate with IAM as a user of the attached RBAC user group. AUTH is the older alternative: a replication group takes one of the two, not both.',
    'AwsSolutions-AEC6',
  );
  if (replicasPerShard === 0) {
    acknowledge(
      group,
      'The owner asked for no replicas (`replicasPerShard: 0`), so there is no node in another zone. A lost node costs its share of the cache, which fills again from the database.',
      'AwsSolutions-AEC4',
    );
  }
  if (snapshotRetentionDays < SNAPSHOT_DAYS_OF_RULE_PACKS) {
    acknowledge(
      group,
      'A cache holds copies of what a database keeps, and the database has its own backups. An old snapshot would restore outdated entries; `snapshotRetentionDays` keeps more for those who store more in it.',
      'NIST.800.53.R5-ElastiCacheRedisClusterAutomaticBackup',
    );
  }
}
