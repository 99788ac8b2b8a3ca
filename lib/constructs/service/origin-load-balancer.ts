import { Duration, RemovalPolicy, type SecretValue, Stack, Token } from 'aws-cdk-lib';
import type * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { REGIONS } from '../../model/aws';
import { invalidValue } from '../../model/errors';
import { acknowledge, checkRule, isProtected, type ProtectedProps } from '../house-rules';
import { idleTimeoutSeconds, prefixListId, secretHeader } from './checks';

/**
 * The header by which CloudFront proves that a request comes through our distribution and not
 * through that of another AWS customer.
 */
export interface OriginVerification {
  /**
   * The name of the header, as the distribution adds it to its origin requests; letters, digits and
   * hyphens.
   */
  readonly headerName: string;
  /**
   * The value that the distribution sends, in this region's Secrets Manager. It reaches the
   * listener as a dynamic reference, so no template contains it. CloudFormation reads it again only
   * when the reference changes: name a `versionId` or a JSON field per rotation instead of relying
   * on the newest version.
   */
  readonly secret: SecretValue;
  /**
   * A second accepted value, for a rotation without an outage: first accept both values, then let
   * the distribution send the new one, then remove the old one.
   *
   * @default - only `secret` is accepted
   */
  readonly previousSecret?: SecretValue;
}

/** How CloudFront reaches a load balancer: see OriginLoadBalancerProps. */
export type OriginAccess = 'cloudfront-public' | 'vpc-origin';

export interface OriginLoadBalancerProps extends ProtectedProps {
  /**
   * The VPC; the load balancer takes its public subnets, or with `access: 'vpc-origin'` the private
   * ones with egress.
   */
  readonly vpc: ec2.IVpc;
  /**
   * How CloudFront reaches the load balancer. Another value replaces the load balancer.
   *
   * - `cloudfront-public`: on the internet, open to CloudFront's addresses only.
   * - `vpc-origin`: in private subnets, through a VPC origin that this construct creates. The VPC
   *   still needs an internet gateway, and an account has at most 25 VPC origins. VPC origins
   *   support no WebSocket, gRPC or Lambda@Edge origin triggers.
   *
   * @default 'cloudfront-public'
   */
  readonly access?: OriginAccess;
  /**
   * The certificate, in this region, of every name under which CloudFront addresses the load
   * balancer.
   */
  readonly certificate: acm.ICertificate;
  /** The header that each request must carry; other requests are refused. */
  readonly originVerification: OriginVerification;
  /**
   * The managed prefix list of CloudFront's origin-facing servers in this region.
   *
   * @default - the list of the stack's region, from the region table
   */
  readonly cloudFrontPrefixListId?: string;
  /**
   * How long a connection may be idle, 1 to 4000 s. CloudFront waits 30 s for a response by
   * default; targets must keep idle connections open for longer than this timeout.
   *
   * @default Duration.seconds(60)
   */
  readonly idleTimeout?: Duration;
  /**
   * How long access logs are kept.
   *
   * @default Duration.days(90)
   */
  readonly accessLogRetention?: Duration;
  /**
   * What happens to the access logs when they leave the stack. With DESTROY, the bucket must first
   * be empty.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A load balancer that only CloudFront can use, and only through our distribution.
 *
 * It has two protections, because each alone leaves a gap. The security group admits CloudFront's
 * addresses, which the distributions of all AWS customers share. The secret header identifies our
 * distribution, but alone would leave the port open to scanners.
 *
 * The prefix list counts as 55 of the 60 inbound rules that a security group allows by default, so
 * this group has no room for a second list.
 *
 * @throws IsochroneError for a value that AWS would refuse, or without a known prefix list
 */
export class OriginLoadBalancer extends Construct {
  public readonly loadBalancer: elbv2.ApplicationLoadBalancer;
  public readonly listener: elbv2.ApplicationListener;
  public readonly accessLogs: s3.Bucket;
  /** The origin of a distribution; only defined with `access: 'vpc-origin'`. */
  public readonly vpcOrigin?: cloudfront.VpcOrigin;
  /** How long a connection may be idle. */
  public readonly idleTimeout: Duration;
  private readonly verification: OriginVerification;

