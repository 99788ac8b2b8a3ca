/** All regions of one deployment, in an order in which they can be deployed. */
import { Stage, Validations } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { CLOUDFRONT_REGION } from './model/aws';
import { type Deployment, foundingRegion, globalCachePrimary } from './model/config';
import { IsochroneError } from './model/errors';
import {
  CacheStack,
  DatabaseStack,
  EdgeStack,
  KeysStack,
  NetworkStack,
  ObservabilityStack,
  PoolerStack,
  PromotionStack,
  rulePacks,
  ServiceStack,
} from './stacks';

export interface IsochroneStageProps {
  readonly deployment: Deployment;
  /**
   * The regions to synthesize. The resources of other regions are referenced by name.
   *
   * @default - all regions of the deployment, and CloudFront's
   */
  readonly regions?: readonly string[];
}

/** The stacks of one region. */
interface RegionStacks {
  readonly keys: KeysStack;
  readonly database?: DatabaseStack;
  readonly cache?: CacheStack;
  readonly pooler?: PoolerStack;
  readonly service?: ServiceStack;
  /** In CloudFront's region. */
  readonly edge?: EdgeStack;
}

/**
 * One deployment: a scope per region with a stack per concern. The rule packs validate every
 * synthesis.
 *
 * @throws IsochroneError if a region is named that the deployment does not have
 */
export class IsochroneStage extends Stage {
  private readonly deployment: Deployment;

  constructor(scope: Construct, id: string, props: IsochroneStageProps) {
    super(scope, id);
    this.deployment = props.deployment;
    Validations.of(this).addPlugins(...rulePacks(this));
    const all = regionsInOrder(this.deployment);
    const unknown = props.regions?.find((region) => !all.includes(region));
    if (unknown !== undefined) {
      throw new IsochroneError(
        `regions must be regions of the deployment, got ${JSON.stringify(unknown)}.\n` +
          `This deployment has ${all.join(', ')}. Name some of them, separated by commas, ` +
          'or leave `-c regions=` out for all.',
      );
    }
    const stacks = new Map(
      all
        .filter((region) => props.regions?.includes(region) ?? true)
        .map((region) => [region, this.buildRegion(region)]),
    );
    this.orderAcrossRegions(stacks);
  }

  private buildRegion(region: string): RegionStacks {
    const { deployment } = this;
    const scope = new Construct(this, region);
    const keys = new KeysStack(scope, 'Keys', { deployment, region });
    const { key } = keys;
    const edge =
      region === CLOUDFRONT_REGION
        ? new EdgeStack(scope, 'Edge', { deployment, region, key })
        : undefined;
    const settings = deployment.regions[region];
    if (settings === undefined) {
      new ObservabilityStack(scope, 'Observability', { deployment, region, key, edge });
      return { keys, edge };
    }
    const { vpc } = new NetworkStack(scope, 'Network', { deployment, region, key });
    const database = new DatabaseStack(scope, 'Database', { deployment, region, vpc, key });
    const cache = new CacheStack(scope, 'Cache', { deployment, region, vpc, key });
    const pooler =
      settings.poolers > 0
        ? new PoolerStack(scope, 'Pooler', { deployment, region, vpc, key, database })
        : undefined;
    const service = new ServiceStack(scope, 'Service', {
      deployment,
      region,
      vpc,
      database,
      pooler,
      cache,
    });
    // With one region, no other can take over.
    if (Object.keys(deployment.regions).length > 1)
      new PromotionStack(scope, 'Promotion', { deployment, region, vpc, key, database, service });
    new ObservabilityStack(scope, 'Observability', {
      deployment,
      region,
      key,
      database,
      pooler,
      cache,
      service,
      edge,
    });
    return { keys, database, cache, pooler, service, edge };
  }

  /**
   * Adds the dependencies that CloudFormation cannot see, because the references are names: keys
   * before secrets copied under them, the primary before its hubs, the primary cache before its
   * secondaries, the users' secret before the poolers, the origin secret before the load balancers
   * that require it, and VPC origins before the distribution.
   */
  private orderAcrossRegions(stacks: ReadonlyMap<string, RegionStacks>): void {
    const primary = stacks.get(this.deployment.primaryRegion);
    const founder = stacks.get(foundingRegion(this.deployment));
    const edge = stacks.get(CLOUDFRONT_REGION);
    const followedCache = stacks.get(globalCachePrimary(this.deployment) ?? '')?.cache;
    for (const [region, { keys, database, cache, pooler, service }] of stacks) {
      if (edge && region !== CLOUDFRONT_REGION) {
        edge.keys.addStackDependency(keys, 'its secrets are copied under the key of each region');
        service?.addStackDependency(edge.keys, 'its load balancer asks for the secret header');
      }
      if (service && this.deployment.edge.runtime === 'cloudfront-functions') {
        edge?.edge?.addStackDependency(
          service,
          'its distribution asks for the VPC origin by its id',
        );
      }
      if (founder?.database && region !== foundingRegion(this.deployment)) {
        founder.database.addStackDependency(
          keys,
          'its secrets are copied under the key of each region',
        );
        pooler?.addStackDependency(founder.database, 'its users are copied from there');
      }
      if (followedCache && cache?.isSecondary)
        cache.addStackDependency(followedCache, 'it joins the Global Datastore there by its id');
      if (primary?.database && region !== this.deployment.primaryRegion) {
        database?.addStackDependency(primary.database, 'its hub follows the primary');
      }
    }
  }
}

/** The primary first, the others by name, and always CloudFront's region, which has the edge. */
function regionsInOrder({ primaryRegion, regions }: Deployment): string[] {
  return [...new Set([primaryRegion, ...Object.keys(regions).sort(), CLOUDFRONT_REGION])];
}
