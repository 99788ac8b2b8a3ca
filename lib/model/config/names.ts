/**
 * The physical names by which one region addresses what another one owns.
 *
 * Only these are fixed. A region is synthesized and deployed without the constructs of the others,
 * so what crosses a region is a name that both sides derive from the deployment; everything else
 * keeps CloudFormation's own names.
 */
import type { Deployment } from './deployment';

/** `market-production`: the stage, and the beginning of every physical name. */
export function systemName(deployment: Pick<Deployment, 'name' | 'environment'>): string {
  return `${deployment.name}-${deployment.environment}`;
}

/**
 * The roles of PostgreSQL that functions of a deployment log in as, by IAM. Migrations make them.
 */
export const DATABASE_ROLES = {
  /**
   * Asks a hub how far it has come before and after a promotion. It needs nothing but to log in.
   */
  promotionProbe: 'promotion_probe',
  /** Looks at queries. It reads statistics and what statements name, and writes nothing. */
  advisor: 'advisor',
} as const;

/**
 * The region that was the primary one at first. The secrets of the database are made there and
 * copied to the others, also after a promotion.
 */
export function foundingRegion({ primaryRegion, database }: Deployment): string {
  return database.promotions[0]?.from ?? primaryRegion;
}

export interface PhysicalNames {
  /**
   * The primary database instance, made as such or promoted; replicas in other regions follow it by
   * ARN.
   */
  readonly primaryInstance: string;
  /**
   * The instance that the primary followed until it was promoted; absent where the app has made the
   * primary.
   */
  readonly leftSource?: { readonly region: string; readonly instanceIdentifier: string };
  /** The hub of a region that follows the primary of another one, or of one that has taken over. */
  readonly hub: (region: string) => string;
  /** Begins the identifiers of a region's read replicas. */
  readonly replicaPrefix: (region: string) => string;
  /** The document by which a region takes over from the primary. */
  readonly promotionDocument: (region: string) => string;
  /**
   * The closed security group that an old primary is moved behind, the same in the network of each
   * region.
   */
  readonly promotionFence: string;
  /**
   * The private name under which the replicas of a region answer, the same in the network of each
   * region.
   */
  readonly readers: string;
  /**
   * The private name under which the poolers of a region answer, the same in the network of each
   * region.
   */
  readonly poolers: string;
  /**
   * The end of the id of the caches' Global Datastore, before which ElastiCache puts five letters
   * of the primary region.
   */
  readonly globalCacheSuffix: string;
  /**
   * The alias, without `alias/`, of the key that each region encrypts logs, topics and its copies
   * of secrets with.
   */
  readonly regionKeyAlias: string;
  /** The secret of the database's master user, copied to every region under this name. */
  readonly databaseSecret: string;
  /**
   * The secret with the SCRAM verifiers of the poolers' users, copied to every region under this
   * name.
   */
  readonly poolerUsers: string;
  /**
   * The parameter with what applications of a region must know, one in each region under this name.
   */
  readonly runtimeSettings: string;
  /**
   * The secret by which load balancers recognise CloudFront, copied to every region under this
   * name.
   */
  readonly originVerifySecret: string;
  /** The name whose latency records lead reads to the nearest healthy region. */
  readonly readOrigin: string;
  /** The name that leads writes to the primary region. */
  readonly writeOrigin: string;
  /** The name that leads batch work to its region. */
  readonly batchOrigin: string;
  /**
   * The key value store with a switch for each region, where the edge runs CloudFront Functions.
   */
  readonly regionSwitches: string;
  /** The edge functions. Their logs appear in every region under names made of these. */
  readonly edgeFunctions: {
    readonly normalizeCacheKey: string;
    readonly regionalTtl: string;
    readonly routeOrigin: string;
  };
}

export function physicalNames(deployment: Deployment): PhysicalNames {
  const system = systemName(deployment);
  const origin = deployment.domain.originName ?? `origin.${deployment.domain.siteName}`;
  const { promotions } = deployment.database;
  // Each took over from the one before it, and the first one from the instance that the app had
  // made.
  const primaries = [`${system}-primary`, ...promotions.map(({ instance }) => instance)];
  const left = promotions.at(-1);
  const replicaPrefix = (region: string) =>
    [system, region, deployment.regions[region]?.replicaGeneration].filter(Boolean).join('-');
  return {
    primaryInstance: primaries.at(-1) as string,
    leftSource: left && { region: left.from, instanceIdentifier: primaries.at(-2) as string },
    hub: (region) => `${replicaPrefix(region)}-hub`,
    replicaPrefix,
    promotionDocument: (region) => `${system}-promote-${region}`,
    promotionFence: `${system}-promotion-fence`,
    readers: `readers.${system}.internal`,
    poolers: `poolers.${system}.internal`,
    globalCacheSuffix: system,
    regionKeyAlias: `${system}/region`,
    databaseSecret: `${system}/database/master`,
    poolerUsers: `${system}/database/pooler-users`,
    runtimeSettings: `/${system}/runtime`,
    // Secrets Manager takes a hyphen and six characters at the end of a name for the end of an ARN,
    // and then finds nothing.
    originVerifySecret: `${system}/edge/origin-verification`,
    readOrigin: `read.${origin}`,
    writeOrigin: `write.${origin}`,
    batchOrigin: `batch.${origin}`,
    regionSwitches: `${system}-regions`,
    edgeFunctions: {
      normalizeCacheKey: `${system}-normalize-cache-key`,
      regionalTtl: `${system}-regional-ttl`,
      routeOrigin: `${system}-route-origin`,
    },
  };
}

/**
 * The names by which applications ask the poolers for the database: one leads to the readers of the
 * region, the other to its writer.
 */
export function pooledDatabases(databaseName: string): {
  readonly read: string;
  readonly write: string;
} {
  return { read: databaseName, write: `${databaseName}_writer` };
}
