import { type Duration, Lazy, Token } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import { Construct } from 'constructs';
import { CLOUDFRONT } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';

/** The load balancer of one region, behind a VPC origin. */
export interface EdgeVpcOrigin {
  /** The region of the load balancer. It is also the id of the origin and the key of its switch. */
  readonly region: string;
  /**
   * The id of the VPC origin, such as that of `OriginLoadBalancer.vpcOrigin`. From another region's
   * stack, give it as text or by `Fn.getStackOutput`.
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
  /** The origin of the region that takes writes, and every request of `methods: 'all'`. */
  readonly primary: EdgeVpcOrigin;
  /**
   * The origins of the other regions.
   *
   * @default - the primary serves the whole world
   */
  readonly others?: readonly EdgeVpcOrigin[];
  /**
   * The name of the key value store that holds the switches. A new name replaces the store, and the
   * switches in it.
   *
   * @default - generated
   */
  readonly switchesName?: string;
}

/** Properties that the origins of one distribution share. */
export interface VpcOriginSetProps extends EdgeVpcOrigins {
  /** The name in `Host` and in TLS. The certificates of the load balancers cover it. */
  readonly domainName: string;
  readonly customHeaders?: Record<string, string>;
  readonly keepaliveTimeout: Duration;
}

/**
 * VPC origins of several regions in one distribution, and a switch for each of them.
 *
 * Behaviors name the origin of the primary. A CloudFront Function selects among the others.
 *
 * @throws IsochroneError if there are more regions than AWS allows, or one is named twice
 */
export class VpcOriginSet extends Construct {
  public readonly primary: cloudfront.IOrigin;
  /**
   * The switch of each region, by its name. A region marked `drained` receives no reads, except
   * that the primary still serves recent writers. A region without a key receives reads.
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

  /** Adds the origins that no behavior names, which CDK leaves out, to the distribution. */
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
        rule:
          `An account has ${CLOUDFRONT.vpcOriginsPerAccount} VPC origins at most, and the ` +
          'primary is one of them.',
        fix: 'Leave out regions whose viewers another region serves as fast.',
      });
    }
    this.regions.forEach((region, i) => {
      if (!Token.isUnresolved(region) && this.regions.indexOf(region) === i) return;
      throw invalidValue(this, {
        property: i === 0 ? 'primary.region' : `others[${i - 1}].region`,
        value: region,
        allowed: 'known at synthesis, and named once',
        rule:
          'It is the id of the origin, by which the edge function selects the region nearest to ' +
          'the viewer.',
        fix: 'Name each region once, such as `eu-west-1`.',
      });
    });
  }
}
