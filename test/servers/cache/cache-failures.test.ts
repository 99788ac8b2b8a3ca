/**
 * Every failure of a cache's server, on real servers: no caller sees an error or waits longer than
 * the deadline, and the cache uses the server again within two seconds of its return.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import Redis from 'iovalkey';
import type { ValkeyServer } from '../../../lib/runtime/valkey/server';
import { RedisCluster, RedisServer, TcpProxy } from '../redis-server';
import {
  answers,
  bytesOf,
  connected,
  describeServers,
  MAX_WAIT_MS,
  RECOVERY_MS,
  reportRecovery,
  reportWaits,
  startConnected,
  startProxied,
  startReplicated,
  stopAfterTest,
  until,
  valkey,
} from './cache-fixture';

/**
 * Calls the server every three milliseconds, with every command that precedes or follows a load.
 * Returns the waits that the cache added to the loads, and rejects with any error that a caller
 * would have seen.
 */
async function callers(
  name: string,
  server: ValkeyServer,
  calls = 500,
): Promise<{ p50: number; p99: number; answered: number }> {
  let answered = 0;
  const waits: number[] = [];
  const writes: Promise<unknown>[] = [];
  const call = async (key: string) => {
    const begin = performance.now();
    const read = await server.read(key, ['tag'], { lock: true });
    waits.push(performance.now() - begin);
    if (read.status === 'answered') answered++;
    writes.push(server.write(key, Buffer.from('loaded'), 60_000));
  };
  const running: Promise<void>[] = [];
  for (let at = 0; at < calls; at++) {
    running.push(call(`k${at % 50}`));
    await sleep(3);
  }
  await Promise.all(running);
  await Promise.all(writes);
  return { ...reportWaits(name, waits, `${answered} answered`), answered };
}

