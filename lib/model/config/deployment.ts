/**
 * The deployment model: all settings of a deployment file, with their limits and defaults.
 *
 * Pure data. Each name contains its unit. Editors show the descriptions through the JSON Schema,
 * and error messages quote them, so a description states the rule and the source of figures that
 * are not ours. `checks` holds the rules over several fields.
 */
import { z } from 'zod';
import {
  AUTO_SCALING,
  CACHE_NODE_TYPE,
  CLOUDFRONT,
  DEFAULT_MAINTENANCE_WINDOW,
  DEFAULT_SNAPSHOT_WINDOW,
  ELASTICACHE,
  MAINTENANCE_WINDOW,
  PATH_PATTERN,
  RDS_POSTGRESQL,
  REGION_NAMES,
  SNAPSHOT_WINDOW,
} from '../aws';

const text = (description: string) => z.string().describe(description);
const integer = (min: number, max: number, description: string) =>
  z.int().min(min).max(max).describe(description);
const seconds = (max: number, description: string) => integer(0, max, description);
const percent = (description: string) => z.number().gt(0).lt(100).describe(description);

/** A section that is optional as a whole: its own defaults then apply. */
function section<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  return z
    .strictObject(shape)
    .prefault({} as never)
    .describe(description);
}

const YEAR_SECONDS = 31_536_000;
const DNS_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;
const IPV4 = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';

const dnsName = (description: string) => text(description).regex(DNS_NAME);
const secretVersion = (description: string) =>
  text(description)
    .regex(/^[A-Za-z0-9-]{32,64}$/)
    .optional();
const ttl = (description: string) => seconds(YEAR_SECONDS, description);

const domain = z
  .strictObject({
    hostedZoneId: text('The public hosted zone of Route 53 that holds every name below.').regex(
      /^Z[A-Z0-9]{4,31}$/,
    ),
    hostedZoneName: dnsName('The name of that hosted zone.'),
    siteName: dnsName('The name that viewers open. It must be the hosted zone or a name below it.'),
    originName: dnsName(
      'The parent name of `read` and `write`, which lead CloudFront to the load balancers. ' +
        'By default, `origin.` before the site name.',
    ).optional(),
  })
  .describe('The names of the site. Synthesis looks nothing up, so the zone is named here.');

const region = z
  .strictObject({
    cidr: text(
      'The IPv4 range of the VPC: /16 to /20, private, and not overlapping the ranges of ' +
        'other regions, so that the VPCs can be joined later.',
    ).regex(new RegExp(`^${IPV4}(\\.${IPV4}){3}/(1[6-9]|20)$`)),
    availabilityZones: z
      .array(z.string())
      .min(2)
      .max(6)
      .describe(
        'The availability zones, 2 to 6, such as `eu-west-1a`. With the names given, ' +
          'synthesis needs no look-up. Their order is part of the layout: add a fourth at ' +
          'the end. Any other change moves subnets and replicas, and fails.',
      ),
    natGateways: integer(
      1,
      6,
      'NAT gateways, at most one per zone; by default one per zone. With fewer, a failing ' +
        'zone can cut off the others. Each has an hourly price.',
    ).optional(),
    readReplicas: integer(
      0,
      RDS_POSTGRESQL.replicasPerSource,
      'PostgreSQL read replicas in this region. In the primary region they follow the ' +
        'primary. In another region the first is the hub, which follows the primary, and the ' +
        'others follow the hub. RDS for PostgreSQL allows 15 replicas of one source.',
    ).default(2),
    replicaGeneration: integer(
      2,
      999,
      'Raise it to replace the read replicas of this region by new ones, whose names ' +
        'contain this number: 2 the first time. Raise it in one region after the other, ' +
        'because old and new replicas together count towards the 15 of their source.',
    ).optional(),
    poolers: integer(
      0,
      20,
      'PgBouncer instances in this region, in front of its readers and its writer; one per ' +
        'zone survives the loss of a zone. With 0, applications connect to the database ' +
        'directly. To remove all poolers, deploy `Service` without them, then delete the ' +
        '`Pooler` stack.',
    ).default(3),
    cacheMaintenanceWindow: text(
      'Overrides `cache.maintenanceWindow` in this region: the quiet hour of its users, in ' +
        'UTC. With a different window in each region, maintenance never affects all caches ' +
        'at once.',
    )
      .regex(MAINTENANCE_WINDOW)
      .optional(),
    minInstances: integer(1, 1000, 'Overrides `service.minInstances` in this region.').optional(),
    maxInstances: integer(1, 1000, 'Overrides `service.maxInstances` in this region.').optional(),
  })
  .describe('Settings of one region.');

