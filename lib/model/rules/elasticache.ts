/** Rules of ElastiCache that both a deployment file and a construct must keep. */
import {
  CACHE_NODE_TYPE,
  DEFAULT_MAINTENANCE_WINDOW,
  DEFAULT_SNAPSHOT_WINDOW,
  ELASTICACHE,
  joinsGlobalDatastore,
  maintenanceWindow,
  scalesAutomatically,
  snapshotWindow,
  tiersData,
  windowsMeet,
} from '../aws';
import { isWholeNumber, type Rule, unlike } from './rule';

const CLUSTER_SIZE =
  `ElastiCache allows ${ELASTICACHE.replicasPerShard} replicas of a shard and ` +
  `${ELASTICACHE.nodesPerCluster} nodes in a cluster, primaries and replicas together.`;

/** Replicas of each shard. */
export const REPLICA_COUNT: Rule<number> = {
  allows: (replicas) => isWholeNumber(replicas, { min: 0, max: ELASTICACHE.replicasPerShard }),
  allowed: `0 to ${ELASTICACHE.replicasPerShard}`,
  rule: CLUSTER_SIZE,
  fix: 'Lower it. More shards or larger nodes carry more load.',
};

interface Replicated {
  readonly replicasPerShard: number;
}

const maximumShards = ({ replicasPerShard }: Replicated) =>
  Math.floor(ELASTICACHE.nodesPerCluster / (1 + replicasPerShard));

/** Shards of a cluster, which share its nodes with their replicas. */
export const SHARD_COUNT: Rule<number, Replicated> = {
  allows: (shards, context) => isWholeNumber(shards, { min: 1, max: maximumShards(context) }),
  allowed: (_, context) =>
    `1 to ${maximumShards(context)} with ${context.replicasPerShard} replicas per shard`,
  rule: CLUSTER_SIZE,
  fix: 'Lower it or the number of replicas, or use a larger node type.',
};

/** A node type as ElastiCache spells it. */
export const NODE_TYPE: Rule<string> = {
  allows: (nodeType) => CACHE_NODE_TYPE.test(nodeType),
  allowed: 'a node type of ElastiCache',
  rule: 'Unlike the instance types of EC2, node types begin with `cache.`.',
  fix: 'Write it like `cache.r7g.large`.',
};

/** Data tiering is not offered: "Data tiering in ElastiCache", Amazon ElastiCache user guide. */
export const IN_MEMORY_NODE_TYPE: Rule<string> = {
  allows: (nodeType) => !tiersData(nodeType),
  allowed: 'a node type that keeps its data in memory',
  rule:
    'r6gd nodes require data tiering, which moves rarely read values to SSD: ' +
    'such a cache is larger, slower, and has limits of its own.',
  fix: 'Use `cache.r7g.large` or a larger type of its family.',
};

/** The weekly window: "CreateReplicationGroup", Amazon ElastiCache API reference. */
export const WEEKLY_WINDOW: Rule<string> = {
  allows: (window) => maintenanceWindow(window) !== undefined,
  allowed: `a weekly window in UTC of at least ${ELASTICACHE.windowMinutes} minutes`,
  rule: 'ElastiCache maintains nodes within it. Days are mon to sun; hours are 00 to 23.',
  fix: `Write it like \`${DEFAULT_MAINTENANCE_WINDOW}\`.`,
};

/** The daily window: "CreateReplicationGroup", Amazon ElastiCache API reference. */
export const DAILY_WINDOW: Rule<string> = {
  allows: (window) => snapshotWindow(window) !== undefined,
  allowed: `a daily window in UTC of at least ${ELASTICACHE.windowMinutes} minutes`,
  rule: 'The snapshot of each day starts within it.',
  fix: `Write it like \`${DEFAULT_SNAPSHOT_WINDOW}\`.`,
};

/** The weekly window beside the daily one. A malformed window breaks a rule above, not this one. */
export const SEPARATE_WINDOWS: Rule<string, { readonly snapshotWindow: string }> = {
  allows: (window, context) => {
    const weekly = maintenanceWindow(window);
    const daily = snapshotWindow(context.snapshotWindow);
    return weekly === undefined || daily === undefined || !windowsMeet(weekly, daily);
  },
  allowed: (_, context) => `apart from the snapshot window, ${context.snapshotWindow} each day`,
  rule:
    'Maintenance replaces nodes one after the other. ' +
    'A snapshot at the same time would take memory and CPU from the nodes that keep serving.',
  fix: 'Move it, or move `snapshotWindow`.',
};

/** "Auto Scaling Valkey and Redis OSS clusters", Amazon ElastiCache user guide. */
export const SCALABLE_NODE_TYPE: Rule<string> = {
  allows: scalesAutomatically,
  allowed:
    `one of the families ${ELASTICACHE.autoScaling.families.join(', ')}, ` +
    `in the sizes ${ELASTICACHE.autoScaling.sizes.join(', ')}, with \`scaling\``,
  rule:
    'Application Auto Scaling supports no other node types ' +
    '("Auto Scaling Valkey and Redis OSS clusters", Amazon ElastiCache user guide).',
  fix: 'Use a type like `cache.r7g.large`, or remove `scaling`.',
};

