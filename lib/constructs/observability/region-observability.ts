import { Size, Stack, Token } from 'aws-cdk-lib';
import type { IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import type * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type * as rds from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import { ELASTICACHE } from '../../model/aws';
import { invalidValue } from '../../model/errors';
import { AlarmedDashboard, type AlarmedDashboardProps } from './alarmed-dashboard';
import {
  type CacheTopology,
  cacheMonitoring,
  databaseMonitoring,
  fleetMonitoring,
  type IWatchedPooler,
  loadBalancerMonitoring,
  poolerMonitoring,
  replicaLagGroup,
  targetGroupMonitoring,
} from './alarms';
import { checkedObjectives, type Objectives } from './objectives';

/** Properties of a {@link RegionObservability}. */
export interface RegionObservabilityProps extends AlarmedDashboardProps {
  /**
   * What the region promises: the thresholds of the alarms.
   *
   * @default - the defaults of {@link Objectives}
   */
  readonly objectives?: Objectives;
  /**
   * Latency and errors are watched here.
   *
   * @default - not watched
   */
  readonly loadBalancer?: elbv2.IApplicationLoadBalancer;
  /**
   * Neither latency nor errors of the load balancer ring in 5 minutes with at most so many
   * requests: one error at night is no error rate.
   *
   * @default 100
   */
  readonly minimumRequests?: number;
  /**
   * The health of the targets is watched here. A load balancer must be attached to it.
   *
   * @default - not watched
   */
  readonly targetGroup?: elbv2.IApplicationTargetGroup;
  /**
   * CPU and size of the fleet. The group must publish its group metrics.
   *
   * @default - not watched
   */
  readonly autoScalingGroup?: IAutoScalingGroup;
  /**
   * The primary of the database, where it is in this region. With it, the alarms on lag look at its
   * writes.
   *
   * @default - not watched
   */
  readonly primary?: rds.IDatabaseInstance;
  /**
   * The replicas of the database in this region. Their alarms are named `Replica1`, `Replica2` and
   * so on, in this order.
   *
   * @default - none
   */
  readonly replicas?: readonly rds.IDatabaseInstance[];
  /**
   * `max_connections` of the database instances: the alarm begins at 80 percent of it.
   *
   * @default 500
   */
  readonly maxDatabaseConnections?: number;
  /**
   * Free storage below which a database instance rings. The default lasts for almost 3 hours at a
   * growth of 1 MiB per second.
   *
   * @default Size.gibibytes(10)
   */
  readonly minimumFreeStorage?: Size;
  /**
   * Bytes written per second from which the primary counts as busy, so that the lag of its replicas
   * is a true one. An idle instance writes too: checkpoints, statistics, heartbeats.
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
 * The dashboard of one region and its first alarms, for whatever is given of load balancer, fleet,
 * database, poolers and cache.
 *
 * The dashboard is named `<name>-<region>`, an alarm
 * `<alarmNamePrefix>-<what>-<symptom>-<severity>`.
 *
 * @throws IsochroneError if an objective or a name is out of range, or if something watched is
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
    if (replicationGroup) this.checkTopology(replicationGroup);

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

  private checkTopology({ shards, replicasPerShard }: CacheTopology): void {
    const { nodesPerCluster: mostShards, replicasPerShard: mostReplicas } = ELASTICACHE;
    for (const [property, value, least, most] of [
      ['shards', shards, 1, mostShards],
      ['replicasPerShard', replicasPerShard, 0, mostReplicas],
    ] as const) {
      if (!Token.isUnresolved(value) && Number.isInteger(value) && value >= least && value <= most)
        continue;
      throw invalidValue(this, {
        property: `replicationGroup.${property}`,
        value: Token.isUnresolved(value) ? 'a token' : value,
        allowed: `a whole number from ${least} to ${most}, known at synthesis`,
        rule: 'ElastiCache has its metrics per node, and the nodes are named by their numbers.',
        fix: 'Give the numbers of the replication group.',
      });
    }
  }
}