describeServers('a cache whose server fails', () => {
  test('is killed, and restarted', async () => {
    const { redis, server } = await startConnected();
    const availability: boolean[] = [];
    server.onAvailabilityChange((available) => availability.push(available));
    await server.write('kept', Buffer.from('old'), 60_000);
    await redis.kill();
    expect((await callers('killed', server)).p99).toBeLessThan(MAX_WAIT_MS);
    expect(server.available).toBe(false);
    expect(await server.acquire('k')).toBe('unavailable');
    expect(await server.tagVersions(['t'])).toBeUndefined();
    expect(await server.bumpTags(['t'])).toBe(false);
    expect(await server.scan('*', async () => {})).toBe(false);
    await redis.restart();
    await reportRecovery('restarted', () => answers(server));
    expect(await server.write('k', Buffer.from('new'), 60_000)).toBe('written');
    expect(availability).toEqual([false, true]);
    expect(server.errors.get('connection')).toBeGreaterThan(0);
  }, 30_000);

  test('hangs', async () => {
    const { redis, server } = await startConnected();
    redis.pause();
    const { p99, p50 } = await callers('hung', server);
    expect(p99).toBeLessThan(MAX_WAIT_MS);
    // The breaker has opened: most calls do not wait at all.
    expect(p50).toBeLessThan(20);
    redis.resume();
    await reportRecovery('resumed', () => answers(server));
    expect(server.errors.get('timeout')).toBeGreaterThan(0);
  }, 30_000);

  test('vanishes silently behind an address that still routes', async () => {
    const { proxy } = await startProxied();
    const server = await connected(proxy);
    // These connections never answer again, even when the server is back.
    proxy.deaden();
    expect((await callers('silent', server)).p99).toBeLessThan(MAX_WAIT_MS);
    proxy.enliven();
    await reportRecovery('replaced', () => answers(server));
    await until('bus back', () => server.busAlive, 5_000);
  }, 30_000);

  test('is slow', async () => {
    const { proxy } = await startProxied();
    const server = await connected(proxy);
    proxy.delayMs = 200;
    expect((await callers('slow, 200 ms', server)).p99).toBeLessThan(MAX_WAIT_MS);
    proxy.delayMs = 0;
    await reportRecovery('fast again', () => answers(server));
  }, 30_000);

  test('fails over to its replica behind one address', async () => {
    const { primary, replica, proxy } = await startReplicated();
    const server = await connected(proxy);
    await server.write('kept', Buffer.from('value'), 60_000);
    await until(
      'copied',
      async () => (await replica.command('GET', 'test:{kept}')) === 'value',
      2_000,
    );
    await primary.kill();
    proxy.target(replica.port);
    await replica.promote();
    const begin = performance.now();
    await callers('failed over', server);
    await until(
      'back',
      () => answers(server),
      Math.max(0, RECOVERY_MS - (performance.now() - begin)),
    );
    expect(bytesOf(await server.read('kept', []))).toBe('value');
    expect(await server.write('k', Buffer.from('new'), 60_000)).toBe('written');
  }, 30_000);

  test('is demoted: reads go on, writes are refused, the client moves to the primary', async () => {
    const { primary, replica, proxy } = await startReplicated();
    const server = await connected(proxy);
    await server.write('k', Buffer.from('old'), 60_000);
    await replica.promote();
    await primary.command('REPLICAOF', '127.0.0.1', replica.port);
    expect(await server.write('k', Buffer.from('new'), 60_000)).toBe('refused');
    expect(server.errors.get('readonly')).toBe(1);
    expect(await server.remove(['k'])).toBe(false);
    expect(bytesOf(await server.read('k', []))).toBeUndefined();
    proxy.target(replica.port);
    proxy.cut();
    await until(
      'written',
      async () => (await server.write('other', Buffer.from('new'), 60_000)) === 'written',
      RECOVERY_MS,
    );
    await until(
      'removed',
      async () => (await replica.command('EXISTS', 'test:{k}')) === 0,
      RECOVERY_MS,
    );
  }, 30_000);

  test('is full: reads go on, writes are refused, and invalidations take effect', async () => {
    const { redis, server } = await startConnected({ args: ['--maxmemory-policy', 'noeviction'] });
    await server.write('k', Buffer.from('value'), 60_000);
    const [before] = (await server.tagVersions(['t'])) ?? [];
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    expect(await server.write('k2', Buffer.from('value'), 60_000)).toBe('refused');
    expect(await server.acquire('k2')).toBe('unavailable');
    expect(server.errors.get('full')).toBe(2);
    expect(server.available).toBe(true);
    expect(bytesOf(await server.read('k', ['t']))).toBe('value');
    expect(await server.bumpTags(['t'])).toBe(true);
    const after = await server.read('k', ['t']);
    expect(after.status === 'answered' && after.tagVersions).toEqual([null]);
    expect(await server.remove(['k'])).toBe(true);
    expect(bytesOf(await server.read('k', []))).toBeUndefined();
    expect((await callers('full', server)).p99).toBeLessThan(MAX_WAIT_MS);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await server.write('k2', Buffer.from('value'), 60_000)).toBe('written');
    expect((await server.tagVersions(['t']))?.[0]).not.toBe(before);
  }, 30_000);

  test.each([false, true])(
    'holds other types at our keys (cluster: %s)',
    async (isCluster) => {
      const redis = stopAfterTest(await (isCluster ? RedisCluster.start() : RedisServer.start()));
      const server = await connected(redis.address, { cluster: isCluster });
      const raw = isCluster ? new Redis.Cluster([redis.address]) : new Redis(redis.address);
      stopAfterTest({ stop: async () => raw.disconnect() });
      for (const name of ['test:{k}', 'test:{k}:lock', 'test:tag:{t}'])
        await raw.lpush(name, 'what another application left');
      expect(await server.read('k', ['t'], { lock: false })).toEqual({
        status: 'answered',
        bytes: null,
        tagVersions: [null],
        locked: false,
      });
      const versions = await server.tagVersions(['t']);
      expect(versions).toEqual([expect.any(String)]);
      const lock = await server.acquire('k');
      if (typeof lock === 'string') throw new Error(lock);
      expect(await server.write('k', Buffer.from('value'), 60_000, lock)).toBe('written');
      expect(await server.read('k', ['t'], { lock: true })).toEqual({
        status: 'answered',
        bytes: Buffer.from('value'),
        tagVersions: versions,
        locked: false,
      });
      expect(server.available).toBe(true);
    },
    30_000,
  );

  test('flushes its scripts', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    const server = valkey(redis);
    const lock = await server.acquire('k');
    if (typeof lock === 'string') throw new Error(lock);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await server.write('k', Buffer.from('value'), 60_000, lock)).toBe('written');
    await redis.command('SCRIPT', 'FLUSH');
    expect(await server.acquire('k')).toEqual({ key: 'k', token: expect.any(String) });
    expect(server.errors.size).toBe(0);
  });

  test('changes its password, and the password source returns the new one', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    const admin = new Redis(redis.address);
    stopAfterTest({ stop: async () => admin.disconnect() });
    await admin.config('SET', 'requirepass', 'first');
    let password = 'first';
    const server = await connected(redis, { password: async () => password });
    await admin.config('SET', 'requirepass', 'second');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes');
    const { p99, answered } = await callers('refused login', server);
    expect(p99).toBeLessThan(MAX_WAIT_MS);
    expect(answered).toBeLessThan(500);
    expect(server.errors.get('auth')).toBeGreaterThan(0);
    password = 'second';
    await reportRecovery('new password', () => answers(server));
    await until('bus back', () => server.busAlive, 5_000);
  }, 30_000);

  test('is reading its data', async () => {
    // Each key takes half a millisecond to read. Meanwhile the server answers with errors.
    const slow = ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'];
    const { redis, server } = await startConnected({ args: slow });
    await redis.command('EVAL', "for i = 1, 3000 do redis.call('SET', 'k' .. i, 'v') end", 0);
    await redis.command('SAVE');
    const restarting = redis.restart();
    expect((await callers('loading', server, 400)).p99).toBeLessThan(MAX_WAIT_MS);
    await restarting;
    await reportRecovery('loaded', () => answers(server));
    await until('bus back', () => server.busAlive, 5_000);
  }, 30_000);

  test('has no connection left', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    const server = await connected(redis, { bus: false });
    const admin = new Redis(redis.address);
    stopAfterTest({ stop: async () => admin.disconnect() });
    await admin.config('SET', 'maxclients', '1');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect((await callers('no connection left', server)).p99).toBeLessThan(MAX_WAIT_MS);
    expect(server.errors.get('limit')).toBeGreaterThan(0);
    await admin.config('SET', 'maxclients', '100');
    await reportRecovery('room again', () => answers(server));
  }, 30_000);
});