const network = section(
  {
    interfaceEndpoints: z
      .array(
        z.enum([
          'cloudformation',
          'ec2messages',
          'kms',
          'logs',
          'monitoring',
          'secretsmanager',
          'ssm',
          'ssmmessages',
        ]),
      )
      .default(['ec2messages', 'kms', 'logs', 'monitoring', 'secretsmanager', 'ssm', 'ssmmessages'])
      .describe(
        'AWS services that the VPC reaches without the internet. Each endpoint has a price ' +
          'per zone and hour.',
      ),
    flowLogRetentionDays: z
      .literal([30, 60, 90, 180, 365, 400, 731])
      .default(365)
      .describe(
        'How long the VPC flow logs are kept; one of the retentions that CloudWatch Logs supports.',
      ),
  },
  'The VPC of each region.',
);

const databaseParameters = section(
  {
    maxConnections: integer(
      RDS_POSTGRESQL.maxConnections.min,
      10_000,
      'max_connections of every instance. Each connection is a process: above a few ' +
        'thousand, pool instead.',
    ).default(500),
    reservedConnections: integer(
      RDS_POSTGRESQL.reservedConnections,
      500,
      'Connections that the poolers must leave free: 5 that PostgreSQL and RDS reserve, ' +
        'and those of replication, monitoring, migrations and people.',
    ).default(50),
    workMemMiB: integer(
      1,
      2048,
      'work_mem: memory for one sort or hash before it spills to disk. By default a 512th ' +
        'of the memory of the instance class: 32 MiB of 16 GiB.',
    ).optional(),
    statisticsTarget: integer(1, 10_000, 'default_statistics_target.').default(100),
    randomPageCost: z
      .number()
      .min(1)
      .max(10)
      .default(1.1)
      .describe('random_page_cost; close to 1 for solid-state storage.'),
    effectiveIoConcurrency: integer(0, 1000, 'effective_io_concurrency.').default(200),
    minWalSizeMiB: integer(128, 1_048_576, 'min_wal_size.').default(1024),
    maxWalSizeMiB: integer(128, 1_048_576, 'max_wal_size; at least min_wal_size.').default(4096),
    slowStatementMs: integer(
      1,
      600_000,
      'log_min_duration_statement: statements that take at least this long are logged, ' +
        'with their text.',
    ).default(100),
    maxStandbyStreamingDelaySeconds: seconds(
      3600,
      'max_standby_streaming_delay of the replicas: how long replay waits for a ' +
        'conflicting query before it cancels the query. Longer waits increase replica lag.',
    ).default(30),
  },
  'Settings of PostgreSQL. RDS has no ALTER SYSTEM: parameter groups hold them, and ' +
    'memory follows the instance class.',
);

const pooling = section(
  {
    maxClientConnections: integer(1, 100_000, 'max_client_conn of one pooler.').default(1000),
    defaultPoolSize: integer(
      1,
      10_000,
      'default_pool_size: server connections per user and database of one pooler.',
    ).default(25),
    minPoolSize: integer(0, 10_000, 'min_pool_size.').default(10),
    reservePoolSize: integer(
      0,
      10_000,
      'reserve_pool_size: additional connections after a client has waited too long.',
    ).default(5),
    reservePoolTimeoutSeconds: seconds(
      3600,
      'reserve_pool_timeout: how long a client waits before the reserve is used.',
    ).default(3),
    maxDatabaseConnections: integer(
      1,
      10_000,
      'max_db_connections: the maximum server connections of one pooler to the readers, ' +
        'and again to the writer. It is reduced to the share of a pooler: (max_connections − ' +
        'reserved) ÷ (2 × (poolers + 2)). The first 2 stands for readers and writer, which ' +
        'may be one instance; the second for additional poolers during a replacement.',
    ).default(100),
    serverIdleTimeoutSeconds: seconds(86_400, 'server_idle_timeout.').default(600),
    serverLifetimeSeconds: seconds(604_800, 'server_lifetime.').default(3600),
    serverConnectTimeoutSeconds: seconds(600, 'server_connect_timeout.').default(15),
    queryWaitTimeoutSeconds: seconds(
      3600,
      'query_wait_timeout: how long a query may wait for a server connection.',
    ).default(120),
  },
  'PgBouncer in transaction mode: the settings of each pooler. See docs/operations/pooling.md.',
);

