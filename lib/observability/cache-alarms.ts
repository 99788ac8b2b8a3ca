import { Duration, Size, Token } from 'aws-cdk-lib';
import { ComparisonOperator, type IMetric, MathExpression, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { CustomMetricWithAlarm, CustomMonitoringProps, MetricWithAlarmSupport } from 'cdk-monitoring-constructs';
import { type AlarmDefinition, alarmed } from './alarmed-metric';
import type { Objectives } from './objectives';

/** A replication group of ElastiCache in cluster mode, as far as its metrics need it. */
export interface CacheTopology {
  readonly replicationGroupId: string;
  /** Shards (node groups), 1 to 90. */
  readonly shards: number;
  /** Replicas of each shard, 0 to 5. */
  readonly replicasPerShard: number;
}

/** "Monitoring best practices with Amazon ElastiCache for Redis using Amazon CloudWatch", AWS Database Blog: below it, a node is under memory pressure. */
const MINIMUM_FREEABLE_MEMORY = Size.mebibytes(100);

/** What the alarm of a shard says of the worst of its nodes. */
interface Symptom {
  readonly title: string;
  readonly name: string;
  readonly severity: AlarmDefinition['severity'];
  readonly metricName: string;
  readonly statistic: string;
  readonly period: Duration;
  /** The worst node is the one with the most of it, above the threshold, or the least, below it. */
  readonly worst: 'MAX' | 'MIN';
  readonly threshold: number;
  readonly periods: number;
  /** Whether replicas alone report the metric. */
  readonly ofReplicas?: true;
  readonly description: (shard: string) => string;
}

function symptomsOf(cache: CacheTopology, objectives: Required<Objectives>): Symptom[] {
  const symptoms: Symptom[] = [
    {
      title: 'Engine CPU, percent',
      name: 'EngineCpu',
      severity: 'Warning',
      metricName: 'EngineCPUUtilization',
      statistic: 'Average',
      period: Duration.minutes(5),
      worst: 'MAX',
      threshold: objectives.cpuPercent,
      periods: 3,
      description: (shard) =>
        `A node of cache ${shard} has had its one engine thread over the objective for 15 minutes. First look for slow commands (SLOWLOG) ` +
        'and for one hot key; more shards help against load, not against a hot key.',
    },
    {
      title: 'Freeable memory, bytes',
      name: 'FreeableMemory',
      severity: 'Critical',
      metricName: 'FreeableMemory',
      statistic: 'Minimum',
      period: Duration.minutes(5),
      worst: 'MIN',
      threshold: MINIMUM_FREEABLE_MEMORY.toBytes(),
      periods: 3,
      description: (shard) =>
        `A node of cache ${shard} is under memory pressure and may swap or fail. First look at connections and output buffers (CLIENT LIST), ` +
        'then raise reserved-memory-percent or the node type.',
    },
    {
      title: 'Evictions per minute',
      name: 'Evictions',
      severity: 'Warning',
      metricName: 'Evictions',
      statistic: 'Sum',
      period: Duration.minutes(1),
      worst: 'MAX',
      threshold: objectives.evictionsPerMinute,
      periods: 15,
      description: (shard) =>
        `Cache ${shard} has evicted more keys than the objective allows for 15 minutes: it does not hold the working set. First look at the ` +
        'hit rate; if it falls, find what writes large or long-lived keys, then add shards or memory.',
    },
    {
      title: 'Replication lag, seconds',
      name: 'ReplicationLag',
      severity: 'Warning',
      metricName: 'ReplicationLag',
      statistic: 'Maximum',
      period: Duration.minutes(1),
      worst: 'MAX',
      threshold: objectives.replicaLag.toMilliseconds() / 1000,
      periods: 5,
      ofReplicas: true,
      description: (shard) =>
        `A replica of cache ${shard} has been behind for 5 minutes: a failover now loses writes. First look at the network throughput of the ` +
        'primary and for a full synchronisation (SaveInProgress).',
    },
  ];
  return symptoms.filter(({ ofReplicas }) => !ofReplicas || cache.replicasPerShard > 0);
}

/**
 * One alarm per shard and symptom, on the worst of its nodes. ElastiCache has its metrics per node, and an alarm can
 * neither search for nodes nor take more than 10 metrics: a shard has 6 nodes at most, named by their numbers.
 *
 * The share of memory in use is only drawn: a cache that evicts by `allkeys-lru` is full by design.
 */
export function cacheMonitoring(cache: CacheTopology, objectives: Required<Objectives>): CustomMonitoringProps {
  const shards = shardsOf(cache);
  const everyNode = (metricName: string) => shards.flatMap((shard) => shard.nodes(metricName, 'Average', Duration.minutes(5)));
  return {
    humanReadableName: 'Cache',
    alarmFriendlyName: 'Cache',
    metricGroups: [
      ...symptomsOf(cache, objectives).map((symptom) => ({
        title: symptom.title,
        metrics: shards.map((shard) => shardAlarm(symptom, shard)),
      })),
      { title: 'Hit rate, percent', metrics: everyNode('CacheHitRate') },
      { title: 'Memory used, percent', metrics: everyNode('DatabaseMemoryUsagePercentage') },
    ],
  };
}

function shardAlarm(symptom: Symptom, shard: Shard): CustomMetricWithAlarm {
  const { worst, metricName, statistic, period } = symptom;
  return alarmed({
    name: `${shard.name}-${symptom.name}`,
    severity: symptom.severity,
    metric: shard.worst(worst, metricName, statistic, period),
    comparison: worst === 'MAX' ? ComparisonOperator.GREATER_THAN_THRESHOLD : ComparisonOperator.LESS_THAN_THRESHOLD,
    threshold: symptom.threshold,
    periods: symptom.periods,
    // Silence shows as INSUFFICIENT_DATA. A primary never tells a lag: a shard whose lag is silent has lost its replicas.
    missing: TreatMissingData.MISSING,
    description: symptom.description(shard.name),
  });
}

interface Shard {
  /** Such as `0001`, as in the ids of its nodes. */
  readonly name: string;
  nodes(metricName: string, statistic: string, period: Duration): Metric[];
  worst(of: 'MAX' | 'MIN', metricName: string, statistic: string, period: Duration): MetricWithAlarmSupport;
}

function shardsOf(cache: CacheTopology): Shard[] {
  // ElastiCache keeps ids in lower case, and a metric whose dimension differs in case has no data.
  const group = Token.isUnresolved(cache.replicationGroupId) ? cache.replicationGroupId : cache.replicationGroupId.toLowerCase();
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
        return new MathExpression({ label: name, period, expression: `${of}([${Object.keys(usingMetrics).join(', ')}])`, usingMetrics });
      },
    };
  });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
