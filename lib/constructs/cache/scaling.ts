/**
 * Scaling of a cache by Application Auto Scaling: what may be asked for, and the targets and
 * policies that do it.
 */
import { Stack, type TimeZone, Token } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ELASTICACHE, scalesAutomatically } from '../../model/aws';
import { invalidValue, type Placed } from '../../model/errors';
import { checkReplicas, checkShards, isInteger } from './checks';

/** How far a cache scales, and by what. */
export interface CacheScaling {
  /**
   * Shards at least.
   *
   * @default the `shards` of the cache
   */
  readonly minShards?: number;
  /** Shards at most. With all replicas, a cluster has 90 nodes at most. */
  readonly maxShards: number;
  /**
   * Replicas of each shard at most; from the `replicasPerShard` of the cache on, which are 1 at
   * least then.
   *
   * @default replicas are not scaled
   */
  readonly maxReplicasPerShard?: number;
  /**
   * The load of the engine, which works in one thread, that the primaries are kept at by shards,
   * and the replicas by replicas: 35 to 70 percent.
   *
   * @default 60
   */
  readonly targetCpuPercent?: number;
  /**
   * The share of memory in use that is kept by shards: 35 to 70 percent. For a cache whose policy
   * evicts nothing, or little. One with `allkeys-lru` fills whatever memory it is given: it would
   * grow to `maxShards` and stay there.
   *
   * @default memory does not scale it
   */
  readonly targetMemoryPercent?: number;
  /**
   * Other bounds from some time on, such as more shards before the market opens.
   *
   * @default none
   */
  readonly schedules?: readonly CacheSchedule[];
}

/**
 * From this time on, until another schedule. Resharding takes minutes to hours: begin well before
 * the load does.
 */
export interface CacheSchedule {
  /** Its name within the cache, such as `Open`. */
  readonly name: string;
  /** When, such as `Schedule.cron({ hour: '8', minute: '0', weekDay: 'MON-FRI' })`. */
  readonly schedule: autoscaling.Schedule;
  /** The zone of the schedule, by its IANA name: it keeps to the hour when the clocks change. */
  readonly timeZone: TimeZone;
  /** Shards at least, from then on. */
  readonly minShards: number;
  /**
   * Shards at most, from then on.
   *
   * @default the `maxShards` of the scaling
   */
  readonly maxShards?: number;
}

/** What scaling begins with. */
export interface ScaledCache {
  readonly replicationGroupId: string;
  readonly shards: number;
  readonly replicasPerShard: number;
}

/**
 * @throws IsochroneError for what ElastiCache or Application Auto Scaling would refuse, or would
 * never do
 */
export function checkScaling(
  at: Placed,
  scaling: CacheScaling,
  cache: Omit<ScaledCache, 'replicationGroupId'>,
  nodeType: string,
): void {
  const { shards, replicasPerShard } = cache;
  const { maxShards, maxReplicasPerShard } = scaling;
  checkScaledNodeType(at, nodeType);
  if (maxReplicasPerShard !== undefined)
    checkMostReplicas(at, maxReplicasPerShard, replicasPerShard);
  checkShards(at, 'scaling.maxShards', maxShards, maxReplicasPerShard ?? replicasPerShard);
  const minShards = scaling.minShards ?? shards;
  checkBound(at, 'scaling.minShards', minShards, 1, maxShards);
  checkBegin(at, shards, minShards, maxShards);
  checkTarget(at, 'scaling.targetCpuPercent', scaling.targetCpuPercent);
  checkTarget(at, 'scaling.targetMemoryPercent', scaling.targetMemoryPercent);
  checkSchedules(at, scaling);
}

/**
 * Registers the cache for scaling. The role is the one linked to the service, which Application
 * Auto Scaling makes where it is missing; the deployment must be allowed to let it
 * (`iam:CreateServiceLinkedRole`).
 */
export function scaleCache(scope: Construct, scaling: CacheScaling, cache: ScaledCache): void {
  const { shards, replicasPerShard } = cache;
  const role = iam.Role.fromRoleArn(
    scope,
    'ScalingRole',
    Stack.of(scope).formatArn({
      service: 'iam',
      region: '',
      resource: 'role',
      resourceName:
        'aws-service-role/elasticache.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ElastiCacheRG',
    }),
    { mutable: false },
  );
  const target = (
    id: string,
    dimension: 'NodeGroups' | 'Replicas',
    minCapacity: number,
    maxCapacity: number,
  ) =>
    new autoscaling.ScalableTarget(scope, id, {
      serviceNamespace: autoscaling.ServiceNamespace.ELASTICACHE,
      resourceId: `replication-group/${cache.replicationGroupId}`,
      scalableDimension: `elasticache:replication-group:${dimension}`,
      minCapacity,
      maxCapacity,
      role,
    });
  const targetCpu = scaling.targetCpuPercent ?? 60;

  const byShards = target(
    'ShardScaling',
    'NodeGroups',
    scaling.minShards ?? shards,
    scaling.maxShards,
  );
  byShards.scaleToTrackMetric('Cpu', {
    predefinedMetric: autoscaling.PredefinedMetric.ELASTICACHE_PRIMARY_ENGINE_CPU_UTILIZATION,
    targetValue: targetCpu,
  });
  if (scaling.targetMemoryPercent !== undefined) {
    byShards.scaleToTrackMetric('Memory', {
      predefinedMetric:
        autoscaling.PredefinedMetric.ELASTICACHE_DATABASE_MEMORY_USAGE_COUNTED_FOR_EVICT_PERCENTAGE,
      targetValue: scaling.targetMemoryPercent,
    });
  }
  for (const { name, schedule, timeZone, minShards, maxShards } of scaling.schedules ?? []) {
    byShards.scaleOnSchedule(name, {
      schedule,
      timeZone,
      minCapacity: minShards,
      maxCapacity: maxShards ?? scaling.maxShards,
    });
  }
  if (scaling.maxReplicasPerShard === undefined) return;
  target(
    'ReplicaScaling',
    'Replicas',
    replicasPerShard,
    scaling.maxReplicasPerShard,
  ).scaleToTrackMetric('Cpu', {
    predefinedMetric: autoscaling.PredefinedMetric.ELASTICACHE_REPLICA_ENGINE_CPU_UTILIZATION,
    targetValue: targetCpu,
  });
}

