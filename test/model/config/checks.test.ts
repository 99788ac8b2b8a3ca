/**
 * Each check over several fields, both ways: the mistake is refused with its reason, and the
 * neighboring valid value passes.
 */
import { formatPath } from '../../../lib/model/config/problem';
import { connectionsPerPooler } from '../../../lib/tools/postgres/pgbouncer/pgbouncer';
import { MARKET, market, problemsOf } from './market';

interface Case {
  readonly check: string;
  readonly passage: string;
  readonly wrong: string;
  readonly path: string;
  readonly says: RegExp;
  readonly right: string;
}

/** Strategies in YAML whose JSON has the given number of bytes. */
function strategiesOfBytes(bytes: number): string {
  const names = Array.from({ length: 50 }, (_, i) => `s${i}`);
  const bytesOf = () =>
    JSON.stringify(Object.fromEntries(names.map((name) => [name, { ttlSeconds: 1 }]))).length;
  while (bytesOf() > bytes) names.pop();
  for (let i = 0; bytesOf() < bytes; i = (i + 1) % names.length) names[i] += 'x';
  return names.map((name) => `${name}: { ttlSeconds: 1 }`).join(', ');
}

/** Scaling with the given schedules. */
const scheduled = (...schedules: string[]) =>
  'scaling:\n    maxShards: 4\n    ' +
  `schedules:${schedules.map((schedule) => `\n      - ${schedule}`).join('')}`;

