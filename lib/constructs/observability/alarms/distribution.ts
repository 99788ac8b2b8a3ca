import { Duration } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import {
  ComparisonOperator,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { CustomMetricGroup, CustomMonitoringProps } from 'cdk-monitoring-constructs';
import type { Objectives } from '../objectives';
import { alarmed } from './alarmed-metric';

/** Errors of a distribution and, with additional metrics, its hit rate and origin latency. */
export function distributionMonitoring(
  distribution: cloudfront.IDistribution,
  objectives: Required<Objectives>,
  minimumRequests: number,
  additionalMetrics: boolean,
): CustomMonitoringProps {
  const period = Duration.minutes(5);
  // CloudFront's metrics need both dimensions. CDK's own `metric…()` of a distribution omit
  // `Region`.
  const metric = (metricName: string, statistic: string, label: string) =>
    new Metric({
      namespace: 'AWS/CloudFront',
      metricName,
      statistic,
      label,
      period,
      dimensionsMap: { DistributionId: distribution.distributionId, Region: 'Global' },
    });
  const requests = metric('Requests', 'Sum', 'Requests');
  /** The rate, without a value in periods with too few requests. */
  const gated = (id: string, rate: Metric) =>
    new MathExpression({
      label: rate.label,
      period,
      expression: `IF(requests > ${minimumRequests}, ${id})`,
      usingMetrics: { requests, [id]: rate },
    });

  const groups: CustomMetricGroup[] = [
    {
      title: '5xx answers, percent',
      metrics: [
        alarmed({
          name: 'ErrorRate',
          severity: 'Critical',
          metric: gated('errors', metric('5xxErrorRate', 'Average', '5xx')),
          comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
          threshold: objectives.errorRatePercent,
          periods: 2,
          // Too few requests for a rate.
          missing: TreatMissingData.NOT_BREACHING,
          description:
            'The share of 5xx answers to viewers has been over its objective for 10 minutes. ' +
            'First look whether the regions ring too (then begin there); if none does, look ' +
            'at the edge functions and at the last change of the distribution.',
        }),
      ],
    },
  ];
  if (additionalMetrics) {
    groups.push(
      {
        title: 'Hit rate, percent',
        metrics: [
          alarmed({
            name: 'HitRate',
            severity: 'Warning',
            metric: gated('hits', metric('CacheHitRate', 'Average', 'Hit rate')),
            comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold: objectives.cacheHitRatePercent,
            // Half an hour: caches refill after an invalidation or a deployment.
            periods: 6,
            // Too few requests for a rate: entries expire at night.
            missing: TreatMissingData.NOT_BREACHING,
            description:
              'The hit rate of the edge has been under its objective for 30 minutes. First ' +
              'look for an invalidation or a deployment just before, then in the access logs ' +
              'for the paths with most misses: a new query parameter in the cache key, or an ' +
              'origin that forbids caching.',
          }),
        ],
      },
      {
        title: 'p95 of the origins, milliseconds',
        metrics: [
          alarmed({
            name: 'OriginP95Latency',
            severity: 'Warning',
            metric: gated('latency', metric('OriginLatency', 'p95', 'p95')),
            comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold: objectives.originP95Latency.toMilliseconds(),
            periods: 3,
            // Too few requests for a percentile.
            missing: TreatMissingData.NOT_BREACHING,
            description:
              'The p95 of the origins has been over its objective for 15 minutes. First look ' +
              'whether the regions are slow too (then begin there); if none is, look whether ' +
              'one is out and its viewers go to a far region.',
          }),
        ],
      },
    );
  }
  return {
    humanReadableName: 'Edge',
    alarmFriendlyName: 'Edge',
    metricGroups: [...groups, { title: 'Requests per 5 minutes', metrics: [requests] }],
  };
}

/** Requests that a web ACL of CloudFront allows and blocks. No alarm: blocking is its purpose. */
export function webAclMonitoring(metricName: string): CustomMonitoringProps {
  const ofAcl = (name: string, label: string) =>
    new Metric({
      namespace: 'AWS/WAFV2',
      metricName: name,
      statistic: 'Sum',
      label,
      period: Duration.minutes(5),
      dimensionsMap: { WebACL: metricName, Rule: 'ALL' },
    });
  return {
    humanReadableName: 'Web ACL',
    alarmFriendlyName: 'WebAcl',
    metricGroups: [
      {
        title: 'Requests per 5 minutes',
        metrics: [ofAcl('AllowedRequests', 'Allowed'), ofAcl('BlockedRequests', 'Blocked')],
      },
    ],
  };
}