const applicationPool = section(
  {
    minConnections: integer(
      0,
      1000,
      'Connections that one application instance keeps open to the poolers.',
    ).default(10),
    maxConnections: integer(
      1,
      1000,
      'The maximum connections of one application instance.',
    ).default(50),
    idleTimeoutMs: integer(
      0,
      600_000,
      'How long an unused connection above the minimum stays open.',
    ).default(10_000),
    connectTimeoutMs: integer(1, 600_000, 'How long opening a connection may take.').default(3_000),
    acquireTimeoutMs: integer(1, 600_000, 'How long a request waits for a connection.').default(
      10_000,
    ),
  },
  'The connection pools of each application instance, to readers and writer together. ' +
    'Applications must keep to them: the poolers of each region must have room for them.',
);

const database = section(
  {
    engineVersion: text(
      'The PostgreSQL version, in quotes: a major version 16, 17 or 18, such as `"17"`, ' +
        'which leaves minor versions to RDS and its maintenance window, or a minor version, ' +
        'such as `"17.6"`. Unquoted, YAML reads 17.10 as 17.1. ' +
        'Another major version needs `upgradingFrom`.',
    )
      .regex(/^(16|17|18)(\.[1-9]\d?)?$/)
      .default('17'),
    upgradingFrom: text(
      'The major version at which an upgrade to `engineVersion` starts, in quotes: `"16"` ' +
        'or `"17"`. Set it for the first of two deployments and remove it for the second: ' +
        'docs/operations/postgres-upgrade.md.',
    )
      .regex(/^(16|17)$/)
      .optional(),
    databaseName: text(
      'The first database, at most 56 characters; not `rdsadmin`, which RDS reserves, nor ' +
        '`pgbouncer`. At the poolers, this name leads to the readers, and the same name with ' +
        '`_writer` to the writer.',
    )
      .regex(/^(?!rdsadmin$|pgbouncer$)[a-z][a-z0-9_]{0,55}$/)
      .default('app'),
    applicationUser: text(
      'The PostgreSQL role of the applications, which log in by IAM authentication. ' +
        'Migrations create it. PostgreSQL and RDS reserve names that start with pg_ or rds, ' +
        'and `postgres` is the master user.',
    )
      .regex(/^(?!pg_|rds|postgres$)[a-z][a-z0-9_]{0,62}$/)
      .default('application'),
    poolerSecret: text(
      'The name of a secret, the same in each region, with the `username` and `password` ' +
        'of applications at the poolers. The deployment does not create it; the fleets may ' +
        'read it, and find its name in the settings of their region.',
    )
      .regex(/^(?!.*-[A-Za-z0-9]{6}$)[A-Za-z0-9/_+=.@-]{1,256}$/)
      .optional(),
    instanceClass: text('The class of every instance, such as `db.r6g.large`.')
      .regex(/^db\.[a-z0-9]+\.[a-z0-9]+$/)
      .default('db.r6g.large'),
    allocatedStorageGiB: integer(
      RDS_POSTGRESQL.gp3StorageGiB.min,
      RDS_POSTGRESQL.gp3StorageGiB.max,
      'Initial gp3 storage. From 400 GiB, RDS stripes it over four volumes: 12,000 IOPS ' +
        'instead of 3,000.',
    ).default(400),
    maxAllocatedStorageGiB: integer(
      RDS_POSTGRESQL.gp3StorageGiB.min,
      RDS_POSTGRESQL.gp3StorageGiB.max,
      'The limit of automatic storage growth. Storage only grows if the limit is at least ' +
        '10 % above the initial size.',
    ).default(2000),
    backupRetentionDays: integer(
      1,
      RDS_POSTGRESQL.backupRetentionDays.max,
      'Days of automatic backups and point-in-time recovery, on the primary and on each ' +
        'hub. Replicas need at least 1.',
    ).default(14),
    promotions: z
      .array(
        z.strictObject({
          instance: text('The promoted hub, such as `market-production-eu-west-1-hub`.').regex(
            /^[a-z](-?[a-z0-9])*$/,
          ),
          from: z
            .enum(REGION_NAMES as [string, ...string[]])
            .describe('The former primary region.'),
        }),
      )
      .default([])
      .describe(
        'The promotions of hubs, in order: the last promoted hub is the primary, in ' +
          '`primaryRegion`. Add only promotions by `isochrone promote`, as it prints them.',
      ),
    parameters: databaseParameters,
    migrationsFolder: text(
      'A folder of SQL migrations, relative to the working directory of the app. A ' +
        'CodeBuild project in the primary region runs them; a command starts it, not the ' +
        'deployment.',
    ).optional(),
    queryAdvice: z
      .boolean()
      .default(false)
      .describe(
        'Every hour, examine the primary and one replica of each region for slow ' +
          'statements and for missing or harmful indexes. The role `advisor`, which a ' +
          'migration creates, logs in, and the log contains statements without their ' +
          'constants; see docs/operations/advice.md.',
      ),
    pooling,
    applicationPool,
  },
  'PostgreSQL on RDS: one primary, and read replicas in every region.',
);

