/**
 * The same failures as an application sees them, through the complete cache with a loader. A caller
 * gets its value, never an error of the cache, and waits for the cache no longer than its budget.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE_STRATEGIES } from '../../../lib/runtime/tiered-cache/strategy';
import { TieredCache } from '../../../lib/runtime/tiered-cache/tiered-cache';
import { ValkeyServer } from '../../../lib/runtime/valkey/server';
import { RedisCluster, RedisServer, type RedisServerOptions } from '../redis-server';
import {
  describeServers,
  MAX_WAIT_MS,
  reportRecovery,
  reportWaits,
  startProxied,
  startReplicated,
  stopAfterTest,
  until,
} from './cache-fixture';

const CALLS = 500;
const STRATEGY = { ...CACHE_STRATEGIES.api, compress: false };

/** A cache without a memory tier, whose hits would hide the waits for the server. */
async function cacheAt(
  at: { readonly port: number },
  cluster = false,
): Promise<{ cache: TieredCache; server: ValkeyServer }> {
  const server = new ValkeyServer({ host: '127.0.0.1', port: at.port, namespace: 'test', cluster });
  const cache = stopAfterTest(new TieredCache({ server, memoryEntries: 0, strategy: STRATEGY }));
  await until('connected', async () => (await server.read('x', [])).status === 'answered', 2_000);
  return { cache, server };
}

async function startCached(options: RedisServerOptions = {}) {
  const redis = stopAfterTest(await RedisServer.start(options));
  return { redis, ...(await cacheAt(redis)) };
}

/**
 * Calls the cache every three milliseconds, for new and for known keys in turn. Rejects with any
 * error that a caller would have seen.
 */
async function callers(name: string, cache: TieredCache): Promise<{ loads: number }> {
  const added: number[] = [];
  let loads = 0;
  const call = async (at: number): Promise<void> => {
    const key = at % 2 === 0 ? `known${at % 20}` : `fresh-${name}-${at}`;
    const begin = performance.now();
    let loading = 0;
    const value = await cache.getOrLoad(
      key,
      async () => {
        loads++;
        const from = performance.now();
        await sleep(5);
        loading = performance.now() - from;
        return { of: key };
      },
      { tags: ['tag', `tag${at % 5}`] },
    );
    expect(value).toEqual({ of: key });
    added.push(performance.now() - begin - loading);
  };
  const running: Promise<void>[] = [];
  for (let at = 0; at < CALLS; at++) {
    running.push(call(at));
    await sleep(3);
  }
  await Promise.all(running);
  expect(reportWaits(name, added, `${loads} loads`).p99).toBeLessThan(MAX_WAIT_MS);
  return { loads };
}

/** A condition that is met when a second call of a key does not load. */
function usesServer(cache: TieredCache): () => Promise<boolean> {
  let turn = 0;
  return async () => {
    const key = `back${turn++}`;
    await cache.getOrLoad(key, () => 'first');
    await sleep(5);
    return (await cache.getOrLoad(key, () => 'second')) === 'first';
  };
}