  constructor(scope: Construct, id: string, props: OriginLoadBalancerProps) {
    super(scope, id);
    this.idleTimeout = props.idleTimeout ?? Duration.seconds(60);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const deletionProtection = isProtected(props);
    this.verification = props.originVerification;
    checkRule(this, 'originVerification.headerName', secretHeader, this.verification.headerName);
    if (!this.idleTimeout.isUnresolved()) {
      const seconds = this.idleTimeout.toSeconds({ integral: false });
      checkRule(this, 'idleTimeout', idleTimeoutSeconds, seconds);
    }
    const cloudFrontList = this.prefixList(props.cloudFrontPrefixListId);
    const isPrivate = props.access === 'vpc-origin';

    this.accessLogs = this.accessLogBucket(
      props.accessLogRetention ?? Duration.days(90),
      removalPolicy,
    );

    const securityGroup = new ec2.SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc,
      description: `The load balancer ${this.node.path}: open to CloudFront only.`,
      allowAllOutbound: false,
    });
    // For VPC origins as well: CloudFront creates its security group for them together with the
    // first VPC origin, too late for a rule here.
    securityGroup.addIngressRule(ec2.Peer.prefixList(cloudFrontList), ec2.Port.HTTPS, 'CloudFront');

    this.loadBalancer = new elbv2.ApplicationLoadBalancer(this, 'Resource', {
      vpc: props.vpc,
      vpcSubnets: {
        subnetType: isPrivate ? ec2.SubnetType.PRIVATE_WITH_EGRESS : ec2.SubnetType.PUBLIC,
      },
      internetFacing: !isPrivate,
      securityGroup,
      http2Enabled: true,
      idleTimeout: this.idleTimeout,
      dropInvalidHeaderFields: true,
      // Blocks request smuggling. The strictest mode would also refuse harmless URIs that browsers
      // send.
      desyncMitigationMode: elbv2.DesyncMitigationMode.DEFENSIVE,
      deletionProtection,
    });
    this.loadBalancer.logAccessLogs(this.accessLogs);
    acknowledge(
      this.loadBalancer,
      'The web ACL stands at the distribution in front. The security group admits only ' +
        'CloudFront, and the listener answers 403 to whatever lacks the secret header of ' +
        'that distribution, so nothing reaches a target past the web ACL.',
      'NIST.800.53.R5-ALBWAFEnabled',
      'PCI.DSS.321-ALBWAFEnabled',
    );
    if (!deletionProtection) {
      acknowledge(
        this.loadBalancer,
        'The owner turned deletion protection off (`deletionProtection` or `removalPolicy: ' +
          'DESTROY`), for a sandbox or because the stack itself is protected. A load ' +
          'balancer holds no data.',
        'NIST.800.53.R5-ELBDeletionProtectionEnabled',
      );
    }

