import { Duration, type interfaces, Names, type RemovalPolicy, type SecretValue, Token } from 'aws-cdk-lib';
import type * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as targets from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge';
import { CLOUDFRONT } from '../aws/limits';
import { catchesAll, isPathPattern } from '../aws/path-pattern';
import { type IsochroneError, invalidValue } from '../errors';
import { EdgeAccessLogs, type EdgeAccessLogsOptions } from './access-logs';
import { cacheKeySettings, viewerKeySettings } from './cache-key-settings';
import { CachePolicies, IMAGE_FORMAT_HEADER, LANGUAGE_HEADER } from './cache-policies';
import { CacheTier } from './cache-tier';
import { requireCloudFrontRegion } from './cloudfront-region';
import { EdgeFunction } from './edge-function';
import { checkOriginShield } from './origin-shield';
import { regionalTtlSettings } from './regional-ttl-settings';
import { routeOriginSettings } from './route-origin-settings';
import { ViewerFunction } from './viewer-function';
import { checkForVpcOrigins, type EdgeVpcOrigins, originSelectionSettings, VpcOriginSet } from './vpc-origins';
import { EdgeWebAcl } from './web-acl';

/** Which methods a behaviour takes, and from where: see EdgeBehavior. */
export type EdgeMethods = 'read' | 'all' | 'split';

/** How the paths of one pattern are served. */
export interface EdgeBehavior {
  /** `*` stands for any characters, `?` for exactly one. Case matters. The first behaviour that matches is taken. */
  readonly pathPattern: string;
  /** How long, and under which key, the answers are kept. */
  readonly tier: CacheTier;
  /**
   * - `read`: GET, HEAD and OPTIONS, from the read origin.
   * - `all`: every method, from the write origin; for uncached tiers only.
   * - `split`: every method; GET, HEAD and OPTIONS from the read origin, the others from the write origin, by an edge function
   *   on each request. A viewer whose cookie `__Host-isochrone-wrote` says that he wrote just now reads from the write origin.
   *   For uncached tiers only, and only of use where reads and writes have no patterns of their own.
   *
   * @default - `read` for a cached tier, `all` for an uncached one
   */
  readonly methods?: EdgeMethods;
  /**
   * Patterns within this one whose requests, whatever their method, go to the batch origin. For `split` only.
   *
   * @default - none
   */
  readonly batchPatterns?: readonly string[];
}

/** A header by which the origin knows that a request came through this distribution. */
export interface EdgeOriginVerification {
  /**
   * The header. The origin refuses requests without it, or with another value.
   *
   * @default 'x-origin-verify'
   */
  readonly headerName?: string;
  /**
   * The header's value, such as `SecretValue.secretsManager('name')`: CloudFormation reads the secret of that name in us-east-1 at
   * deployment, and the template has only its name. It reads it again when the reference changes, as with another `versionId`.
   */
  readonly secret: SecretValue;
}