const cacheNodeType = (description: string) => text(description).regex(CACHE_NODE_TYPE);

const cacheEngineVersion = z.enum(['7.2', '8.0', '8.1', '8.2']);

const cacheShards = (description: string) => integer(1, ELASTICACHE.nodesPerCluster, description);

const cacheTarget = (description: string) =>
  integer(
    ELASTICACHE.autoScaling.targetPercent.min,
    ELASTICACHE.autoScaling.targetPercent.max,
    description,
  );

const cacheSchedule = z
  .strictObject({
    name: text('The name of the schedule, such as `open`.').regex(/^[A-Za-z][A-Za-z0-9-]{0,39}$/),
    cron: text(
      'The time, as six fields: minute, hour, day of the month, month, day of the week, ' +
        'year; such as `0 8 ? * MON-FRI *`. Schedule it an hour before the load rises, ' +
        'because resharding takes time.',
    ).regex(/^\S+( \S+){5}$/),
    timeZone: text(
      'The IANA time zone of the schedule, such as `America/New_York`, which follows ' +
        'daylight saving time.',
    ),
    minShards: cacheShards('The minimum number of shards from then on.'),
    maxShards: cacheShards(
      'The maximum number of shards from then on. By default, that of the scaling.',
    ).optional(),
    regions: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('The regions of the schedule; by default every region.'),
  })
  .describe('Bounds that hold from a set time until another schedule.');

const cacheScaling = z
  .strictObject({
    minShards: cacheShards(
      'The minimum number of shards. By default, the number that the caches are created with.',
    ).optional(),
    maxShards: cacheShards('The maximum number of shards.'),
    maxReplicasPerShard: integer(
      1,
      ELASTICACHE.replicasPerShard,
      'The maximum replicas of each shard; `replicasPerShard` is the minimum. By default, ' +
        'replicas do not scale.',
    ).optional(),
    targetCpuPercent: cacheTarget(
      'The target CPU of the engine of the primaries. ElastiCache accepts 35 to 70.',
    ).default(60),
    targetMemoryPercent: cacheTarget(
      'The target memory use of the caches. ElastiCache accepts 35 to 70. With an allkeys ' +
        'policy, a cache fills all memory, and would stay at its maximum size.',
    ).optional(),
    schedules: z.array(cacheSchedule).default([]).describe('Bounds that change at set times.'),
  })
  .describe(
    'The bounds of automatic scaling. `shards` is then only the number that the caches ' +
      'are created with; leave it as it is.',
  );

const globalCache = z
  .strictObject({
    primaryRegion: text(
      'The region of the primary cache. By default the `primaryRegion` of the deployment. ' +
        'Set it here before that region moves with the database; otherwise the caches are ' +
        'replaced.',
    ).optional(),
    secondaryRegions: z
      .array(z.string())
      .min(1)
      .max(ELASTICACHE.globalDatastore.secondaryRegions)
      .optional()
      .describe(
        'The regions whose caches follow the primary cache, at most two; further regions ' +
          'keep independent caches. By default all other regions.',
      ),
    engineVersion: cacheEngineVersion
      .optional()
      .describe(
        'The Valkey version of all members, if upgraded since their creation. Leave ' +
          '`cache.engineVersion` as it was.',
      ),
    nodeType: cacheNodeType(
      'The node type of all members, if changed since their creation. Leave ' +
        '`cache.nodeType` as it was.',
    ).optional(),
    shards: cacheShards(
      'The shards of each member, if changed since their creation. Leave `cache.shards` as it was.',
    ).optional(),
  })
  .describe(
    'A Global Datastore: the caches of one or two regions follow the cache of another, ' +
      'and only serve reads. The runtime library writes to the cache in every region and ' +
      'needs independent caches. See docs/operations/cache.md before you enable it: the ' +
      'caches of the other regions are replaced.',
  );

