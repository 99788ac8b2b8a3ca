import { Duration, type interfaces, type RemovalPolicy } from 'aws-cdk-lib';
import type * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { CLOUDFRONT_REGION } from '../../../model/aws';
import { acknowledge } from '../../house-rules';
import { requireCloudFrontRegion } from '../cloudfront-region';
import type { EdgeFunction, ViewerFunction } from '../functions';
import type { EdgeDistributionAttributes, IEdgeDistribution } from '../interfaces';
import { EdgeAccessLogs, type EdgeAccessLogsOptions } from '../logs';
import { CachePolicies, CacheTier } from '../tiers';
import { EdgeWebAcl } from '../web-acl';
import { type EdgeBehavior, type EdgeMethods, methodsOf } from './behavior';
import { checkBehaviors } from './behavior-checks';
import { checkDomainNames, createRecords, type EdgeDomainNamesProps } from './domain-names';
import { checkOrigins, type EdgeOriginsProps, publicOrigins, vpcOriginSet } from './origins';
import { securityHeaders, securityHeadersWithoutCookies, viewerRequestPolicy } from './policies';
import {
  checkRecentWriter,
  type EdgeTriggers,
  type EdgeTriggersProps,
  lambdaTriggers,
  tierInEffect,
  triggersOf,
  viewerTriggers,
} from './triggers';
import type { VpcOriginSet } from './vpc-origins';

/** Properties of an {@link EdgeDistribution}. */
export interface EdgeDistributionProps
  extends EdgeDomainNamesProps,
    EdgeOriginsProps,
    EdgeTriggersProps {
  /**
   * The certificate, in us-east-1. It is required, because CloudFront refuses old TLS versions only
   * with a certificate of your own: under `*.cloudfront.net` it accepts TLS 1.0.
   */
  readonly certificate: acm.ICertificate;
  /**
   * How to serve which paths. The first match wins.
   *
   * @default - the default tier serves every path
   */
  readonly behaviors?: readonly EdgeBehavior[];
  /**
   * The tier of all other paths: cached from the read origin, or uncached with every method from
   * the write origin.
   *
   * @default CacheTier.uncached(), so that nothing personal is cached by accident
   */
  readonly defaultTier?: CacheTier;
  /**
   * The methods of all other paths: see {@link EdgeBehavior.methods}.
   *
   * @default - `read` if the default tier is cached, `all` if not
   */
  readonly defaultMethods?: EdgeMethods;
  /**
   * The web ACL, of scope CLOUDFRONT.
   *
   * @default - a new EdgeWebAcl with its defaults
   */
  readonly webAcl?: interfaces.aws_wafv2.IWebACLRef;
  /**
   * Options of the access logs.
   *
   * @default - the defaults of EdgeAccessLogs
   */
  readonly accessLogs?: EdgeAccessLogsOptions;
  /**
   * The key of the access logs, and of the logs of the web ACL and the CloudFront Functions that
   * are created here.
   *
   * @default - S3 and CloudWatch Logs encrypt with keys of their own
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * What happens to those logs when they leave the stack. Lambda@Edge functions are always
   * retained.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * The `Content-Security-Policy` of responses without one.
   *
   * @default - the header is not added
   */
  readonly contentSecurityPolicy?: string;
  /**
   * The countries that are served.
   *
   * @default - the whole world
   */
  readonly geoRestriction?: cloudfront.GeoRestriction;
  /**
   * The HTTP versions for viewers. CloudFront does not offer HTTP/3 together with continuous
   * deployment: use HTTP2 before a StagedRollout.
   *
   * @default cloudfront.HttpVersion.HTTP2_AND_3
   */
  readonly httpVersion?: cloudfront.HttpVersion;
  /**
   * The edge locations that serve.
   *
   * @default cloudfront.PriceClass.PRICE_CLASS_ALL
   */
  readonly priceClass?: cloudfront.PriceClass;
  /**
   * The number of behaviors that the account allows for a distribution, without the default one.
   *
   * @default 75, AWS's quota
   */
  readonly maxBehaviors?: number;
  /**
   * The number of cache policies that this distribution may create, out of the account's quota.
   *
   * @default 20, AWS's quota
   */
  readonly maxCachePolicies?: number;
}

/** The grants and metrics of a distribution, created or imported. */
abstract class EdgeDistributionBase extends Construct implements IEdgeDistribution {
  public abstract readonly distribution: cloudfront.IDistribution;

  public get distributionId(): string {
    return this.distribution.distributionId;
  }

  public get domainName(): string {
    return this.distribution.distributionDomainName;
  }

  public grantCreateInvalidation(identity: iam.IGrantable): iam.Grant {
    return this.distribution.grantCreateInvalidation(identity);
  }

