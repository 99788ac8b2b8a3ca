import { Duration, RemovalPolicy, type SecretValue, Stack, Token } from 'aws-cdk-lib';
import type * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { REGIONS } from '../../model/aws';
import { invalidValue } from '../../model/errors';
import { acknowledge } from '../house-rules';

/** "Connection idle timeout", Elastic Load Balancing user guide for Application Load Balancers. */
export const IDLE_TIMEOUT_SECONDS = { min: 1, max: 4000 };

/**
 * The header by which CloudFront proves that a request comes through our distribution and not
 * through somebody else's.
 */
export interface OriginVerification {
  /**
   * The name of the header, the same that the distribution adds to its origin requests; letters,
   * digits and hyphens.
   */
  readonly headerName: string;
  /**
   * The value that the distribution sends, in this region's Secrets Manager. It reaches the
   * listener as a dynamic reference, so no template holds it. CloudFormation reads it again only
   * when the reference changes: name a `versionId` or a JSON field per rotation rather than rely on
   * the newest version.
   */
  readonly secret: SecretValue;
  /**
   * A value that is accepted besides, so that a rotation needs no outage: first accept both, then
   * let the distribution send the new one, then drop the old one.
   *
   * @default only `secret` is accepted
   */
  readonly previousSecret?: SecretValue;
}

/** How CloudFront reaches a load balancer: see OriginLoadBalancerProps. */
export type OriginAccess = 'cloudfront-public' | 'vpc-origin';

export interface OriginLoadBalancerProps {
  /**
   * The VPC; the load balancer takes its public subnets, or with `access: 'vpc-origin'` the private
   * ones with egress.
   */
  readonly vpc: ec2.IVpc;
  /**
   * How CloudFront reaches the load balancer. Another value replaces it.
   *
   * - `cloudfront-public`: on the internet, open to CloudFront's addresses only.
   * - `vpc-origin`: in private subnets, through a VPC origin that is made with it. The VPC needs an
   *   internet gateway all the same, and an account has 25 VPC origins. CloudFront has no
   *   WebSocket, gRPC or Lambda@Edge origin triggers there.
   *
   * @default 'cloudfront-public'
   */
  readonly access?: OriginAccess;
  /**
   * The certificate, in this region, of every name under which CloudFront addresses the load
   * balancer.
   */
  readonly certificate: acm.ICertificate;
  /** The header without which a request is refused. */
  readonly originVerification: OriginVerification;
  /**
   * The managed prefix list of CloudFront's origin-facing servers in this region.
   *
   * @default the one of the stack's region, from the region table
   */
  readonly cloudFrontPrefixListId?: string;
  /**
   * How long a connection may be silent, 1 to 4000 s. CloudFront waits 30 s for an answer by
   * default; targets must keep idle connections open for longer than this.
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
   * Whether the load balancer refuses to be deleted.
   *
   * @default true unless removalPolicy is DESTROY
   */
  readonly deletionProtection?: boolean;
  /**
   * What happens to the access logs when they leave the stack. With DESTROY, the bucket must be
   * empty by then.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A load balancer that only CloudFront can use, and of all of CloudFront only our distribution.
 *
 * Two locks, because each alone leaves a gap: the security group lets in CloudFront's addresses,
 * which every other AWS customer's distribution has too; the secret header tells ours from theirs,
 * but would by itself leave the port open to the world's scanners.
 *
 * The prefix list weighs 55 of the 60 inbound rules that a security group holds by default, so this
 * group takes no second list.
 */
export class OriginLoadBalancer extends Construct {
  public readonly loadBalancer: elbv2.ApplicationLoadBalancer;
  public readonly listener: elbv2.ApplicationListener;
  public readonly accessLogs: s3.Bucket;
  /** What a distribution names as its origin; undefined but with `access: 'vpc-origin'`. */
  public readonly vpcOrigin?: cloudfront.VpcOrigin;
  /** How long a connection may be silent. */
  public readonly idleTimeout: Duration;
  private readonly verification: OriginVerification;

  constructor(scope: Construct, id: string, props: OriginLoadBalancerProps) {
    super(scope, id);
    this.idleTimeout = props.idleTimeout ?? Duration.seconds(60);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    const deletionProtection = props.deletionProtection ?? removalPolicy !== RemovalPolicy.DESTROY;
    this.verification = props.originVerification;
    this.checkHeaderName(props.originVerification.headerName);
    this.checkIdleTimeout(this.idleTimeout);
    const prefixListId = this.prefixList(props.cloudFrontPrefixListId);
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
    // For VPC origins as well: the security group that CloudFront makes for them does not exist
    // before the first one.
    securityGroup.addIngressRule(ec2.Peer.prefixList(prefixListId), ec2.Port.HTTPS, 'CloudFront');

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
      // Blocks what could smuggle a request. The strictest mode would also refuse harmless URIs
      // that browsers do send.
      desyncMitigationMode: elbv2.DesyncMitigationMode.DEFENSIVE,
      deletionProtection,
    });
    this.loadBalancer.logAccessLogs(this.accessLogs);
    acknowledge(
      this.loadBalancer,
      'The web ACL stands at the distribution in front. The security group admits only CloudFront, and the listener answers 403 to whatever lacks the secret header of that distribution, so nothing reaches a target past the web ACL.',
      'NIST.800.53.R5-ALBWAFEnabled',
      'PCI.DSS.321-ALBWAFEnabled',
    );
    if (!deletionProtection) {
      acknowledge(
        this.loadBalancer,
        'The owner turned deletion protection off (`deletionProtection` or `removalPolicy: DESTROY`), for a sandbox or because the stack itself is protected. A load balancer holds no data.',
        'NIST.800.53.R5-ELBDeletionProtectionEnabled',
      );
    }