const strategy = z
  .strictObject({
    prefix: text(
      'The prefix of every key of the strategy, ending with a colon. By default, the name ' +
        'of the strategy with a colon. Two strategies with one prefix would read each ' +
        'other’s values.',
    )
      .regex(/^[a-z][a-z0-9:_-]{0,62}:$/)
      .optional(),
    ttlSeconds: integer(
      1,
      YEAR_SECONDS,
      'How long a value is fresh. Required for a new strategy.',
    ).optional(),
    serializer: z
      .enum(['json', 'msgpack'])
      .optional()
      .describe(
        'The encoding of values: `json`, or `msgpack`, which is smaller and keeps binary data.',
      ),
    compress: z.boolean().optional().describe('Whether large values are compressed.'),
    staleSeconds: seconds(
      YEAR_SECONDS,
      'How long a value is kept after it is no longer fresh; see `serveStale`.',
    ).optional(),
    serveStale: z
      .enum(['while-renewing', 'if-error'])
      .optional()
      .describe(
        'When a stale value is served: while it is renewed in the background, or if a load ' +
          'has failed.',
      ),
    refreshAhead: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe(
        'The share of the time to live after which a hit renews the value in the ' +
          'background; 1 disables it.',
      ),
    negativeTtlSeconds: seconds(
      86_400,
      'How long an error of a loader is cached, if the application declares such errors.',
    ).optional(),
    jitter: z
      .number()
      .min(0)
      .max(0.5)
      .optional()
      .describe('The share by which a time to live is randomly longer or shorter.'),
    memoryTtlSeconds: seconds(
      86_400,
      'How long a process serves a value from memory before it reads Valkey again.',
    ).optional(),
  })
  .describe('Changes to a strategy of `isochrone-runtime`, or a new strategy.');

const cache = section(
  {
    engineVersion: cacheEngineVersion
      .default('8.2')
      .describe(
        'The Valkey version, in quotes, such as `"8.2"`; a version that ElastiCache offers.',
      ),
    nodeType: cacheNodeType('The node type, such as `cache.r7g.large`.').default('cache.r7g.large'),
    shards: cacheShards(
      'Shards of the replication group of each region. With `scaling`, the number that it ' +
        'is created with.',
    ).default(2),
    replicasPerShard: integer(
      0,
      ELASTICACHE.replicasPerShard,
      'Replicas of each shard, in other zones than its primary.',
    ).default(1),
    scaling: cacheScaling.optional(),
    global: globalCache.optional(),
    maxmemoryPolicy: z
      .enum(ELASTICACHE.maxmemoryPolicies)
      .default('allkeys-lru')
      .describe(
        'Which keys are evicted when memory is full. Use allkeys-lru or allkeys-lfu for a ' +
          'cache; noeviction makes writes fail.',
      ),
    reservedMemoryPercent: integer(
      ELASTICACHE.reservedMemoryPercent.min,
      ELASTICACHE.reservedMemoryPercent.max,
      'reserved-memory-percent: memory reserved for snapshots, failovers and client buffers.',
    ).default(25),
    slowCommandMs: integer(
      1,
      60_000,
      'slowlog-log-slower-than: the slow log records commands that take at least this long.',
    ).default(10),
    snapshotRetentionDays: integer(
      0,
      ELASTICACHE.snapshotRetentionDays.max,
      'Days that daily snapshots are kept; 0 disables them.',
    ).default(1),
    snapshotWindow: text('When the daily snapshot is taken, in UTC; at least an hour long.')
      .regex(SNAPSHOT_WINDOW)
      .default(DEFAULT_SNAPSHOT_WINDOW),
    maintenanceWindow: text(
      'When maintenance may happen, in UTC; at least an hour long and not overlapping the ' +
        'snapshot.',
    )
      .regex(MAINTENANCE_WINDOW)
      .default(DEFAULT_MAINTENANCE_WINDOW),
    strategies: z
      .record(text('A name.').regex(/^[a-z][A-Za-z0-9-]{0,39}$/), strategy)
      .default({})
      .describe(
        'How applications cache, by the name of the strategy. session, api, query, kpi, ' +
          'preferences, static, portfolio and strategies have defaults; further strategies ' +
          'can be added. Applications find them in the settings of their region.',
      ),
    invalidationWindowMs: integer(
      0,
      10_000,
      'How long applications collect invalidation events before they process them together.',
    ).default(50),
  },
  'One Valkey replication group per region, and its use by applications.',
);

