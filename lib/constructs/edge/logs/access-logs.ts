import { ArnFormat, Duration, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { acknowledge, type BucketProps, privateBucket } from '../../house-rules';
import { requireCloudFrontRegion } from '../cloudfront-region';

/** Options of the access logs of a distribution. */
export interface EdgeAccessLogsOptions extends BucketProps {
  /**
   * How long the logs are kept. After 90 days they move to the storage class for infrequent access,
   * if they stay there for at least 30 days.
   *
   * @default Duration.days(400)
   */
  readonly retention?: Duration;
  /**
   * The key of the bucket. The policy of a key of this app gets the statement that the log delivery
   * needs; an imported key must have it already.
   *
   * @default - S3 encrypts with a key of its own
   */
  readonly encryptionKey?: kms.IKey;
}

/** Properties of {@link EdgeAccessLogs}. */
export interface EdgeAccessLogsProps extends EdgeAccessLogsOptions {
  /** The distribution whose requests are logged. A distribution can have one such delivery. */
  readonly distribution: cloudfront.IDistribution;
}

/**
 * The fields that are recorded for each request: "Access logs (standard logs)", Amazon CloudFront
 * developer guide. Cookies are left out, because they carry sessions.
 */
export const ACCESS_LOG_FIELDS: readonly string[] = [
  'timestamp(ms)',
  'DistributionId',
  'date',
  'time',
  'x-edge-location',
  'sc-bytes',
  'c-ip',
  'cs-method',
  'cs(Host)',
  'cs-uri-stem',
  'sc-status',
  'cs(Referer)',
  'cs(User-Agent)',
  'cs-uri-query',
  'x-edge-result-type',
  'x-edge-request-id',
  'x-host-header',
  'cs-protocol',
  'cs-bytes',
  'time-taken',
  'x-forwarded-for',
  'ssl-protocol',
  'ssl-cipher',
  'x-edge-response-result-type',
  'cs-protocol-version',
  'c-port',
  'time-to-first-byte',
  'x-edge-detailed-result-type',
  'sc-content-type',
  'sc-content-len',
  'sc-range-start',
  'sc-range-end',
  'origin-fbl',
  'origin-lbl',
  'asn',
  'c-country',
  'cache-behavior-path-pattern',
];

/** The path of the logs: one folder per hour, so that queries read only the hours they need. */
export const ACCESS_LOG_SUFFIX_PATH = '{DistributionId}/{yyyy}/{MM}/{dd}/{HH}';

const INFREQUENT_ACCESS_AFTER_DAYS = 90;

/** S3 bills the storage class for infrequent access for at least 30 days. */
const INFREQUENT_ACCESS_MIN_DAYS = 30;

/**
 * The access logs of a distribution, delivered to a bucket as Parquet by CloudFront's standard
 * logging v2.
 *
 * @throws IsochroneError if the stack is not in us-east-1, or the logs are kept for less than a day
 */
export class EdgeAccessLogs extends Construct {
  /** The bucket that CloudFront delivers to. */
  public readonly bucket: s3.Bucket;

  constructor(scope: Construct, id: string, props: EdgeAccessLogsProps) {
    super(scope, id);
    requireCloudFrontRegion(this, 'CloudFront delivers its logs from us-east-1 only.');
    const retention = props.retention ?? Duration.days(400);
    this.checkRetention(retention);

    const name = Names.uniqueResourceName(this, { maxLength: 60, separator: '-' });
    this.bucket = this.createBucket(retention, props);
    this.allowDelivery(name, props.encryptionKey);

    const source = new logs.CfnDeliverySource(this, 'Source', {
      name,
      logType: 'ACCESS_LOGS',
      resourceArn: props.distribution.distributionArn,
    });
    const destination = new logs.CfnDeliveryDestination(this, 'Destination', {
      name,
      destinationResourceArn: this.bucket.bucketArn,
      outputFormat: 'parquet',
    });
    // CloudWatch Logs tests the delivery when it creates it: the bucket must allow it by then.
    if (this.bucket.policy) destination.node.addDependency(this.bucket.policy);
    new logs.CfnDelivery(this, 'Delivery', {
      deliverySourceName: source.ref,
      deliveryDestinationArn: destination.attrArn,
      s3SuffixPath: ACCESS_LOG_SUFFIX_PATH,
      s3EnableHiveCompatiblePath: false,
      recordFields: [...ACCESS_LOG_FIELDS],
    });
    if (props.distribution instanceof cloudfront.Distribution) {
      acknowledge(
        props.distribution,
        `Access logs are delivered by standard logging v2 (${this.node.path}), which is not a ` +
          'property of the distribution. The older logging that the rule looks for needs a ' +
          'bucket with ACLs.',
        'AwsSolutions-CFR3',
      );
    }
  }

  private checkRetention(retention: Duration): void {
    if (retention.isUnresolved() || retention.toDays({ integral: false }) >= 1) return;
    throw invalidValue(this, {
      property: 'retention',
      value: retention.toString(),
      allowed: 'at least one day',
      rule: 'S3 expires objects by the day.',
      fix: 'Use `Duration.days(1)` or more.',
    });
  }

  private createBucket(retention: Duration, props: EdgeAccessLogsProps): s3.Bucket {
    const staysLongEnough =
      !retention.isUnresolved() &&
      retention.toDays({ integral: false }) >=
        INFREQUENT_ACCESS_AFTER_DAYS + INFREQUENT_ACCESS_MIN_DAYS;
    const bucket = privateBucket(this, 'Bucket', {
      encryptionKey: props.encryptionKey,
      serverAccessLogsBucket: props.serverAccessLogsBucket,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
      lifecycle: {
        expiration: retention,
        transitions: staysLongEnough
          ? [
              {
                storageClass: s3.StorageClass.INFREQUENT_ACCESS,
                transitionAfter: Duration.days(INFREQUENT_ACCESS_AFTER_DAYS),
              },
            ]
          : undefined,
      },
      reasons: {
        notReplicated:
          'Access logs are for analysis and expire: a lost region would cost history, no ' +
          'service. A second copy elsewhere would double what there is to protect.',
        noKey:
          'S3 encrypts each object with a key of its own, and the log holds neither cookies nor ' +
          'bodies. Give `encryptionKey` for a key of your own.',
        notLogged:
          'This bucket holds access logs itself, and a log of the log would grow without end in ' +
          'it. Give `serverAccessLogsBucket` to log the access elsewhere.',
      },
    });
    acknowledge(
      bucket,
      'Versions are kept for 30 days against deletion by mistake. An object lock would also stop ' +
        'the erasure of client addresses that a person may ask for.',
      'NIST.800.53.R5-S3BucketDefaultLockEnabled',
    );
    return bucket;
  }

  /**
   * "Enable logging from AWS services: logs sent to Amazon S3", Amazon CloudWatch Logs user guide.
   */
  private allowDelivery(sourceName: string, encryptionKey?: kms.IKey): void {
    const stack = Stack.of(this);
    const principals = [new iam.ServicePrincipal('delivery.logs.amazonaws.com')];
    const source = stack.formatArn({
      service: 'logs',
      resource: 'delivery-source',
      resourceName: sourceName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.bucket.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AccessLogDelivery',
        principals,
        actions: ['s3:PutObject'],
        resources: [this.bucket.arnForObjects('*')],
        conditions: {
          StringEquals: {
            's3:x-amz-acl': 'bucket-owner-full-control',
            'aws:SourceAccount': stack.account,
          },
          ArnLike: { 'aws:SourceArn': source },
        },
      }),
    );
    encryptionKey?.addToResourcePolicy(
      new iam.PolicyStatement({
        principals,
        // The list of "Enable standard logging (v2)", Amazon CloudFront developer guide. Logs that
        // the delivery cannot encrypt never arrive.
        actions: [
          'kms:Encrypt',
          'kms:Decrypt',
          'kms:ReEncrypt*',
          'kms:GenerateDataKey*',
          'kms:DescribeKey',
        ],
        resources: ['*'],
        conditions: {
          StringEquals: { 'aws:SourceAccount': stack.account },
          ArnLike: { 'aws:SourceArn': source },
        },
      }),
    );
  }
}
