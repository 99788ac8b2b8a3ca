import { Size, Stack } from 'aws-cdk-lib';
import type { IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import type * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type * as rds from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import { ELASTICACHE } from '../../model/aws';
import { isWholeNumber, type Rule } from '../../model/rules';
import { checkKnown } from '../house-rules';
import { AlarmedDashboard, type AlarmedDashboardProps } from './alarmed-dashboard';
import {
  cacheMonitoring,
  databaseMonitoring,
  fleetMonitoring,
  loadBalancerMonitoring,
  poolerMonitoring,
  replicaLagGroup,
  targetGroupMonitoring,
} from './alarms';
import type { CacheTopology, IWatchedPooler } from './interfaces';
import { checkedObjectives, type Objectives } from './objectives';

/** A number of shards or replicas, from which the names of the nodes follow. */
const namedNodes: Rule<number, { readonly min: number; readonly max: number }> = {
  allows: isWholeNumber,
  allowed: (_, { min, max }) => `a whole number from ${min} to ${max}, known at synthesis`,
  rule: 'ElastiCache publishes metrics per node, and numbers the nodes.',
  fix: 'Give the numbers of the replication group.',
};

/** Properties of a {@link RegionObservability}. */
export interface RegionObservabilityProps extends AlarmedDashboardProps {
  /**
   * The objectives of the region: the thresholds of its alarms.
   *
   * @default - the defaults of {@link Objectives}
   */
  readonly objectives?: Objectives;
  /**
   * The load balancer whose latency and errors have alarms.
   *
   * @default - not watched
   */
  readonly loadBalancer?: elbv2.IApplicationLoadBalancer;
  /**
   * No alarm on latency or errors of the load balancer rings in 5 minutes with at most this many
   * requests: one error at night is no error rate.
   *
   * @default 100
   */
  readonly minimumRequests?: number;
  /**
   * The target group whose health has alarms. A load balancer must be attached to it.
   *
   * @default - not watched
   */
  readonly targetGroup?: elbv2.IApplicationTargetGroup;
  /**
   * The fleet whose CPU and size have alarms. The group must publish its group metrics.
   *
   * @default - not watched
   */
  readonly autoScalingGroup?: IAutoScalingGroup;
  /**
   * The primary of the database, if it is in this region. The alarms on lag then use its writes.
   *
   * @default - not watched
   */
  readonly primary?: rds.IDatabaseInstance;
  /**
   * The replicas of the database in this region. The names of their alarms contain `Replica1`,
   * `Replica2` and so on, in this order.
   *
   * @default - no replicas
   */
  readonly replicas?: readonly rds.IDatabaseInstance[];
  /**
   * `max_connections` of the database instances: the alarm rings above 80 percent of it.
   *
   * @default 500
   */
  readonly maxDatabaseConnections?: number;
  /**
   * The free storage of a database instance below which the alarm rings. The default lasts for
   * almost 3 hours at a growth of 1 MiB per second.
   *
   * @default Size.gibibytes(10)
   */
  readonly minimumFreeStorage?: Size;
  /**
   * The bytes written per second above which the primary counts as busy, and the lag of its
   * replicas as real. An idle instance writes too: checkpoints, statistics, heartbeats.
   *
   * @default Size.kibibytes(256)
   */
  readonly busyWritesPerSecond?: Size;
  /**
   * The poolers in front of the database, with their load balancer.
   *
   * @default - not watched
   */
  readonly pooler?: IWatchedPooler;
  /**
   * The region's cache, in cluster mode.
   *
   * @default - not watched
   */
  readonly replicationGroup?: CacheTopology;
}

/**
 * The dashboard of one region and its alarms, for any of load balancer, fleet, database, poolers
 * and cache.
 *
 * The dashboard is named `<name>-<region>`, an alarm
 * `<alarmNamePrefix>-<resource>-<symptom>-<severity>`.
 *
 * @throws IsochroneError if an objective or a name is out of range, or if a watched resource is
 * known to be in another region
 */
export class RegionObservability extends AlarmedDashboard {
  constructor(scope: Construct, id: string, props: RegionObservabilityProps) {
    super(scope, id, Stack.of(scope).region, props);
    const objectives = checkedObjectives(this, props.objectives);
    const minimumRequests = props.minimumRequests ?? 100;
    const maxConnections = props.maxDatabaseConnections ?? 500;
    const {
      loadBalancer,
      targetGroup,
      autoScalingGroup,
      primary,
      replicas = [],
      pooler,
      replicationGroup,
    } = props;
    this.checkCount('minimumRequests', minimumRequests);
    this.checkCount('maxDatabaseConnections', maxConnections);
    this.checkRegion('loadBalancer', loadBalancer);
    this.checkRegion('targetGroup', targetGroup);
    this.checkRegion('autoScalingGroup', autoScalingGroup);
    this.checkRegion('primary', primary);
    replicas.forEach((replica, index) => {
      this.checkRegion(`replicas[${index}]`, replica);
    });
    this.checkRegion('pooler', pooler?.loadBalancer);
    if (replicationGroup) {
      const { shards, replicasPerShard } = replicationGroup;
      checkKnown(this, 'replicationGroup.shards', namedNodes, shards, {
        min: 1,
        max: ELASTICACHE.nodesPerCluster,
      });
      checkKnown(this, 'replicationGroup.replicasPerShard', namedNodes, replicasPerShard, {
        min: 0,
        max: ELASTICACHE.replicasPerShard,
      });
    }

    const bounds = {
      maxConnections,
      minimumFreeStorage: props.minimumFreeStorage ?? Size.gibibytes(10),
    };
    const busyWrites = props.busyWritesPerSecond ?? Size.kibibytes(256);

    if (loadBalancer)
      this.monitoring.monitorCustom(
        loadBalancerMonitoring(loadBalancer, objectives, minimumRequests),
      );
    if (targetGroup)
      this.monitoring.monitorCustom(targetGroupMonitoring(targetGroup, loadBalancer));
    if (autoScalingGroup)
      this.monitoring.monitorCustom(fleetMonitoring(autoScalingGroup, objectives));
    if (primary)
      this.monitoring.monitorCustom(databaseMonitoring(primary, 'Primary', objectives, bounds));
    replicas.forEach((replica, index) => {
      const name = `Replica${index + 1}`;
      const instance = databaseMonitoring(replica, name, objectives, bounds);
      const lag = replicaLagGroup(replica, name, objectives, primary, busyWrites);
      this.monitoring.monitorCustom({ ...instance, metricGroups: [lag, ...instance.metricGroups] });
    });
    if (pooler) this.monitoring.monitorCustom(poolerMonitoring(pooler));
    if (replicationGroup)
      this.monitoring.monitorCustom(cacheMonitoring(replicationGroup, objectives));
  }
}