const service = section(
  {
    instanceType: text('An arm64 instance type, such as `m7g.large`.')
      .regex(/^[a-z]+\d+g[a-z]*\.[a-z0-9]+$/)
      .default('m7g.large'),
    minInstances: integer(
      1,
      1000,
      'The minimum instances per region; 2 survive the loss of one.',
    ).default(2),
    maxInstances: integer(1, 1000, 'The maximum instances per region.').default(50),
    targetCpuPercent: percent('The average CPU that scaling keeps.').default(70),
    targetRequestsPerSecond: integer(
      1,
      100_000,
      'The requests per second and instance that scaling keeps.',
    ).default(1000),
    port: integer(1024, 65_535, 'The unprivileged port that the application listens on.').default(
      8080,
    ),
    healthCheckGraceSeconds: integer(
      AUTO_SCALING.healthCheckGraceSeconds.min,
      AUTO_SCALING.healthCheckGraceSeconds.max,
      'How long a new instance may take to become healthy before it is replaced.',
    ).default(180),
  },
  'The fleet of each region.',
);

const ttlOverride = z
  .strictObject({
    defaultTtlSeconds: ttl('Replaces the default TTL in this part of the world.').optional(),
    maxTtlSeconds: ttl('Replaces the maximum TTL in this part of the world.').optional(),
  })
  .describe('TTLs for one part of the world.');

const tier = z
  .strictObject({
    cached: z
      .boolean()
      .default(true)
      .describe(
        'With `false`, nothing is cached, every method is allowed, and requests go to the ' +
          'write origin.',
      ),
    minTtlSeconds: ttl(
      'The minimum time an object is cached. Above 0, CloudFront also caches responses ' +
        'that the origin marks no-store, so the default is almost always right.',
    ).default(0),
    defaultTtlSeconds: ttl(
      'How long an object is cached without caching headers of the origin.',
    ).default(3600),
    maxTtlSeconds: ttl(
      'The maximum time an object is cached, regardless of the origin. By default the ' +
        'default TTL: the origin can shorten it, but not extend it.',
    ).optional(),
    queryParameters: z
      .union([
        z.enum(['all', 'none']),
        z
          .array(z.string().regex(/^[A-Za-z0-9_.~%[\]-]+$/))
          .min(1)
          .max(CLOUDFRONT.keyPartsPerCachePolicy),
      ])
      .default('all')
      .describe(
        'Query parameters in the cache key: `all` after normalization, `none`, or a list. ' +
          'A cache policy allows 10 names with a total of 1,024 characters.',
      ),
    browserTtlSeconds: ttl(
      'How long the browser caches a response, at most as long as the edge. By default, ' +
        'the origin decides.',
    ).optional(),
    staleWhileRevalidateSeconds: ttl(
      'How long the edge may serve an expired object while it fetches a new one. By ' +
        'default, the origin decides.',
    ).optional(),
    staleIfErrorSeconds: ttl(
      'How long the edge may serve an expired object when the origin fails. By default, ' +
        'the origin decides.',
    ).optional(),
    errorTtlSeconds: integer(
      10,
      YEAR_SECONDS,
      'The maximum time an error response is cached; CloudFront caches it for at least 10 seconds.',
    ).default(10),
    setCookie: z
      .enum(['bypass', 'strip'])
      .optional()
      .describe(
        'How to treat a response with Set-Cookie, since cached paths forward no cookies: ' +
          '`bypass` does not cache it, `strip` caches it without the cookie. By default ' +
          '`bypass`.',
      ),
    cors: z
      .boolean()
      .default(false)
      .describe(
        'Other sites may read responses: the CORS headers reach the origin and are part of ' +
          'the cache key.',
      ),
    compress: z
      .boolean()
      .default(true)
      .describe(
        'Compress text responses, and cache one object per encoding; useless for images and video.',
      ),
    varyByLanguage: z
      .boolean()
      .default(false)
      .describe('Cache one object per negotiated language.'),
    varyByImageFormat: z
      .boolean()
      .default(false)
      .describe('Cache one object per negotiated image format.'),
    continents: z
      .partialRecord(
        z.enum(['africa', 'apac', 'europe', 'middle-east', 'north-america', 'south-america']),
        ttlOverride,
      )
      .default({})
      .describe(
        'TTLs that differ by part of the world. An alias can belong to one distribution ' +
          'only, so an edge function sets them. Not together with `originShieldRegion`: that ' +
          'function would then run in the Shield region for all viewers.',
      ),
  })
  .describe('How one kind of content is cached at the edge.');