  public metric(metricName: string, props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: 'AWS/CloudFront',
      metricName,
      statistic: cloudwatch.Stats.AVERAGE,
      period: Duration.minutes(5),
      region: CLOUDFRONT_REGION,
      // There is no such metric without `Region`, which CDK's own `metric…()` leave out.
      dimensionsMap: { DistributionId: this.distributionId, Region: 'Global' },
      ...props,
    });
  }

  public metricRequests(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Requests', { statistic: cloudwatch.Stats.SUM, ...props });
  }

  public metric5xxErrorRate(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('5xxErrorRate', props);
  }

  public metricCacheHitRate(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('CacheHitRate', props);
  }

  public metricOriginLatency(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('OriginLatency', { statistic: cloudwatch.Stats.p(95), ...props });
  }
}

/** A distribution that is known by its attributes only. */
class ImportedEdgeDistribution extends EdgeDistributionBase {
  public readonly distribution: cloudfront.IDistribution;

  constructor(scope: Construct, id: string, attributes: EdgeDistributionAttributes) {
    super(scope, id);
    this.distribution = cloudfront.Distribution.fromDistributionAttributes(
      this,
      'Distribution',
      attributes,
    );
  }
}

/**
 * A CloudFront distribution in front of a read and a write origin: cache tiers by path, cache keys
 * normalized at the edge, a web ACL, security headers and access logs.
 *
 * - A cached path takes GET, HEAD and OPTIONS, from the read origin. The origin gets the normalized
 *   query and, if the tier varies by them, the negotiated language and image format. It gets no
 *   cookie, no `Authorization` and no other viewer header, because a response that depended on one
 *   would be served to other viewers.
 * - An uncached path takes every method, from the write origin, which gets everything that the
 *   viewer sent except `Host` and the headers that only the edge may set.
 * - An uncached path that splits its methods reads from the read origin.
 * - A response of a cached path gets the `Cache-Control` of its tier, unless the origin asks for
 *   less: for the edge, by the part of the world, and for the browser. A response with `Set-Cookie`
 *   is not cached, or loses the cookie, depending on the tier.
 * - A response of an uncached path reaches the browser with the `Cache-Control` of the origin.
 * - A cached path may have an origin of its own, such as a bucket.
 *
 * @throws IsochroneError if the stack is not in us-east-1, or CDK would accept a value that
 * CloudFront would refuse or never use
 */
export class EdgeDistribution extends EdgeDistributionBase {
  /** A distribution that another stack created. */
  public static fromEdgeDistributionAttributes(
    scope: Construct,
    id: string,
    attributes: EdgeDistributionAttributes,
  ): IEdgeDistribution {
    return new ImportedEdgeDistribution(scope, id, attributes);
  }

  /** The distribution of CloudFront. */
  public readonly distribution: cloudfront.Distribution;
  /** The web ACL, given or created here. */
  public readonly webAcl: interfaces.aws_wafv2.IWebACLRef;
  /** The names that viewers use. */
  public readonly domainNames: readonly string[];
  /** The access logs. */
  public readonly accessLogs: EdgeAccessLogs;
  /** The function `normalize-cache-key`; undefined if nothing is cached, or with `vpcOrigins`. */
  public readonly normalizer?: EdgeFunction;
  /** The function `regional-ttl`; undefined if nothing is cached, or with `vpcOrigins`. */
  public readonly regionalTtl?: EdgeFunction;
  /** The function `route-origin`; undefined if no behavior splits methods, or with `vpcOrigins`. */
  public readonly originRouter?: EdgeFunction;
  /**
   * The function `select-origin`, which also normalizes; undefined without `vpcOrigins`, or if
   * every behavior has `all` methods or an origin of its own.
   */
  public readonly originSelector?: ViewerFunction;
  /**
   * The function `mark-writer`; undefined without `vpcOrigins`, or if no behavior splits methods.
   */
  public readonly writerMarker?: ViewerFunction;
  /** A region whose key is `drained` gets no reads; undefined without `vpcOrigins`. */
  public readonly regionSwitches?: cloudfront.KeyValueStore;

