/** The base of every stack: a deployment, a region, and the names and policies of both. */
import { RemovalPolicy, SecretValue, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import {
  type Deployment,
  type DeploymentRegion,
  type PhysicalNames,
  physicalNames,
  systemName,
} from '../model/config';

/**
 * The header by which load balancers recognize CloudFront; `originVerifySecret` holds its value.
 */
export const ORIGIN_VERIFY_HEADER = 'x-origin-verify';

/** Props of every stack. */
export interface RegionStackProps {
  readonly deployment: Deployment;
  /** The region of the stack. */
  readonly region: string;
}

/** The output of a service stack by which the edge finds its VPC origin. */
export const VPC_ORIGIN_OUTPUT = 'VpcOriginId';

/**
 * The output of the primary region's cache stack by which the caches of other regions join its
 * Global Datastore.
 */
export const GLOBAL_CACHE_OUTPUT = 'GlobalCacheId';

/** The name of a stack, by which other regions address it. */
export function stackNameOf(deployment: Deployment, region: string, id: string): string {
  return `${systemName(deployment)}-${region}-${id.toLowerCase()}`;
}

/** A stack of one region of a deployment. */
export abstract class RegionStack extends Stack {
  protected readonly deployment: Deployment;
  protected readonly names: PhysicalNames;
  /** The removal policy of stateful resources, from `protection`. */
  protected readonly removalPolicy: RemovalPolicy;

  constructor(
    scope: Construct,
    id: string,
    props: RegionStackProps,
    options: Pick<StackProps, 'description'>,
  ) {
    const { deployment, region } = props;
    const retained = deployment.protection === 'retained';
    super(scope, id, {
      stackName: stackNameOf(deployment, region, id),
      description: `${options.description} (${systemName(deployment)}, ${region})`,
      env: { account: deployment.account, region },
      // Every stack, stateful or not: with weak references, CloudFormation would delete a stack
      // that others depend on.
      terminationProtection: retained,
      tags: {
        'isochrone:system': systemName(deployment),
        'isochrone:environment': deployment.environment,
      },
    });
    this.deployment = deployment;
    this.names = physicalNames(deployment);
    this.removalPolicy = retained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
  }

  /** The copies of a secret of this region: in every other region, each under that region's key. */
  protected copiesElsewhere(): { region: string; encryptionKey: string }[] {
    return Object.keys(this.deployment.regions)
      .filter((region) => region !== this.region)
      .map((region) => ({ region, encryptionKey: `alias/${this.names.regionKeyAlias}` }));
  }

  /**
   * The origin secret, as CloudFormation resolves it in this region. Without a version, the current
   * version at the time of deployment.
   */
  protected originSecret(versionId: string | undefined): SecretValue {
    return SecretValue.secretsManager(this.names.originVerifySecret, { versionId });
  }
}

/**
 * The settings of a region that serves.
 *
 * @throws Error if the deployment does not have the region
 */
export function regionSettings({ deployment, region }: RegionStackProps): DeploymentRegion {
  const settings = deployment.regions[region];
  if (settings === undefined)
    throw new Error(`${region} is not a region of the deployment; config checks that.`);
  return settings;
}