const CASES: Case[] = [
  {
    check: 'an upgrade starts at an older major version',
    passage: 'engineVersion: "17"',
    wrong: 'engineVersion: "17.6"\n  upgradingFrom: "17"',
    path: 'database.upgradingFrom',
    says: /a major version below 17, that of `engineVersion`/,
    right: 'engineVersion: "18"\n  upgradingFrom: "16"',
  },
  {
    check: 'an upgrade does not lead to an older major version',
    passage: 'engineVersion: "17"',
    wrong: 'engineVersion: "16"\n  upgradingFrom: "17"',
    path: 'database.upgradingFrom',
    says: /RDS never downgrades/,
    right: 'engineVersion: "17"\n  upgradingFrom: "16"',
  },
  {
    check: 'the primary is one of the regions',
    passage: 'primaryRegion: us-east-1',
    wrong: 'primaryRegion: us-west-2',
    path: 'primaryRegion',
    says: /one of the regions of this file: us-east-1, eu-west-1, ap-southeast-1/,
    right: 'primaryRegion: eu-west-1',
  },
  {
    check: 'applications do not log in as a role of the deployment',
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  applicationUser: advisor',
    path: 'database.applicationUser',
    says: /another name than promotion_probe and advisor/,
    right: 'databaseName: market\n  applicationUser: adviser',
  },
  {
    check: 'a new strategy has a time to live',
    passage: 'maxmemoryPolicy: allkeys-lru',
    wrong: 'maxmemoryPolicy: allkeys-lru\n  strategies: { sesion: { compress: true } }',
    path: 'cache.strategies.sesion.ttlSeconds',
    says: /given, because sesion is not one of session, api/,
    right:
      'maxmemoryPolicy: allkeys-lru\n  strategies: { session: { compress: true }, sesion: ' +
      '{ ttlSeconds: 1 } }',
  },
  {
    check: 'a time to live is at most a year',
    passage: 'maxmemoryPolicy: allkeys-lru',
    wrong: 'maxmemoryPolicy: allkeys-lru\n  strategies: { kpi: { ttlSeconds: 31536001 } }',
    path: 'cache.strategies.kpi.ttlSeconds',
    says: /at most 31536000/,
    right: 'maxmemoryPolicy: allkeys-lru\n  strategies: { kpi: { ttlSeconds: 31536000 } }',
  },
  {
    check: 'a time to live is at least a second',
    passage: 'maxmemoryPolicy: allkeys-lru',
    wrong: 'maxmemoryPolicy: allkeys-lru\n  strategies: { kpi: { ttlSeconds: 0 } }',
    path: 'cache.strategies.kpi.ttlSeconds',
    says: /at least 1/,
    right: 'maxmemoryPolicy: allkeys-lru\n  strategies: { kpi: { ttlSeconds: 1 } }',
  },
  {
    check: 'a strategy has no unknown field',
    passage: 'maxmemoryPolicy: allkeys-lru',
    wrong: 'maxmemoryPolicy: allkeys-lru\n  strategies: { kpi: { ttl: 15 } }',
    path: 'cache.strategies.kpi.ttl',
    says: /"ttl" is not one of prefix, ttlSeconds/,
    right: 'maxmemoryPolicy: allkeys-lru\n  strategies: { kpi: { jitter: 0 } }',
  },
  {
    check: 'two strategies have different prefixes',
    passage: 'maxmemoryPolicy: allkeys-lru',
    wrong:
      'maxmemoryPolicy: allkeys-lru\n  strategies: { quotes: { ttlSeconds: 2, prefix: "kpi:" } }',
    path: 'cache.strategies.quotes.prefix',
    says: /other than the prefix of kpi/,
    right:
      'maxmemoryPolicy: allkeys-lru\n  strategies: { quotes: { ttlSeconds: 2, prefix: "kpis:" } }',
  },
  {
    check: 'a strategy of the library does not take the prefix of another',
    passage: 'maxmemoryPolicy: allkeys-lru',
    wrong: 'maxmemoryPolicy: allkeys-lru\n  strategies: { api: { prefix: "kpi:" } }',
    path: 'cache.strategies.api.prefix',
    says: /other than the prefix of kpi/,
    right:
      'maxmemoryPolicy: allkeys-lru\n  strategies: { api: { prefix: "kpi:" }, kpi: { ' +
      'prefix: "api:" } }',
  },
  {
    check: 'strategies fit into the settings of a region',
    passage: 'maxmemoryPolicy: allkeys-lru',
    wrong: `maxmemoryPolicy: allkeys-lru\n  strategies: { ${strategiesOfBytes(2049)} }`,
    path: 'cache.strategies',
    says: /at most 2048 bytes.*4 KB/s,
    right: `maxmemoryPolicy: allkeys-lru\n  strategies: { ${strategiesOfBytes(2048)} }`,
  },
  {
    check: 'the name of a secret does not end like the ARN of a secret',
    passage: 'migrationsFolder:',
    wrong: 'poolerSecret: market-logins\n  migrationsFolder:',
    path: 'database.poolerSecret',
    says: /of the form described below/,
    right: 'poolerSecret: market/pooler-login\n  migrationsFolder:',
  },
  {
    check: 'zones exist',
    passage: 'availabilityZones: [eu-west-1a, eu-west-1b, eu-west-1c]',
    wrong: 'availabilityZones: [eu-west-1a, eu-west-1b, eu-west-1d]',
    path: 'regions.eu-west-1.availabilityZones[2]',
    says: /a zone of eu-west-1: eu-west-1a, eu-west-1b, eu-west-1c/,
    right: 'availabilityZones: [eu-west-1a, eu-west-1b]',
  },
  {
    check: 'zones are unique',
    passage: 'availabilityZones: [eu-west-1a, eu-west-1b, eu-west-1c]',
    wrong: 'availabilityZones: [eu-west-1a, eu-west-1b, eu-west-1a]',
    path: 'regions.eu-west-1.availabilityZones[2]',
    says: /unique/,
    right: 'availabilityZones: [eu-west-1c, eu-west-1b, eu-west-1a]',
  },
  {
    check: 'there are at most as many NAT gateways as zones',
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 10.20.0.0/16\n    natGateways: 4',
    path: 'regions.eu-west-1.natGateways',
    says: /1 to 3, the number of zones/,
    right: 'cidr: 10.20.0.0/16\n    natGateways: 3',
  },
  {
    check: 'networks do not overlap',
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 10.10.240.0/20',
    path: 'regions.eu-west-1.cidr',
    says: /apart from 10\.10\.0\.0\/16 of us-east-1/,
    right: 'cidr: 10.11.0.0/20',
  },
  {
    check: 'a network starts at the first address of its block',
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 10.20.16.0/16',
    path: 'regions.eu-west-1.cidr',
    says: /the first address of its block.*10\.20\.0\.0\/16/,
    right: 'cidr: 10.20.16.0/20',
  },
  {
    check: 'a network has private addresses',
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 172.32.0.0/16',
    path: 'regions.eu-west-1.cidr',
    says: /within 10\.0\.0\.0\/8, 172\.16\.0\.0\/12/,
    right: 'cidr: 172.31.0.0/16',
  },
  {
    check: 'the names of the origins fit into a certificate',
    passage: 'siteName: market.example.com',
    wrong: `siteName: ${'m'.repeat(40)}.example.com`,
    path: 'domain.siteName',
    says: /at most 64 characters, not 65/,
    right: `siteName: ${'m'.repeat(39)}.example.com`,
  },
  {
    check: 'the site is not its own origin',
    passage: 'siteName: market.example.com',
    wrong: 'siteName: read.origin.example.com\n  originName: origin.example.com',
    path: 'domain.siteName',
    says: /another name than those of the origins/,
    right: 'siteName: reads.origin.example.com\n  originName: origin.example.com',
  },
  {
    check: 'the alarm on CPU is above the scaling target',
    passage: 'cpuPercent: 85',
    wrong: 'cpuPercent: 70',
    path: 'objectives.cpuPercent',
    says: /above 70 %, the scaling target `service\.targetCpuPercent`/,
    right: 'cpuPercent: 71',
  },
  {
    check: 'endpoints are unique',
    passage: 'edge:\n',
    wrong: 'network: { interfaceEndpoints: [kms, kms] }\nedge:\n',
    path: 'network.interfaceEndpoints[1]',
    says: /unique/,
    right: 'network: { interfaceEndpoints: [kms, logs] }\nedge:\n',
  },
  {
    check: 'max_connections exceeds the reserved connections',
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  parameters: { maxConnections: 400, reservedConnections: 400 }',
    path: 'database.parameters.reservedConnections',
    says: /less than max_connections, 400/,
    right: 'databaseName: market\n  parameters: { maxConnections: 400, reservedConnections: 100 }',
  },
  {
    check: 'storage grows within the limit of gp3',
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  allocatedStorageGiB: 60000\n  maxAllocatedStorageGiB: 65536',
    path: 'database.allocatedStorageGiB',
    says: /at most 59578/,
    right: 'databaseName: market\n  allocatedStorageGiB: 59578\n  maxAllocatedStorageGiB: 65536',
  },
  {
    check: 'no behavior has the pattern of the default behavior',
    passage: '{ path: /performance/*, tier: uncached }',
    wrong: "{ path: '/*', tier: uncached }",
    path: 'edge.behaviors[14].path',
    says: /leaves some path to the default tier/,
    right: "{ path: '/?*', tier: uncached }",
  },
  {
    check: 'the site name is in the zone',
    passage: 'siteName: market.example.com',
    wrong: 'siteName: market.anexample.com',
    path: 'domain.siteName',
    says: /example\.com or a name below it/,
    right: 'siteName: example.com',
  },
  {
    check: 'the origin name is in the zone',
    passage: 'siteName: market.example.com',
    wrong: 'siteName: market.example.com\n  originName: origin.example.org',
    path: 'domain.originName',
    says: /example\.com or a name below it/,
    right: 'siteName: market.example.com\n  originName: origin.example.com',
  },
  {
    check: 'the minimum size of a fleet is not above its maximum',
    passage: '  minInstances: 2\n  maxInstances: 50',
    wrong: '  minInstances: 51\n  maxInstances: 50',
    path: 'service.maxInstances',
    says: /at least the minimum number of instances, 51/,
    right: '  minInstances: 50\n  maxInstances: 50',
  },
  {
    check: "the minimum size of a region is not above the service's maximum",
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 10.20.0.0/16\n    minInstances: 60',
    path: 'regions.eu-west-1.minInstances',
    says: /1 to the maximum number of instances, 50/,
    right: 'cidr: 10.20.0.0/16\n    minInstances: 40',
  },
  {
    check: 'every other region has a hub',
    passage: 'readReplicas: 3 #',
    wrong: 'readReplicas: 0 #',
    path: 'regions.ap-southeast-1.readReplicas',
    says: /at least 1 outside the primary region/,
    right: 'readReplicas: 1 #',
  },
  {
    check: 'one source has at most 15 replicas, hubs included',
    passage: 'availabilityZones: [us-east-1a, us-east-1b, us-east-1c]\n    readReplicas: 2',
    wrong: 'availabilityZones: [us-east-1a, us-east-1b, us-east-1c]\n    readReplicas: 14',
    path: 'regions.us-east-1.readReplicas',
    says: /0 to 13 RDS for PostgreSQL allows 15 replicas of one source/,
    right: 'availabilityZones: [us-east-1a, us-east-1b, us-east-1c]\n    readReplicas: 13',
  },
  {
    check:
      'connection budget: pools × poolers, also while one is replaced, ≤ max_connections − reserve',
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 10.20.0.0/16\n    poolers: 6',
    path: 'regions.eu-west-1.poolers',
    says: /\(6 poolers \+ 2 while one is replaced\) × 2 databases of one instance × \(25 \+ 5\) = 480 server connections, but an instance has 450 for the poolers/,
    right: 'cidr: 10.20.0.0/16\n    poolers: 5',
  },
  {
    check: 'the poolers have room for the clients of the largest fleet',
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 10.20.0.0/16\n    poolers: 2',
    path: 'regions.eu-west-1.poolers',
    says: /50 instances × 50 connections = 2500 clients, but 2 poolers accept 2 × 1000 = 2000/,
    right: 'cidr: 10.20.0.0/16\n    poolers: 2\n    maxInstances: 40',
  },
  {
    check: 'a region without poolers has no client budget',
    passage: 'cidr: 10.20.0.0/16',
    wrong: 'cidr: 10.20.0.0/16\n    poolers: 1',
    path: 'regions.eu-west-1.poolers',
    says: /1 poolers accept/,
    right: 'cidr: 10.20.0.0/16\n    poolers: 0',
  },
  {
    check: 'the minimum pool size is at most the pool size',
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  pooling: { minPoolSize: 26 }',
    path: 'database.pooling.minPoolSize',
    says: /at most the pool size, 25/,
    right: 'databaseName: market\n  pooling: { minPoolSize: 25 }',
  },
  {
    check: 'pool and reserve fit into the maximum connections',
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  pooling: { maxDatabaseConnections: 29 }',
    path: 'database.pooling.maxDatabaseConnections',
    says: /at least 30/,
    right: 'databaseName: market\n  pooling: { maxDatabaseConnections: 30 }',
  },
  {
    check: "the minimum of an application's pool is at most its maximum",
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  applicationPool: { minConnections: 51 }',
    path: 'database.applicationPool.minConnections',
    says: /at most the largest number, 50/,
    right: 'databaseName: market\n  applicationPool: { minConnections: 50 }',
  },
  {
    check: 'the minimum WAL size is at most the maximum',
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  parameters: { minWalSizeMiB: 4097 }',
    path: 'database.parameters.minWalSizeMiB',
    says: /at most max_wal_size, 4096/,
    right: 'databaseName: market\n  parameters: { minWalSizeMiB: 4096 }',
  },
  {
    check: 'storage can grow',
    passage: 'databaseName: market',
    wrong: 'databaseName: market\n  maxAllocatedStorageGiB: 439',
    path: 'database.maxAllocatedStorageGiB',
    says: /at least 440, 10 % above the allocated 400/,
    right: 'databaseName: market\n  maxAllocatedStorageGiB: 440',
  },
  {
    check: 'the default TTL is not above the maximum',
    passage: 'news:\n      defaultTtlSeconds: 60',
    wrong: 'news:\n      maxTtlSeconds: 59\n      defaultTtlSeconds: 60',
    path: 'edge.tiers.news.defaultTtlSeconds',
    says: /at most the maximum TTL, 59/,
    right: 'news:\n      maxTtlSeconds: 60\n      defaultTtlSeconds: 60',
  },
  {
    check: 'the default TTL is not below the minimum',
    passage: 'news:\n      defaultTtlSeconds: 60',
    wrong: 'news:\n      minTtlSeconds: 61\n      defaultTtlSeconds: 60',
    path: 'edge.tiers.news.defaultTtlSeconds',
    says: /at least the minimum TTL, 61/,
    right: 'news:\n      minTtlSeconds: 60\n      defaultTtlSeconds: 60',
  },
  {
    check: 'the order of TTLs holds in each part of the world',
    passage: 'apac: { defaultTtlSeconds: 14400 }',
    wrong: 'apac: { defaultTtlSeconds: 14400, maxTtlSeconds: 14399 }',
    path: 'edge.tiers.static.continents.apac.defaultTtlSeconds',
    says: /at most the maximum TTL, 14399/,
    right: 'apac: { defaultTtlSeconds: 14400, maxTtlSeconds: 14400 }',
  },
  {
    check:
      'TTL order: without a maximum, the default of the tier is the maximum in each part ' +
      'of the world',
    passage: 'strategies: { defaultTtlSeconds: 900 }',
    wrong:
      'strategies: { defaultTtlSeconds: 900, continents: { apac: { defaultTtlSeconds: 901 } } }',
    path: 'edge.tiers.strategies.continents.apac.defaultTtlSeconds',
    says: /at most the maximum TTL, 900/,
    right:
      'strategies: { defaultTtlSeconds: 900, continents: { apac: { defaultTtlSeconds: 901, ' +
      'maxTtlSeconds: 901 } } }',
  },
  {
    check: 'a cached tier has a maximum TTL above 0',
    passage: 'strategies: { defaultTtlSeconds: 900 }',
    wrong: 'strategies: { defaultTtlSeconds: 0 }',
    path: 'edge.tiers.strategies.maxTtlSeconds',
    says: /more than 0 in a cached tier/,
    right: 'strategies: { defaultTtlSeconds: 0, maxTtlSeconds: 1 }',
  },
  {
    check: 'stale responses are not served for longer than they are kept',
    passage: 'strategies: { defaultTtlSeconds: 900 }',
    wrong: 'strategies: { defaultTtlSeconds: 900, staleIfErrorSeconds: 901 }',
    path: 'edge.tiers.strategies.staleIfErrorSeconds',
    says: /at most the longest maximum TTL, 900/,
    right:
      'strategies: { defaultTtlSeconds: 900, staleIfErrorSeconds: 901, continents: { apac: ' +
      '{ maxTtlSeconds: 901 } } }',
  },
  {
    check: 'behaviors name existing tiers',
    passage: '{ path: /media/*, tier: media }',
    wrong: '{ path: /media/*, tier: medai }',
    path: 'edge.behaviors[5].tier',
    says: /one of the tiers of this file/,
    right: '{ path: /media/*, tier: static }',
  },
  {
    check: 'the default tier exists',
    passage: 'defaultTier: pages',
    wrong: 'defaultTier: page',
    path: 'edge.defaultTier',
    says: /one of the tiers of this file/,
    right: 'defaultTier: public-api',
  },
  {
    check: 'no behavior follows one that matches all its paths',
    passage: '{ path: /api/public/*, tier: public-api }',
    wrong: '{ path: /api/*, tier: public-api }',
    path: 'edge.behaviors[13].path',
    says: /behaviors\[12\], \/api\/\*, does not match first/,
    right: '{ path: /api/public/v?/*, tier: public-api }',
  },
  {
    check: 'a cluster has at most 90 nodes',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'shards: 46',
    path: 'cache.shards',
    says: /1 to 45 with 1 replicas per shard.*90 nodes/,
    right: 'shards: 45',
  },
  {
    check: 'a scaled cluster has at most 90 nodes',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'scaling: { maxShards: 31, maxReplicasPerShard: 2 }',
    path: 'cache.scaling.maxShards',
    says: /1 to 30 with 2 replicas per shard/,
    right: 'scaling: { maxShards: 30, maxReplicasPerShard: 2 }',
  },
  {
    check: 'caches keep their data in memory',
    passage: 'nodeType: cache.r7g.large',
    wrong: 'nodeType: cache.r6gd.xlarge',
    path: 'cache.nodeType',
    says: /keeps its data in memory/,
    right: 'nodeType: cache.r6g.xlarge',
  },
  {
    check: 'the snapshot window is at least an hour long',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'snapshotWindow: 01:00-01:59',
    path: 'cache.snapshotWindow',
    says: /window in UTC of at least 60 minutes/,
    right: 'snapshotWindow: 01:00-02:00',
  },
  {
    check: 'the maintenance window is at least an hour long',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'maintenanceWindow: mon:01:00-mon:01:59',
    path: 'cache.maintenanceWindow',
    says: /window in UTC of at least 60 minutes/,
    right: 'maintenanceWindow: mon:01:00-mon:02:00',
  },
  {
    check: 'the windows of maintenance and snapshots do not overlap',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'maintenanceWindow: mon:04:30-mon:05:30',
    path: 'cache.maintenanceWindow',
    says: /apart from the snapshot window, 05:00-06:00 each day/,
    right: 'maintenanceWindow: mon:04:00-mon:05:00',
  },
  {
    check: 'the windows of each region do not overlap',
    passage: 'cacheMaintenanceWindow: sun:02:00-sun:03:00',
    wrong: 'cacheMaintenanceWindow: sat:05:30-sat:06:30',
    path: 'regions.eu-west-1.cacheMaintenanceWindow',
    says: /apart from the snapshot window/,
    right: 'cacheMaintenanceWindow: sat:06:00-sat:07:00',
  },
  {
    check: 'only some node types scale',
    passage: 'nodeType: cache.r7g.large',
    wrong: 'nodeType: cache.t4g.medium',
    path: 'cache.nodeType',
    says: /one of the families c7gn, m5.*with `scaling`/,
    right: 'nodeType: cache.m7g.2xlarge',
  },
  {
    check: 'a cache scales to at least its initial shards',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'scaling: { maxShards: 1 }',
    path: 'cache.scaling.maxShards',
    says: /at least the minimum number of shards, 2/,
    right: 'scaling: { maxShards: 2 }',
  },
  {
    check: 'the initial shards are within the bounds of scaling',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'scaling: { minShards: 3, maxShards: 4 }',
    path: 'cache.shards',
    says: /3 to 4, the bounds of its scaling/,
    right: 'shards: 3\n  scaling: { minShards: 3, maxShards: 4 }',
  },
  {
    check: 'replicas scale from at least one',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'replicasPerShard: 0\n  scaling: { maxShards: 4, maxReplicasPerShard: 2 }',
    path: 'cache.replicasPerShard',
    says: /1 to 2, the maximum of its scaling/,
    right: 'replicasPerShard: 0\n  scaling: { maxShards: 4 }',
  },
  {
    check: 'the names of schedules are unique',
    passage: 'scaling: { maxShards: 4 }',
    wrong: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3 }",
      "{ name: open, cron: '0 18 ? * MON-FRI *', timeZone: Europe/London, minShards: 2 }",
    ),
    path: 'cache.scaling.schedules[1].name',
    says: /unique/,
    right: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3 }",
      "{ name: close, cron: '0 18 ? * MON-FRI *', timeZone: Europe/London, minShards: 2 }",
    ),
  },
  {
    check: 'schedules have existing time zones',
    passage: 'scaling: { maxShards: 4 }',
    wrong: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/Londinium, minShards: 3 }",
    ),
    path: 'cache.scaling.schedules[0].timeZone',
    says: /IANA time zone/,
    right: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3 }",
    ),
  },
  {
    check: 'the maximum of a schedule is at most that of the scaling',
    passage: 'scaling: { maxShards: 4 }',
    wrong: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3, " +
        'maxShards: 5 }',
    ),
    path: 'cache.scaling.schedules[0].maxShards',
    says: /1 to 4, the maximum/,
    right: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3, " +
        'maxShards: 4 }',
    ),
  },
  {
    check: 'the minimum of a schedule is not above its maximum',
    passage: 'scaling: { maxShards: 4 }',
    wrong: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3, " +
        'maxShards: 2 }',
    ),
    path: 'cache.scaling.schedules[0].minShards',
    says: /1 to 2, the maximum/,
    right: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 2, " +
        'maxShards: 2 }',
    ),
  },
  {
    check: 'schedules apply to regions of the file',
    passage: 'scaling: { maxShards: 4 }',
    wrong: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3, " +
        'regions: [eu-west-1, eu-west-2] }',
    ),
    path: 'cache.scaling.schedules[0].regions[1]',
    says: /one of the regions of this file/,
    right: scheduled(
      "{ name: open, cron: '0 8 ? * MON-FRI *', timeZone: Europe/London, minShards: 3, " +
        'regions: [eu-west-1] }',
    ),
  },
  {
    check: 'a Global Datastore does not scale',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'scaling: { maxShards: 4 }\n  global: {}',
    path: 'cache.scaling',
    says: /left out in a Global Datastore/,
    right: 'global: {}',
  },
  {
    check: 'a Global Datastore starts with large nodes',
    passage:
      'nodeType: cache.r7g.large\n  maxmemoryPolicy: allkeys-lru\n  scaling: { maxShards: 4 }',
    wrong: 'nodeType: cache.t4g.medium\n  global: {}',
    path: 'cache.nodeType',
    says: /large or larger/,
    right: 'nodeType: cache.m6g.large\n  global: {}',
  },
  {
    check: 'a Global Datastore changes to large nodes',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'global: { nodeType: cache.m6g.medium }',
    path: 'cache.global.nodeType',
    says: /large or larger/,
    right: 'global: { nodeType: cache.m6g.xlarge }',
  },
  {
    check: 'a Global Datastore does not downgrade its engine',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'global: { engineVersion: "8.1" }',
    path: 'cache.global.engineVersion',
    says: /at least 8\.2/,
    right: 'global: { engineVersion: "8.2" }',
  },
  {
    check: 'secondaries are other regions',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'global: { secondaryRegions: [eu-west-1, us-east-1] }',
    path: 'cache.global.secondaryRegions[1]',
    says: /one of the other regions.*eu-west-1, ap-southeast-1/,
    right: 'global: { secondaryRegions: [eu-west-1, ap-southeast-1] }',
  },
  {
    check: 'the primary cache is in a region of the file',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'global: { primaryRegion: eu-west-2, secondaryRegions: [eu-west-1] }',
    path: 'cache.global.primaryRegion',
    says: /one of the regions of this file/,
    right: 'global: { primaryRegion: ap-southeast-1, secondaryRegions: [eu-west-1, us-east-1] }',
  },
  {
    check: 'secondaries are unique',
    passage: 'scaling: { maxShards: 4 }',
    wrong: 'global: { secondaryRegions: [eu-west-1, eu-west-1] }',
    path: 'cache.global.secondaryRegions[1]',
    says: /once: eu-west-1, ap-southeast-1/,
    right: 'global: { secondaryRegions: [eu-west-1] }',
  },
  {
    check: 'a cache policy holds 1,024 characters of names',
    passage: 'queryParameters: none\n      continents',
    wrong: `queryParameters: [a, ${'b'.repeat(1024)}]\n      continents`,
    path: 'edge.tiers.static.queryParameters',
    says: /at most 1024 characters together/,
    right: `queryParameters: [a, ${'b'.repeat(1023)}]\n      continents`,
  },
  {
    check: 'a cache key lists each parameter once',
    passage: 'queryParameters: none\n      continents',
    wrong: 'queryParameters: [a, b, a]\n      continents',
    path: 'edge.tiers.static.queryParameters[2]',
    says: /named once/,
    right: 'queryParameters: [a, b, A]\n      continents',
  },
  {
    check: 'a cached tier allows reads only',
    passage: '{ path: /api/public/*, tier: public-api }',
    wrong: '{ path: /api/public/*, tier: public-api, methods: split }',
    path: 'edge.behaviors[12].methods',
    says: /read with the cached tier "public-api"/,
    right: '{ path: /api/public/*, tier: public-api, methods: read }',
  },
  {
    check: 'batch work needs the function that selects an origin',
    passage: '{ path: /performance/*, tier: uncached }',
    wrong: '{ path: /performance/*, tier: uncached, batch: [/performance/all] }',
    path: 'edge.behaviors[14].batch',
    says: /left out without `methods: split` and a `batchRegion`/,
    right: '{ path: /performance/*, tier: uncached, methods: split, batch: [/performance/all] }',
  },
  {
    check: 'a bucket receives no query string',
    passage: '{ path: /images/*, tier: media }',
    wrong: '{ path: /images/*, tier: media, origin: bucket }',
    path: 'edge.behaviors[4].tier',
    says: /a cached tier with `queryParameters: none`, because the behavior has an `origin` of its own/,
    right: '{ path: /images/*, tier: static, origin: bucket }',
  },
  {
    check: 'a bucket has a cached tier',
    passage: '{ path: /performance/*, tier: uncached }',
    wrong: '{ path: /performance/*, tier: uncached, origin: bucket }',
    path: 'edge.behaviors[14].tier',
    says: /a cached tier with `queryParameters: none`/,
    right: '{ path: /performance/*, tier: immutable, origin: bucket }',
  },
  {
    check: 'a batch pattern is within the path of its behavior',
    passage: 'batch: [/api/predictions/batch, /api/reports/*]',
    wrong: 'batch: [/api/predictions/batch, /reports/*]',
    path: 'edge.behaviors[13].batch[1]',
    says: /within the pattern of its behavior, \/api\/\*/,
    right: 'batch: [/api/predictions/batch, /api/rep?rts/*]',
  },
  {
    check: 'the batch region is one of the regions',
    passage: 'batchRegion: us-east-1',
    wrong: 'batchRegion: us-east-2',
    path: 'edge.batchRegion',
    says: /one of the regions of this file/,
    right: 'batchRegion: eu-west-1',
  },
  {
    check: 'cookies are stripped if every response is cached',
    passage: 'news:\n      defaultTtlSeconds: 60',
    wrong: 'news:\n      minTtlSeconds: 1\n      setCookie: bypass\n      defaultTtlSeconds: 60',
    path: 'edge.tiers.news.setCookie',
    says: /strip with a minimum TTL above 0/,
    right: 'news:\n      minTtlSeconds: 1\n      setCookie: strip\n      defaultTtlSeconds: 60',
  },
  {
    check: 'lists have each entry once',
    passage: 'languages: [en, de, fr, ja, zh]',
    wrong: 'languages: [en, de, en]',
    path: 'edge.languages[2]',
    says: /named once/,
    right: 'languages: [en, de, en-GB]',
  },
];