  constructor(scope: Construct, id: string, props: EdgeDistributionProps) {
    super(scope, id);
    requireCloudFrontRegion(
      this,
      'The certificate, the web ACL and the edge functions of CloudFront live in us-east-1 only.',
    );
    const behaviors = props.behaviors ?? [];
    const defaultBehavior: EdgeBehavior = {
      pathPattern: '*',
      tier: props.defaultTier ?? CacheTier.uncached(),
      methods: props.defaultMethods,
    };
    const all = [...behaviors, defaultBehavior];
    checkDomainNames(this, props);
    checkOrigins(this, props);
    checkBehaviors(this, behaviors, defaultBehavior, props);
    checkRecentWriter(this, props.recentWriter);

    this.domainNames = props.domainNames;
    this.webAcl =
      props.webAcl ??
      new EdgeWebAcl(this, 'WebAcl', {
        logEncryptionKey: props.logEncryptionKey,
        removalPolicy: props.removalPolicy,
      }).webAcl;
    const regions = props.vpcOrigins && vpcOriginSet(this, props, props.vpcOrigins);
    this.regionSwitches = regions?.switches;
    const triggers = regions
      ? viewerTriggers(this, all, regions, props)
      : lambdaTriggers(this, all, props);
    this.normalizer = triggers.normalizer;
    this.regionalTtl = triggers.regionalTtl;
    this.originRouter = triggers.originRouter;
    this.originSelector = triggers.originSelector;
    this.writerMarker = triggers.writerMarker;
    this.distribution = this.createDistribution(
      props,
      behaviors,
      defaultBehavior,
      triggers,
      regions,
    );
    this.accessLogs = new EdgeAccessLogs(this, 'AccessLogs', {
      distribution: this.distribution,
      retention: props.accessLogs?.retention,
      encryptionKey: props.accessLogs?.encryptionKey ?? props.logEncryptionKey,
      serverAccessLogsBucket: props.accessLogs?.serverAccessLogsBucket,
      removalPolicy: props.accessLogs?.removalPolicy ?? props.removalPolicy,
    });
    createRecords(this, this.distribution, props);
  }

  private createDistribution(
    props: EdgeDistributionProps,
    behaviors: readonly EdgeBehavior[],
    defaultBehavior: EdgeBehavior,
    triggers: EdgeTriggers,
    regions: VpcOriginSet | undefined,
  ): cloudfront.Distribution {
    const optionsOf = this.behaviorOptions(
      props,
      [...behaviors, defaultBehavior],
      triggers,
      regions,
    );
    const distribution = new cloudfront.Distribution(this, 'Distribution', {
      comment: props.domainNames[0],
      defaultBehavior: optionsOf(defaultBehavior),
      domainNames: [...props.domainNames],
      certificate: props.certificate,
      minimumProtocolVersion: cloudfront.SecurityPolicyProtocol.TLS_V1_2_2025,
      httpVersion: props.httpVersion ?? cloudfront.HttpVersion.HTTP2_AND_3,
      enableIpv6: true,
      priceClass: props.priceClass ?? cloudfront.PriceClass.PRICE_CLASS_ALL,
      geoRestriction: props.geoRestriction,
      webAclId: this.webAcl.webAclRef.webAclArn,
      // They include the cache hit rate and the latency of the origin.
      publishAdditionalMetrics: true,
    });
    for (const behavior of behaviors) {
      const { origin, ...rest } = optionsOf(behavior);
      distribution.addBehavior(behavior.pathPattern, origin, rest);
    }
    regions?.addOthersTo(distribution);
    if (props.geoRestriction === undefined) {
      acknowledge(
        distribution,
        'Served worldwide by design. Give `geoRestriction` to serve some countries only.',
        'AwsSolutions-CFR1',
      );
    }
    return distribution;
  }

  private behaviorOptions(
    props: EdgeDistributionProps,
    all: readonly EdgeBehavior[],
    triggers: EdgeTriggers,
    regions: VpcOriginSet | undefined,
  ): (behavior: EdgeBehavior) => cloudfront.BehaviorOptions {
    const cachePolicies = new CachePolicies(this, 'CachePolicies', {
      quota: props.maxCachePolicies,
    });
    const headers = securityHeaders(this, props.contentSecurityPolicy);
    // In place of `regional-ttl` if that does not run. If it strips, also in addition to it,
    // because it passes a response on unchanged when it fails.
    const strips = ({ tier }: EdgeBehavior) =>
      tier.cached &&
      (regions !== undefined || props.tierTtls === false || tier.setCookie === 'strip');
    const headersWithoutCookies = all.some(strips)
      ? securityHeadersWithoutCookies(this, props.contentSecurityPolicy)
      : headers;
    const requestPolicy = viewerRequestPolicy(this);
    const originOf = regions
      ? { read: regions.primary, all: regions.primary, split: regions.primary }
      : publicOrigins(props);
    return (behavior) => ({
      origin: behavior.origin ?? originOf[methodsOf(behavior)],
      allowedMethods:
        methodsOf(behavior) === 'read'
          ? cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS
          : cloudfront.AllowedMethods.ALLOW_ALL,
      viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      cachePolicy: cachePolicies.policyOf(tierInEffect(behavior.tier, props)),
      compress: behavior.tier.compress,
      // The origin gets the parts of the key without a policy, and must get nothing else.
      originRequestPolicy: behavior.tier.cached ? undefined : requestPolicy,
      responseHeadersPolicy: strips(behavior) ? headersWithoutCookies : headers,
      ...triggersOf(behavior, triggers, props),
    });
  }
}
