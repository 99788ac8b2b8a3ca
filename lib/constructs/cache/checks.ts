/** What ElastiCache would refuse, before it does: checks that the constructs of this room share. */
import { Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import { CACHE_NODE_TYPE, ELASTICACHE, tiersData } from '../../model/aws';
import { invalidValue, type Placed } from '../../model/errors';

/**
 * The first Valkey version that ElastiCache offers, and that knows IAM authentication:
 * "Authenticating with IAM", Amazon ElastiCache user guide.
 */
const FIRST_VALKEY_VERSION = 7.2;

const SIZE_RULE =
  'ElastiCache allows 5 replicas of a shard and 90 nodes in a cluster, primaries and replicas together.';

export function checkReplicas(at: Placed, property: string, replicasPerShard: number): void {
  if (isInteger(replicasPerShard, 0, ELASTICACHE.replicasPerShard)) return;
  throw invalidValue(at, {
    property,
    value: replicasPerShard,
    allowed: `0 to ${ELASTICACHE.replicasPerShard}`,
    rule: SIZE_RULE,
    fix: `Lower \`${property}\`; more shards or larger nodes carry more load.`,
  });
}

export function checkShards(
  at: Placed,
  property: string,
  shards: number,
  replicasPerShard: number,
): void {
  const most = Token.isUnresolved(replicasPerShard)
    ? ELASTICACHE.nodesPerCluster
    : Math.floor(ELASTICACHE.nodesPerCluster / (1 + replicasPerShard));
  if (isInteger(shards, 1, most)) return;
  throw invalidValue(at, {
    property,
    value: shards,
    allowed: `1 to ${most} with ${replicasPerShard} replicas per shard`,
    rule: SIZE_RULE,
    fix: `Lower \`${property}\` or the replicas, or take a larger \`nodeType\`.`,
  });
}

export function checkEngineVersion(at: Placed, engineVersion: string): void {
  if (/^\d+\.\d$/.test(engineVersion) && Number(engineVersion) >= FIRST_VALKEY_VERSION) return;
  throw invalidValue(at, {
    property: 'engineVersion',
    value: engineVersion,
    allowed: 'a Valkey version, major and minor, from 7.2 on',
    rule: 'ElastiCache offers Valkey from 7.2, and the parameter group belongs to the major version. Redis OSS ends at 7.1: its caches become Valkey in place, see docs/operations/cache.md.',
    fix: "Write it like '8.2'.",
  });
}

export function checkNodeType(at: Placed, nodeType: string): void {
  if (Token.isUnresolved(nodeType)) return;
  if (!CACHE_NODE_TYPE.test(nodeType)) {
    throw invalidValue(at, {
      property: 'nodeType',
      value: nodeType,
      allowed: 'a node type of ElastiCache',
      rule: 'They begin with `cache.`, unlike the instance types of EC2.',
      fix: "Write it like 'cache.r7g.large'.",
    });
  }
  if (!tiersData(nodeType)) return;
  throw invalidValue(at, {
    property: 'nodeType',
    value: nodeType,
    allowed: 'a node type that keeps its data in memory',
    rule: 'r6gd nodes demand data tiering, which puts what is seldom read on SSD: a cache of larger and slower answers, with limits of its own.',
    fix: "Take 'cache.r7g.large' or a larger one of its family.",
  });
}

export function checkSnapshotRetention(at: Placed, days: number): void {
  const { min, max } = ELASTICACHE.snapshotRetentionDays;
  if (isInteger(days, min, max)) return;
  throw invalidValue(at, {
    property: 'snapshotRetentionDays',
    value: days,
    allowed: `${min} to ${max}`,
    rule: 'ElastiCache keeps daily snapshots for whole days, 35 at most.',
    fix: 'Use 0 to take none.',
  });
}

export function checkReplicationGroupId(at: Placed, replicationGroupId: string | undefined): void {
  if (replicationGroupId === undefined) return;
  // The names of the user and its group are made from it at synthesis, so a value known only at
  // deployment cannot be checked or cut.
  if (!Token.isUnresolved(replicationGroupId) && isReplicationGroupId(replicationGroupId)) return;
  throw invalidValue(at, {
    property: 'replicationGroupId',
    value: replicationGroupId,
    allowed: `a literal of up to ${ELASTICACHE.replicationGroupIdLength} lower-case letters, digits and single hyphens, a letter first and no hyphen last`,
    rule: 'ElastiCache takes no other id; it would store capitals in lower case, and IAM tokens are signed for the id.',
    fix: 'Shorten or rename it, or leave it out for a name made by CloudFormation.',
  });
}

export function isReplicationGroupId(text: string): boolean {
  return text.length <= ELASTICACHE.replicationGroupIdLength && /^[a-z](-?[a-z0-9])*$/.test(text);
}

export function checkZones(at: Placed, subnets: ec2.SelectedSubnets): void {
  const zones = new Set(subnets.availabilityZones);
  if (zones.size >= 2) return;
  throw invalidValue(at, {
    property: 'vpcSubnets',
    value: [...zones],
    allowed: 'subnets in at least two availability zones',
    rule: 'A replica survives the loss of a zone only in another zone.',
    fix: 'Select subnets in two or three zones, or give the VPC more zones.',
  });
}

export function isInteger(value: number, min: number, max: number): boolean {
  return Token.isUnresolved(value) || (Number.isInteger(value) && value >= min && value <= max);
}