test('the market deployment has no mistake', () => {
  expect(problemsOf(MARKET)).toEqual([]);
});

describe.each(CASES)('$check', ({ passage, wrong, path, says, right }) => {
  test('refuses the mistake, with the rule and a fix', () => {
    const problems = problemsOf(market(passage, wrong));
    expect(problems.map((problem) => formatPath(problem.path))).toEqual([path]);
    expect(`${problems[0]?.allowed} ${problems[0]?.rule}`).toMatch(says);
    expect(problems[0]?.fix).toMatch(/\S.*[.?]$/);
  });

  test('passes the neighboring value', () => {
    expect(problemsOf(market(passage, right))).toEqual([]);
  });
});

describe('Origin Shield', () => {
  const shielded = (region: string) =>
    market('rateLimitPerMinute: 100', `rateLimitPerMinute: 100\n  originShieldRegion: ${region}`);
  const withoutContinents = (text: string) => text.replace(/ +continents:\n +apac: .*\n/g, '');

  test('is in one of its regions, and the nearest is suggested', () => {
    const [problem, ...others] = problemsOf(withoutContinents(shielded('eu-west-3')));
    expect(others).toEqual([]);
    expect(formatPath(problem?.path ?? [])).toBe('edge.originShieldRegion');
    expect(problem?.allowed).toMatch(/one of ap-northeast-1, .*us-west-2/);
    expect(problem?.fix).toBe('Use "eu-west-2", the nearest to eu-west-3.');
    expect(problemsOf(withoutContinents(shielded('eu-west-2')))).toEqual([]);
  });

  test('excludes TTLs by part of the world', () => {
    const problems = problemsOf(shielded('eu-west-2'));
    expect(problems.map(({ path }) => formatPath(path))).toEqual([
      'edge.tiers.static.continents',
      'edge.tiers.pages.continents',
    ]);
    expect(problems[0]?.rule).toMatch(/runs in the Shield region/);
  });
});