describeServers('an invalidation while the server is unavailable', () => {
  test.each([
    ['if names were kept', 10_000],
    ['if there were too many names', 10],
  ])(
    'is applied before anything is read, %s',
    async (_, maxPendingInvalidations) => {
      const redis = stopAfterTest(await RedisServer.start());
      const proxy = stopAfterTest(await TcpProxy.start(redis.port));
      const server = valkey(proxy, { maxPendingInvalidations });
      const other = valkey(redis);
      const received: string[] = [];
      const changes: boolean[] = [];
      other.onMessage(({ keys, tags }) => received.push(...keys, ...tags));
      await until('buses', () => server.busAlive && other.busAlive, 5_000);
      other.onBusChange((alive) => changes.push(alive));
      const names = Array.from({ length: 20 }, (_, at) => `n${at}`);
      await Promise.all(names.map((name) => other.write(name, Buffer.from('old'), 60_000)));
      const old = await other.tagVersions(names);
      await redis.command('SET', 'test:unrelated', 'kept');
      await redis.command('SET', 'test:more:{k}', 'kept');
      proxy.deaden();
      proxy.cut();
      await until('noticed', async () => !(await answers(server)), 2_000);
      expect(await server.remove(names)).toBe(false);
      expect(await server.bumpTags(names)).toBe(false);
      proxy.enliven();
      // From the first answer on, nothing from before is served.
      let read = await server.read('n7', ['n7']);
      const begin = performance.now();
      while (read.status === 'unavailable' && performance.now() - begin < RECOVERY_MS) {
        await sleep(1);
        read = await server.read('n7', ['n7']);
      }
      expect(read.status === 'answered' && read.bytes).toBe(null);
      expect(read.status === 'answered' && read.tagVersions[0]).not.toBe(old?.[7]);
      for (const name of names) expect(bytesOf(await other.read(name, []))).toBeUndefined();
      const now = await other.tagVersions(names);
      expect(now?.filter((version, at) => version === old?.[at])).toEqual([]);
      expect(await redis.command('MGET', 'test:unrelated', 'test:more:{k}')).toEqual([
        'kept',
        'kept',
      ]);
      // The other processes are told: the names, or to distrust everything.
      if (maxPendingInvalidations > 100)
        await until('told', () => names.every((name) => received.includes(name)), 2_000);
      else await until('told', () => changes.includes(false) && other.busAlive, 2_000);
    },
    30_000,
  );

  test('is retried after a failure, and takes effect in this process until then', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    const proxy = stopAfterTest(await TcpProxy.start(redis.port));
    const server = valkey(proxy, {
      writeTimeoutMs: 50,
      commandTimeoutMs: 2_000,
      breakAfter: 100,
      bus: false,
    });
    await server.write('k', Buffer.from('old'), 60_000);
    const lock = await server.acquire('k');
    if (typeof lock === 'string') throw new Error(lock);
    redis.pause();
    expect(await server.remove(['k'])).toBe(false);
    redis.resume();
    // A load that began earlier cannot bring the value back.
    expect(['unavailable', 'fenced']).toContain(
      await server.write('k', Buffer.from('loaded before'), 60_000, lock),
    );
    expect(bytesOf(await server.read('k', []))).toBeUndefined();
    await sleep(700);
    expect(await server.write('k', Buffer.from('new'), 60_000)).toBe('written');
    expect(bytesOf(await server.read('k', []))).toBe('new');
  }, 30_000);
});

