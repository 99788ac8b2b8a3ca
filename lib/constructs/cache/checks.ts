/** Rules of ElastiCache that only the constructs of this room check. */
import { Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import { ELASTICACHE } from '../../model/aws';
import type { HasPath } from '../../model/errors';
import { elasticacheRules, isWholeNumber, type Rule } from '../../model/rules';
import { checkKnown, checkRule } from '../house-rules';

/**
 * The first Valkey version that ElastiCache offers, and that knows IAM authentication:
 * "Authenticating with IAM", Amazon ElastiCache user guide.
 */
const FIRST_VALKEY_VERSION = 7.2;

/** The major and minor version of the engine. */
export const valkeyVersion: Rule<string> = {
  allows: (version) => /^\d+\.\d$/.test(version) && Number(version) >= FIRST_VALKEY_VERSION,
  allowed: 'a Valkey version, major and minor, from 7.2 on',
  rule:
    'ElastiCache offers Valkey from 7.2, and the parameter group belongs to the major version. ' +
    'Redis OSS ends at 7.1: docs/operations/cache.md tells how its caches become Valkey in place.',
  fix: "Write it like '8.2'.",
};

const { min: NO_SNAPSHOTS, max: SNAPSHOT_DAYS } = ELASTICACHE.snapshotRetentionDays;

/** Days that daily snapshots are kept. */
export const snapshotRetention: Rule<number> = {
  allows: (days) => isWholeNumber(days, ELASTICACHE.snapshotRetentionDays),
  allowed: `${NO_SNAPSHOTS} to ${SNAPSHOT_DAYS}`,
  rule: 'ElastiCache keeps daily snapshots for whole days.',
  fix: 'Use 0 to disable snapshots.',
};

const isReplicationGroupId = (id: string) =>
  id.length <= ELASTICACHE.replicationGroupIdLength && /^[a-z](-?[a-z0-9])*$/.test(id);

const ID_FORM =
  `up to ${ELASTICACHE.replicationGroupIdLength} lower-case letters, digits and single hyphens, ` +
  'starting with a letter and not ending with a hyphen';

/** The physical name of a replication group. */
const replicationGroupName: Rule<string> = {
  allows: isReplicationGroupId,
  allowed: `a literal of ${ID_FORM}`,
  rule:
    'ElastiCache accepts no other id. It would store capitals in lower case, ' +
    'and IAM tokens are signed for the id.',
  fix: 'Shorten or rename it, or remove it for a name made by CloudFormation.',
};

/** The end of the id of a Global Datastore. */
export const globalIdSuffix: Rule<string> = {
  allows: isReplicationGroupId,
  allowed: ID_FORM,
  rule: 'ElastiCache derives the id of a Global Datastore: a prefix, a hyphen, and this suffix.',
  fix: "Write it like 'market-production'.",
};

/** The whole id of a Global Datastore. */
export const globalId: Rule<string> = {
  allows: (id) => /^[a-z]{5}-[a-z](-?[a-z0-9])*$/.test(id),
  allowed: 'the whole id of a Global Datastore, such as ldgnf-market-production',
  rule: 'ElastiCache puts five letters of the region before the chosen name.',
  fix: 'Read it from the output of the stack of the primary.',
};

/** The zones of the subnets of a cache. */
const subnetZones: Rule<readonly string[]> = {
  allows: (zones) => zones.length >= 2,
  allowed: 'subnets in at least two availability zones',
  rule: 'A replica survives the loss of a zone only in another zone.',
  fix: 'Select subnets in two or three zones, or give the VPC more zones.',
};

/** Checks a number of shards. Without a known number of replicas, it counts primaries alone. */
export function checkShards(
  at: HasPath,
  property: string,
  shards: number,
  replicasPerShard: number,
): void {
  checkRule(at, property, elasticacheRules.SHARD_COUNT, shards, {
    replicasPerShard: Token.isUnresolved(replicasPerShard) ? 0 : replicasPerShard,
  });
}

export function checkNodeType(at: HasPath, nodeType: string): void {
  checkRule(at, 'nodeType', elasticacheRules.NODE_TYPE, nodeType);
  checkRule(at, 'nodeType', elasticacheRules.IN_MEMORY_NODE_TYPE, nodeType);
}

/**
 * Checks both windows and that they do not overlap. Without snapshots, their window is undefined.
 */
export function checkWindows(
  at: HasPath,
  maintenance: string,
  snapshots: string | undefined,
): void {
  checkRule(at, 'maintenanceWindow', elasticacheRules.WEEKLY_WINDOW, maintenance);
  if (snapshots === undefined) return;
  checkRule(at, 'snapshotWindow', elasticacheRules.DAILY_WINDOW, snapshots);
  checkRule(at, 'maintenanceWindow', elasticacheRules.SEPARATE_WINDOWS, maintenance, {
    snapshotWindow: snapshots,
  });
}

/**
 * Checks the physical name. The names of the user and its group are derived from it at synthesis,
 * so a token is refused.
 */
export function checkReplicationGroupId(at: HasPath, id: string | undefined): void {
  if (id !== undefined) checkKnown(at, 'replicationGroupId', replicationGroupName, id);
}

export function checkZones(at: HasPath, subnets: ec2.SelectedSubnets): void {
  checkRule(at, 'vpcSubnets', subnetZones, [...new Set(subnets.availabilityZones)]);
}
