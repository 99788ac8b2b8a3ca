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
   * What the edge promises: the thresholds of the alarms.
   *
   * @default - the defaults of {@link Objectives}
   */
  readonly objectives?: Objectives;
  /**
   * No alarm rings in 5 minutes with at most so many requests: a rate of a few says nothing.
   *
   * @default 100
   */
  readonly minimumRequests?: number;
  /**
   * Turn CloudFront's additional metrics on, which the hit rate and the latency of the origins are.
   * They cost a fixed sum per distribution and month. A `Distribution` with
   * `publishAdditionalMetrics` has them already and is left as it is; one that is imported must not
   * have them, because CloudFront knows one subscription per distribution.
   *
   * @default true
   */
  readonly additionalMetrics?: boolean;
  /**
   * The metric name of the distribution's web ACL (`visibilityConfig.metricName`), for the
   * dashboard.
   *
   * @default - the web ACL is not drawn
   */
  readonly webAclMetricName?: string;
}

/**
 * The dashboard of a distribution and its alarms: errors, hit rate, latency of the origins. In
 * us-east-1 only, where CloudFront has its metrics.
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
        rule: 'CloudFront has its metrics there, and an alarm sees the metrics of its own region only.',
        fix: `Put it in a stack in ${CLOUDFRONT_REGION}.`,
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

/** Whether the distribution brings its own subscription: a second one would fail at deployment. */
function publishesAdditionalMetrics(distribution: cloudfront.IDistribution): boolean {
  return distribution.node.children.some(
    (child) => child instanceof cloudfront.CfnMonitoringSubscription,
  );
}