describeServers('a cache whose server', () => {
  test('is healthy', async () => {
    const { cache } = await startCached();
    const { loads } = await callers('healthy', cache);
    // Each key is loaded once. A call that the machine pauses for longer than its budget loads too.
    expect(loads).toBeGreaterThanOrEqual(CALLS / 2 + 10);
    expect(loads).toBeLessThan(CALLS / 2 + 10 + CALLS / 20);
  }, 20_000);

  test('was killed, and restarted', async () => {
    const { redis, cache } = await startCached();
    await redis.kill();
    expect((await callers('killed', cache)).loads).toBeGreaterThan(CALLS / 2);
    await redis.restart();
    await reportRecovery('restarted', usesServer(cache));
  }, 20_000);

  test('hangs', async () => {
    const { redis, cache } = await startCached();
    redis.pause();
    await callers('hung', cache);
    redis.resume();
    await reportRecovery('resumed', usesServer(cache));
  }, 20_000);

  test('vanishes behind an address that still routes', async () => {
    const { proxy } = await startProxied();
    const { cache } = await cacheAt(proxy);
    proxy.deaden();
    await callers('gone', cache);
    proxy.enliven();
    await reportRecovery('replaced', usesServer(cache));
  }, 20_000);

  test.each([30, 200])(
    'is slow by %i ms',
    async (delayMs) => {
      const { proxy } = await startProxied();
      const { cache } = await cacheAt(proxy);
      proxy.delayMs = delayMs;
      await callers(`slow by ${delayMs} ms`, cache);
      proxy.delayMs = 0;
      await reportRecovery('fast again', usesServer(cache));
    },
    20_000,
  );

  test('fails over to its replica', async () => {
    const { primary, replica, proxy } = await startReplicated();
    const { cache } = await cacheAt(proxy);
    await primary.command('REPLICAOF', '127.0.0.1', replica.port);
    await replica.promote();
    await callers('read-only', cache);
    proxy.target(replica.port);
    proxy.cut();
    await reportRecovery('failed over', usesServer(cache));
  }, 20_000);

  test('is full', async () => {
    const { redis, cache } = await startCached({ args: ['--maxmemory-policy', 'noeviction'] });
    await cache.getOrLoad('kept', () => 'old', { tags: ['t'] });
    await until(
      'stored',
      async () => (await redis.command('EXISTS', 'test:{api:kept}')) === 1,
      2_000,
    );
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await callers('full', cache);
    expect(await cache.getOrLoad('kept', () => 'new', { tags: ['t'] })).toBe('old');
    expect(await cache.invalidateTags('t')).toEqual({ reached: true });
    expect(await cache.getOrLoad('kept', () => 'new', { tags: ['t'] })).toBe('new');
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await reportRecovery('room again', usesServer(cache));
  }, 20_000);

  test('flushes its scripts, and then refuses the login', async () => {
    const { redis, cache, server } = await startCached();
    await cache.getOrLoad('first', () => 1);
    await redis.command('SCRIPT', 'FLUSH');
    await reportRecovery('scripts flushed', usesServer(cache));
    expect(server.errors.size).toBe(0);
    await redis.command('CONFIG', 'SET', 'requirepass', 'secret');
    const locked = new ValkeyServer({ ...redis.address, namespace: 'test' });
    const refused = stopAfterTest(
      new TieredCache({ server: locked, memoryEntries: 0, strategy: STRATEGY }),
    );
    await callers('refused login', refused);
    expect(locked.errors.get('auth')).toBeGreaterThan(0);
    expect(refused.metrics.value('cache_server_errors_total', { kind: 'auth' })).toBeGreaterThan(0);
  }, 20_000);

  test.each([false, true])(
    'holds corrupt bytes and other types: values are loaded and replaced (cluster: %s)',
    async (isCluster) => {
      const servers = stopAfterTest(await (isCluster ? RedisCluster.start() : RedisServer.start()));
      const { cache, server } = await cacheAt(servers.address, isCluster);
      const nodes = servers instanceof RedisServer ? [servers] : servers.nodes;
      for (const [at, garbage] of ['', '\u0000', 'no entry', '{"kind":"value"}'].entries()) {
        expect(await server.write(`api:k${at}`, Buffer.from(garbage), 60_000)).toBe('written');
      }
      for (const name of ['test:{api:k4}', 'test:{api:k5}:lock', 'test:tag:{t}']) {
        for (const node of nodes)
          await node.command('LPUSH', name, 'what another left').catch(() => {});
      }
      for (let at = 0; at < 6; at++)
        expect(await cache.getOrLoad(`k${at}`, () => `new ${at}`, { tags: ['t'] })).toBe(
          `new ${at}`,
        );
      await until(
        'replaced',
        async () => {
          const again = await Promise.all(
            Array.from({ length: 6 }, (_, at) =>
              cache.getOrLoad(`k${at}`, () => 'loaded again', { tags: ['t'] }),
            ),
          );
          return again.every((value, at) => value === `new ${at}`);
        },
        2_000,
      );
    },
    30_000,
  );

  test('is unavailable during an invalidation: it serves no old value afterwards', async () => {
    const { redis, proxy } = await startProxied();
    const { cache, server } = await cacheAt(proxy);
    const { cache: other } = await cacheAt(redis);
    const keys = Array.from({ length: 10 }, (_, at) => `k${at}`);
    const all = (from: TieredCache, value: string) =>
      Promise.all(keys.map((key) => from.getOrLoad(key, () => value, { tags: ['t'] })));
    await all(other, 'old');
    await until(
      'stored',
      async () => (await all(cache, 'old')).length > 0 && (await redis.command('DBSIZE')) === 11,
      2_000,
    );
    proxy.deaden();
    proxy.cut();
    await until('noticed', async () => !(await cache.invalidateTags('t')).reached, 2_000);
    expect(new Set(await all(cache, 'new'))).toEqual(new Set(['new']));
    proxy.enliven();
    // No call may return the old value, however early.
    const neverOld = async () => expect(new Set(await all(cache, 'new'))).toEqual(new Set(['new']));
    await reportRecovery('reachable', async () => {
      await neverOld();
      return server.available;
    });
    for (let turn = 0; turn < 20; turn++) await neverOld();
    expect(new Set(await all(other, 'new'))).toEqual(new Set(['new']));
  }, 20_000);
});

describeServers('a cache on a cluster', () => {
  test('that loses a node', async () => {
    const cluster = stopAfterTest(await RedisCluster.start());
    const { cache } = await cacheAt(cluster.address, true);
    await callers('cluster, healthy', cache);
    await cluster.nodes[2]?.kill();
    await callers('cluster, one of three nodes killed', cache);
    await cluster.nodes[2]?.restart();
    await until(
      'joined',
      async () =>
        String(await cluster.nodes[2]?.command('CLUSTER', 'INFO')).includes('cluster_state:ok'),
      10_000,
    );
    await reportRecovery('node restarted', usesServer(cache));
  }, 30_000);
});
