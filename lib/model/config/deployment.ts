/**
 * The deployment model: everything that one deployment file can say, with its limits and defaults.
 *
 * Pure data. Each name carries its unit; each description is shown to editors through the JSON
 * Schema and to people in error messages, so it states the rule and, where a figure or limit is not
 * ours, where it comes from. What depends on two fields at once is in `checks.ts`.
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

/** A section that may be left out as a whole: its own defaults then apply. */
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
    hostedZoneId: text('The Route 53 public hosted zone that holds every name below.').regex(
      /^Z[A-Z0-9]{4,31}$/,
    ),
    hostedZoneName: dnsName('The name of that hosted zone.'),
    siteName: dnsName('The name that viewers open. It must be the hosted zone or a name below it.'),
    originName: dnsName(
      'The name under which `read` and `write` lead CloudFront to the load balancers. By default, `origin.` before the site name.',
    ).optional(),
  })
  .describe('The names of the site. Synthesis looks nothing up, so the zone is named here.');

const region = z
  .strictObject({
    cidr: text(
      'The IPv4 range of the VPC, /16 to /20, of private addresses, apart from the ranges of the other regions so that the VPCs can be joined later.',
    ).regex(new RegExp(`^${IPV4}(\\.${IPV4}){3}/(1[6-9]|20)$`)),
    availabilityZones: z
      .array(z.string())
      .min(2)
      .max(6)
      .describe(
        'The zones to spread over, 2 to 6, such as `eu-west-1a`. Naming them is what spares synthesis a look-up. Their order is part of the layout: add a fourth at the end; any other change moves subnets and replicas, and fails.',
      ),
    natGateways: integer(
      1,
      6,
      'NAT gateways, at most one per zone. By default one per zone; with fewer, a failing zone can cut off the others, and each one costs money around the clock.',
    ).optional(),
    readReplicas: integer(
      0,
      RDS_POSTGRESQL.replicasPerSource,
      'PostgreSQL read replicas in this region. In the primary region they follow the primary. In another region the first is the hub that follows the primary, and the others follow the hub. RDS for PostgreSQL allows 15 replicas of one source.',
    ).default(2),
    replicaGeneration: integer(
      2,
      999,
      'Raise it to have the read replicas of this region made again, under names with this number in them, which follow the primary anew: 2 the first time. It replaces each of them. One region after the other, for old and new ones together count among the 15 of their source.',
    ).optional(),
    poolers: integer(
      0,
      20,
      'PgBouncer instances in this region, in front of its readers and its writer; one per zone survives the loss of a zone. 0: none, and applications connect to the database directly. From some to none: deploy `Service` without them, then delete the `Pooler` stack.',
    ).default(3),
    cacheMaintenanceWindow: text(
      'Overrides `cache.maintenanceWindow` in this region: the quiet hour of its users, in UTC. With one of its own in each region, no maintenance meets all caches at once.',
    )
      .regex(MAINTENANCE_WINDOW)
      .optional(),
    minInstances: integer(1, 1000, 'Overrides `service.minInstances` in this region.').optional(),
    maxInstances: integer(1, 1000, 'Overrides `service.maxInstances` in this region.').optional(),
  })
  .describe('What differs from region to region.');

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
        'AWS services that the VPC reaches without the internet. Each endpoint costs money per zone and hour.',
      ),
    flowLogRetentionDays: z
      .literal([30, 60, 90, 180, 365, 400, 731])
      .default(365)
      .describe(
        'How long the VPC flow logs are kept; one of the retentions that CloudWatch Logs knows.',
      ),
  },
  'The VPC of each region.',
);

