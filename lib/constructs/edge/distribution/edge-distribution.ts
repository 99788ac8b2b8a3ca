import type { interfaces, RemovalPolicy } from 'aws-cdk-lib';
import type * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { acknowledge } from '../../house-rules';
import { requireCloudFrontRegion } from '../cloudfront-region';
import type { EdgeFunction, ViewerFunction } from '../functions';
import { EdgeAccessLogs, type EdgeAccessLogsOptions } from '../logs';
import { CachePolicies, CacheTier } from '../tiers';
import { EdgeWebAcl } from '../web-acl';
import { type EdgeBehavior, type EdgeMethods, methodsOf } from './behavior';
import { checkBehaviors } from './behavior-checks';
import { checkDomainNames, createRecords, type EdgeDomainNamesProps } from './domain-names';
import { checkOrigins, type EdgeOriginsProps, publicOrigins, vpcOriginSet } from './origins';
import { allOfTheViewer, securityHeaders, securityHeadersWithoutCookies } from './policies';
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
   * In us-east-1. Required, because only a certificate of one's own lets CloudFront refuse old TLS:
   * under `*.cloudfront.net` it accepts TLS 1.0.
   */
  readonly certificate: acm.ICertificate;
  /**
   * Which paths are served how, the first match first.
   *
   * @default - every path is served as the default tier says
   */
  readonly behaviors?: readonly EdgeBehavior[];
  /**
   * The tier of all other paths: cached from the read origin, or uncached with every method from
   * the write origin.
   *
   * @default CacheTier.uncached(), so that nothing personal is cached by oversight
   */
  readonly defaultTier?: CacheTier;
  /**
   * The methods of all other paths: see EdgeBehavior.
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
   * How the access logs are kept.
   *
   * @default - as EdgeAccessLogs does
   */
  readonly accessLogs?: EdgeAccessLogsOptions;
  /**
   * Encrypts the access logs and the log of the web ACL made here.
   *
   * @default - S3 and CloudWatch Logs encrypt with keys of their own
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * What happens to those logs when they leave the stack. The edge function is retained in any
   * case.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * The `Content-Security-Policy` of answers that have none of their own.
   *
   * @default - none
   */
  readonly contentSecurityPolicy?: string;
  /**
   * The countries that are served.
   *
   * @default - the whole world
   */
  readonly geoRestriction?: cloudfront.GeoRestriction;
  /**
   * Which HTTP viewers may speak. CloudFront has no HTTP/3 together with continuous deployment:
   * before a StagedRollout, use HTTP2.
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
   * Behaviours that the account allows for a distribution, without the default one.
   *
   * @default 75, AWS's quota
   */
  readonly maxBehaviors?: number;
  /**
   * Cache policies that this distribution may make, out of the account's quota.
   *
   * @default 20, AWS's quota
   */
  readonly maxCachePolicies?: number;
}

/**
 * A CloudFront distribution in front of a read and a write origin: cache tiers by path, cache keys
 * normalised at the edge, a web ACL, security headers and access logs.
 *
 * - A cached path gets GET, HEAD and OPTIONS from the read origin. The origin sees the normalised
 *   query and, if the tier varies by them, the negotiated language and image format; no cookie, no
 *   `Authorization` and no other viewer header, because an answer that depended on one would be
 *   served to others.
 * - An uncached path gets every method from the write origin, with all that the viewer sent except
 *   `Host` and the headers that only the edge may set.
 * - An uncached path that splits its methods has its reads from the read origin.
 * - The answer to a cached path gets the `Cache-Control` of its tier, where the origin does not ask
 *   for less: for the edge, by the part of the world, and for the browser. An answer with
 *   `Set-Cookie` is not cached, or loses it, as the tier says.
 * - The answer to an uncached path reaches the browser with the `Cache-Control` of the origin.
 * - A cached path may have an origin of its own, such as a bucket.
 *
 * @throws IsochroneError if the stack is not in us-east-1, or a value is one that CDK would accept
 * and CloudFront refuse or never use
 */
export class EdgeDistribution extends Construct {
  public readonly distribution: cloudfront.Distribution;
  public readonly webAcl: interfaces.aws_wafv2.IWebACLRef;
  public readonly domainNames: readonly string[];
  public readonly accessLogs: EdgeAccessLogs;
  /** `normalize-cache-key`; undefined if nothing is cached. */
  public readonly normalizer?: EdgeFunction;
  /** `regional-ttl`; undefined if nothing is cached. */
  public readonly regionalTtl?: EdgeFunction;
  /** `route-origin`; undefined if no behaviour splits its methods. */
  public readonly originRouter?: EdgeFunction;
  /**
   * `select-origin`, which also normalises; undefined without `vpcOrigins`, and if every behaviour
   * has `all` methods or an origin of its own.
   */
  public readonly originSelector?: ViewerFunction;
  /** `mark-writer`; undefined without `vpcOrigins`, and if no behaviour splits its methods. */
  public readonly writerMarker?: ViewerFunction;
  /** A region whose key says `drained` gets no reads; undefined without `vpcOrigins`. */
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
      // The cache hit rate and the origin's latency are among them.
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
    const headersOfAll = securityHeaders(this, props.contentSecurityPolicy);
    // In place of `regional-ttl` where that does not run; where it strips, a second time, because
    // it lets pass what it fails on.
    const strips = ({ tier }: EdgeBehavior) =>
      tier.cached &&
      (regions !== undefined || props.tierTtls === false || tier.setCookie === 'strip');
    const headersOfStripped = all.some(strips)
      ? securityHeadersWithoutCookies(this, props.contentSecurityPolicy)
      : headersOfAll;
    const requestPolicy = allOfTheViewer(this);
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
      // What is in the key reaches the origin without a policy of its own; nothing else may.
      originRequestPolicy: behavior.tier.cached ? undefined : requestPolicy,
      responseHeadersPolicy: strips(behavior) ? headersOfStripped : headersOfAll,
      ...triggersOf(behavior, triggers, props),
    });
  }
}