/** Properties of an {@link EdgeDistribution}. */
export interface EdgeDistributionProps {
  /** The names that viewers use, lower case. The certificate must cover them. */
  readonly domainNames: readonly string[];
  /**
   * In us-east-1. Required, because only a certificate of one's own lets CloudFront refuse old TLS: under `*.cloudfront.net`
   * it accepts TLS 1.0.
   */
  readonly certificate: acm.ICertificate;
  /**
   * The DNS name of what answers reads, over HTTPS. It may lead to the region nearest to the edge that asks.
   *
   * With `vpcOrigins` it is only what CloudFront asks every origin for, in `Host` and in TLS: no record is needed.
   */
  readonly readOriginName: string;
  /**
   * Load balancers in private subnets, one per region, in place of origins on the internet. A CloudFront Function then selects the
   * nearest region for `read` methods, and nothing runs on Lambda@Edge: VPC origins do not take its origin triggers. So there
   * is no `split`, `readFailover`, `batchOriginName` and `writeOriginName`, and no tier may have `continents`, `browserTtl`,
   * `staleWhileRevalidate`, `staleIfError`, an `errorTtl` of its own, or a `setCookie` other than `strip`.
   *
   * @default - origins on the internet, and Lambda@Edge
   */
  readonly vpcOrigins?: EdgeVpcOrigins;
  /**
   * The DNS name of what takes writes and all that is not cached, over HTTPS.
   *
   * @default - the read origin
   */
  readonly writeOriginName?: string;
  /**
   * The DNS name of what takes batch work, over HTTPS: such as that of the cheapest region. Used by `batchPatterns`.
   *
   * @default - none
   */
  readonly batchOriginName?: string;
  /**
   * Ask the write origin for a read when the read origin cannot be reached, or answers 500, 502, 503 or 504. For behaviours
   * of `read` methods: CloudFront takes an origin group for GET, HEAD and OPTIONS only.
   *
   * @default false
   */
  readonly readFailover?: boolean;
  /**
   * How long a viewer who wrote reads from the write origin, on paths that split their methods: longer than replicas lag behind.
   * Whole seconds, 1 at least.
   *
   * @default Duration.seconds(10)
   */
  readonly recentWriter?: Duration;
  /**
   * The header by which the origins know this distribution.
   *
   * @default - none: anyone who learns an origin's name can pass by the edge, and by its web ACL
   */
  readonly originVerification?: EdgeOriginVerification;
  /**
   * Which paths are served how, the first match first.
   *
   * @default - every path is served as the default tier says
   */
  readonly behaviors?: readonly EdgeBehavior[];
  /**
   * The tier of all other paths: cached from the read origin, or uncached with every method from the write origin.
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
   * The languages that the origin speaks, as BCP 47 tags, the default one first. Needed by tiers that vary by language.
   *
   * @default - none
   */
  readonly languages?: readonly string[];
  /**
   * The zone in which the domain names get their A and AAAA records.
   *
   * @default - no records
   */
  readonly hostedZone?: route53.IHostedZone;
  /**
   * The region of Origin Shield, one more cache in front of the read origin. All misses of the world are then fetched from
   * that region: with a read origin in several regions, reads no longer reach the nearest one, and no tier can have TTLs of
   * its own in some part of the world.
   *
   * @default - no Origin Shield
   */
  readonly originShieldRegion?: string;
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
   * What happens to those logs when they leave the stack. The edge function is retained in any case.
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
   * Which HTTP viewers may speak. CloudFront has no HTTP/3 together with continuous deployment: before a StagedRollout, use HTTP2.
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
   * The name of the edge function `normalize-cache-key`, or with `vpcOrigins` of `select-origin`: see EdgeFunctionProps.
   *
   * @default - generated
   */
  readonly functionName?: string;
  /**
   * The name of the edge function `regional-ttl`: see EdgeFunctionProps.
   *
   * @default - generated
   */
  readonly regionalTtlFunctionName?: string;
  /**
   * The name of the edge function `route-origin`: see EdgeFunctionProps.
   *
   * @default - generated
   */
  readonly routeOriginFunctionName?: string;
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

/** Below the 60 s after which an Application Load Balancer closes an idle connection by default, so that CloudFront closes it first. */
const ORIGIN_KEEPALIVE = Duration.seconds(55);

/** What a region answers that cannot serve, of the codes that an origin group may fail over on. */
const FAILOVER_STATUS_CODES: readonly number[] = [500, 502, 503, 504];

/** Replicas mostly lag behind for less than a second; this also outlasts a short burst of writes. */
const RECENT_WRITER = Duration.seconds(10);

/** Two years, as the preload lists of browsers ask for. */
const HSTS_MAX_AGE = Duration.days(730);

const HOST_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** "Language-Tag", RFC 5646, without its grandfathered forms. */
const LANGUAGE_TAG = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;

/** "Custom headers that CloudFront can't add to origin requests", Amazon CloudFront developer guide: these prefixes are reserved. */
const CUSTOM_HEADER = /^x-(?!amz-|edge-|real-ip$)[a-z0-9-]+$/i;

/**
 * A CloudFront distribution in front of a read and a write origin: cache tiers by path, cache keys normalised at the edge,
 * a web ACL, security headers and access logs.
 *
 * - A cached path gets GET, HEAD and OPTIONS from the read origin. The origin sees the normalised query and, if the tier
 *   varies by them, the negotiated language and image format; no cookie, no `Authorization` and no other viewer header,
 *   because an answer that depended on one would be served to others.
 * - An uncached path gets every method from the write origin, with all that the viewer sent except `Host` and the
 *   headers that only the edge may set.
 * - An uncached path that splits its methods has its reads from the read origin.
 * - The answer to a cached path gets the `Cache-Control` of its tier, where the origin does not ask for less: for the edge, by
 *   the part of the world, and for the browser. An answer with `Set-Cookie` is not cached, or loses it, as the tier says.
 * - The answer to an uncached path reaches the browser with the `Cache-Control` of the origin.
 *
 * @throws IsochroneError if the stack is not in us-east-1, or a value is one that CDK would accept and CloudFront refuse or
 * never use
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
  /** `select-origin`, which also normalises; undefined without `vpcOrigins`, and if no behaviour has `read` methods. */
  public readonly originSelector?: ViewerFunction;
  /** A region whose key says `drained` gets no reads; undefined without `vpcOrigins`. */
  public readonly regionSwitches?: cloudfront.KeyValueStore;
  private readonly vpcOrigins?: VpcOriginSet;