const databaseParameters = section(
  {
    maxConnections: integer(
      RDS_POSTGRESQL.maxConnections.min,
      10_000,
      'max_connections of every instance. Each connection is a process: above a few thousand, pool instead.',
    ).default(500),
    reservedConnections: integer(
      RDS_POSTGRESQL.reservedConnections,
      500,
      'Connections that the poolers must leave free: 5 that PostgreSQL and RDS keep for themselves, replication, monitoring, migrations and people.',
    ).default(50),
    workMemMiB: integer(
      1,
      2048,
      'work_mem: memory for one sort or hash before it spills to disk. By default a 512th of the memory of the instance class: 32 MiB of 16 GiB.',
    ).optional(),
    statisticsTarget: integer(1, 10_000, 'default_statistics_target.').default(100),
    randomPageCost: z
      .number()
      .min(1)
      .max(10)
      .default(1.1)
      .describe('random_page_cost; close to 1 where storage is solid state.'),
    effectiveIoConcurrency: integer(0, 1000, 'effective_io_concurrency.').default(200),
    minWalSizeMiB: integer(128, 1_048_576, 'min_wal_size.').default(1024),
    maxWalSizeMiB: integer(128, 1_048_576, 'max_wal_size; at least min_wal_size.').default(4096),
    slowStatementMs: integer(
      1,
      600_000,
      'log_min_duration_statement: statements at least this slow are logged, with their text.',
    ).default(100),
    maxStandbyStreamingDelaySeconds: seconds(
      3600,
      'max_standby_streaming_delay of the replicas: how long replay waits for a query that conflicts with it before it cancels the query. Longer waits are replica lag.',
    ).default(30),
  },
  'Settings of PostgreSQL. RDS has no ALTER SYSTEM: they go into parameter groups, and memory follows the instance class.',
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
      'reserve_pool_size: further connections when a client has waited too long.',
    ).default(5),
    reservePoolTimeoutSeconds: seconds(
      3600,
      'reserve_pool_timeout: how long a client waits before the reserve opens.',
    ).default(3),
    maxDatabaseConnections: integer(
      1,
      10_000,
      'max_db_connections: server connections of one pooler to the readers, and as many to the writer, at most. It is cut to the share of a pooler: (max_connections − reserved) ÷ (2 × (poolers + 2)), where the first 2 are readers and writer, which may be one instance, and the other 2 are poolers that come and go while one is replaced.',
    ).default(100),
    serverIdleTimeoutSeconds: seconds(86_400, 'server_idle_timeout.').default(600),
    serverLifetimeSeconds: seconds(604_800, 'server_lifetime.').default(3600),
    serverConnectTimeoutSeconds: seconds(600, 'server_connect_timeout.').default(15),
    queryWaitTimeoutSeconds: seconds(
      3600,
      'query_wait_timeout: how long a query may wait for a server connection.',
    ).default(120),
  },
  'PgBouncer in transaction mode: the figures of each pooler. See docs/operations/pooling.md.',
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
      'Connections that one application instance opens at most.',
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
  'The pools inside each application instance, to readers and writer together, which applications are to keep to: the poolers of each region must have room for them.',
);