function checkScaledNodeType(at: Placed, nodeType: string): void {
  if (Token.isUnresolved(nodeType) || scalesAutomatically(nodeType)) return;
  const { families, sizes } = ELASTICACHE.autoScaling;
  throw invalidValue(at, {
    property: 'nodeType',
    value: nodeType,
    allowed: `one of the families ${families.join(', ')}, in the sizes ${sizes.join(', ')}, with \`scaling\``,
    rule: 'ElastiCache scales no other nodes ("Auto Scaling Valkey and Redis OSS clusters", Amazon ElastiCache user guide).',
    fix: "Take a type like 'cache.r7g.large', or leave `scaling` out.",
  });
}

function checkMostReplicas(at: Placed, most: number, replicasPerShard: number): void {
  checkReplicas(at, 'scaling.maxReplicasPerShard', most);
  if (
    isInteger(replicasPerShard, 1, Token.isUnresolved(most) ? ELASTICACHE.replicasPerShard : most)
  )
    return;
  throw invalidValue(at, {
    property: 'replicasPerShard',
    value: replicasPerShard,
    allowed: `1 to ${most}, what its scaling goes up to`,
    rule: 'Replicas are scaled by the load of replicas, from those on that the cache begins with: without one, there is nothing to measure.',
    fix: 'Raise `replicasPerShard`, or leave `scaling.maxReplicasPerShard` out.',
  });
}

function checkBound(at: Placed, property: string, value: number, min: number, max: number): void {
  if (isInteger(value, min, Token.isUnresolved(max) ? ELASTICACHE.nodesPerCluster : max)) return;
  throw invalidValue(at, {
    property,
    value,
    allowed: `${min} to ${max}, the most that the cache scales to`,
    rule: 'A cache cannot have more shards at least than at most.',
    fix: 'Lower it, or raise `scaling.maxShards`.',
  });
}

/**
 * Where the cache begins must lie in the bounds: scaling would move it there at once, and
 * CloudFormation would know nothing of it.
 */
function checkBegin(at: Placed, shards: number, minShards: number, maxShards: number): void {
  if (
    Token.isUnresolved(minShards) ||
    Token.isUnresolved(maxShards) ||
    isInteger(shards, minShards, maxShards)
  )
    return;
  throw invalidValue(at, {
    property: 'shards',
    value: shards,
    allowed: `${minShards} to ${maxShards}, the bounds of its scaling`,
    rule: 'It is the number that the cache is created with; from then on, scaling has it.',
    fix: 'Leave `shards` as it was when the cache was created, and change `scaling.minShards` and `scaling.maxShards`.',
  });
}

function checkTarget(at: Placed, property: string, percent: number | undefined): void {
  const { min, max } = ELASTICACHE.autoScaling.targetPercent;
  if (percent === undefined || Token.isUnresolved(percent) || (percent >= min && percent <= max))
    return;
  throw invalidValue(at, {
    property,
    value: percent,
    allowed: `${min} to ${max}`,
    rule: 'ElastiCache takes no other target. Resharding takes time and CPU of its own, which must be free when it begins.',
    fix: 'Give 60, or less where load rises fast.',
  });
}

function checkSchedules(at: Placed, { schedules = [], maxShards }: CacheScaling): void {
  schedules.forEach((schedule, index) => {
    const property = `scaling.schedules[${index}]`;
    const most = schedule.maxShards ?? maxShards;
    checkBound(at, `${property}.maxShards`, most, 1, maxShards);
    checkBound(at, `${property}.minShards`, schedule.minShards, 1, most);
    if (schedules.findIndex(({ name }) => name === schedule.name) === index) {
      checkTimeZone(at, `${property}.timeZone`, schedule.timeZone.timezoneName);
      return;
    }
    throw invalidValue(at, {
      property: `${property}.name`,
      value: schedule.name,
      allowed: 'a name of its own',
      rule: 'A schedule is addressed by its name within the cache.',
      fix: 'Give another name.',
    });
  });
}

function checkTimeZone(at: Placed, property: string, timeZone: string): void {
  if (Token.isUnresolved(timeZone)) return;
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw invalidValue(at, {
      property,
      value: timeZone,
      allowed: 'a zone by its IANA name',
      rule: 'Application Auto Scaling knows no other names; it would refuse the schedule.',
      fix: "Write it like 'America/New_York'.",
    });
  }
}
