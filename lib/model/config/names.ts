/**
 * The physical names by which one region addresses the resources of another.
 *
 * Only these names are fixed. A region is synthesized and deployed without the constructs of the
 * others, so both sides derive such a name from the deployment. All other resources keep the names
 * that CloudFormation generates.
 */
import type { Deployment } from './deployment';

/** `market-production`: the name of the stage, and the prefix of every physical name. */
export function systemName(deployment: Pick<Deployment, 'name' | 'environment'>): string {
  return `${deployment.name}-${deployment.environment}`;
}

/**
 * The PostgreSQL roles of a deployment's functions, which log in by IAM. Migrations create them.
 */
export const DATABASE_ROLES = {
  /** Reads the position of a hub before and after a promotion. It only needs to log in. */
  promotionProbe: 'promotion_probe',
  /** Reads statistics and the tables of slow statements for advice. It writes nothing. */
  advisor: 'advisor',
} as const;

/**
 * The first primary region. The secrets of the database are created there and copied to the others,
 * also after a promotion.
 */
export function foundingRegion({ primaryRegion, database }: Deployment): string {
  return database.promotions[0]?.from ?? primaryRegion;
}

/** The physical names of a deployment. */
export interface PhysicalNames {
  /**
   * The primary database instance, created as such or promoted. Replicas in other regions follow it
   * by ARN.
   */
  readonly primaryInstance: string;
  /**
   * The instance that the primary followed until its promotion. Absent if the app created the
   * primary.
   */
  readonly leftSource?: { readonly region: string; readonly instanceIdentifier: string };
  /** The hub of a region, which follows the primary of another region, or has been promoted. */
  readonly hub: (region: string) => string;
  /** The prefix of the identifiers of a region's read replicas. */
  readonly replicaPrefix: (region: string) => string;
  /** The Systems Manager document that makes a region the primary region. */
  readonly promotionDocument: (region: string) => string;
  /** The closed security group that isolates an old primary, one in the network of each region. */
  readonly promotionFence: string;
  /** The private DNS name of the replicas of a region, the same in each region's network. */
  readonly readers: string;
  /** The private DNS name of the poolers of a region, the same in each region's network. */
  readonly poolers: string;
  /**
   * The end of the id of the caches' Global Datastore. ElastiCache puts five letters of the primary
   * region before it.
   */
  readonly globalCacheSuffix: string;
  /**
   * The alias, without `alias/`, of the key with which each region encrypts logs, topics and its
   * copies of secrets.
   */
  readonly regionKeyAlias: string;
  /** The secret of the database's master user, copied to every region. */
  readonly databaseSecret: string;
  /** The secret with the SCRAM verifiers of the poolers' users, copied to every region. */
  readonly poolerUsers: string;
  /** The parameter with the settings of a region's applications, one in each region. */
  readonly runtimeSettings: string;
  /** The secret by which load balancers recognize CloudFront, copied to every region. */
  readonly originVerifySecret: string;
  /** The DNS name whose latency records lead reads to the nearest healthy region. */
  readonly readOrigin: string;
  /** The DNS name that leads writes to the primary region. */
  readonly writeOrigin: string;
  /** The DNS name that leads batch work to its region. */
  readonly batchOrigin: string;
  /** The key value store with a switch for each region, with CloudFront Functions at the edge. */
  readonly regionSwitches: string;
  /** The edge functions. The names of their log groups in every region contain these names. */
  readonly edgeFunctions: {
    readonly normalizeCacheKey: string;
    readonly regionalTtl: string;
    readonly routeOrigin: string;
  };
}

/** Derives the physical names of a deployment. */
export function physicalNames(deployment: Deployment): PhysicalNames {
  const system = systemName(deployment);
  const origin = deployment.domain.originName ?? `origin.${deployment.domain.siteName}`;
  const { promotions } = deployment.database;
  // Each promoted instance followed the one before it; the first followed the instance of the app.
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
    // No hyphen before the last six characters: Secrets Manager would mistake them for the end of
    // an ARN and find nothing.
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
 * The database names of the poolers: one leads to the readers of the region, the other to its
 * writer.
 */
export function pooledDatabases(databaseName: string): {
  readonly read: string;
  readonly write: string;
} {
  return { read: databaseName, write: `${databaseName}_writer` };
}