const edge = z
  .strictObject({
    runtime: z
      .enum(['lambda-edge', 'cloudfront-functions'])
      .default('lambda-edge')
      .describe(
        '`lambda-edge`: load balancers on the internet, open to CloudFront only. ' +
          '`cloudfront-functions`: load balancers in private subnets, behind VPC origins, ' +
          'and cheaper functions; it supports no TTLs by part of the world, in browsers or ' +
          'for stale responses, no `batch` and no `readFailover`. Another value replaces the ' +
          'load balancers.',
      ),
    priceClass: z
      .enum(['100', '200', 'all'])
      .default('all')
      .describe('The edge locations that serve; `all` includes Sydney, Tokyo and Singapore.'),
    originShieldRegion: text(
      'An additional cache in front of the origins. All misses then come from its region, ' +
        'so reads no longer reach the region nearest to the viewer.',
    ).optional(),
    rateLimitPerMinute: integer(
      10,
      2_000_000_000,
      'Requests per minute and client address before AWS WAF blocks; AWS accepts at least 10.',
    ).default(100),
    pathRateLimits: z
      .array(
        z.strictObject({
          pathPrefix: text('The prefix of the paths, such as `/auth/`.').regex(
            /^\/[^*?\s]{1,199}$/,
          ),
          requestsPerMinute: integer(
            10,
            2_000_000_000,
            'Requests per minute and client address to these paths.',
          ),
        }),
      )
      .default([])
      .describe('Paths with a separate rate limit, which do not count towards the general limit.'),
    countOnlyRules: z
      .array(z.string().regex(/^[A-Za-z0-9_]+$/))
      .default([])
      .describe(
        'Rules of the AWS WAF common rule set that only count requests, such as ' +
          '`SizeRestrictions_BODY`, which otherwise blocks bodies over 8 KB.',
      ),
    originSecret: section(
      {
        versionId: secretVersion(
          'The version of the origin secret that CloudFront sends. By default the current ' +
            'one at the time of deployment.',
        ),
        alsoAcceptedVersionId: secretVersion(
          'A second version that the load balancers accept during a rotation.',
        ),
      },
      'The versions of the secret by which load balancers recognize CloudFront; see ' +
        'docs/operations/secrets.md.',
    ),
    dropQueryParameters: z
      .array(z.string().regex(/^[^&=*]+\*?$/))
      .default(['_', 'fbclid', 'gclid', 'ref', 'utm_*'])
      .describe(
        'Query parameters that do not change the response and are removed from the cache ' +
          'key; a trailing `*` matches any suffix.',
      ),
    languages: z
      .array(z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/))
      .min(1)
      .max(20)
      .default(['en'])
      .describe(
        'Languages of the site, the default first. Tiers that vary by language cache one ' +
          'object per language.',
      ),
    tiers: z
      .record(z.string().regex(/^[a-z][a-z0-9-]{0,39}$/), tier)
      .describe('The tiers by name.'),
    behaviors: z
      .array(
        z.strictObject({
          path: text(
            'A path pattern: `*` matches any characters, `?` exactly one; it is case-sensitive.',
          ).regex(PATH_PATTERN),
          tier: text('The name of a tier above.'),
          methods: z
            .enum(['read', 'all', 'split'])
            .optional()
            .describe(
              '`read`: GET, HEAD and OPTIONS, to the nearest region. `all`: every method, ' +
                'to the primary region. `split`: every method, reads to the nearest region ' +
                'and writes to the primary. A cached tier only allows `read`, its default; ' +
                'the default of an uncached tier is `all`.',
            ),
          batch: z
            .array(text('A path pattern.').regex(PATH_PATTERN))
            .min(1)
            .optional()
            .describe(
              'Patterns within this path whose requests go to `batchRegion`; for `split` ' +
                'and `lambda-edge` only.',
            ),
          origin: z
            .enum(['regions', 'bucket'])
            .default('regions')
            .describe(
              '`regions`: the load balancers. `bucket`: a private bucket of static files; ' +
                'for cached tiers with `queryParameters: none`.',
            ),
        }),
      )
      .min(1)
      .describe('The tier of each path. The first match wins.'),
    defaultTier: text('The tier of paths without a matching behavior.'),
    staticContent: section(
      {
        folder: text(
          'The folder of the built site, relative to the working directory of the app. ' +
            'Each deployment of the edge uploads it. By default nothing is uploaded: an ' +
            'output of the stack has the commands.',
        ).optional(),
      },
      'The content of the bucket behind behaviors with `origin: bucket`.',
    ),
    features: section(
      {
        normalizeCacheKeys: z
          .boolean()
          .default(true)
          .describe(
            'Normalize cache keys. If disabled, `dropQueryParameters` has no effect and ' +
              'the order of parameters matters, so there are fewer hits. No tier varies by ' +
              'language or image format: the origin receives neither, and sends its default.',
          ),
        tierTtls: z
          .boolean()
          .default(true)
          .describe(
            'Apply `continents`, `browserTtlSeconds`, `staleWhileRevalidateSeconds`, ' +
              '`staleIfErrorSeconds`, `errorTtlSeconds` and `setCookie` of the tiers. If ' +
              "disabled, they have no effect: the origin's Cache-Control decides, within the " +
              "tier's minimum and maximum, and every cached response loses its cookies.",
          ),
      },
      'Features that edge functions add to CloudFront. Each can be disabled in an incident ' +
        'and enabled again without another change to this file.',
    ),
    http3: z
      .boolean()
      .default(true)
      .describe(
        'Support HTTP/3 in addition to HTTP/2. CloudFront disables it during a staged ' +
          'rollout.',
      ),
    readFailover: z
      .boolean()
      .default(false)
      .describe(
        'Retry a read in the primary region if the nearest region fails (500, 502, 503, ' +
          '504), in addition to DNS health checks.',
      ),
    recentWriterSeconds: integer(
      1,
      3600,
      'How long a viewer reads from the primary region after a write, on paths that split ' +
        'their methods; longer than replicas lag. The edge uses the cookie ' +
        '`__Host-isochrone-wrote` for it.',
    ).default(10),
    batchRegion: text(
      'The region for batch work, usually the cheapest region of this file.',
    ).optional(),
    accessLogRetentionDays: integer(1, 3650, 'How long access logs are kept.').default(400),
  })
  .describe('CloudFront in front of all regions.');

