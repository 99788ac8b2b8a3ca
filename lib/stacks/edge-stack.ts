import { CfnOutput, Duration, Fn } from 'aws-cdk-lib';
import * as acm from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as route53 from 'aws-cdk-lib/aws-route53';
import type { Construct } from 'constructs';
import {
  CacheTier,
  COMMON_RULE_SET,
  DEFAULT_MANAGED_RULE_GROUPS,
  EdgeDistribution,
  type EdgeDistributionProps,
  type EdgeVpcOrigin,
  EdgeWebAcl,
  StaticContent,
} from '../constructs/edge';
import type { Deployment, DeploymentTier } from '../model/config';
import {
  ORIGIN_VERIFY_HEADER,
  RegionStack,
  type RegionStackProps,
  stackNameOf,
  VPC_ORIGIN_OUTPUT,
} from './region-stack';

export interface EdgeStackProps extends RegionStackProps {
  readonly key: kms.IKey;
}

const PRICE_CLASSES: Readonly<Record<Deployment['edge']['priceClass'], cloudfront.PriceClass>> = {
  '100': cloudfront.PriceClass.PRICE_CLASS_100,
  '200': cloudfront.PriceClass.PRICE_CLASS_200,
  all: cloudfront.PriceClass.PRICE_CLASS_ALL,
};

/**
 * CloudFront in front of all regions. It references the origins by name, so it needs no other
 * stack.
 */
export class EdgeStack extends RegionStack {
  public readonly distribution: EdgeDistribution;
  public readonly webAcl: EdgeWebAcl;

  constructor(scope: Construct, id: string, props: EdgeStackProps) {
    super(scope, id, props, { description: 'CloudFront' });
    const { domain, edge } = this.deployment;
    const zone = route53.HostedZone.fromHostedZoneAttributes(this, 'Zone', {
      hostedZoneId: domain.hostedZoneId,
      zoneName: domain.hostedZoneName,
    });
    const tiers = Object.fromEntries(
      Object.entries(edge.tiers).map(([name, tier]) => [name, this.cacheTier(name, tier)]),
    );
    this.webAcl = new EdgeWebAcl(this, 'WebAcl', {
      requestsPerMinute: edge.rateLimitPerMinute,
      pathRateLimits: edge.pathRateLimits,
      managedRuleGroups: DEFAULT_MANAGED_RULE_GROUPS.map((group) =>
        group.name === COMMON_RULE_SET ? { ...group, countOnly: edge.countOnlyRules } : group,
      ),
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
    });
    const staticContent = edge.behaviors.some(({ origin }) => origin === 'bucket')
      ? this.createStaticContent(props.key)
      : undefined;
    this.distribution = new EdgeDistribution(this, 'Distribution', {
      domainNames: [domain.siteName],
      certificate: new acm.Certificate(this, 'Certificate', {
        domainName: domain.siteName,
        validation: acm.CertificateValidation.fromDns(zone),
      }),
      hostedZone: zone,
      readOriginName: this.names.readOrigin,
      ...(edge.runtime === 'cloudfront-functions' ? this.privateOrigins() : this.publicOrigins()),
      originVerification: {
        headerName: ORIGIN_VERIFY_HEADER,
        secret: this.originSecret(edge.originSecret.versionId),
      },
      behaviors: edge.behaviors.map(({ path, tier, methods, batch, origin }) => ({
        pathPattern: path,
        tier: tierNamed(tiers, tier),
        methods,
        batchPatterns: batch,
        origin: origin === 'bucket' ? staticContent?.origin : undefined,
      })),
      defaultTier: tierNamed(tiers, edge.defaultTier),
      languages: edge.languages,
      recentWriter: Duration.seconds(edge.recentWriterSeconds),
      normalizeCacheKeys: edge.features.normalizeCacheKeys,
      tierTtls: edge.features.tierTtls,
      httpVersion: edge.http3 ? cloudfront.HttpVersion.HTTP2_AND_3 : cloudfront.HttpVersion.HTTP2,
      priceClass: PRICE_CLASSES[edge.priceClass],
      webAcl: this.webAcl.webAcl,
      accessLogs: {
        retention: Duration.days(edge.accessLogRetentionDays),
        removalPolicy: this.removalPolicy,
      },
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
    });
  }