test('a distribution has at most 75 behaviors besides the default', () => {
  const behaviors = (count: number) =>
    market(
      '    - { path: /performance/*, tier: uncached }',
      Array.from({ length: count }, (_, i) => `    - { path: /p${i}/*, tier: uncached }`).join(
        '\n',
      ),
    );
  expect(problemsOf(behaviors(62)).map(({ allowed }) => allowed)).toEqual([
    'at most 75 beside the default one',
  ]);
  expect(problemsOf(behaviors(61))).toEqual([]);
});

test('the alarm on CPU is above the scaling target of the caches', () => {
  const objective = (cpuPercent: number) =>
    market('scaling: { maxShards: 4 }', 'scaling: { maxShards: 4, targetCpuPercent: 55 }')
      .replace('minInstances: 2', 'minInstances: 2\n  targetCpuPercent: 40')
      .replace('cpuPercent: 85', `cpuPercent: ${cpuPercent}`);
  expect(problemsOf(objective(55)).map(({ allowed }) => allowed)).toEqual([
    'above 55 %, the scaling target `cache.scaling.targetCpuPercent`',
  ]);
  expect(problemsOf(objective(56))).toEqual([]);
});

describe('a Global Datastore', () => {
  const joined = market('scaling: { maxShards: 4 }', 'global: {}');
  const fourth = (text: string) =>
    text.replace(
      '\ndatabase:',
      '  eu-west-2:\n    cidr: 10.40.0.0/16\n    availabilityZones: [eu-west-2a, ' +
        'eu-west-2b]\n\ndatabase:',
    );

  test('has at most two secondaries; further regions keep independent caches', () => {
    const [problem, ...others] = problemsOf(fourth(joined));
    expect(others).toEqual([]);
    expect([formatPath(problem?.path ?? []), problem?.allowed]).toEqual([
      'cache.global',
      '1 to 2 regions beside the primary, not 3',
    ]);
    expect(
      problemsOf(
        fourth(
          joined.replace('global: {}', 'global: { secondaryRegions: [eu-west-1, eu-west-2] }'),
        ),
      ),
    ).toEqual([]);
  });

  test('needs another region', () => {
    const alone = joined.replace(/ {2}eu-west-1:[\s\S]*?(?=\ndatabase:)/, '');
    expect(problemsOf(alone).map(({ allowed }) => allowed)).toEqual([
      '1 to 2 regions beside the primary, not 0',
    ]);
  });
});

