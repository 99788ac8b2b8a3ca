import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** A distribution as other constructs see it. */
export interface IEdgeDistribution extends IConstruct {
  /** The distribution of CloudFront. */
  readonly distribution: cloudfront.IDistribution;
  /** The id, such as `E1234567890ABC`. */
  readonly distributionId: string;
  /** The name that CloudFront assigned, such as `d111111abcdef8.cloudfront.net`. */
  readonly domainName: string;

  /** Allows an identity to invalidate objects of the distribution. */
  grantCreateInvalidation(identity: iam.IGrantable): iam.Grant;

  /**
   * A metric of the distribution, which CloudFront publishes in us-east-1.
   *
   * @default - the average over 5 minutes
   */
  metric(metricName: string, props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /**
   * The number of requests of viewers.
   *
   * @default - the sum over 5 minutes
   */
  metricRequests(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /**
   * The percentage of requests answered with a 5xx status.
   *
   * @default - the average over 5 minutes
   */
  metric5xxErrorRate(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /**
   * The percentage of cacheable requests that the cache answered. Only a distribution that
   * publishes additional metrics has it, as an EdgeDistribution does.
   *
   * @default - the average over 5 minutes
   */
  metricCacheHitRate(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /**
   * The milliseconds from a request to the first byte of a response that the cache did not have.
   * Only a distribution that publishes additional metrics has it, as an EdgeDistribution does.
   *
   * @default - the p95 over 5 minutes
   */
  metricOriginLatency(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** The attributes for `EdgeDistribution.fromEdgeDistributionAttributes`. */
export interface EdgeDistributionAttributes {
  /** The id, such as `E1234567890ABC`. */
  readonly distributionId: string;
  /** The name that CloudFront assigned, such as `d111111abcdef8.cloudfront.net`. */
  readonly domainName: string;
}
