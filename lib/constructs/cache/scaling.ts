/** Scaling of a cache by Application Auto Scaling: its props, checks, targets and policies. */
import { Stack, type TimeZone, Token } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ELASTICACHE } from '../../model/aws';
import type { HasPath } from '../../model/errors';
import { elasticacheRules, type Rule } from '../../model/rules';
import { checkRule } from '../house-rules';
import { checkShards } from './checks';

const { min: LOWEST_TARGET, max: HIGHEST_TARGET } = ELASTICACHE.autoScaling.targetPercent;

/** The bounds of a cache's scaling, and the metrics it follows. */
export interface CacheScaling {
  /**
   * The minimum number of shards.
   *
   * @default - the `shards` of the cache
   */
  readonly minShards?: number;
  /** The maximum number of shards. With all replicas, a cluster has at most 90 nodes. */
  readonly maxShards: number;
  /**
   * The maximum number of replicas of each shard. The minimum is the `replicasPerShard` of the
   * cache, which must then be at least 1.
   *
   * @default - replicas are not scaled
   */
  readonly maxReplicasPerShard?: number;
  /**
   * The target CPU of the single-threaded engine, 35 to 70 percent. Shards scale to keep the
   * primaries at it, replicas to keep the replicas at it.
   *
   * @default 60
   */
  readonly targetCpuPercent?: number;
  /**
   * The target share of memory in use, 35 to 70 percent; shards scale to keep it. For a cache whose
   * policy evicts nothing or little. A cache with `allkeys-lru` fills all memory: it would grow to
   * `maxShards` and stay there.
   *
   * @default - memory does not scale the cache
   */
  readonly targetMemoryPercent?: number;
  /**
   * Bounds that change at set times, such as more shards before the market opens.
   *
   * @default - no schedules
   */
  readonly schedules?: readonly CacheSchedule[];
}

/**
 * Bounds that hold from a set time until another schedule. Resharding takes minutes to hours:
 * schedule it well before the load rises.
 */
export interface CacheSchedule {
  /** Its name within the cache, such as `Open`. */
  readonly name: string;
  /** When, such as `Schedule.cron({ hour: '8', minute: '0', weekDay: 'MON-FRI' })`. */
  readonly schedule: autoscaling.Schedule;
  /** The IANA time zone of the schedule, which follows daylight saving time. */
  readonly timeZone: TimeZone;
  /** The minimum number of shards from then on. */
  readonly minShards: number;
  /**
   * The maximum number of shards from then on.
   *
   * @default - the `maxShards` of the scaling
   */
  readonly maxShards?: number;
}

/** The cache to scale, as it is created. */
export interface ScaledCache {
  readonly replicationGroupId: string;
  readonly shards: number;
  readonly replicasPerShard: number;
}

/**
 * @throws IsochroneError for scaling that ElastiCache or Application Auto Scaling would refuse or
 * never perform
 */
export function checkScaling(
  at: HasPath,
  scaling: CacheScaling,
  { shards, replicasPerShard }: Omit<ScaledCache, 'replicationGroupId'>,
  nodeType: string,
): void {
  const { maxShards, maxReplicasPerShard, minShards = shards } = scaling;
  checkRule(at, 'nodeType', elasticacheRules.SCALABLE_NODE_TYPE, nodeType);
  if (maxReplicasPerShard !== undefined) {
    checkRule(
      at,
      'scaling.maxReplicasPerShard',
      elasticacheRules.REPLICA_COUNT,
      maxReplicasPerShard,
    );
    checkRule(at, 'replicasPerShard', elasticacheRules.INITIAL_REPLICAS, replicasPerShard, {
      maxReplicasPerShard: knownOr(ELASTICACHE.replicasPerShard, maxReplicasPerShard),
    });
  }
  checkShards(at, 'scaling.maxShards', maxShards, maxReplicasPerShard ?? replicasPerShard);
  checkBound(at, 'scaling.minShards', minShards, maxShards);
  checkRule(at, 'shards', elasticacheRules.INITIAL_SHARDS, shards, { minShards, maxShards });
  checkTarget(at, 'scaling.targetCpuPercent', scaling.targetCpuPercent);
  checkTarget(at, 'scaling.targetMemoryPercent', scaling.targetMemoryPercent);
  checkSchedules(at, scaling);
}

/**
 * Registers the cache for scaling. The role is the service-linked role, which Application Auto
 * Scaling creates if it is missing; the deployment needs `iam:CreateServiceLinkedRole` for it.
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

/** ElastiCache's range of target values. */
const targetUtilization: Rule<number> = {
  allows: (percent) => percent >= LOWEST_TARGET && percent <= HIGHEST_TARGET,
  allowed: `${LOWEST_TARGET} to ${HIGHEST_TARGET}`,
  rule: 'ElastiCache accepts no other target: resharding itself needs free CPU and time.',
  fix: 'Use 60, or less if load rises fast.',
};

function checkTarget(at: HasPath, property: string, percent: number | undefined): void {
  if (percent !== undefined) checkRule(at, property, targetUtilization, percent);
}

function checkBound(at: HasPath, property: string, shards: number, maxShards: number): void {
  checkRule(at, property, elasticacheRules.SHARD_BOUND, shards, {
    maxShards: knownOr(ELASTICACHE.nodesPerCluster, maxShards),
  });
}

function checkSchedules(at: HasPath, { schedules = [], maxShards }: CacheScaling): void {
  const names = schedules.map(({ name }) => name);
  schedules.forEach((schedule, index) => {
    const property = `scaling.schedules[${index}]`;
    const maximum = schedule.maxShards ?? maxShards;
    checkBound(at, `${property}.maxShards`, maximum, maxShards);
    checkBound(at, `${property}.minShards`, schedule.minShards, maximum);
    checkRule(at, `${property}.name`, elasticacheRules.SCHEDULE_NAME, schedule.name, {
      earlier: names.slice(0, index),
    });
    checkRule(
      at,
      `${property}.timeZone`,
      elasticacheRules.TIME_ZONE,
      schedule.timeZone.timezoneName,
    );
  });
}

/** A limit, or the limit of AWS if it is only known at deployment. */
function knownOr(limitOfAws: number, limit: number): number {
  return Token.isUnresolved(limit) ? limitOfAws : limit;
}
