/**
 * AWS's limits as numbers, each with its source. If AWS can raise a limit for an account
 * ("adjustable"), the construct that checks it has a prop for it, with this number as the default.
 */

/** "Quotas", Amazon CloudFront developer guide. */
export const CLOUDFRONT = {
  /** Cache behaviors per distribution, without the default one. Adjustable. */
  cacheBehaviors: 75,
  /** Cache policies per account. Adjustable. */
  cachePoliciesPerAccount: 20,
  /** Query strings, headers or cookies in one cache policy. */
  keyPartsPerCachePolicy: 10,
  /** Characters of all query string, header or cookie names in one cache policy together. */
  keyPartCharacters: 1024,
  /** VPC origins per account. */
  vpcOriginsPerAccount: 25,
  /** Lambda@Edge on viewer events: seconds. */
  viewerFunctionTimeoutSeconds: 5,
  /** Lambda@Edge on viewer events: MiB. */
  viewerFunctionMemoryMiB: 128,
  /** Bytes of the code of a CloudFront Function: "Quotas on CloudFront Functions". */
  functionBytes: 10_240,
  /**
   * Seconds for which an error response stays in the cache at least, the default
   * `ErrorCachingMinTTL` of a distribution: "How CloudFront processes HTTP 4xx and 5xx status codes
   * from your origin", Amazon CloudFront developer guide.
   */
  errorCachingMinimumSeconds: 10,
} as const;

/**
 * "Rate-based rule statement", AWS WAF developer guide, and "RateBasedStatement", API reference.
 */
export const WAF = {
  /** Requests of one client in an evaluation window. */
  rateLimit: { min: 10, max: 2_000_000_000 },
} as const;

/**
 * "Working with read replicas for Amazon RDS for PostgreSQL" and "Quotas", Amazon RDS user guide.
 */
export const RDS_POSTGRESQL = {
  /** Replicas of one source. */
  replicasPerSource: 15,
  /** Instances in a chain below the primary. */
  chainLength: 3,
  /** Days of automatic backups; 0 turns them off, and with them replication from the instance. */
  backupRetentionDays: { min: 0, max: 35 },
  /** GiB of gp3 storage. */
  gp3StorageGiB: { min: 20, max: 65_536 },
  /** GiB from which gp3 stripes over four volumes, with provisioned IOPS and throughput. */
  gp3StripedFromGiB: 400,
  /** The range of `max_connections` in the parameter group family. */
  maxConnections: { min: 6, max: 8388607 },
  /**
   * Connections that PostgreSQL and RDS reserve: superuser_reserved_connections (3) and
   * rds.rds_superuser_reserved_connections (2).
   */
  reservedConnections: 5,
} as const;

/**
 * "Quotas for ElastiCache" and "Replication: Valkey and Redis OSS", Amazon ElastiCache user guide.
 */
export const ELASTICACHE = {
  /** Replicas per shard. */
  replicasPerShard: 5,
  /** Nodes of one cluster in cluster mode, primaries and replicas together. Adjustable to 500. */
  nodesPerCluster: 90,
  /** Days that snapshots are kept; 0 turns snapshots off. */
  snapshotRetentionDays: { min: 0, max: 35 },
  /**
   * Minutes of a maintenance or snapshot window: "CreateReplicationGroup", Amazon ElastiCache API
   * reference.
   */
  windowMinutes: 60,
  /** `reserved-memory-percent`: the percentage of a node's memory that is not for data. */
  reservedMemoryPercent: { min: 0, max: 99 },
  /** Clients of one node: `maxclients`, which ElastiCache does not allow to change. */
  clientsPerNode: 65_000,
  /**
   * "Auto Scaling Valkey and Redis OSS clusters" and "Adding a scaling policy", Amazon ElastiCache
   * user guide; without r6gd, because this project does not support data tiering.
   */
  autoScaling: {
    families: ['c7gn', 'm5', 'm6g', 'm7g', 'r5', 'r6g', 'r7g'] as readonly string[],
    sizes: ['large', 'xlarge', '2xlarge'] as readonly string[],
    targetPercent: { min: 35, max: 70 },
  },
  /** "Prerequisites and limitations" of Global Datastore, Amazon ElastiCache user guide. */
  globalDatastore: { secondaryRegions: 2 },
  /** The length of a replication group id, in characters. */
  replicationGroupIdLength: 40,
  /** The values of `maxmemory-policy`. */
  maxmemoryPolicies: [
    'volatile-lru',
    'allkeys-lru',
    'volatile-lfu',
    'allkeys-lfu',
    'volatile-random',
    'allkeys-random',
    'volatile-ttl',
    'noeviction',
  ],
} as const;

/**
 * "Quotas for Amazon EC2 Auto Scaling" and "Instance refresh", Amazon EC2 Auto Scaling user guide.
 */
export const AUTO_SCALING = {
  /** Seconds; the health check grace period of an instance. */
  healthCheckGraceSeconds: { min: 0, max: 7200 },
} as const;