const objectives = section(
  {
    p95LatencyMs: integer(
      1,
      60_000,
      '95 of 100 viewer requests are answered within this time, mostly from the edge.',
    ).default(50),
    regionP95LatencyMs: integer(
      1,
      60_000,
      '95 of 100 requests that reach a region are answered by its fleet within this time; ' +
        'the alarm of the region.',
    ).default(100),
    originP95LatencyMs: integer(
      1,
      60_000,
      '95 of 100 requests from the edge to an origin are answered within this time, ' +
        'intercontinental latency included; the alarm of the edge.',
    ).default(400),
    errorPercent: percent('Requests that may fail.').default(0.5),
    cacheHitPercent: percent('Requests that the edge answers from its cache.').default(90),
    cpuPercent: percent('CPU of fleets, databases and caches above which an alarm rings.').default(
      85,
    ),
    replicaLagSeconds: integer(1, 3600, 'How far a read replica may be behind.').default(30),
    alarmEmails: z
      .array(z.email())
      .default([])
      .describe('Addresses that receive the alarms of every region.'),
  },
  'Service objectives, the basis of alarms, dashboards and reports.',
);

export const deploymentSchema = z
  .strictObject({
    name: text(
      'The name of the system: 2 to 12 lower-case letters, digits and hyphens. It is the ' +
        'prefix of every physical name.',
    ).regex(/^[a-z](?:[a-z0-9]|-(?!-)){0,10}[a-z0-9]$/),
    environment: text(
      'The environment that this file describes, such as `production`: 2 to 12 lower-case ' +
        'letters and digits. Without hyphens, so that no two systems and environments share ' +
        'a name.',
    ).regex(/^[a-z][a-z0-9]{1,11}$/),
    account: text(
      'The AWS account, 12 digits in quotes. By default, the account of the credentials at ' +
        'deployment.',
    )
      .regex(/^\d{12}$/)
      .optional(),
    protection: z
      .enum(['retained', 'disposable'])
      .default('retained')
      .describe(
        '`retained`: databases, caches, keys and buckets outlive their stacks and cannot ' +
          'be deleted by accident. `disposable`: for sandboxes, without any of these ' +
          'protections.',
      ),
    primaryRegion: z
      .enum(REGION_NAMES as [string, ...string[]])
      .describe('The region of the primary database, which takes the writes.'),
    domain,
    regions: z
      .partialRecord(z.enum(REGION_NAMES as [string, ...string[]]), region)
      .describe('The regions that serve, by name.'),
    network,
    database,
    cache,
    service,
    edge,
    objectives,
  })
  .describe(
    'A deployment file is one map of settings: name, environment, domain, regions, edge ' +
      'and the rest.',
  );

/** A deployment as a file may write it, in which settings with a default are optional. */
export type DeploymentInput = z.input<typeof deploymentSchema>;

/** A complete deployment, with every default. */
export type Deployment = z.output<typeof deploymentSchema>;

/** The settings of one region of a deployment. */
export type DeploymentRegion = z.output<typeof region>;

/** The scaling of a deployment's caches. */
export type DeploymentCacheScaling = z.output<typeof cacheScaling>;

/** One tier of a deployment. */
export type DeploymentTier = z.output<typeof tier>;
