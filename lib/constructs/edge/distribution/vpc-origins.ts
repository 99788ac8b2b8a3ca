import { type Duration, Lazy, Token } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import { Construct } from 'constructs';
import { CLOUDFRONT, nearestFirst, PLACED_REGIONS } from '../../../model/aws';
import type { CacheKeySettings, SelectOriginSettings } from '../../../model/contracts';
import { invalidValue } from '../../../model/errors';
import type { CacheTier } from '../tiers';

/** The load balancer of one region, behind a VPC origin. */
export interface EdgeVpcOrigin {
  /** Its region. It is the id of the origin, and the key of its switch. */
  readonly region: string;
  /**
   * Such as that of `OriginLoadBalancer.vpcOrigin`; from another region's stack, as text or by
   * `Fn.getStackOutput`.
   */
  readonly vpcOriginId: string;
  /**
   * The region of Origin Shield for this origin.
   *
   * @default - no Origin Shield
   */
  readonly originShieldRegion?: string;
}

/** The load balancers of all regions, behind VPC origins. */
export interface EdgeVpcOrigins {
  /** That of the region which takes writes, and all of `methods: 'all'`. */
  readonly primary: EdgeVpcOrigin;
  /**
   * Those of the other regions.
   *
   * @default - the primary serves the whole world
   */
  readonly others?: readonly EdgeVpcOrigin[];
  /**
   * The name of the key value store with the switches. Another name replaces it, and its switches.
   *
   * @default - generated
   */
  readonly switchesName?: string;
}

/**
 * The part of the settings of the edge function `select-origin` that is about origins.
 *
 * @param regions the primary first
 * @param recentWriter how long a viewer who wrote reads from the primary; left out where nobody is
 * marked as one
 */
export function originSelectionSettings(
  regions: readonly string[],
  recentWriter?: Duration,
): Omit<SelectOriginSettings, keyof CacheKeySettings> {
  return {
    regions,
    nearest: Object.fromEntries(
      PLACED_REGIONS.map((edge) => [
        edge,
        nearestFirst(edge, regions).map((region) => regions.indexOf(region)),
      ]),
    ),
    recentWriterSeconds: recentWriter?.toSeconds(),
  };
}

/** "Restrict access with VPC origins", Amazon CloudFront developer guide. */
const NO_ORIGIN_TRIGGERS = 'VPC origins do not take Lambda@Edge origin triggers';

/**
 * @throws IsochroneError if a behaviour's tier wants what only an edge function on origin events
 * could do
 */
export function checkForVpcOrigins(
  construct: Construct,
  behaviors: readonly { readonly tier: CacheTier }[],
): void {
  for (const { tier } of behaviors) {
    if (!tier.cached) continue;
    const [first] = triggered(tier);
    if (first !== undefined) {
      const [option, value, allowed] = first;
      throw invalidValue(construct, {
        property: `${option} of the tier "${tier.name}"`,
        value,
        allowed: `${allowed} with VPC origins`,
        rule: `${NO_ORIGIN_TRIGGERS}, and only one could do more.`,
        fix: 'Let the origin say it with `Cache-Control`, and make the tier with `CacheTier.of`; or use public origins.',
      });
    }
  }
}

/** The options of a tier that need a function on the origin's answer. */
function triggered(tier: CacheTier): [option: string, value: unknown, allowed: string][] {
  const options: [string, unknown, string][] = [];
  if (Object.keys(tier.continents).length > 0)
    options.push(['continents', tier.continents, 'left out']);
  for (const option of ['browserTtl', 'staleWhileRevalidate', 'staleIfError'] as const) {
    const value = tier[option];
    if (value !== undefined) options.push([option, value.toString(), 'left out']);
  }
  if (tier.errorTtl.isUnresolved() || tier.errorTtl.toSeconds() !== ERROR_TTL_SECONDS) {
    options.push(['errorTtl', tier.errorTtl.toString(), `${ERROR_TTL_SECONDS} s`]);
  }
  if (tier.setCookie !== 'strip') options.push(['setCookie', tier.setCookie, '`strip`']);
  return options;
}

