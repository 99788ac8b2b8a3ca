import { Duration, Size, Token } from 'aws-cdk-lib';
import { ComparisonOperator, type IMetric, MathExpression, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { CustomMetricGroup, CustomMonitoringProps, MetricWithAlarmSupport } from 'cdk-monitoring-constructs';
import { alarmed } from './alarmed-metric';
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

/**
 * One alarm per shard and symptom, on the worst of its nodes. ElastiCache has its metrics per node, and an alarm can
 * neither search for nodes nor take more than 10 metrics: a shard has 6 nodes at most, named by their numbers.
 *
 * The share of memory in use is only drawn: a cache that evicts by `allkeys-lru` is full by design.
 */
export function cacheMonitoring(cache: CacheTopology, objectives: Required<Objectives>): CustomMonitoringProps {
  const eachShard = (build: (shard: Shard) => ReturnType<typeof alarmed>) => shardsOf(cache).map(build);
  const groups: CustomMetricGroup[] = [
    {
      title: 'Engine CPU, percent',
      metrics: eachShard((shard) =>
        alarmed({
          name: `${shard.name}-EngineCpu`,
          severity: 'Warning',
          metric: shard.worst('MAX', 'EngineCPUUtilization', 'Average', Duration.minutes(5)),
          comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
          threshold: objectives.cpuPercent,
          periods: 3,
          missing: TreatMissingData.MISSING,
          description:
            `A node of cache ${shard.name} has had its one engine thread over the objective for 15 minutes. First look for slow commands (SLOWLOG) ` +
            'and for one hot key; more shards help against load, not against a hot key.',
        }),
      ),
    },
    {
      title: 'Freeable memory, bytes',
      metrics: eachShard((shard) =>
        alarmed({
          name: `${shard.name}-FreeableMemory`,
          severity: 'Critical',
          metric: shard.worst('MIN', 'FreeableMemory', 'Minimum', Duration.minutes(5)),
          comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
          threshold: MINIMUM_FREEABLE_MEMORY.toBytes(),
          periods: 3,
          missing: TreatMissingData.MISSING,
          description:
            `A node of cache ${shard.name} is under memory pressure and may swap or fail. First look at connections and output buffers (CLIENT LIST), ` +
            'then raise reserved-memory-percent or the node type.',
        }),
      ),
    },
    {
      title: 'Evictions per minute',
      metrics: eachShard((shard) =>
        alarmed({
          name: `${shard.name}-Evictions`,
          severity: 'Warning',
          metric: shard.worst('MAX', 'Evictions', 'Sum', Duration.minutes(1)),
          comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
          threshold: objectives.evictionsPerMinute,
          periods: 15,
          missing: TreatMissingData.MISSING,
          description:
            `Cache ${shard.name} has evicted more keys than the objective allows for 15 minutes: it does not hold the working set. First look at the ` +
            'hit rate; if it falls, find what writes large or long-lived keys, then add shards or memory.',
        }),
      ),
    },
  ];
  if (cache.replicasPerShard > 0) {
    groups.push({
      title: 'Replication lag, seconds',
      metrics: eachShard((shard) =>
        alarmed({
          name: `${shard.name}-ReplicationLag`,
          severity: 'Warning',
          metric: shard.worst('MAX', 'ReplicationLag', 'Maximum', Duration.minutes(1)),
          comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
          threshold: objectives.replicaLag.toMilliseconds() / 1000,
          periods: 5,
          // Only replicas tell a lag; when none does, the shard has lost its replicas, which shows as INSUFFICIENT_DATA.
          missing: TreatMissingData.MISSING,
          description:
            `A replica of cache ${shard.name} has been behind for 5 minutes: a failover now loses writes. First look at the network throughput of the ` +
            'primary and for a full synchronisation (SaveInProgress).',
        }),
      ),
    });
  }
  const everyNode = (metricName: string) => shardsOf(cache).flatMap((shard) => shard.nodes(metricName, 'Average', Duration.minutes(5)));
  return {
    humanReadableName: 'Cache',
    alarmFriendlyName: 'Cache',
    metricGroups: [
      ...groups,
      { title: 'Hit rate, percent', metrics: everyNode('CacheHitRate') },
      { title: 'Memory used, percent', metrics: everyNode('DatabaseMemoryUsagePercentage') },
    ],
  };
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