const database = section(
  {
    engineVersion: text(
      'The PostgreSQL version, in quotes: major 16, 17 or 18, such as `"17"`, which leaves minor versions to RDS and its maintenance window, or with a minor one, such as `"17.6"`. Unquoted, YAML reads 17.10 as 17.1. Another major version needs `upgradingFrom`.',
    )
      .regex(/^(16|17|18)(\.[1-9]\d?)?$/)
      .default('17'),
    upgradingFrom: text(
      'The major version that an upgrade to `engineVersion` begins at, in quotes: `"16"` or `"17"`. In the file for the first of two deployments, out of it for the second: docs/operations/postgres-upgrade.md.',
    )
      .regex(/^(16|17)$/)
      .optional(),
    databaseName: text(
      'The first database, at most 56 characters; not `rdsadmin`, which RDS keeps for itself, nor `pgbouncer`. The poolers lead it to the readers, and the same name with `_writer` to the writer.',
    )
      .regex(/^(?!rdsadmin$|pgbouncer$)[a-z][a-z0-9_]{0,55}$/)
      .default('app'),
    applicationUser: text(
      'The PostgreSQL role that applications log in as, by IAM authentication. Migrations create it. Names that begin with pg_ or rds are kept by PostgreSQL and RDS, and `postgres` is the master user.',
    )
      .regex(/^(?!pg_|rds|postgres$)[a-z][a-z0-9_]{0,62}$/)
      .default('application'),
    poolerSecret: text(
      'The name of a secret, the same in each region, with `username` and `password` by which applications log in through the poolers. It is not made here; the fleets may read it, and find its name in the settings of their region.',
    )
      .regex(/^(?!.*-[A-Za-z0-9]{6}$)[A-Za-z0-9/_+=.@-]{1,256}$/)
      .optional(),
    instanceClass: text('The class of every instance, such as `db.r6g.large`.')
      .regex(/^db\.[a-z0-9]+\.[a-z0-9]+$/)
      .default('db.r6g.large'),
    allocatedStorageGiB: integer(
      RDS_POSTGRESQL.gp3StorageGiB.min,
      RDS_POSTGRESQL.gp3StorageGiB.max,
      'gp3 storage at the start. From 400 GiB, RDS stripes it over four volumes: 12,000 IOPS instead of 3,000.',
    ).default(400),
    maxAllocatedStorageGiB: integer(
      RDS_POSTGRESQL.gp3StorageGiB.min,
      RDS_POSTGRESQL.gp3StorageGiB.max,
      'How far storage grows by itself. At least 10 % above the start, or it never does.',
    ).default(2000),
    backupRetentionDays: integer(
      1,
      RDS_POSTGRESQL.backupRetentionDays.max,
      'Days of automatic backups and point-in-time recovery, on the primary and on each hub. Replicas need at least 1.',
    ).default(14),
    promotions: z
      .array(
        z.strictObject({
          instance: text(
            'The hub that was promoted, such as `market-production-eu-west-1-hub`.',
          ).regex(/^[a-z](-?[a-z0-9])*$/),
          from: z
            .enum(REGION_NAMES as [string, ...string[]])
            .describe('The region that it took over from.'),
        }),
      )
      .default([])
      .describe(
        'The promotions of hubs, in their order: the last one is the primary, in `primaryRegion`. Only what `isochrone promote` has done belongs here, as it prints it.',
      ),
    parameters: databaseParameters,
    migrationsFolder: text(
      'A folder of SQL files, relative to where the app is started, that bring the schema up to date. A project in the primary region runs them, started by a command and not by the deployment.',
    ).optional(),
    queryAdvice: z
      .boolean()
      .default(false)
      .describe(
        'Every hour, look at the primary and at one replica of each region for slow statements and for indexes that are missing or in the way. It logs in as the role `advisor`, which a migration makes, and its log has statements without their constants; see docs/operations/advice.md.',
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
    name: text('Its name, such as `open`.').regex(/^[A-Za-z][A-Za-z0-9-]{0,39}$/),
    cron: text(
      'When, as six fields: minute, hour, day of the month, month, day of the week, year; such as `0 8 ? * MON-FRI *`. Begin an hour before the load does: keys move first.',
    ).regex(/^\S+( \S+){5}$/),
    timeZone: text(
      'The zone of these times by its IANA name, such as `America/New_York`: they keep to the hour when the clocks change.',
    ),
    minShards: cacheShards('Shards at least, from then on.'),
    maxShards: cacheShards(
      'Shards at most, from then on. By default those of the scaling.',
    ).optional(),
    regions: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('Where it holds; by default in every region.'),
  })
  .describe('Other bounds from some time on, until another schedule.');

const cacheScaling = z
  .strictObject({
    minShards: cacheShards(
      'Shards at least. By default those that the caches are created with.',
    ).optional(),
    maxShards: cacheShards('Shards at most.'),
    maxReplicasPerShard: integer(
      1,
      ELASTICACHE.replicasPerShard,
      'Replicas of each shard at most, from `replicasPerShard` on. By default replicas are not scaled.',
    ).optional(),
    targetCpuPercent: cacheTarget(
      'Load of the engine that the primaries are kept at. ElastiCache takes 35 to 70.',
    ).default(60),
    targetMemoryPercent: cacheTarget(
      'Memory in use that the caches are kept at. ElastiCache takes 35 to 70. With an allkeys policy, a cache fills whatever it is given, and would stay at its most.',
    ).optional(),
    schedules: z.array(cacheSchedule).default([]).describe('Bounds that follow the clock.'),
  })
  .describe(
    'How far the caches scale by themselves. `shards` is then what they are created with; leave it as it is.',
  );

const globalCache = z
  .strictObject({
    primaryRegion: text(
      'The region whose cache the others follow. By default the `primaryRegion` of the deployment; write it down here before that moves with the database, or the caches are made anew.',
    ).optional(),
    secondaryRegions: z
      .array(z.string())
      .min(1)
      .max(ELASTICACHE.globalDatastore.secondaryRegions)
      .optional()
      .describe(
        'The regions whose caches follow it, at most two; the others keep caches of their own. By default all other regions.',
      ),
    engineVersion: cacheEngineVersion
      .optional()
      .describe(
        'The Valkey version of all members, once they have been upgraded. Leave `cache.engineVersion` as it was.',
      ),
    nodeType: cacheNodeType(
      'The node type of all members, once it has been changed. Leave `cache.nodeType` as it was.',
    ).optional(),
    shards: cacheShards(
      'The shards of all members, once they have been changed. Leave `cache.shards` as it was.',
    ).optional(),
  })
  .describe(
    'A Global Datastore: the caches of one or two regions follow that of another, and answer reads alone. The caches of the runtime library write in every region, and want independent ones. See docs/operations/cache.md before you turn it on: the caches of the other regions are made anew.',
  );

const strategy = z
  .strictObject({
    prefix: text(
      'Begins every key of the strategy, with a colon at the end. By default, the name of the strategy with a colon; two strategies with one prefix would read each other’s values.',
    )
      .regex(/^[a-z][a-z0-9:_-]{0,62}:$/)
      .optional(),
    ttlSeconds: integer(
      1,
      YEAR_SECONDS,
      'How long a value is fresh. A strategy of your own must have it.',
    ).optional(),
    serializer: z
      .enum(['json', 'msgpack'])
      .optional()
      .describe(
        'How a value becomes bytes: `json`, or `msgpack`, which is smaller and keeps binary data.',
      ),
    compress: z.boolean().optional().describe('Whether large values are compressed.'),
    staleSeconds: seconds(
      YEAR_SECONDS,
      'How long a value is kept after it stopped being fresh; see `serveStale`.',
    ).optional(),
    serveStale: z
      .enum(['while-renewing', 'if-error'])
      .optional()
      .describe(
        'When a value that is no longer fresh is used: while it is renewed in the background, or where a load has failed.',
      ),
    refreshAhead: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe(
        'The share of the time to live after which a hit renews the value in the background; 1 never does.',
      ),
    negativeTtlSeconds: seconds(
      86_400,
      'How long an error of a loader is remembered, where the application names such errors.',
    ).optional(),
    jitter: z
      .number()
      .min(0)
      .max(0.5)
      .optional()
      .describe('By which share a time to live is made longer or shorter at random.'),
    memoryTtlSeconds: seconds(
      86_400,
      'How long the memory of a process answers before it asks Valkey again.',
    ).optional(),
  })
  .describe('What is different about one strategy of `isochrone/runtime`, or one of your own.');

const cache = section(
  {
    engineVersion: cacheEngineVersion
      .default('8.2')
      .describe('The Valkey version, in quotes, such as `"8.2"`; one that ElastiCache offers.'),
    nodeType: cacheNodeType('The node type, such as `cache.r7g.large`.').default('cache.r7g.large'),
    shards: cacheShards(
      'Shards of the replication group of each region. With `scaling`, those that it is created with.',
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
        'What goes when memory is full. A cache wants allkeys-lru or allkeys-lfu; noeviction makes writes fail.',
      ),
    reservedMemoryPercent: integer(
      ELASTICACHE.reservedMemoryPercent.min,
      ELASTICACHE.reservedMemoryPercent.max,
      'reserved-memory-percent: memory that is kept from the data, for snapshots, failovers and the buffers of clients.',
    ).default(25),
    slowCommandMs: integer(
      1,
      60_000,
      'slowlog-log-slower-than: commands at least this slow stand in the slow log.',
    ).default(10),
    snapshotRetentionDays: integer(
      0,
      ELASTICACHE.snapshotRetentionDays.max,
      'Days that daily snapshots are kept; 0 takes none.',
    ).default(1),
    snapshotWindow: text('When the daily snapshot is taken, in UTC, an hour at least.')
      .regex(SNAPSHOT_WINDOW)
      .default(DEFAULT_SNAPSHOT_WINDOW),
    maintenanceWindow: text(
      'When maintenance may happen, in UTC, an hour at least and apart from the snapshot.',
    )
      .regex(MAINTENANCE_WINDOW)
      .default(DEFAULT_MAINTENANCE_WINDOW),
    strategies: z
      .record(text('A name.').regex(/^[a-z][A-Za-z0-9-]{0,39}$/), strategy)
      .default({})
      .describe(
        'How applications cache, by the name of the strategy: session, api, query, kpi, preferences, static, portfolio and strategies exist with figures of their own, and further ones can be added. Applications find them in the settings of their region.',
      ),
    invalidationWindowMs: integer(
      0,
      10_000,
      'How long applications gather events that end what is cached, before they act on all of them together.',
    ).default(50),
  },
  'One Valkey replication group per region, and how applications use it.',
);

const service = section(
  {
    instanceType: text('An arm64 instance type, such as `m7g.large`.')
      .regex(/^[a-z]+\d+g[a-z]*\.[a-z0-9]+$/)
      .default('m7g.large'),
    minInstances: integer(
      1,
      1000,
      'Instances per region at least; 2 survive the loss of one.',
    ).default(2),
    maxInstances: integer(1, 1000, 'Instances per region at most.').default(50),
    targetCpuPercent: percent('Average CPU that the fleet is kept at.').default(70),
    targetRequestsPerSecond: integer(
      1,
      100_000,
      'Requests per second and instance that the fleet is kept at.',
    ).default(1000),
    port: integer(
      1024,
      65_535,
      'The port that the application listens on, without privileges.',
    ).default(8080),
    healthCheckGraceSeconds: integer(
      AUTO_SCALING.healthCheckGraceSeconds.min,
      AUTO_SCALING.healthCheckGraceSeconds.max,
      'How long a new instance may take to answer before it is replaced.',
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
        '`false`: nothing is cached, every method is allowed, and requests go to the write origin.',
      ),
    minTtlSeconds: ttl(
      'The shortest time an object is kept. Above 0, CloudFront keeps even what the origin marks no-store, so the default is right almost always.',
    ).default(0),
    defaultTtlSeconds: ttl('How long an object is kept when the origin says nothing.').default(
      3600,
    ),
    maxTtlSeconds: ttl(
      'The longest time an object is kept, whatever the origin says. By default the default TTL: the origin can shorten it, not extend it.',
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
        'Query parameters in the cache key: `all` that normalisation leaves, `none`, or a list. A cache policy takes 10 names of 1,024 characters together.',
      ),
    browserTtlSeconds: ttl(
      'How long the browser keeps it, at most as long as the edge. By default as the origin says.',
    ).optional(),
    staleWhileRevalidateSeconds: ttl(
      'How long the edge may answer with an expired object while it fetches a new one. By default as the origin says.',
    ).optional(),
    staleIfErrorSeconds: ttl(
      'How long the edge may answer with an expired object when the origin fails. By default as the origin says.',
    ).optional(),
    errorTtlSeconds: integer(
      10,
      YEAR_SECONDS,
      'How long an error answer is kept at most; CloudFront keeps it for 10 seconds at least.',
    ).default(10),
    setCookie: z
      .enum(['bypass', 'strip'])
      .optional()
      .describe(
        'An answer with Set-Cookie, whose cookie no cached path sends on: `bypass` keeps it out of the cache, `strip` caches it without. By default `bypass`.',
      ),
    cors: z
      .boolean()
      .default(false)
      .describe(
        'Other sites may read it: the headers of CORS reach the origin, and are part of the key.',
      ),
    compress: z
      .boolean()
      .default(true)
      .describe(
        'Compress text on the way, and keep one object per encoding; of no use to images and films.',
      ),
    varyByLanguage: z.boolean().default(false).describe('Keep one object per negotiated language.'),
    varyByImageFormat: z
      .boolean()
      .default(false)
      .describe('Keep one object per negotiated image format.'),
    continents: z
      .partialRecord(
        z.enum(['africa', 'apac', 'europe', 'middle-east', 'north-america', 'south-america']),
        ttlOverride,
      )
      .default({})
      .describe(
        'TTLs that differ by part of the world. An alias can sit on one distribution only, so an edge function sets them. Not together with `originShieldRegion`: that function would then run in the Shield region for everybody.',
      ),
  })
  .describe('How one kind of content is cached at the edge.');

const edge = z
  .strictObject({
    runtime: z
      .enum(['lambda-edge', 'cloudfront-functions'])
      .default('lambda-edge')
      .describe(
        '`lambda-edge`: load balancers on the internet, open to CloudFront only. `cloudfront-functions`: load balancers in private subnets, behind VPC origins, and the cheaper functions; without TTLs by part of the world, in browsers and for stale answers, without `batch` and `readFailover`. Another value replaces the load balancers.',
      ),
    priceClass: z
      .enum(['100', '200', 'all'])
      .default('all')
      .describe('Which edge locations serve; `all` includes Sydney, Tokyo and Singapore.'),
    originShieldRegion: text(
      'One more cache in front of the origins. Its region then fetches every miss of the world, so reads no longer reach the region nearest to the viewer.',
    ).optional(),
    rateLimitPerMinute: integer(
      10,
      2_000_000_000,
      'Requests per minute and client address before AWS WAF blocks; AWS takes 10 at least.',
    ).default(100),
    pathRateLimits: z
      .array(
        z.strictObject({
          pathPrefix: text('How the paths begin, such as `/auth/`.').regex(/^\/[^*?\s]{1,199}$/),
          requestsPerMinute: integer(
            10,
            2_000_000_000,
            'Requests per minute and client address to these paths.',
          ),
        }),
      )
      .default([])
      .describe(
        'Paths with a rate limit of their own, which do not count towards the general one.',
      ),
    countOnlyRules: z
      .array(z.string().regex(/^[A-Za-z0-9_]+$/))
      .default([])
      .describe(
        'Rules of the common rule set of AWS WAF that only count, such as `SizeRestrictions_BODY`, which otherwise blocks bodies over 8 KB.',
      ),
    originSecret: section(
      {
        versionId: secretVersion(
          'The version of the origin secret that CloudFront sends. By default the current one at the time of deployment.',
        ),
        alsoAcceptedVersionId: secretVersion(
          'A second version that the load balancers accept while the secret is being rotated.',
        ),
      },
      'Which versions of the secret are in use by which load balancers recognise CloudFront; see docs/operations/secrets.md.',
    ),
    dropQueryParameters: z
      .array(z.string().regex(/^[^&=*]+\*?$/))
      .default(['_', 'fbclid', 'gclid', 'ref', 'utm_*'])
      .describe(
        'Query parameters that do not change the answer and leave the cache key; `*` at the end stands for any rest.',
      ),
    languages: z
      .array(z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/))
      .min(1)
      .max(20)
      .default(['en'])
      .describe(
        'Languages of the site, the default first. Each one is a copy of every object of a tier that varies by language.',
      ),
    tiers: z
      .record(z.string().regex(/^[a-z][a-z0-9-]{0,39}$/), tier)
      .describe('The tiers by name.'),
    behaviors: z
      .array(
        z.strictObject({
          path: text(
            'A path pattern: `*` stands for any characters, `?` for exactly one; case matters.',
          ).regex(PATH_PATTERN),
          tier: text('The name of a tier above.'),
          methods: z
            .enum(['read', 'all', 'split'])
            .optional()
            .describe(
              '`read`: GET, HEAD and OPTIONS, from the nearest region. `all`: every method, from the primary region. `split`: every method, reads from the nearest region and writes from the primary one. A cached tier takes `read` only, and is it by default; an uncached one is `all` by default.',
            ),
          batch: z
            .array(text('A path pattern.').regex(PATH_PATTERN))
            .min(1)
            .optional()
            .describe(
              'Patterns within this one whose requests go to `batchRegion`; for `split` and `lambda-edge` only.',
            ),
          origin: z
            .enum(['regions', 'bucket'])
            .default('regions')
            .describe(
              '`regions`: the load balancers. `bucket`: a private bucket of static files beside CloudFront; for cached tiers whose `queryParameters` are `none`.',
            ),
        }),
      )
      .min(1)
      .describe('Which path gets which tier. The first match wins.'),
    defaultTier: text('The tier of every path that no behaviour matches.'),
    staticContent: section(
      {
        folder: text(
          'The folder of the built site, relative to where the app is started. It is uploaded with each deployment of the edge. By default nothing is uploaded: the stack puts out the commands that do it.',
        ).optional(),
      },
      'What the bucket holds that behaviours of `origin: bucket` are served from.',
    ),
    features: section(
      {
        normalizeCacheKeys: z
          .boolean()
          .default(true)
          .describe(
            'Normalise cache keys. Off, `dropQueryParameters` drops nothing and the order of parameters makes a difference: fewer hits. No tier varies by language or image format: the origin is told neither, and answers with what it has by default.',
          ),
        tierTtls: z
          .boolean()
          .default(true)
          .describe(
            "Have answers follow their tier in `continents`, `browserTtlSeconds`, `staleWhileRevalidateSeconds`, `staleIfErrorSeconds`, `errorTtlSeconds` and `setCookie`. Off, these have no effect: the origin's Cache-Control alone holds, within the tier's minimum and maximum, and every cached answer loses its cookies.",
          ),
      },
      'What edge functions add to CloudFront. Each can be turned off alone, in an incident, and on again; nothing else in this file has to change for it.',
    ),
    http3: z
      .boolean()
      .default(true)
      .describe('Speak HTTP/3 beside HTTP/2. CloudFront has none during a staged rollout.'),
    readFailover: z
      .boolean()
      .default(false)
      .describe(
        'Ask the primary region for a read that the nearest one cannot answer (500, 502, 503, 504), beside what DNS health checks do.',
      ),
    recentWriterSeconds: integer(
      1,
      3600,
      'How long a viewer who wrote reads from the primary region, on paths that split their methods; longer than replicas lag. The edge says so with the cookie `__Host-isochrone-wrote`.',
    ).default(10),
    batchRegion: text(
      'The region for batch work: the cheapest of the regions of this file.',
    ).optional(),
    accessLogRetentionDays: integer(1, 3650, 'How long access logs are kept.').default(400),
  })
  .describe('CloudFront in front of all regions.');