/** CloudFront's error caching minimum, which holds without any function. */
const ERROR_TTL_SECONDS = 10;

/** What the origins of one distribution have in common. */
export interface VpcOriginSetProps extends EdgeVpcOrigins {
  /** What CloudFront asks for in `Host` and in TLS: the load balancers' certificates cover it. */
  readonly domainName: string;
  readonly customHeaders?: Record<string, string>;
  readonly keepaliveTimeout: Duration;
}

/**
 * VPC origins of several regions in one distribution, and a switch for each of them.
 *
 * Behaviours name the primary's origin. The others are there to be selected by a CloudFront
 * Function.
 */
export class VpcOriginSet extends Construct {
  public readonly primary: cloudfront.IOrigin;
  /**
   * A region whose key says `drained` gets no reads, but the primary those of viewers who wrote
   * just now. A region without a key serves.
   */
  public readonly switches: cloudfront.KeyValueStore;
  /** The primary first. */
  public readonly regions: readonly string[];
  private readonly others: readonly cloudfront.IOrigin[];

  constructor(scope: Construct, id: string, props: VpcOriginSetProps) {
    super(scope, id);
    const all = [props.primary, ...(props.others ?? [])];
    this.regions = all.map(({ region }) => region);
    this.checkRegions();
    const originOf = ({
      region,
      vpcOriginId,
      originShieldRegion,
    }: EdgeVpcOrigin): cloudfront.IOrigin =>
      origins.VpcOrigin.withVpcOrigin(
        cloudfront.VpcOrigin.fromVpcOriginId(this, region, vpcOriginId),
        {
          originId: region,
          domainName: props.domainName,
          customHeaders: props.customHeaders,
          originShieldRegion,
          keepaliveTimeout: props.keepaliveTimeout,
        },
      );
    this.primary = originOf(props.primary);
    this.others = (props.others ?? []).map(originOf);
    this.switches = new cloudfront.KeyValueStore(this, 'Switches', {
      keyValueStoreName: props.switchesName,
      comment: 'A region whose key says drained gets no reads',
    });
  }

  /** Gives the distribution the origins that no behaviour names, which CDK leaves out. */
  public addOthersTo(distribution: cloudfront.Distribution): void {
    const resource = distribution.node.defaultChild as cloudfront.CfnDistribution;
    const config =
      resource.distributionConfig as cloudfront.CfnDistribution.DistributionConfigProperty;
    const others = this.others.map(
      (origin, i) => origin.bind(new Construct(this, `Other${i}`), { originId: '' }).originProperty,
    );
    resource.distributionConfig = {
      ...config,
      origins: Lazy.uncachedAny({
        produce: (context) => [...context.resolve(config.origins), ...others],
      }),
    };
  }

  private checkRegions(): void {
    if (this.regions.length > CLOUDFRONT.vpcOriginsPerAccount) {
      throw invalidValue(this, {
        property: 'others',
        value: `${this.regions.length - 1} regions`,
        allowed: `at most ${CLOUDFRONT.vpcOriginsPerAccount - 1}`,
        rule: `An account has ${CLOUDFRONT.vpcOriginsPerAccount} VPC origins at most, and the primary is one of them.`,
        fix: 'Leave out regions whose viewers another one serves as fast.',
      });
    }
    this.regions.forEach((region, i) => {
      if (!Token.isUnresolved(region) && this.regions.indexOf(region) === i) return;
      throw invalidValue(this, {
        property: i === 0 ? 'primary.region' : `others[${i - 1}].region`,
        value: region,
        allowed: 'known at synthesis, and named once',
        rule: 'It is the id of the origin, which the edge function selects by the region that the viewer is near to.',
        fix: 'Name each region once, such as `eu-west-1`.',
      });
    });
  }
}
