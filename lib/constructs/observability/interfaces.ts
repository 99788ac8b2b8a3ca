import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';

/**
 * A replication group of ElastiCache in cluster mode, as far as its metrics need it. A
 * `RegionalCache` is one.
 */
export interface CacheTopology {
  readonly replicationGroupId: string;
  /** Shards (node groups), 1 to 90; the maximum if they scale. */
  readonly shards: number;
  /** Replicas of each shard, 0 to 5; the maximum if they scale. */
  readonly replicasPerShard: number;
  /**
   * Whether the shards scale. If so, missing shards report no metrics, and one more alarm watches
   * all primaries together.
   *
   * @default false
   */
  readonly scales?: boolean;
  /**
   * Whether the cache evicts keys when memory is full. Such a cache is full by design. Without
   * eviction, full memory makes writes fail, and has an alarm.
   *
   * @default true
   */
  readonly evicts?: boolean;
  /**
   * Whether the cache follows the cache of another region in a Global Datastore. If so, its lag
   * behind that region has an alarm.
   *
   * @default false
   */
  readonly isSecondary?: boolean;
}

/** The poolers of a region, such as a `ConnectionPooler`. */
export interface IWatchedPooler {
  /** A metric over all poolers, which each of them reports once a minute. */
  metric(
    name:
      | 'Users'
      | 'ClientsActive'
      | 'ClientsWaiting'
      | 'LongestWait'
      | 'ServersActive'
      | 'ServerConnections',
    props?: MetricOptions,
  ): Metric;
  readonly targetGroup: elbv2.INetworkTargetGroup;
  readonly loadBalancer: elbv2.INetworkLoadBalancer;
  readonly figures: { readonly queryWaitTimeoutSeconds: number };
}
