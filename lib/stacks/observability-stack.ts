import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import {
  EdgeObservability,
  type Objectives,
  RegionObservability,
} from '../constructs/observability';
import { systemName } from '../model/config';
import type { CacheStack } from './cache-stack';
import type { DatabaseStack } from './database-stack';
import type { EdgeStack } from './edge-stack';
import type { PoolerStack } from './pooler-stack';
import { RegionStack, type RegionStackProps } from './region-stack';
import type { ServiceStack } from './service-stack';

export interface ObservabilityStackProps extends RegionStackProps {
  readonly key: kms.IKey;
  /** In a region that serves. */
  readonly database?: DatabaseStack;
  /** In a region with poolers. */
  readonly pooler?: PoolerStack;
  /** In a region that serves. */
  readonly cache?: CacheStack;
  /** In a region that serves. */
  readonly service?: ServiceStack;
  /** In CloudFront's region. */
  readonly edge?: EdgeStack;
}

/** Dashboards and alarms, in the region of their metrics. */
export class ObservabilityStack extends RegionStack {
  constructor(scope: Construct, id: string, props: ObservabilityStackProps) {
    super(scope, id, props, { description: 'Dashboards and alarms' });
    const { objectives, database, cache } = this.deployment;
    const common = {
      encryptionKey: props.key,
      alarmEmails: objectives.alarmEmails,
      objectives: this.objectives(),
    };
    const name = systemName(this.deployment);
    if (props.database && props.cache && props.service) {
      const { fleet } = props.service;
      const observability = new RegionObservability(this, 'Region', {
        ...common,
        name,
        alarmNamePrefix: `${name}-${props.region}`,
        loadBalancer: fleet.loadBalancer,
        targetGroup: fleet.targetGroup,
        autoScalingGroup: fleet.autoScalingGroup,
        primary: props.database.primary?.instance,
        replicas: props.database.replicas?.instances,
        pooler: props.pooler?.pooler,
        maxDatabaseConnections: database.parameters.maxConnections,
        replicationGroup: {
          replicationGroupId: props.cache.cache.replicationGroupId,
          shards:
            (props.cache.isMember ? cache.global?.shards : cache.scaling?.maxShards) ??
            cache.shards,
          replicasPerShard: cache.scaling?.maxReplicasPerShard ?? cache.replicasPerShard,
          scales: cache.scaling !== undefined,
          evicts: cache.maxmemoryPolicy.startsWith('allkeys-'),
          isSecondary: props.cache.isSecondary,
        },
      });
      const { readers } = props.database;
      if (readers) {
        // The alarm itself is in the stack of the databases, which does not depend on this topic.
        const notKept = new cloudwatch.CompositeAlarm(this, 'ReadersNotKept', {
          compositeAlarmName: `${name}-${props.region}-Readers-NotKept-Warning`,
          alarmDescription:
            `${readers.name} has not been kept for five minutes: it may name a replica that ` +
            'lags or has failed. See the log of its function.',
          alarmRule: cloudwatch.AlarmRule.fromAlarm(readers.alarm, cloudwatch.AlarmState.ALARM),
        });
        const toTopic = new SnsAction(observability.topic);
        notKept.addAlarmAction(toTopic);
        notKept.addOkAction(toTopic);
      }
      this.watchAdvice(
        props.database,
        `${name}-${props.region}`,
        new SnsAction(observability.topic),
      );
    }
    if (props.edge) {
      new EdgeObservability(this, 'Edge', {
        ...common,
        name,
        alarmNamePrefix: `${name}-edge`,
        distribution: props.edge.distribution.distribution,
        webAclMetricName: props.edge.webAcl.metricName,
      });
    }
  }

  /** Alarms on findings of query advice that should not wait for a reader of its log. */
  private watchAdvice(
    { primaryAdvice, replicaAdvice }: DatabaseStack,
    prefix: string,
    action: SnsAction,
  ): void {
    const watch = (
      id: string,
      metric: cloudwatch.Metric,
      evaluationPeriods: number,
      alarmDescription: string,
    ) => {
      const alarm = metric.createAlarm(this, id, {
        alarmName: `${prefix}-${id}-Warning`,
        alarmDescription,
        threshold: 1,
        evaluationPeriods,
        // There is no metric before the first run.
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    };
    for (const [on, advice] of Object.entries({ Primary: primaryAdvice, Replica: replicaAdvice })) {
      if (advice === undefined) continue;
      watch(
        `${on}Advice-Failing`,
        advice.metric('FailedLooks'),
        3,
        'Three looks at the queries of this database in a row have failed; its log says ' +
          'why. If it says that the role is not let in, run the migrations, which make it.',
      );
    }
    if (primaryAdvice === undefined) return;
    // Only on the primary: a replica has the same indexes, but cannot distinguish an index that is
    // being built from one that failed.
    watch(
      'PrimaryAdvice-InvalidIndex',
      primaryAdvice.metric('InvalidIndexes'),
      2,
      'An index is invalid: every write keeps it up, and no query uses it. A build has ' +
        'failed or was interrupted: run the migrations again. The log of the advice names it.',
    );
  }

  private objectives(): Objectives {
    const {
      regionP95LatencyMs,
      originP95LatencyMs,
      errorPercent,
      cacheHitPercent,
      cpuPercent,
      replicaLagSeconds,
    } = this.deployment.objectives;
    return {
      p95Latency: Duration.millis(regionP95LatencyMs),
      originP95Latency: Duration.millis(originP95LatencyMs),
      errorRatePercent: errorPercent,
      cacheHitRatePercent: cacheHitPercent,
      cpuPercent,
      replicaLag: Duration.seconds(replicaLagSeconds),
    };
  }
}
