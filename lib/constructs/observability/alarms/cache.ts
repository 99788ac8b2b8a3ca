import { Duration, Token } from 'aws-cdk-lib';
import {
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type {
  CustomMetricWithAlarm,
  CustomMonitoringProps,
  MetricWithAlarmSupport,
} from 'cdk-monitoring-constructs';
import type { Objectives } from '../objectives';
import { alarmed } from './alarmed-metric';
import { type CacheTopology, type Symptom, symptomsOf } from './cache-symptoms';

/**
 * One alarm per shard and symptom, on the worst of its nodes. ElastiCache has its metrics per node,
 * and an alarm can neither search for nodes nor take more than 10 metrics: a shard has 6 nodes at
 * most, named by their numbers.
 *
 * The share of memory in use is only drawn, unless nothing is evicted: a cache that evicts by
 * `allkeys-lru` is full by design.
 */
export function cacheMonitoring(
  cache: CacheTopology,
  objectives: Required<Objectives>,
): CustomMonitoringProps {
  const shards = shardsOf(cache);
  const everyNode = (metricName: string) =>
    shards.flatMap((shard) => shard.nodes(metricName, 'Average', Duration.minutes(5)));
  return {
    humanReadableName: 'Cache',
    alarmFriendlyName: 'Cache',
    metricGroups: [
      ...symptomsOf(cache, objectives).map((symptom) => ({
        title: symptom.title,
        metrics: shards.map((shard) => shardAlarm(symptom, shard)),
      })),
      ...(cache.scales
        ? [
            {
              title: 'Engine CPU of all primaries, percent',
              metrics: [primariesAlarm(cache, objectives)],
            },
          ]
        : []),
      { title: 'Hit rate, percent', metrics: everyNode('CacheHitRate') },
      { title: 'Memory used, percent', metrics: everyNode('DatabaseMemoryUsagePercentage') },
    ],
  };
}

/**
 * What scaling goes by, and so whether it can hold it. It also sees shards of numbers that no alarm
 * has: ElastiCache does not say which numbers it gives to shards that come after others have gone.
 */
function primariesAlarm(
  cache: CacheTopology,
  objectives: Required<Objectives>,
): CustomMetricWithAlarm {
  return alarmed({
    name: 'PrimariesCpu',
    severity: 'Warning',
    metric: new Metric({
      namespace: 'AWS/ElastiCache',
      metricName: 'EngineCPUUtilization',
      statistic: 'Average',
      period: Duration.minutes(5),
      label: 'All primaries',
      dimensionsMap: { ReplicationGroupId: groupIdOf(cache), Role: 'Primary' },
    }),
    comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
    threshold: objectives.cpuPercent,
    periods: 3,
    missing: TreatMissingData.MISSING,
    description:
      'The primaries of the cache have been over the objective for 15 minutes, so scaling does not hold its target. First look whether it has all its shards, then at its ' +
      'activities (describe-scaling-activities): one that fails holds up the next.',
  });
}

function shardAlarm(symptom: Symptom, shard: Shard): CustomMetricWithAlarm {
  const { worst, metricName, statistic, period } = symptom;
  return alarmed({
    name: `${shard.name}-${symptom.name}`,
    severity: symptom.severity,
    metric: shard.worst(worst, metricName, statistic, period),
    comparison:
      worst === 'MAX'
        ? ComparisonOperator.GREATER_THAN_THRESHOLD
        : ComparisonOperator.LESS_THAN_THRESHOLD,
    threshold: symptom.threshold,
    periods: symptom.periods,
    // Silence shows as INSUFFICIENT_DATA. A primary never tells a lag: a shard whose lag is silent
    // has lost its replicas.
    missing: TreatMissingData.MISSING,
    description: symptom.description(shard.name),
  });
}

interface Shard {
  /** Such as `0001`, as in the ids of its nodes. */
  readonly name: string;
  nodes(metricName: string, statistic: string, period: Duration): Metric[];
  worst(
    of: 'MAX' | 'MIN',
    metricName: string,
    statistic: string,
    period: Duration,
  ): MetricWithAlarmSupport;
}

function shardsOf(cache: CacheTopology): Shard[] {
  const group = groupIdOf(cache);
  return numbers(cache.shards).map((shard) => {
    const name = String(shard).padStart(4, '0');
    const nodes = (metricName: string, statistic: string, period: Duration) =>
      numbers(cache.replicasPerShard + 1).map((node) => {
        const nodeName = `${name}-${String(node).padStart(3, '0')}`;
        return new Metric({
          namespace: 'AWS/ElastiCache',
          metricName,
          statistic,
          period,
          label: nodeName,
          dimensionsMap: { CacheClusterId: `${group}-${nodeName}` },
        });
      });
    return {
      name,
      nodes,
      worst: (of, metricName, statistic, period) => {
        // Ids are unique in a graph, where all shards stand together.
        const usingMetrics: Record<string, IMetric> = {};
        nodes(metricName, statistic, period).forEach((metric, index) => {
          usingMetrics[`s${shard}n${index + 1}`] = metric;
        });
        return new MathExpression({
          label: name,
          period,
          expression: `${of}([${Object.keys(usingMetrics).join(', ')}])`,
          usingMetrics,
        });
      },
    };
  });
}

/**
 * ElastiCache keeps ids in lower case, and a metric whose dimension differs in case has no data.
 */
function groupIdOf({ replicationGroupId }: CacheTopology): string {
  return Token.isUnresolved(replicationGroupId)
    ? replicationGroupId
    : replicationGroupId.toLowerCase();
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