test('a folder is uploaded only if a behavior is served from it', () => {
  const text = market(
    'defaultTier: pages',
    'defaultTier: pages\n  staticContent: { folder: dist }',
  );
  expect(problemsOf(text)).toEqual([]);
  const problems = problemsOf(text.replace(', origin: bucket', ''));
  expect(problems.map(({ path }) => formatPath(path))).toEqual(['edge.staticContent.folder']);
});

describe('the name of the database', () => {
  const named = (name: string) =>
    problemsOf(market('databaseName: market', `databaseName: ${name}`)).map(({ path }) =>
      formatPath(path),
    );

  test.each(['pgbouncer', 'rdsadmin', 'a'.repeat(57)])('is not %s', (name) => {
    expect(named(name)).toEqual(['database.databaseName']);
  });

  test.each(['pgbouncers', 'a'.repeat(56)])(
    'may be %s, since the poolers add `_writer`',
    (name) => {
      expect(named(name)).toEqual([]);
    },
  );
});

describe('the budget of the poolers', () => {
  // The construct divides the budget: an allowed file must leave a pool, and a refused one must
  // not.
  test.each([
    [1, 180],
    [3, 300],
    [5, 420],
    [20, 1320],
  ])('of %i poolers is at least %i connections, as the construct computes it', (poolers, least) => {
    const problems = (budget: number) =>
      problemsOf(
        MARKET.replaceAll(
          'readReplicas:',
          `poolers: ${poolers}\n    maxInstances: 2\n    readReplicas:`,
        ).replace(
          'databaseName: market',
          `databaseName: market\n  parameters: { maxConnections: ${budget + 50} }`,
        ),
      ).map(({ path }) => formatPath(path));
    const share = (connections: number) =>
      connectionsPerPooler({
        connections,
        poolers,
        databases: { market: { host: 'one' }, market_writer: { host: 'one' } },
      });
    expect([problems(least), share(least)]).toEqual([[], 30]);
    expect(problems(least - 1)).toEqual([
      'regions.us-east-1.poolers',
      'regions.eu-west-1.poolers',
      'regions.ap-southeast-1.poolers',
    ]);
    expect(share(least - 1)).toBe(29);
  });
});