describeServers('a cluster that loses a node', () => {
  const connectedTo = ({ address, nodes }: RedisCluster) =>
    connected(address, { cluster: true, nodes: nodes.map((node) => node.address) });

  test('uses the replica that is promoted, with the values it has copied', async () => {
    const cluster = stopAfterTest(await RedisCluster.start(3, 1));
    const server = await connectedTo(cluster);
    const keys = Array.from({ length: 30 }, (_, at) => `k${at}`);
    await Promise.all(keys.map((key) => server.write(key, Buffer.from(key), 60_000)));
    await server.tagVersions(keys);
    await until(
      'copied',
      async () => {
        const sizes = await Promise.all(cluster.nodes.map((node) => node.command('DBSIZE')));
        return sizes.reduce((sum: number, size) => sum + Number(size), 0) === 4 * keys.length;
      },
      5_000,
    );
    const [lost] = cluster.nodes;
    await lost?.kill();
    let misses = 0;
    const ms = await until(
      'all keys back',
      async () => {
        const found = await Promise.all(
          keys.map(async (key) => bytesOf(await server.read(key, [key]))),
        );
        misses = found.filter((bytes) => bytes === undefined).length;
        return misses === 0;
      },
      15_000,
    );
    console.info(`a primary killed, its replica promoted: all keys readable after ${ms} ms`);
    await until('bus', () => server.busAlive, 5_000);
    expect(
      await Promise.all(keys.map((key) => server.write(key, Buffer.from('new'), 60_000))),
    ).toEqual(keys.map(() => 'written'));
  }, 60_000);

  test('keeps the values on the other nodes, and uses the node again when it is back', async () => {
    const cluster = stopAfterTest(await RedisCluster.start());
    const server = await connectedTo(cluster);
    const lost = cluster.nodes[1];
    if (lost === undefined) throw new Error('There is no second node.');
    const keys = Array.from({ length: 60 }, (_, at) => `k${at}`);
    await Promise.all(keys.map((key) => server.write(key, Buffer.from(key), 60_000)));
    const onLost = new Set(
      ((await lost.command('KEYS', 'test:{*}')) as string[]).map((name) =>
        name.slice('test:{'.length, -1),
      ),
    );
    const elsewhere = keys.filter((key) => !onLost.has(key));
    expect(onLost.size).toBeGreaterThan(5);
    expect(elsewhere.length).toBeGreaterThan(5);
    await lost.kill();
    const waits: number[] = [];
    for (let round = 0; round < 12; round++) {
      const reads = keys.map(async (key) => {
        const begin = performance.now();
        const read = await server.read(key, []);
        waits.push(performance.now() - begin);
        return [key, bytesOf(read)] as const;
      });
      const found = new Map(await Promise.all(reads));
      expect(elsewhere.filter((key) => found.get(key) !== key)).toEqual([]);
      expect([...onLost].filter((key) => found.get(key) !== undefined)).toEqual([]);
      await sleep(20);
    }
    const { p99 } = reportWaits('one of three nodes killed', waits, 'in 12 rounds');
    expect(p99).toBeLessThan(MAX_WAIT_MS);
    expect(server.available).toBe(true);
    const [gone] = [...onLost];
    expect(await server.remove([gone ?? '', elsewhere[0] ?? ''])).toBe(false);
    expect(bytesOf(await server.read(elsewhere[0] ?? '', []))).toBeUndefined();
    await lost.restart();
    await until('back', () => answers(server, gone), 5_000);
    await until(
      'written',
      async () => (await server.write(gone ?? '', Buffer.from('new'), 60_000)) === 'written',
      2_000,
    );
    await until('bus', () => server.busAlive, 5_000);
  }, 60_000);
});
