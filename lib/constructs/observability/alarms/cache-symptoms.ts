import { Duration, Size } from 'aws-cdk-lib';
import { ELASTICACHE } from '../../../model/aws';
import type { Objectives } from '../objectives';
import type { AlarmDefinition } from './alarmed-metric';

/** A replication group of ElastiCache in cluster mode, as far as its metrics need it. */
export interface CacheTopology {
  readonly replicationGroupId: string;
  /** Shards (node groups), 1 to 90; at most, where it scales. */
  readonly shards: number;
  /** Replicas of each shard, 0 to 5; at most, where it scales. */
  readonly replicasPerShard: number;
  /**
   * Whether its shards are scaled. Then nothing is heard of shards that are not there, and one more
   * alarm looks at all primaries together.
   *
   * @default false
   */
  readonly scales?: boolean;
  /**
   * Whether a key goes when memory is full. A cache that evicts is full by design; in one that does
   * not, a full memory makes writes fail, and has an alarm.
   *
   * @default true
   */
  readonly evicts?: boolean;
  /**
   * Whether it follows the cache of another region in a Global Datastore. Then its lag behind that
   * region has an alarm.
   *
   * @default false
   */
  readonly isSecondary?: boolean;
}

/**
 * "Monitoring best practices with Amazon ElastiCache for Redis using Amazon CloudWatch", AWS
 * Database Blog: below it, a node is under memory pressure.
 */
const MINIMUM_FREEABLE_MEMORY = Size.mebibytes(100);

/**
 * Where the alarm on clients begins, of those that a node takes. The rest is time to find out who
 * opens them.
 */
const SHARE_OF_CLIENTS = 0.8;

/** Where the alarm on memory begins in a cache that evicts nothing, in percent. */
const MEMORY_PERCENT = 80;

/**
 * A client that has lost its way tries again and again; a token that ran out on the way is one
 * failure.
 */
const AUTHENTICATION_FAILURES = 10;

/** What the alarm of a shard says of the worst of its nodes. */
export interface Symptom {
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
  /** Whether this cache can have the symptom at all; by default any can. */
  readonly ofThis?: boolean;
  readonly description: (shard: string) => string;
}

export function symptomsOf(cache: CacheTopology, objectives: Required<Objectives>): Symptom[] {
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
      // Replicas alone report it.
      ofThis: cache.replicasPerShard > 0,
      description: (shard) =>
        `A replica of cache ${shard} has been behind for 5 minutes: a failover now loses writes. First look at the network throughput of the ` +
        'primary and for a full synchronisation (SaveInProgress).',
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
      ofThis: cache.evicts === false,
      description: (shard) =>
        `Cache ${shard} fills up, and its policy evicts nothing or little: full, it refuses writes. First look for keys without a TTL, ` +
        'then add shards or take larger nodes.',
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
        `A node of cache ${shard} has had over ${SHARE_OF_CLIENTS * 100} % of the ${ELASTICACHE.clientsPerNode} clients that it takes for 5 minutes; then it refuses ` +
        'new ones. First look for a client that opens a connection for each request, and at reconnects after a failover.',
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
        `Clients fail to log in to a node of cache ${shard}. First check that the role of a new fleet may elasticache:Connect, that its clock is right and that it makes ` +
        'a new token for each connection; else somebody tries who should not.',
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
        `ElastiCache has held back commands to a node of cache ${shard} for 5 minutes, because it gets more than it can work off. First look at the slow log and for ` +
        'large values or scans; then add shards or take larger nodes.',
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
        `A node of cache ${shard} has sent more than its bandwidth allows for 5 minutes: packets were delayed or lost. First look for large values and a hot key; ` +
        'compress them, read from replicas, or take larger nodes.',
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
      ofThis: cache.isSecondary === true,
      description: (shard) =>
        `Cache ${shard} has been behind the primary region for 5 minutes: readers see old values, and a change of the primary now loses writes. First look at the ` +
        'writes and the bandwidth of the primary region.',
    },
  ];
  return symptoms.filter(({ ofThis }) => ofThis ?? true);
}