/** What a lower bound above its upper bound breaks. */
export const ORDERED_SHARD_BOUNDS =
  'The minimum number of shards cannot be above the maximum, which quotas, alarms and ' +
  'costs assume.';

/** A number of shards in a scaling or in one of its schedules, below an upper bound. */
export const SHARD_BOUND: Rule<number, { readonly maxShards: number }> = {
  allows: (shards, { maxShards }) => isWholeNumber(shards, { min: 1, max: maxShards }),
  allowed: (_, { maxShards }) => `1 to ${maxShards}, the maximum of its scaling`,
  rule: ORDERED_SHARD_BOUNDS,
  fix: 'Lower it, or raise `maxShards`.',
};

interface ShardBounds {
  readonly minShards: number;
  readonly maxShards: number;
}

/** The shards that a scaled cache is created with. */
export const INITIAL_SHARDS: Rule<number, ShardBounds> = {
  allows: (shards, { minShards, maxShards }) =>
    isWholeNumber(shards, { min: minShards, max: maxShards }),
  allowed: (_, { minShards, maxShards }) =>
    `${minShards} to ${maxShards}, the bounds of its scaling`,
  rule: 'A cache is created with this number. From then on, scaling sets it.',
  fix:
    'Leave it as it was when the cache was created, ' +
    'and change `scaling.minShards` and `scaling.maxShards`.',
};

/** The replicas that a cache whose replicas scale is created with. */
export const INITIAL_REPLICAS: Rule<number, { readonly maxReplicasPerShard: number }> = {
  allows: (replicas, { maxReplicasPerShard }) =>
    isWholeNumber(replicas, { min: 1, max: maxReplicasPerShard }),
  allowed: (_, { maxReplicasPerShard }) =>
    `1 to ${maxReplicasPerShard}, the maximum of its scaling`,
  rule: 'Replicas scale by the CPU of the existing replicas: without one, nothing is measured.',
  fix: 'Raise it, or remove `scaling.maxReplicasPerShard`.',
};

/** The name of a scheduled action. */
export const SCHEDULE_NAME = unlike(
  'Application Auto Scaling addresses a scheduled action by its name.',
  'Rename one of the two schedules.',
);

/** The time zone of a schedule. */
export const TIME_ZONE: Rule<string> = {
  allows: (name) => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: name });
      return true;
    } catch {
      return false;
    }
  },
  allowed: 'an IANA time zone',
  rule: 'Application Auto Scaling rejects a schedule with any other name.',
  fix: 'Write it like `America/New_York`.',
};

/** The scaling of a member of a Global Datastore. */
export const SCALING_OF_MEMBER: Rule<object> = {
  allows: () => false,
  allowed: 'left out in a Global Datastore',
  rule:
    'ElastiCache does not scale members of a Global Datastore: ' +
    'all of them have the same number of shards.',
  fix:
    'Remove `scaling` and change `shards` of the Global Datastore by hand, or use ' +
    'independent caches.',
};

/** "Prerequisites and limitations" of Global Datastore, Amazon ElastiCache user guide. */
export const MEMBER_NODE_TYPE: Rule<string> = {
  allows: joinsGlobalDatastore,
  allowed: 'large or larger, of the fifth generation or newer',
  rule: 'A Global Datastore accepts no older, smaller or burstable nodes.',
  fix: 'Use `cache.r7g.large`, or independent caches.',
};

/** The engine version of a Global Datastore, compared with that of its primary's creation. */
export const MEMBER_VERSION: Rule<string, { readonly createdWith: string }> = {
  allows: (version, { createdWith }) => Number(version) >= Number(createdWith),
  allowed: (_, { createdWith }) => `at least ${createdWith}, the version of the primary`,
  rule: 'ElastiCache cannot downgrade an engine.',
  fix: 'Remove it to keep the version of the primary.',
};

/** The regions that follow the primary of a Global Datastore. */
export const SECONDARY_COUNT: Rule<readonly string[]> = {
  allows: ({ length }) =>
    isWholeNumber(length, { min: 1, max: ELASTICACHE.globalDatastore.secondaryRegions }),
  allowed: ({ length }) =>
    `1 to ${ELASTICACHE.globalDatastore.secondaryRegions} regions beside the primary, ` +
    `not ${length}`,
  rule: 'A Global Datastore replicates the writes of one region to at most two others.',
  fix: ({ length }) =>
    length === 0
      ? 'Without another region, use an independent cache.'
      : 'Name two of them in `secondaryRegions`; further regions keep independent caches.',
};

/** A region that joins a Global Datastore, beside the regions that are in it already. */
export const MEMBER_REGION: Rule<string, { readonly members: readonly string[] }> = {
  allows: (region, { members }) => !members.includes(region),
  allowed: (_, { members }) => `a region other than ${members.join(', ')}`,
  rule: 'Two members cannot be in one region.',
  fix: 'Name another region, or remove it.',
};