    this.listener = this.loadBalancer.addListener('Https', {
      port: 443,
      protocol: elbv2.ApplicationProtocol.HTTPS,
      // The default would open the port to all addresses.
      open: false,
      certificates: [props.certificate],
      // CloudFront, the only client, needs no older cipher. The explicit policy does not depend on
      // a feature flag.
      sslPolicy: elbv2.SslPolicy.TLS13_12_RES_PQ,
      defaultAction: elbv2.ListenerAction.fixedResponse(403, {
        contentType: 'text/plain',
        messageBody: 'Forbidden',
      }),
    });
    if (isPrivate) this.vpcOrigin = this.createVpcOrigin();
  }

  /** Forwards requests that carry the secret header to these targets. */
  public forwardTo(targetGroup: elbv2.IApplicationTargetGroup): void {
    const { headerName, secret, previousSecret } = this.verification;
    const values = [secret, previousSecret].filter((value) => value !== undefined);
    this.listener.addAction('FromCloudFront', {
      priority: 1,
      conditions: [
        elbv2.ListenerCondition.httpHeader(
          headerName,
          values.map((value) => value.unsafeUnwrap()),
        ),
      ],
      action: elbv2.ListenerAction.forward([targetGroup]),
    });
  }

  /**
   * Requests that reached a target.
   *
   * @default - the sum over 5 minutes
   */
  public metricRequestCount(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.loadBalancer.metrics.requestCount(props);
  }

  /**
   * Time until a target's response headers, in seconds.
   *
   * @default - the average over 5 minutes
   */
  public metricTargetResponseTime(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.loadBalancer.metrics.targetResponseTime(props);
  }

  /**
   * 5xx responses of the targets.
   *
   * @default - the sum over 5 minutes
   */
  public metricTarget5xx(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.loadBalancer.metrics.httpCodeTarget(elbv2.HttpCodeTarget.TARGET_5XX_COUNT, props);
  }

  /**
   * 5xx responses of the load balancer itself, such as without a healthy target. These requests are
   * not in `metricRequestCount`.
   *
   * @default - the sum over 5 minutes
   */
  public metricLoadBalancer5xx(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.loadBalancer.metrics.httpCodeElb(elbv2.HttpCodeElb.ELB_5XX_COUNT, props);
  }

  private createVpcOrigin(): cloudfront.VpcOrigin {
    const vpcOrigin = new cloudfront.VpcOrigin(this, 'VpcOrigin', {
      endpoint: cloudfront.VpcOriginEndpoint.applicationLoadBalancer(this.loadBalancer),
      protocolPolicy: cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
      originSslProtocols: [cloudfront.OriginSslPolicy.TLS_V1_2],
    });
    // CloudFront refuses an update that only changes tags, so this resource never has tags.
    (vpcOrigin.node.defaultChild as cloudfront.CfnVpcOrigin).addPropertyDeletionOverride('Tags');
    // A distribution may send requests as soon as the VPC origin exists.
    vpcOrigin.node.addDependency(this.listener);
    return vpcOrigin;
  }

  private accessLogBucket(retention: Duration, removalPolicy: RemovalPolicy): s3.Bucket {
    const bucket = new s3.Bucket(this, 'AccessLogs', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      versioned: true,
      lifecycleRules: [
        {
          expiration: retention,
          noncurrentVersionExpiration: Duration.days(30),
          abortIncompleteMultipartUploadAfter: Duration.days(7),
        },
      ],
      removalPolicy,
    });
    acknowledge(
      bucket,
      'Elastic Load Balancing delivers access logs only to buckets that are encrypted with ' +
        'SSE-S3; it cannot use a KMS key.',
      'NIST.800.53.R5-S3DefaultEncryptionKMS',
      'PCI.DSS.321-S3DefaultEncryptionKMS',
    );
    acknowledge(
      bucket,
      'The bucket is itself the end of a log, written only by Elastic Load Balancing. ' +
        'Logging the delivery of logs would need a further bucket with the same finding; ' +
        'reads show in CloudTrail data events.',
      'AwsSolutions-S1',
      'NIST.800.53.R5-S3BucketLoggingEnabled',
      'PCI.DSS.321-S3BucketLoggingEnabled',
    );
    acknowledge(
      bucket,
      'Access logs belong to one region and expire. Losing the region loses the traffic ' +
        'that they describe; versioning covers deletion by mistake.',
      'NIST.800.53.R5-S3BucketReplicationEnabled',
      'PCI.DSS.321-S3BucketReplicationEnabled',
    );
    return bucket;
  }

  private prefixList(given: string | undefined): string {
    const { region } = Stack.of(this);
    const id = given ?? REGIONS[region]?.cloudFrontPrefixListId;
    if (id === undefined) {
      throw invalidValue(this, {
        property: 'cloudFrontPrefixListId',
        value: given,
        allowed:
          'given in ' +
          `${Token.isUnresolved(region) ? 'a stack without a concrete region' : region}`,
        rule:
          'Only CloudFront may reach the load balancer, the region table has no prefix list of ' +
          'CloudFront for this region, and synthesis looks nothing up.',
        fix: Token.isUnresolved(region)
          ? 'Give the stack a region: the access logs of a load balancer need one too.'
          : 'Take the id of com.amazonaws.global.cloudfront.origin-facing from ' +
            '`aws ec2 describe-managed-prefix-lists` in that region.',
      });
    }
    checkRule(this, 'cloudFrontPrefixListId', prefixListId, id);
    return id;
  }
}
