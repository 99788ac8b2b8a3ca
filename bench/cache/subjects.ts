/**
 * The measured caches, behind one interface. All use the same server, the same keys and a time to
 * live of ten minutes. All other options are each library's defaults.
 */
import Redis from 'iovalkey';
import type { CacheStrategy } from '../../lib/runtime/tiered-cache/strategy';
import { TieredCache } from '../../lib/runtime/tiered-cache/tiered-cache';
import { ValkeyServer } from '../../lib/runtime/valkey/server';

export interface Subject {
  getOrLoad(key: string, load: () => Promise<unknown>): Promise<unknown>;
  close(): Promise<unknown>;
}

/** The tiers of a subject: memory in front of the server, or the server alone. */
export type Tiers = 'memory' | 'server';

const TTL_SECONDS = 600;
/** More than the benchmark has keys, so that nothing is evicted. */
const MEMORY_ENTRIES = 20_000;

const STRATEGY: CacheStrategy = {
  prefix: 'bench:',
  ttlSeconds: TTL_SECONDS,
  serializer: 'json',
  compress: false,
};

export async function ours(port: number, tiers: Tiers): Promise<TieredCache> {
  const server = new ValkeyServer({ host: '127.0.0.1', port, namespace: `ours-${tiers}` });
  const cache = new TieredCache({
    server,
    strategy: STRATEGY,
    memoryEntries: tiers === 'memory' ? MEMORY_ENTRIES : 0,
  });
  await until(() => server.available && server.busAlive);
  return cache;
}

/** Every subject by name. A library that cannot combine the tiers uses one of them. */
export const SUBJECTS = {
  async isochrone(port, tiers) {
    const cache = await ours(port, tiers);
    return { getOrLoad: (key, load) => cache.getOrLoad(key, load), close: () => cache.close() };
  },

  async bare(port) {
    return bareSubject(new Redis({ host: '127.0.0.1', port }));
  },

  async barePipelined(port) {
    return bareSubject(new Redis({ host: '127.0.0.1', port, enableAutoPipelining: true }));
  },

  async bentocache(port, tiers) {
    const { BentoCache, bentostore } = await import('bentocache');
    const { memoryDriver } = await import('bentocache/drivers/memory');
    const { redisDriver } = await import('bentocache/drivers/redis');
    const server = redisDriver({
      connection: { host: '127.0.0.1', port },
      prefix: `bento-${tiers}`,
    });
    const memory = memoryDriver({ maxItems: MEMORY_ENTRIES, maxSize: '1gb' });
    const store =
      tiers === 'memory'
        ? bentostore().useL1Layer(memory).useL2Layer(server)
        : bentostore().useL2Layer(server);
    const cache = new BentoCache({ default: 'store', ttl: TTL_SECONDS * 1000, stores: { store } });
    return {
      getOrLoad: (key, factory) => cache.getOrSet({ key, factory }),
      close: () => cache.disconnectAll(),
    };
  },

  async cacheable(port, tiers) {
    const { Cacheable, CacheableMemory } = await import('cacheable');
    const { Keyv, server } = await keyv(port, `cacheable-${tiers}`);
    const memory = new Keyv({ store: new CacheableMemory({ lruSize: MEMORY_ENTRIES }) });
    // cacheable has its own types for Keyv, although the class is the same.
    const tiered =
      tiers === 'memory' ? { primary: memory, secondary: server } : { primary: server };
    const cache = new Cacheable({ ...tiered, ttl: TTL_SECONDS * 1000 } as ConstructorParameters<
      typeof Cacheable
    >[0]);
    return { getOrLoad: (key, load) => cache.getOrSet(key, load), close: () => cache.disconnect() };
  },

  async cacheManager(port, tiers) {
    const { createCache } = await import('cache-manager');
    const { CacheableMemory } = await import('cacheable');
    const { Keyv, server } = await keyv(port, `manager-${tiers}`);
    const memory = new Keyv({ store: new CacheableMemory({ lruSize: MEMORY_ENTRIES }) });
    const cache = createCache({
      stores: tiers === 'memory' ? [memory, server] : [server],
      ttl: TTL_SECONDS * 1000,
    });
    return { getOrLoad: (key, load) => cache.wrap(key, load), close: () => cache.disconnect() };
  },

  async asyncCacheDedupe(port, tiers) {
    const { createCache } = await import('async-cache-dedupe');
    const client = new Redis({ host: '127.0.0.1', port, keyPrefix: 'dedupe:' });
    const loads = new Map<string, () => Promise<unknown>>();
    const storage =
      tiers === 'memory'
        ? ({ type: 'memory', options: { size: MEMORY_ENTRIES } } as const)
        : ({ type: 'redis', options: { client: client as never } } as const);
    const cache = createCache({ ttl: TTL_SECONDS, storage }).define('value', async (key: string) =>
      loads.get(key)?.(),
    );
    return {
      // The library takes one loader for all keys, which finds the call's loader in this map.
      getOrLoad: (key, load) => {
        if (!loads.has(key)) loads.set(key, load);
        return cache.value(key) as Promise<unknown>;
      },
      close: async () => client.disconnect(),
    };
  },
} as const satisfies Readonly<Record<string, (port: number, tiers: Tiers) => Promise<Subject>>>;

export type SubjectName = keyof typeof SUBJECTS;

function bareSubject(client: Redis): Subject {
  return {
    async getOrLoad(key, load) {
      const text = await client.get(`bare:${key}`);
      if (text !== null) return JSON.parse(text);
      const value = await load();
      await client.set(`bare:${key}`, JSON.stringify(value), 'EX', TTL_SECONDS);
      return value;
    },
    close: async () => client.disconnect(),
  };
}

async function keyv(port: number, namespace: string) {
  const [{ Keyv }, { default: KeyvRedis }] = await Promise.all([
    import('keyv'),
    import('@keyv/redis'),
  ]);
  return {
    Keyv,
    server: new Keyv({ store: new KeyvRedis(`redis://127.0.0.1:${port}`), namespace }),
  };
}

async function until(ready: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  while (!ready()) {
    if (Date.now() > end) throw new Error('The cache did not reach its server within 5 seconds.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