describe('CloudFront Functions', () => {
  /** The market deployment without the settings that they exclude, and with further lines. */
  const functions = (line = '', tierLine = '') =>
    MARKET.replace(
      'rateLimitPerMinute: 100',
      `rateLimitPerMinute: 100\n  runtime: cloudfront-functions${line && `\n  ${line}`}`,
    )
      .replace(/ +batchRegion: .*\n/, '')
      .replace(/ +continents:\n +apac: .*\n/g, '')
      .replace(/ +browserTtlSeconds: 31536000\n/, '')
      .replace('browserTtlSeconds: 300, staleIfErrorSeconds: 300', 'maxTtlSeconds: 300')
      .replace(', batch: [/api/predictions/batch, /api/reports/*]', '')
      .replace('news:\n', `news:\n${tierLine && `      ${tierLine}\n`}`);

  test('need one setting, and split methods', () => {
    expect(functions()).toContain('methods: split');
    expect(problemsOf(functions('recentWriterSeconds: 20'))).toEqual([]);
  });

  test('exclude the settings of Lambda@Edge on origin events', () => {
    const problems = problemsOf(
      market('rateLimitPerMinute: 100', 'rateLimitPerMinute: 100\n  runtime: cloudfront-functions'),
    );
    expect(problems.map(({ path }) => formatPath(path))).toEqual([
      'edge.batchRegion',
      'edge.tiers.immutable.browserTtlSeconds',
      'edge.tiers.static.continents',
      'edge.tiers.public-api.browserTtlSeconds',
      'edge.tiers.public-api.staleIfErrorSeconds',
      'edge.tiers.pages.continents',
      'edge.behaviors[13].batch',
    ]);
    for (const { rule } of problems)
      expect(rule).toMatch(/VPC origins do not take Lambda@Edge origin triggers/);
  });

  test.each([
    ['readFailover: true', '', 'edge.readFailover'],
    ['originShieldRegion: eu-west-1', '', 'edge.originShieldRegion'],
    ['', 'staleWhileRevalidateSeconds: 5', 'edge.tiers.news.staleWhileRevalidateSeconds'],
    ['', 'errorTtlSeconds: 30', 'edge.tiers.news.errorTtlSeconds'],
    ['', 'setCookie: bypass', 'edge.tiers.news.setCookie'],
  ])('exclude %s%s, which Lambda@Edge allows', (line, tierLine, path) => {
    const text = functions(line, tierLine);
    expect(problemsOf(text).map((problem) => formatPath(problem.path))).toEqual([path]);
    expect(
      problemsOf(text.replace('runtime: cloudfront-functions', 'runtime: lambda-edge')),
    ).toEqual([]);
  });

  test('negotiate nothing for a bucket', () => {
    const text = (line: string) =>
      functions().replace('queryParameters: none', `queryParameters: none\n      ${line}`);
    expect(problemsOf(text('varyByLanguage: true')).map(({ path }) => formatPath(path))).toEqual([
      'edge.behaviors[2].tier',
    ]);
    expect(problemsOf(text('varyByLanguage: false'))).toEqual([]);
  });

  test('allow any tier without tier TTLs', () => {
    const text = functions('features: { tierTtls: false }', 'staleWhileRevalidateSeconds: 5');
    expect(problemsOf(text)).toEqual([]);
    expect(problemsOf(text.replace('tierTtls: false', 'tierTtls: true'))).toHaveLength(1);
  });

  test('allow `strip`', () => {
    expect(problemsOf(functions('readFailover: false', 'setCookie: strip'))).toEqual([]);
  });
});