  constructor(scope: Construct, id: string, props: EdgeDistributionProps) {
    super(scope, id);
    requireCloudFrontRegion(this, 'The certificate, the web ACL and the edge functions of CloudFront live in us-east-1 only.');
    const behaviors = props.behaviors ?? [];
    const defaultBehavior: EdgeBehavior = {
      pathPattern: '*',
      tier: props.defaultTier ?? CacheTier.uncached(),
      methods: props.defaultMethods,
    };
    const all = [...behaviors, defaultBehavior];
    this.checkNames(props);
    this.checkOriginVerification(props.originVerification);
    checkOriginShield(this, props.originShieldRegion, 'the read origin');
    this.checkBehaviors(behaviors, props.maxBehaviors ?? CLOUDFRONT.cacheBehaviors);
    this.checkLanguages(all, props.languages ?? []);
    this.checkTtls(all, props.originShieldRegion);
    if (props.vpcOrigins) this.checkVpcOrigins(props, props.vpcOrigins, behaviors, defaultBehavior);
    behaviors.forEach((behavior, i) => {
      this.checkMethods(`behaviors[${i}].methods`, behavior, props);
      this.checkBatchPatterns(`behaviors[${i}].batchPatterns`, behavior, props.batchOriginName);
    });
    this.checkMethods('defaultMethods', defaultBehavior, props);
    this.checkRecentWriter(props.recentWriter);
    if (props.readFailover) this.checkOtherOrigin('readFailover', true, props);

    this.domainNames = props.domainNames;
    this.webAcl =
      props.webAcl ??
      new EdgeWebAcl(this, 'WebAcl', { logEncryptionKey: props.logEncryptionKey, removalPolicy: props.removalPolicy }).webAcl;
    if (props.vpcOrigins) {
      this.vpcOrigins = this.createVpcOrigins(props, props.vpcOrigins);
      this.regionSwitches = this.vpcOrigins.switches;
      this.originSelector = this.createOriginSelector(all, this.vpcOrigins, props);
    } else {
      if (all.some(({ tier }) => tier.cached)) {
        this.normalizer = new EdgeFunction(this, 'NormalizeCacheKey', {
          handler: 'normalize-cache-key',
          description: 'Viewer request: normalises the query, the language and the image format of the cache key',
          settings: cacheKeySettings(all, props.languages ?? []),
          functionName: props.functionName,
        });
        this.regionalTtl = new EdgeFunction(this, 'RegionalTtl', {
          handler: 'regional-ttl',
          description: 'Origin response: sets the TTLs at the edge and in the browser by tier and part of the world',
          settings: regionalTtlSettings(all),
          functionName: props.regionalTtlFunctionName,
        });
      }
      const split = all.filter(({ methods }) => methods === 'split');
      if (split.length > 0) {
        this.originRouter = new EdgeFunction(this, 'RouteOrigin', {
          handler: 'route-origin',
          description: 'Origin request: sends reads to the read origin, writes to the write origin',
          settings: routeOriginSettings(
            split,
            { read: props.readOriginName, write: props.writeOriginName ?? props.readOriginName, batch: props.batchOriginName },
            props.recentWriter ?? RECENT_WRITER,
          ),
          functionName: props.routeOriginFunctionName,
        });
      }
    }
    this.distribution = this.createDistribution(props, behaviors, defaultBehavior);
    this.accessLogs = new EdgeAccessLogs(this, 'AccessLogs', {
      distribution: this.distribution,
      retention: props.accessLogs?.retention,
      encryptionKey: props.accessLogs?.encryptionKey ?? props.logEncryptionKey,
      serverAccessLogsBucket: props.accessLogs?.serverAccessLogsBucket,
      removalPolicy: props.accessLogs?.removalPolicy ?? props.removalPolicy,
    });
    if (props.hostedZone) this.createRecords(props.hostedZone);
  }

