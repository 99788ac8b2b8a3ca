import { Duration, Size, Token } from 'aws-cdk-lib';
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
import { ELASTICACHE } from '../../../model/aws';
import type { CacheTopology } from '../interfaces';
import type { Objectives } from '../objectives';
import { type AlarmDefinition, alarmed } from './alarmed-metric';

/**
 * A node with less freeable memory is under memory pressure: "Monitoring best practices with Amazon
 * ElastiCache for Redis using Amazon CloudWatch", AWS Database Blog.
 */
const MINIMUM_FREEABLE_MEMORY = Size.mebibytes(100);

/**
 * The share of a node's maximum clients at which the alarm rings. The rest leaves time to find the
 * client that opens them.
 */
const SHARE_OF_CLIENTS = 0.8;

/** The memory use at which the alarm of a cache without eviction rings, in percent. */
const MEMORY_PERCENT = 80;

/**
 * A misconfigured client retries and fails many times; a token that expired in transit fails once.
 */
const AUTHENTICATION_FAILURES = 10;

/** An alarm of each shard, on the worst of its nodes. */
interface Symptom {
  readonly title: string;
  readonly name: string;
  readonly severity: AlarmDefinition['severity'];
  readonly metricName: string;
  readonly statistic: string;
  readonly period: Duration;
  /** Whether the worst node has the maximum, above the threshold, or the minimum, below it. */
  readonly worst: 'MAX' | 'MIN';
  readonly threshold: number;
  readonly periods: number;
  /**
   * Whether this cache can have the symptom.
   *
   * @default true
   */
  readonly applies?: boolean;
  readonly description: (shard: string) => string;
}

/**
 * One alarm per shard and symptom, on the worst of its nodes. ElastiCache publishes metrics per
 * node, and an alarm can neither search for nodes nor use more than 10 metrics: a shard has at most
 * 6 nodes, named by their numbers.
 *
 * Memory use has an alarm only without eviction: a cache that evicts by `allkeys-lru` is full by
 * design.
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

/** The symptoms that a cache can have. */
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
        `A node of cache ${shard} has had its one engine thread over the objective for 15 ` +
        'minutes. First look for slow commands (SLOWLOG) and for one hot key; more shards ' +
        'help against load, not against a hot key.',
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
        `A node of cache ${shard} is under memory pressure and may swap or fail. First look ` +
        'at connections and output buffers (CLIENT LIST), then raise reserved-memory-percent ' +
        'or the node type.',
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
        `Cache ${shard} has evicted more keys than the objective allows for 15 minutes: it ` +
        'does not hold the working set. First look at the hit rate; if it falls, find what ' +
        'writes large or long-lived keys, then add shards or memory.',
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
      // Only replicas report it.
      applies: cache.replicasPerShard > 0,
      description: (shard) =>
        `A replica of cache ${shard} has been behind for 5 minutes: a failover now loses ` +
        'writes. First look at the network throughput of the primary and for a full ' +
        'synchronisation (SaveInProgress).',
    },
    {
      title: 'Memory that counts for eviction, percent',
      name: 'Memory',
      severity: 'Critical',
      metricName: 'DatabaseMemoryUsageCountedForEvictPercentage',
      statistic: 'Average',
      period: Duration.minutes(5),
      worst: 'MAX',
      threshold: MEMORY_PERCENT,
      periods: 3,
      applies: cache.evicts === false,
      description: (shard) =>
        `Cache ${shard} fills up, and its policy evicts nothing or little: full, it refuses ` +
        'writes. First look for keys without a TTL, then add shards or take larger nodes.',
    },
    {
      title: 'Connections',
      name: 'Connections',
      severity: 'Warning',
      metricName: 'CurrConnections',
      statistic: 'Maximum',
      period: Duration.minutes(1),
      worst: 'MAX',
      threshold: SHARE_OF_CLIENTS * ELASTICACHE.clientsPerNode,
      periods: 5,
      description: (shard) =>
        `A node of cache ${shard} has had over ${SHARE_OF_CLIENTS * 100} % of the ` +
        `${ELASTICACHE.clientsPerNode} clients that it takes for 5 minutes; then it refuses ` +
        'new ones. First look for a client that opens a connection for each request, and at ' +
        'reconnects after a failover.',
    },
    {
      title: 'Failed logins in 5 minutes',
      name: 'AuthenticationFailures',
      severity: 'Warning',
      metricName: 'AuthenticationFailures',
      statistic: 'Sum',
      period: Duration.minutes(5),
      worst: 'MAX',
      threshold: AUTHENTICATION_FAILURES,
      periods: 2,
      description: (shard) =>
        `Clients fail to log in to a node of cache ${shard}. First check that the role of a ` +
        'new fleet may elasticache:Connect, that its clock is right and that it makes a new ' +
        'token for each connection; else somebody tries who should not.',
    },
    {
      title: 'Traffic held back (0 or 1)',
      name: 'Throttled',
      severity: 'Warning',
      metricName: 'TrafficManagementActive',
      statistic: 'Maximum',
      period: Duration.minutes(1),
      worst: 'MAX',
      threshold: 0,
      periods: 5,
      description: (shard) =>
        `ElastiCache has held back commands to a node of cache ${shard} for 5 minutes, ` +
        'because it gets more than it can work off. First look at the slow log and for large ' +
        'values or scans; then add shards or take larger nodes.',
    },
    {
      title: 'Packets beyond the bandwidth, per minute',
      name: 'Bandwidth',
      severity: 'Warning',
      metricName: 'NetworkBandwidthOutAllowanceExceeded',
      statistic: 'Sum',
      period: Duration.minutes(1),
      worst: 'MAX',
      threshold: 0,
      periods: 5,
      description: (shard) =>
        `A node of cache ${shard} has sent more than its bandwidth allows for 5 minutes: ` +
        'packets were delayed or lost. First look for large values and a hot key; compress ' +
        'them, read from replicas, or take larger nodes.',
    },
    {
      title: 'Lag behind the primary region, seconds',
      name: 'GlobalLag',
      severity: 'Warning',
      metricName: 'GlobalDatastoreReplicationLag',
      statistic: 'Maximum',
      period: Duration.minutes(1),
      worst: 'MAX',
      threshold: objectives.replicaLag.toMilliseconds() / 1000,
      periods: 5,
      applies: cache.isSecondary === true,
      description: (shard) =>
        `Cache ${shard} has been behind the primary region for 5 minutes: readers see old ` +
        'values, and a change of the primary now loses writes. First look at the writes and ' +
        'the bandwidth of the primary region.',
    },
  ];
  return symptoms.filter(({ applies }) => applies ?? true);
}

/**
 * The metric that scaling follows, and so whether scaling keeps its target. It includes shards
 * whose numbers have no alarm: ElastiCache does not document how it numbers shards that are added
 * after others were removed.
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
      'The primaries of the cache have been over the objective for 15 minutes, so scaling ' +
      'does not hold its target. First look whether it has all its shards, then at its ' +
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
    // Missing data shows as INSUFFICIENT_DATA. A primary reports no lag: a shard without that
    // metric has lost its replicas.
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
        // Ids must be unique in a graph, which shows all shards together.
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

/** ElastiCache stores ids in lower case, and the dimensions of a metric are case-sensitive. */
function groupIdOf({ replicationGroupId }: CacheTopology): string {
  return Token.isUnresolved(replicationGroupId)
    ? replicationGroupId
    : replicationGroupId.toLowerCase();
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