  private createStaticContent(key: kms.IKey): StaticContent {
    const { folder } = this.deployment.edge.staticContent;
    const content = new StaticContent(this, 'StaticContent', {
      source: folder,
      logEncryptionKey: key,
      removalPolicy: this.removalPolicy,
    });
    if (folder === undefined) {
      new CfnOutput(this, 'StaticContentUpload', {
        description: 'Uploads the folder ./dist of a built site',
        value: content.uploadCommands('dist').join(' && '),
      });
    }
    return content;
  }

  /** Load balancers on the internet, by their DNS names, and Lambda@Edge. */
  private publicOrigins(): Partial<EdgeDistributionProps> {
    const { edge } = this.deployment;
    return {
      writeOriginName: this.names.writeOrigin,
      batchOriginName: edge.batchRegion === undefined ? undefined : this.names.batchOrigin,
      readFailover: edge.readFailover,
      originShieldRegion: edge.originShieldRegion,
      functionName: this.names.edgeFunctions.normalizeCacheKey,
      regionalTtlFunctionName: this.names.edgeFunctions.regionalTtl,
      routeOriginFunctionName: this.names.edgeFunctions.routeOrigin,
    };
  }

  /**
   * Load balancers in private subnets, by the ids in the outputs of their stacks. The stacks are
   * referenced by name, because those of other regions may not be synthesized.
   */
  private privateOrigins(): Partial<EdgeDistributionProps> {
    const { primaryRegion, regions } = this.deployment;
    const originIn = (region: string): EdgeVpcOrigin => ({
      region,
      vpcOriginId: Fn.getStackOutput(
        stackNameOf(this.deployment, region, 'Service'),
        VPC_ORIGIN_OUTPUT,
        region,
      ),
    });
    const others = Object.keys(regions).filter((region) => region !== primaryRegion);
    return {
      vpcOrigins: {
        primary: originIn(primaryRegion),
        others: others.sort().map(originIn),
        switchesName: this.names.regionSwitches,
      },
    };
  }

  private cacheTier(name: string, tier: DeploymentTier): CacheTier {
    if (!tier.cached) return CacheTier.uncached();
    return CacheTier.of({
      name,
      minTtl: Duration.seconds(tier.minTtlSeconds),
      defaultTtl: Duration.seconds(tier.defaultTtlSeconds),
      maxTtl: seconds(tier.maxTtlSeconds),
      browserTtl: seconds(tier.browserTtlSeconds),
      staleWhileRevalidate: seconds(tier.staleWhileRevalidateSeconds),
      staleIfError: seconds(tier.staleIfErrorSeconds),
      errorTtl: Duration.seconds(tier.errorTtlSeconds),
      // CloudFront Functions can remove a cookie, but cannot keep a response out of the cache.
      setCookie:
        tier.setCookie ??
        (this.deployment.edge.runtime === 'cloudfront-functions' ? 'strip' : undefined),
      cors: tier.cors,
      compress: tier.compress,
      continents: Object.fromEntries(
        Object.entries(tier.continents).map(([continent, ttl]) => [
          continent,
          { defaultTtl: seconds(ttl?.defaultTtlSeconds), maxTtl: seconds(ttl?.maxTtlSeconds) },
        ]),
      ),
      query: this.queryInKey(tier.queryParameters),
      varyByLanguage: tier.varyByLanguage,
      varyByImageFormat: tier.varyByImageFormat,
    });
  }

  private queryInKey(parameters: DeploymentTier['queryParameters']) {
    if (parameters === 'none') return 'none' as const;
    return parameters === 'all'
      ? { deny: this.deployment.edge.dropQueryParameters }
      : { allow: parameters };
  }
}

function seconds(value: number | undefined): Duration | undefined {
  return value === undefined ? undefined : Duration.seconds(value);
}

function tierNamed(tiers: Readonly<Record<string, CacheTier>>, name: string): CacheTier {
  const tier = tiers[name];
  if (tier === undefined)
    throw new Error(`${name} is not a tier of the deployment; config checks that.`);
  return tier;
}