describe('promotions', () => {
  const EU = '{ instance: market-production-eu-west-1-hub, from: us-east-1 }';
  const US = '{ instance: market-production-us-east-1-2-hub, from: eu-west-1 }';
  const said = (
    primaryRegion: string,
    promotions: string,
    generations: Readonly<Record<string, number>>,
  ) =>
    Object.entries(generations).reduce(
      (text, [region, generation]) =>
        text.replace(`  ${region}:\n`, `  ${region}:\n    replicaGeneration: ${generation}\n`),
      market('primaryRegion: us-east-1', `primaryRegion: ${primaryRegion}`).replace(
        'database:\n',
        `database:\n  promotions: [${promotions}]\n`,
      ),
    );
  const problems = (...[region, promotions, generations]: Parameters<typeof said>) =>
    problemsOf(said(region, promotions, generations)).map(
      ({ path, allowed }) => `${formatPath(path)}: ${allowed}`,
    );

  test('pass as printed, and with higher generations', () => {
    expect(problems('eu-west-1', EU, { 'us-east-1': 2, 'ap-southeast-1': 2 })).toEqual([]);
    expect(problems('eu-west-1', EU, { 'us-east-1': 5, 'ap-southeast-1': 2 })).toEqual([]);
    expect(
      problems('us-east-1', `${EU}, ${US}`, {
        'us-east-1': 2,
        'eu-west-1': 2,
        'ap-southeast-1': 3,
      }),
    ).toEqual([]);
  });

  test.each<[string, Parameters<typeof said>, string[]]>([
    [
      'replicas that would change their source under an existing name',
      ['eu-west-1', EU, { 'us-east-1': 2 }],
      [
        'regions.ap-southeast-1.replicaGeneration: at least 2: each promotion of a hub ' +
          'elsewhere takes one more',
      ],
    ],
    [
      'the same after another promotion',
      ['us-east-1', `${EU}, ${US}`, { 'us-east-1': 2, 'eu-west-1': 2, 'ap-southeast-1': 2 }],
      [
        'regions.ap-southeast-1.replicaGeneration: at least 3: each promotion of a hub ' +
          'elsewhere takes one more',
      ],
    ],
    [
      'a promoted hub under another name',
      ['eu-west-1', EU, { 'us-east-1': 2, 'eu-west-1': 2, 'ap-southeast-1': 2 }],
      [
        'database.promotions[0].instance: the hub of the primary region: ' +
          'market-production-eu-west-1-2-hub',
      ],
    ],
    [
      'a primary region that no promotion led to',
      ['us-east-1', EU, { 'us-east-1': 2, 'eu-west-1': 2, 'ap-southeast-1': 2 }],
      [
        'database.promotions[0].instance: the hub of the primary region: ' +
          'market-production-us-east-1-2-hub',
        'database.promotions[0].from: another region than us-east-1, where the hub is',
      ],
    ],
  ])('refuse %s', (_, file, expected) => {
    expect(problems(...file).sort()).toEqual(expected.sort());
  });
});

test('a log-in for poolers requires poolers', () => {
  const secret = MARKET.replace(
    'migrationsFolder:',
    'poolerSecret: market/pooler-login\n  migrationsFolder:',
  );
  const none = secret.replaceAll('    readReplicas:', '    poolers: 0\n    readReplicas:');
  expect(problemsOf(none)).toMatchObject([
    { path: ['database', 'poolerSecret'], allowed: 'absent without poolers in any region' },
  ]);
  expect(problemsOf(none.replace('    poolers: 0\n', ''))).toEqual([]);
});