const objectives = section(
  {
    p95LatencyMs: integer(
      1,
      60_000,
      '95 of 100 requests of viewers are answered within this time, from the edge where it can.',
    ).default(50),
    regionP95LatencyMs: integer(
      1,
      60_000,
      '95 of 100 requests that reach a region are answered by its fleet within this time; the alarm of the region.',
    ).default(100),
    originP95LatencyMs: integer(
      1,
      60_000,
      '95 of 100 requests that the edge sends to an origin are answered within this time, the way across an ocean included; the alarm of the edge.',
    ).default(400),
    errorPercent: percent('Requests that may fail.').default(0.5),
    cacheHitPercent: percent('Requests that the edge answers from its cache.').default(90),
    cpuPercent: percent(
      'CPU of the fleets and databases that is worth waking somebody for.',
    ).default(85),
    replicaLagSeconds: integer(1, 3600, 'How far a read replica may be behind.').default(30),
    alarmEmails: z
      .array(z.email())
      .default([])
      .describe('Addresses that the alarms of every region write to.'),
  },
  'What users may expect; alarms, dashboards and reports are made from it.',
);

export const deploymentSchema = z
  .strictObject({
    name: text(
      'The name of the system: 2 to 12 lower-case letters, digits and hyphens. It begins every physical name.',
    ).regex(/^[a-z](?:[a-z0-9]|-(?!-)){0,10}[a-z0-9]$/),
    environment: text(
      'Which one of its environments this file describes, such as `production`: 2 to 12 lower-case letters and digits. Without hyphens, so that no two systems and environments share a name.',
    ).regex(/^[a-z][a-z0-9]{1,11}$/),
    account: text(
      'The AWS account, 12 digits in quotes. By default that of the credentials at deployment.',
    )
      .regex(/^\d{12}$/)
      .optional(),
    protection: z
      .enum(['retained', 'disposable'])
      .default('retained')
      .describe(
        '`retained`: databases, caches, keys and buckets outlive their stacks and cannot be deleted by accident. `disposable`: for sandboxes, all of that is off at once.',
      ),
    primaryRegion: z
      .enum(REGION_NAMES as [string, ...string[]])
      .describe('The region of the primary database, where writes go.'),
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
    'A deployment file is one map of settings: name, environment, domain, regions, edge and the rest.',
  );

/** A deployment as a file may write it: what has a default can be left out. */
export type DeploymentInput = z.input<typeof deploymentSchema>;

/** A whole deployment, every default filled in. */
export type Deployment = z.output<typeof deploymentSchema>;

/** What a deployment says of one region. */
export type DeploymentRegion = z.output<typeof region>;

/** How the caches of a deployment scale. */
export type DeploymentCacheScaling = z.output<typeof cacheScaling>;

/** One tier of a deployment. */
export type DeploymentTier = z.output<typeof tier>;
