import { Stack, Token } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type { Construct } from 'constructs';
import { CLOUDFRONT_REGION } from '../../model/aws';
import { invalidValue } from '../../model/errors';
import { AlarmedDashboard, type AlarmedDashboardProps } from './alarmed-dashboard';
import { distributionMonitoring, webAclMonitoring } from './alarms';
import { checkedObjectives, type Objectives } from './objectives';

/** Properties of an {@link EdgeObservability}. */
export interface EdgeObservabilityProps extends AlarmedDashboardProps {
  readonly distribution: cloudfront.IDistribution;
  /**
   * The objectives of the edge: the thresholds of its alarms.
   *
   * @default - the defaults of {@link Objectives}
   */
  readonly objectives?: Objectives;
  /**
   * No alarm rings in 5 minutes with at most this many requests: a rate over a few requests has no
   * meaning.
   *
   * @default 100
   */
  readonly minimumRequests?: number;
  /**
   * Enables CloudFront's additional metrics, among them hit rate and origin latency. They cost a
   * fixed amount per distribution and month. A `Distribution` with `publishAdditionalMetrics`
   * already has them and is not changed. An imported distribution must not have them, because
   * CloudFront allows one subscription per distribution.
   *
   * @default true
   */
  readonly additionalMetrics?: boolean;
  /**
   * The metric name of the distribution's web ACL (`visibilityConfig.metricName`), for the
   * dashboard.
   *
   * @default - the dashboard has no graph of the web ACL
   */
  readonly webAclMetricName?: string;
}

/**
 * The dashboard of a distribution, and its alarms on errors, hit rate and origin latency. In
 * us-east-1 only, where CloudFront publishes its metrics.
 *
 * The dashboard is named `<name>-edge`, an alarm `<alarmNamePrefix>-Edge-<symptom>-<severity>`.
 *
 * @throws IsochroneError if its stack is in another region, or if an objective or a name is out of
 * range
 */
export class EdgeObservability extends AlarmedDashboard {
  constructor(scope: Construct, id: string, props: EdgeObservabilityProps) {
    super(scope, id, 'edge', props);
    const { region } = Stack.of(this);
    if (!Token.isUnresolved(region) && region !== CLOUDFRONT_REGION) {
      throw invalidValue(this, {
        property: 'the region of its stack',
        value: region,
        allowed: CLOUDFRONT_REGION,
        rule: 'CloudFront publishes its metrics there.',
        fix: `Move it to a stack in ${CLOUDFRONT_REGION}.`,
      });
    }
    const objectives = checkedObjectives(this, props.objectives);
    const minimumRequests = props.minimumRequests ?? 100;
    const additionalMetrics = props.additionalMetrics ?? true;
    this.checkCount('minimumRequests', minimumRequests);

    if (additionalMetrics && !publishesAdditionalMetrics(props.distribution)) {
      new cloudfront.CfnMonitoringSubscription(this, 'AdditionalMetrics', {
        distributionId: props.distribution.distributionId,
        monitoringSubscription: {
          realtimeMetricsSubscriptionConfig: { realtimeMetricsSubscriptionStatus: 'Enabled' },
        },
      });
    }
    this.monitoring.monitorCustom(
      distributionMonitoring(props.distribution, objectives, minimumRequests, additionalMetrics),
    );
    if (props.webAclMetricName)
      this.monitoring.monitorCustom(webAclMonitoring(props.webAclMetricName));
  }
}

/** Whether the distribution has a subscription: a second one would fail at deployment. */
function publishesAdditionalMetrics(distribution: cloudfront.IDistribution): boolean {
  return distribution.node.children.some(
    (child) => child instanceof cloudfront.CfnMonitoringSubscription,
  );
}
