import { Duration } from 'aws-cdk-lib';
import {
  ComparisonOperator,
  MathExpression,
  type Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { CustomMonitoringProps } from 'cdk-monitoring-constructs';
import type { Objectives } from '../objectives';
import { alarmed, targetHealthAlarms } from './alarmed-metric';

/** Latency and errors of a load balancer's targets. */
export function loadBalancerMonitoring(
  loadBalancer: elbv2.IApplicationLoadBalancer,
  objectives: Required<Objectives>,
  minimumRequests: number,
): CustomMonitoringProps {
  const period = Duration.minutes(5);
  const requests = loadBalancer.metrics.requestCount({ period });
  return {
    humanReadableName: 'Load balancer',
    alarmFriendlyName: 'LoadBalancer',
    metricGroups: [
      {
        title: 'p95 of the targets, seconds',
        metrics: [
          alarmed({
            name: 'P95Latency',
            severity: 'Critical',
            metric: loadBalancer.metrics.targetResponseTime({
              statistic: 'p95',
              period,
              label: 'p95',
            }),
            comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold: objectives.p95Latency.toMilliseconds() / 1000,
            periods: 3,
            minimumSamples: minimumRequests,
            // No requests, no latency; and a percentile of a few requests has no meaning.
            missing: TreatMissingData.NOT_BREACHING,
            description:
              'The p95 of the targets has been over its objective for 15 minutes. First ' +
              'compare CPU of the fleet, CPU and connections of the databases and evictions ' +
              'of the cache on the dashboard: what rose first is the cause.',
          }),
        ],
      },
      {
        title: '5xx answers, percent',
        metrics: [
          alarmed({
            name: 'ErrorRate',
            severity: 'Critical',
            metric: new MathExpression({
              label: '5xx',
              period,
              // Requests that the load balancer answers without a target are not in RequestCount.
              // Without adding them, a total outage would look like a night without requests.
              expression:
                `IF(FILL(requests, 0) + FILL(balancer5xx, 0) > ${minimumRequests}, ` +
                '100 * (FILL(target5xx, 0) + FILL(balancer5xx, 0)) ' +
                '/ (FILL(requests, 0) + FILL(balancer5xx, 0)), 0)',
              usingMetrics: {
                requests,
                target5xx: loadBalancer.metrics.custom('HTTPCode_Target_5XX_Count', {
                  statistic: 'Sum',
                  period,
                }),
                balancer5xx: loadBalancer.metrics.custom('HTTPCode_ELB_5XX_Count', {
                  statistic: 'Sum',
                  period,
                }),
              },
            }),
            comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold: objectives.errorRatePercent,
            periods: 2,
            // Without requests there are no errors.
            missing: TreatMissingData.NOT_BREACHING,
            description:
              'The share of 5xx answers has been over its objective for 10 minutes. First ' +
              'look whether a deployment began just before (roll it back), then whether ' +
              'targets are healthy, then in the application log for the first error.',
          }),
        ],
      },
      { title: 'Requests per 5 minutes', metrics: [requests] },
    ],
  };
}

/** Whether a load balancer has healthy targets. */
export function targetGroupMonitoring(
  targetGroup: elbv2.IApplicationTargetGroup,
  loadBalancer: elbv2.IApplicationLoadBalancer | undefined,
): CustomMonitoringProps {
  const through = (metric: Metric): Metric =>
    loadBalancer ? namedBy(loadBalancer.metrics.requestCount(), metric) : metric;
  return {
    humanReadableName: 'Targets',
    alarmFriendlyName: 'Targets',
    metricGroups: [
      {
        title: 'Healthy and unhealthy targets',
        metrics: targetHealthAlarms({
          healthy: through(
            targetGroup.metrics.healthyHostCount({
              statistic: 'Maximum',
              period: Duration.minutes(1),
              label: 'Healthy',
            }),
          ),
          unhealthy: through(
            targetGroup.metrics.unhealthyHostCount({
              statistic: 'Maximum',
              period: Duration.minutes(5),
              label: 'Unhealthy',
            }),
          ),
          noneHealthyDescription:
            'No target has been healthy for 3 minutes: this region answers nothing. DNS ' +
            'health checks should already have moved viewers to another region; check that, ' +
            'then the activity history of the Auto Scaling group.',
          unhealthyDescription:
            'There has been an unhealthy target for 15 minutes, longer than replacing it ' +
            'takes. First read the reason code of the health check in the target group, then ' +
            'the log of that instance.',
        }),
      },
    ],
  };
}

/**
 * The same metric with the load balancer's own name as its dimension, as metrics of the load
 * balancer itself have it. A target group derives that name from the ARN of a listener by
 * `Fn::Split`. CloudFormation does not document that it splits the result of `Fn::GetStackOutput`,
 * which a reference to another stack becomes.
 */
export function namedBy(ofLoadBalancer: Metric, metric: Metric): Metric {
  const { LoadBalancer } = ofLoadBalancer.dimensions ?? {};
  return metric.with({ dimensionsMap: { ...metric.dimensions, LoadBalancer } });
}