    this.listener = this.loadBalancer.addListener('Https', {
      port: 443,
      protocol: elbv2.ApplicationProtocol.HTTPS,
      // The default opens the port to the world.
      open: false,
      certificates: [props.certificate],
      // CloudFront is the only client and needs none of the older ciphers. Named, so that it does
      // not hang on a feature flag.
      sslPolicy: elbv2.SslPolicy.TLS13_12_RES_PQ,
      defaultAction: elbv2.ListenerAction.fixedResponse(403, {
        contentType: 'text/plain',
        messageBody: 'Forbidden',
      }),
    });
    if (isPrivate) this.vpcOrigin = this.createVpcOrigin();
  }

  /** Send what carries the secret header to these targets. */
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

  private createVpcOrigin(): cloudfront.VpcOrigin {
    const vpcOrigin = new cloudfront.VpcOrigin(this, 'VpcOrigin', {
      endpoint: cloudfront.VpcOriginEndpoint.applicationLoadBalancer(this.loadBalancer),
      protocolPolicy: cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
      originSslProtocols: [cloudfront.OriginSslPolicy.TLS_V1_2],
    });
    // CloudFront refuses an update that changes nothing but tags, so whatever tags the app, this
    // resource has none.
    (vpcOrigin.node.defaultChild as cloudfront.CfnVpcOrigin).addPropertyDeletionOverride('Tags');
    // A distribution may ask as soon as the VPC origin is there.
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
      'Elastic Load Balancing delivers access logs only to buckets that are encrypted with SSE-S3; it cannot use a KMS key.',
      'NIST.800.53.R5-S3DefaultEncryptionKMS',
      'PCI.DSS.321-S3DefaultEncryptionKMS',
    );
    acknowledge(
      bucket,
      'The bucket is itself the end of a log, written only by Elastic Load Balancing. Logging the delivery of logs would need a further bucket with the same finding; reads show in CloudTrail data events.',
      'AwsSolutions-S1',
      'NIST.800.53.R5-S3BucketLoggingEnabled',
      'PCI.DSS.321-S3BucketLoggingEnabled',
    );
    acknowledge(
      bucket,
      'Access logs belong to one region and expire. Losing the region loses the traffic that they describe; versioning covers deletion by mistake.',
      'NIST.800.53.R5-S3BucketReplicationEnabled',
      'PCI.DSS.321-S3BucketReplicationEnabled',
    );
    return bucket;
  }

  private checkHeaderName(headerName: string): void {
    if (Token.isUnresolved(headerName)) return;
    if (!/^[A-Za-z0-9-]{1,40}$/.test(headerName) || /^x-(amz|edge)-/i.test(headerName)) {
      throw invalidValue(this, {
        property: 'originVerification.headerName',
        value: headerName,
        allowed: 'up to 40 letters, digits and hyphens, not beginning with X-Amz- or X-Edge-',
        rule: 'The load balancer drops headers with other characters in their name, and CloudFront adds none of its own prefixes.',
        fix: 'Use a name such as X-Origin-Verify.',
      });
    }
  }

  private checkIdleTimeout(idleTimeout: Duration): void {
    if (idleTimeout.isUnresolved()) return;
    const seconds = idleTimeout.toSeconds({ integral: false });
    const { min, max } = IDLE_TIMEOUT_SECONDS;
    if (!Number.isInteger(seconds) || seconds < min || seconds > max) {
      throw invalidValue(this, {
        property: 'idleTimeout',
        value: `${seconds} s`,
        allowed: `${min} to ${max} whole seconds`,
        rule: 'Application Load Balancers take no other idle timeout.',
        fix: 'Keep it above the response timeout of the CloudFront origin.',
      });
    }
  }

  private prefixList(given: string | undefined): string {
    const { region } = Stack.of(this);
    const prefixListId = given ?? REGIONS[region]?.cloudFrontPrefixListId;
    if (prefixListId === undefined) {
      throw invalidValue(this, {
        property: 'cloudFrontPrefixListId',
        value: given,
        allowed: `given in ${Token.isUnresolved(region) ? 'a stack without a concrete region' : region}`,
        rule: 'Only CloudFront may reach the load balancer, and the region table has no prefix list of CloudFront for this region; synthesis looks nothing up.',
        fix: Token.isUnresolved(region)
          ? 'Give the stack a region: the access logs of a load balancer need one too.'
          : 'Take the id of com.amazonaws.global.cloudfront.origin-facing from `aws ec2 describe-managed-prefix-lists` in that region.',
      });
    }
    if (!Token.isUnresolved(prefixListId) && !/^pl-[0-9a-f]{8,17}$/.test(prefixListId)) {
      throw invalidValue(this, {
        property: 'cloudFrontPrefixListId',
        value: prefixListId,
        allowed: 'the id of a prefix list, such as pl-3b927c52',
        rule: 'EC2 names prefix lists so.',
        fix: 'Give the id, not the name, of com.amazonaws.global.cloudfront.origin-facing.',
      });
    }
    return prefixListId;
  }
}
