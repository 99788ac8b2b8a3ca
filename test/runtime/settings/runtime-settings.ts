import type { RuntimeSettings } from '../../../lib/model/contracts/runtime';

/** A settings document with all optional fields. */
export const SETTINGS: RuntimeSettings = {
  version: 1,
  region: 'eu-west-1',
  primaryRegion: 'us-east-1',
  cache: {
    host: 'cache.example',
    port: 6379,
    tls: true,
    cluster: true,
    namespace: 'market-production',
    iam: { replicationGroupId: 'market', userName: 'market-app', region: 'eu-west-1' },
  },
  database: {
    name: 'market',
    user: 'application',
    writer: { host: 'hub.example', port: 5432, tls: 'verify-full' },
    readers: { host: 'readers.example', port: 5432, tls: 'verify-ca' },
    poolers: {
      host: 'poolers.example',
      port: 5432,
      tls: 'require',
      read: 'market',
      write: 'market_writer',
      secretName: 'market/pooler',
    },
    pool: {
      minConnections: 10,
      maxConnections: 50,
      idleTimeoutMs: 10_000,
      connectTimeoutMs: 3000,
      acquireTimeoutMs: 10_000,
    },
  },
  strategies: { kpi: { ttlSeconds: 15 }, quotes: { ttlSeconds: 2, serializer: 'msgpack' } },
  invalidation: { windowMs: 50 },
};