  private createDistribution(
    props: EdgeDistributionProps,
    behaviors: readonly EdgeBehavior[],
    defaultBehavior: EdgeBehavior,
  ): cloudfront.Distribution {
    const policies = new CachePolicies(this, 'CachePolicies', { quota: props.maxCachePolicies });
    const responseHeadersPolicy = this.createSecurityHeaders('SecurityHeaders', props.contentSecurityPolicy);
    // In place of the function that strips them elsewhere.
    const withoutCookies =
      this.vpcOrigins && [...behaviors, defaultBehavior].some(({ tier }) => tier.cached)
        ? this.createSecurityHeaders('SecurityHeadersOfCached', props.contentSecurityPolicy, ['Set-Cookie'])
        : undefined;
    const originOf = this.vpcOrigins
      ? { read: this.vpcOrigins.primary, all: this.vpcOrigins.primary, split: this.vpcOrigins.primary }
      : this.createPublicOrigins(props);
    const allOfTheViewer = this.createOriginRequestPolicy();
    const options = (behavior: EdgeBehavior): cloudfront.BehaviorOptions => ({
      origin: originOf[methodsOf(behavior)],
      allowedMethods:
        methodsOf(behavior) === 'read' ? cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS : cloudfront.AllowedMethods.ALLOW_ALL,
      viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      cachePolicy: policies.policyOf(behavior.tier),
      compress: behavior.tier.compress,
      // What is in the key reaches the origin without a policy of its own; nothing else may.
      originRequestPolicy: behavior.tier.cached ? undefined : allOfTheViewer,
      responseHeadersPolicy: (behavior.tier.cached && withoutCookies) || responseHeadersPolicy,
      edgeLambdas: this.edgeLambdas(behavior),
      functionAssociations: this.functionAssociations(behavior),
    });

    const distribution = new cloudfront.Distribution(this, 'Distribution', {
      comment: props.domainNames[0],
      defaultBehavior: options(defaultBehavior),
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
      const { origin, ...rest } = options(behavior);
      distribution.addBehavior(behavior.pathPattern, origin, rest);
    }
    this.vpcOrigins?.addOthersTo(distribution);
    if (props.geoRestriction === undefined) {
      acknowledge(distribution, 'Served worldwide by design. Give `geoRestriction` to serve some countries only.', 'AwsSolutions-CFR1');
    }
    return distribution;
  }

  private createPublicOrigins(props: EdgeDistributionProps): Record<EdgeMethods, cloudfront.IOrigin> {
    const customHeaders = originHeaders(props.originVerification);
    const read = new origins.HttpOrigin(props.readOriginName, {
      originId: 'read',
      customHeaders,
      originShieldRegion: props.originShieldRegion,
      keepaliveTimeout: ORIGIN_KEEPALIVE,
    });
    // Origin Shield is a cache: of no use to requests that are never cached.
    const write = new origins.HttpOrigin(props.writeOriginName ?? props.readOriginName, {
      originId: 'write',
      customHeaders,
      keepaliveTimeout: ORIGIN_KEEPALIVE,
    });
    return {
      read: props.readFailover
        ? new origins.OriginGroup({ primaryOrigin: read, fallbackOrigin: write, fallbackStatusCodes: [...FAILOVER_STATUS_CODES] })
        : read,
      all: write,
      // Of its own, without Origin Shield and failover: writes go through it as well.
      split: new origins.HttpOrigin(props.readOriginName, { originId: 'split', customHeaders, keepaliveTimeout: ORIGIN_KEEPALIVE }),
    };
  }

  private createVpcOrigins(props: EdgeDistributionProps, vpcOrigins: EdgeVpcOrigins): VpcOriginSet {
    return new VpcOriginSet(this, 'VpcOrigins', {
      primary: vpcOrigins.primary,
      others: vpcOrigins.others,
      switchesName: vpcOrigins.switchesName,
      domainName: props.readOriginName,
      customHeaders: originHeaders(props.originVerification),
      keepaliveTimeout: ORIGIN_KEEPALIVE,
    });
  }

  /** For `read` methods only: all others go to the primary region, and nothing of theirs is normalised. */
  private createOriginSelector(
    all: readonly EdgeBehavior[],
    { regions, switches }: VpcOriginSet,
    props: EdgeDistributionProps,
  ): ViewerFunction | undefined {
    const reading = all.filter((behavior) => methodsOf(behavior) === 'read');
    if (reading.length === 0) return undefined;
    return new ViewerFunction(this, 'SelectOrigin', {
      handler: 'select-origin',
      description: 'Viewer request: normalises the cache key, and selects the nearest region that serves',
      settings: { ...viewerKeySettings(reading, props.languages ?? []), ...originSelectionSettings(regions) },
      functionName: props.functionName,
      keyValueStore: switches,
      logEncryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy,
    });
  }

  private functionAssociations(behavior: EdgeBehavior): cloudfront.FunctionAssociation[] | undefined {
    if (this.originSelector === undefined || methodsOf(behavior) !== 'read') return undefined;
    return [{ eventType: cloudfront.FunctionEventType.VIEWER_REQUEST, function: this.originSelector.function }];
  }

  /** At most one function for each event: CloudFront takes no more. */
  private edgeLambdas({ tier, methods }: EdgeBehavior): cloudfront.EdgeLambda[] | undefined {
    const { VIEWER_REQUEST, ORIGIN_REQUEST, ORIGIN_RESPONSE } = cloudfront.LambdaEdgeEventType;
    if (methods === 'split' && this.originRouter) {
      return [{ eventType: ORIGIN_REQUEST, functionVersion: this.originRouter.version }];
    }
    if (!tier.cached || this.vpcOrigins) return undefined;
    return [
      ...(this.normalizer ? [{ eventType: VIEWER_REQUEST, functionVersion: this.normalizer.version }] : []),
      ...(this.regionalTtl ? [{ eventType: ORIGIN_RESPONSE, functionVersion: this.regionalTtl.version }] : []),
    ];
  }

  /**
   * For uncached paths: everything that the viewer sent, but for `Host`, which is the origin's, and for headers that only our
   * edge functions may set and that an origin may therefore trust.
   */
  private createOriginRequestPolicy(): cloudfront.OriginRequestPolicy {
    return new cloudfront.OriginRequestPolicy(this, 'AllOfTheViewer', {
      originRequestPolicyName: Names.uniqueResourceName(this, { maxLength: 100, separator: '-' }),
      comment: 'All that the viewer sent, but for Host and what the edge sets',
      headerBehavior: cloudfront.OriginRequestHeaderBehavior.denyList('host', LANGUAGE_HEADER, IMAGE_FORMAT_HEADER),
      queryStringBehavior: cloudfront.OriginRequestQueryStringBehavior.all(),
      cookieBehavior: cloudfront.OriginRequestCookieBehavior.all(),
    });
  }

  private createSecurityHeaders(
    id: string,
    contentSecurityPolicy: string | undefined,
    removeHeaders?: string[],
  ): cloudfront.ResponseHeadersPolicy {
    const name = Names.uniqueResourceName(this, { maxLength: 100, separator: '-' });
    return new cloudfront.ResponseHeadersPolicy(this, id, {
      responseHeadersPolicyName: removeHeaders ? `${name}-cached` : name,
      comment: removeHeaders ? `Security headers, and no ${removeHeaders.join(', ')}` : 'Security headers',
      removeHeaders,
      securityHeadersBehavior: {
        strictTransportSecurity: { accessControlMaxAge: HSTS_MAX_AGE, includeSubdomains: true, override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: cloudfront.HeadersFrameOption.DENY, override: true },
        referrerPolicy: { referrerPolicy: cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN, override: true },
        // A page knows better than the edge what it loads.
        contentSecurityPolicy: contentSecurityPolicy === undefined ? undefined : { contentSecurityPolicy, override: false },
      },
    });
  }

  private createRecords(zone: route53.IHostedZone): void {
    const target = route53.RecordTarget.fromAlias(new targets.CloudFrontTarget(this.distribution));
    this.domainNames.forEach((name, index) => {
      const id = Token.isUnresolved(name) ? `${index}` : name;
      // The dot at the end keeps CDK from adding the zone's name again.
      const record = { zone, recordName: `${name}.`, target };
      new route53.ARecord(this, `${id}-A`, record);
      new route53.AaaaRecord(this, `${id}-AAAA`, record);
    });
  }

  private checkNames(props: EdgeDistributionProps): void {
    if (props.domainNames.length === 0) {
      throw invalidValue(this, {
        property: 'domainNames',
        value: props.domainNames,
        allowed: 'at least one name',
        rule: 'CloudFront refuses old TLS only under a name of your own.',
        fix: 'Name one that the certificate covers.',
      });
    }
    const checkName = (property: string, value: string, isAlias: boolean) => {
      if (Token.isUnresolved(value) || HOST_NAME.test(isAlias ? value.replace(/^\*\./, '') : value)) return;
      throw invalidValue(this, {
        property,
        value,
        allowed: 'a DNS name in lower case, without scheme, port and path',
        rule: isAlias
          ? 'CloudFront compares it with the Host header.'
          : "CloudFront takes no addresses as origins, and checks the name against the origin's certificate.",
        fix: 'Write it as `www.example.com`.',
      });
    };
    props.domainNames.forEach((name, i) => {
      checkName(`domainNames[${i}]`, name, true);
      this.checkZone(`domainNames[${i}]`, name, props.hostedZone);
      if (props.domainNames.indexOf(name) === i) return;
      throw invalidValue(this, {
        property: `domainNames[${i}]`,
        value: name,
        allowed: 'named once',
        rule: 'A name belongs to a distribution once.',
        fix: 'Remove it.',
      });
    });
    checkName('readOriginName', props.readOriginName, false);
    if (props.writeOriginName !== undefined) checkName('writeOriginName', props.writeOriginName, false);
    if (props.batchOriginName !== undefined) checkName('batchOriginName', props.batchOriginName, false);
  }

  private checkZone(property: string, name: string, zone: route53.IHostedZone | undefined): void {
    if (zone === undefined || Token.isUnresolved(name) || Token.isUnresolved(zone.zoneName)) return;
    if (name === zone.zoneName || name.endsWith(`.${zone.zoneName}`)) return;
    throw invalidValue(this, {
      property,
      value: name,
      allowed: `a name in the hosted zone, ${zone.zoneName}`,
      rule: "Route 53 has records of a zone's own names only.",
      fix: 'Give the zone of that name, or leave `hostedZone` out and make the records yourself.',
    });
  }

  private checkOriginVerification(verify: EdgeOriginVerification | undefined): void {
    const headerName = verify?.headerName;
    if (headerName === undefined || Token.isUnresolved(headerName) || CUSTOM_HEADER.test(headerName)) return;
    throw invalidValue(this, {
      property: 'originVerification.headerName',
      value: headerName,
      allowed: 'a header that begins with `x-`, other than `x-amz-…`, `x-edge-…` and `x-real-ip`',
      rule: 'CloudFront keeps those, and the standard ones, for itself.',
      fix: 'Leave it out, or use a name such as `x-origin-verify`.',
    });
  }

  private checkVpcOrigins(
    props: EdgeDistributionProps,
    { primary, others }: EdgeVpcOrigins,
    behaviors: readonly EdgeBehavior[],
    defaultBehavior: EdgeBehavior,
  ): void {
    for (const property of ['writeOriginName', 'batchOriginName', 'readFailover', 'recentWriter', 'originShieldRegion'] as const) {
      if (props[property] === undefined || props[property] === false) continue;
      throw invalidValue(this, {
        property,
        value: String(props[property]),
        allowed: 'left out with `vpcOrigins`',
        rule: 'Each region has an origin of its own there: writes go to the primary one, and a CloudFront Function, which cannot follow a failed read, selects among all for reads. VPC origins do not take Lambda@Edge origin triggers.',
        fix: property === 'originShieldRegion' ? 'Give it to each of the `vpcOrigins`.' : 'Remove it, or use public origins.',
      });
    }
    for (const { originShieldRegion } of [primary, ...(others ?? [])]) checkOriginShield(this, originShieldRegion, 'the read origin');
    checkForVpcOrigins(this, [
      ...behaviors.map(({ tier, methods }, i) => ({ property: `behaviors[${i}].methods`, tier, methods })),
      { property: 'defaultMethods', tier: defaultBehavior.tier, methods: defaultBehavior.methods },
    ]);
  }

  private checkBehaviors(behaviors: readonly EdgeBehavior[], max: number): void {
    if (behaviors.length > max) {
      throw invalidValue(this, {
        property: 'behaviors',
        value: `${behaviors.length} behaviors`,
        allowed: `at most ${max}`,
        rule: `A distribution has ${CLOUDFRONT.cacheBehaviors} beside the default one unless AWS raises the quota; CDK does not check it.`,
        fix: 'Join patterns with wildcards, or raise `maxBehaviors` to your quota.',
      });
    }
    behaviors.forEach((behavior, i) => {
      this.checkPathPattern(behavior.pathPattern, i, behaviors);
    });
  }

  private checkMethods(property: string, { tier, methods }: EdgeBehavior, props: EdgeDistributionProps): void {
    if (tier.cached && methods !== undefined && methods !== 'read') {
      throw invalidValue(this, {
        property,
        value: methods,
        allowed: `'read' with the cached tier "${tier.name}"`,
        rule: 'A cached behavior drops the cookies and most headers of a request, which writes need.',
        fix: 'Use `CacheTier.uncached()`, or give writes a path pattern of their own before this one.',
      });
    }
    if (methods !== 'split') return;
    this.checkOtherOrigin(property, methods, props);
    for (const name of ['readOriginName', 'writeOriginName', 'batchOriginName'] as const) {
      if (!Token.isUnresolved(props[name])) continue;
      throw invalidValue(this, {
        property: name,
        value: props[name],
        allowed: `known at synthesis, because of ${property}`,
        rule: 'The edge function finds the names in a file beside its code, because Lambda@Edge has no environment variables.',
        fix: 'Give the name as plain text.',
      });
    }
  }

  /** For what needs a write origin that is not the read origin. */
  private checkOtherOrigin(property: string, value: unknown, { readOriginName, writeOriginName }: EdgeDistributionProps): void {
    if (writeOriginName !== undefined && writeOriginName !== readOriginName) return;
    throw invalidValue(this, {
      property,
      value,
      allowed: 'left out without a `writeOriginName` other than `readOriginName`',
      rule: 'There is only one origin to choose.',
      fix: 'Give `writeOriginName`.',
    });
  }

  private checkBatchPatterns(property: string, { methods, batchPatterns }: EdgeBehavior, batchOriginName: string | undefined): void {
    if (batchPatterns === undefined) return;
    if (methods !== 'split' || batchOriginName === undefined) {
      throw invalidValue(this, {
        property,
        value: batchPatterns,
        allowed: "left out without `methods: 'split'` and a `batchOriginName`",
        rule: 'The edge function that splits methods also chooses the batch origin.',
        fix: 'Give both, or remove it.',
      });
    }
    const wrong = batchPatterns.find((pattern) => !isPathPattern(pattern));
    if (wrong !== undefined) throw notAPathPattern(this, property, wrong);
  }

  private checkRecentWriter(recentWriter: Duration | undefined): void {
    if (recentWriter === undefined) return;
    const seconds = recentWriter.isUnresolved() ? undefined : recentWriter.toSeconds({ integral: false });
    if (seconds !== undefined && seconds >= 1 && Number.isInteger(seconds)) return;
    throw invalidValue(this, {
      property: 'recentWriter',
      value: recentWriter.toString(),
      allowed: 'whole seconds, 1 at least, and known at synthesis',
      rule: 'The cookie counts in whole seconds.',
      fix: 'Give more than your replicas lag behind, such as `Duration.seconds(10)`.',
    });
  }

  private checkPathPattern(pattern: string, i: number, behaviors: readonly EdgeBehavior[]): void {
    if (Token.isUnresolved(pattern)) return;
    const property = `behaviors[${i}].pathPattern`;
    if (!isPathPattern(pattern)) throw notAPathPattern(this, property, pattern);
    if (catchesAll(pattern, '*')) {
      throw invalidValue(this, {
        property,
        value: pattern,
        allowed: 'a pattern that leaves some path to the default behavior',
        rule: 'The default behavior already has every path that no pattern matches.',
        fix: 'Remove it, and give its tier as `defaultTier`.',
      });
    }
    const earlier = behaviors.findIndex(
      (other, j) => j < i && !Token.isUnresolved(other.pathPattern) && catchesAll(other.pathPattern, pattern),
    );
    if (earlier >= 0) {
      throw invalidValue(this, {
        property,
        value: pattern,
        allowed: `a pattern that behaviors[${earlier}], ${behaviors[earlier]?.pathPattern}, does not match first`,
        rule: 'CloudFront takes the first behavior that matches, so this one would never be used.',
        fix: `Move it before behaviors[${earlier}], or remove it.`,
      });
    }
  }

  private checkTtls(all: readonly EdgeBehavior[], originShieldRegion: string | undefined): void {
    const tiers = all.map(({ tier }) => tier).filter(({ cached }) => cached);
    for (const tier of tiers) {
      const unknown = tier.durations.find((duration) => duration.isUnresolved());
      if (unknown === undefined) continue;
      throw invalidValue(this, {
        property: `each TTL of the tier "${tier.name}"`,
        value: unknown.toString(),
        allowed: 'a number that is known at synthesis',
        rule: 'The edge function finds the TTLs in a file beside its code, because Lambda@Edge has no environment variables.',
        fix: 'Give a plain Duration, without a token.',
      });
    }
    const byContinent = tiers.find(({ continents }) => Object.keys(continents).length > 0);
    if (originShieldRegion === undefined || byContinent === undefined) return;
    throw invalidValue(this, {
      property: 'originShieldRegion',
      value: originShieldRegion,
      allowed: `left out, because the tier "${byContinent.name}" has TTLs by part of the world`,
      rule: 'With Origin Shield, CloudFront runs origin-response functions in its region, and they no longer learn where the viewer is.',
      fix: 'Leave out `originShieldRegion`, or vary the tier with `continents: {}`.',
    });
  }

  private checkLanguages(all: readonly EdgeBehavior[], languages: readonly string[]): void {
    languages.forEach((language, i) => {
      if (LANGUAGE_TAG.test(language) && languages.findIndex((other) => other.toLowerCase() === language.toLowerCase()) === i) return;
      throw invalidValue(this, {
        property: `languages[${i}]`,
        value: language,
        allowed: 'a BCP 47 tag, named once',
        rule: 'Browsers ask for languages by such tags, whose case does not matter.',
        fix: 'Write it as `en` or `pt-BR`.',
      });
    });
    const needing = all.find(({ tier }) => tier.cached && tier.varyByLanguage);
    if (needing === undefined || languages.length > 0) return;
    throw invalidValue(this, {
      property: 'languages',
      value: languages,
      allowed: `at least one language, because the tier "${needing.tier.name}" varies by language`,
      rule: 'The edge chooses among the languages that the origin speaks.',
      fix: "Name them, the default one first, such as `['en', 'ja']`.",
    });
  }
}

function notAPathPattern(distribution: EdgeDistribution, property: string, pattern: string): IsochroneError {
  return invalidValue(distribution, {
    property,
    value: pattern,
    allowed: '1 to 255 of the characters A-Z a-z 0-9 _ - . * $ / ~ " \' @ : + & ?',
    rule: 'CloudFront refuses others.',
    fix: 'Put `?` where such a character stands, or `*`.',
  });
}

function methodsOf({ methods, tier }: EdgeBehavior): EdgeMethods {
  return methods ?? (tier.cached ? 'read' : 'all');
}

function originHeaders(verify: EdgeOriginVerification | undefined): Record<string, string> | undefined {
  if (verify === undefined) return undefined;
  // A dynamic reference: the value itself is neither in the template nor here.
  return { [verify.headerName ?? 'x-origin-verify']: verify.secret.unsafeUnwrap() };
}
