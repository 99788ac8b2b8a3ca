/**
 * Every way in which a cache's server fails, on real servers: no caller sees an error, nobody waits
 * longer than the deadline, and the cache is back within two seconds of its server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import Redis from 'iovalkey';
import type { ValkeyServer } from '../../../lib/runtime/valkey/server';
import { RedisCluster, RedisServer, TcpProxy } from '../redis-server';
import {
  answers,
  BAR_MS,
  bytesOf,
  describeServers,
  ending,
  GENEROUS_MS,
  quantile,
  RECOVERY_MS,
  until,
  valkey,
} from './cache-fixture';

/**
 * Many callers, one every three milliseconds, each with everything that may come before and after a
 * load. Gives what the cache added to the loads, and throws what a caller would have seen.
 */
async function callers(
  name: string,
  server: ValkeyServer,
  calls = 500,
): Promise<{ p50: number; p99: number; answered: number }> {
  let answered = 0;
  const waits: number[] = [];
  const behind: Promise<unknown>[] = [];
  const call = async (key: string) => {
    const begin = performance.now();
    const read = await server.read(key, ['tag'], { lock: true });
    waits.push(performance.now() - begin);
    if (read.status === 'answered') answered++;
    behind.push(server.write(key, Buffer.from('loaded'), 60_000));
  };
  const running: Promise<void>[] = [];
  for (let at = 0; at < calls; at++) {
    running.push(call(`k${at % 50}`));
    await sleep(3);
  }
  await Promise.all(running);
  await Promise.all(behind);
  const figures = { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), answered };
  console.info(
    `${name}: ${calls} calls waited p50 ${figures.p50} ms, p99 ${figures.p99} ms (bar ${BAR_MS}), ${answered} answered`,
  );
  return figures;
}

describeServers('a cache whose server fails', () => {
  test('killed, and restarted', async () => {
    const redis = ending(await RedisServer.start());
    const server = valkey(redis);
    await until('connected', () => answers(server), 2_000);
    const availability: boolean[] = [];
    server.onAvailabilityChange((available) => availability.push(available));
    await server.write('kept', Buffer.from('old'), 60_000);
    await redis.kill();
    expect((await callers('killed', server)).p99).toBeLessThan(GENEROUS_MS);
    expect(server.available).toBe(false);
    expect(await server.acquire('k')).toBe('unavailable');
    expect(await server.tagVersions(['t'])).toBeUndefined();
    expect(await server.bumpTags(['t'])).toBe(false);
    expect(await server.scan('*', async () => {})).toBe(false);
    await redis.restart();
    console.info(
      `restarted: back after ${await until('back', () => answers(server), RECOVERY_MS)} ms`,
    );
    expect(await server.write('k', Buffer.from('new'), 60_000)).toBe('written');
    expect(availability).toEqual([false, true]);
    expect(server.errors.get('connection')).toBeGreaterThan(0);
  }, 30_000);

  test('hung', async () => {
    const redis = ending(await RedisServer.start());
    const server = valkey(redis);
    await until('connected', () => answers(server), 2_000);
    redis.pause();
    const { p99, p50 } = await callers('hung', server);
    expect(p99).toBeLessThan(GENEROUS_MS);
    // The breaker has opened: most calls wait for nothing.
    expect(p50).toBeLessThan(20);
    redis.resume();
    console.info(
      `resumed: back after ${await until('back', () => answers(server), RECOVERY_MS)} ms`,
    );
    expect(server.errors.get('timeout')).toBeGreaterThan(0);
  }, 30_000);

  test('gone without a word, behind an address that lives', async () => {
    const redis = ending(await RedisServer.start());
    const proxy = ending(await TcpProxy.start(redis.port));
    const server = valkey(proxy);
    await until('connected', () => answers(server), 2_000);
    // What is sent now is lost for good: these connections never answer again, also when the server
    // is back.
    proxy.deaden();
    expect((await callers('silent', server)).p99).toBeLessThan(GENEROUS_MS);
    proxy.enliven();
    console.info(
      `replaced: back after ${await until('back', () => answers(server), RECOVERY_MS)} ms`,
    );
    await until('bus back', () => server.busAlive, 5_000);
  }, 30_000);

  test('slow', async () => {
    const redis = ending(await RedisServer.start());
    const proxy = ending(await TcpProxy.start(redis.port));
    const server = valkey(proxy);
    await until('connected', () => answers(server), 2_000);
    proxy.delayMs = 200;
    expect((await callers('slow, 200 ms', server)).p99).toBeLessThan(GENEROUS_MS);
    proxy.delayMs = 0;
    console.info(
      `fast again: back after ${await until('back', () => answers(server), RECOVERY_MS)} ms`,
    );
  }, 30_000);

  test('failed over to its replica behind one address', async () => {
    const primary = ending(await RedisServer.start());
    const replica = ending(await RedisServer.start({ replicaOf: primary }));
    const proxy = ending(await TcpProxy.start(primary.port));
    const server = valkey(proxy);
    await until('connected', () => answers(server), 2_000);
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

  test('demoted: a replica answers reads, refuses writes, and is left for the new primary', async () => {
    const primary = ending(await RedisServer.start());
    const next = ending(await RedisServer.start({ replicaOf: primary }));
    const proxy = ending(await TcpProxy.start(primary.port));
    const server = valkey(proxy);
    await until('connected', () => answers(server), 2_000);
    await server.write('k', Buffer.from('old'), 60_000);
    await next.promote();
    await primary.command('REPLICAOF', '127.0.0.1', next.port);
    expect(await server.write('k', Buffer.from('new'), 60_000)).toBe('refused');
    expect(server.errors.get('readonly')).toBe(1);
    expect(await server.remove(['k'])).toBe(false);
    expect(bytesOf(await server.read('k', []))).toBeUndefined();
    proxy.target(next.port);
    proxy.cut();
    await until(
      'written',
      async () => (await server.write('other', Buffer.from('new'), 60_000)) === 'written',
      RECOVERY_MS,
    );
    await until(
      'removed',
      async () => (await next.command('EXISTS', 'test:{k}')) === 0,
      RECOVERY_MS,
    );
  }, 30_000);

  test('full: reads go on, writes are refused, and invalidations still end what they name', async () => {
    const redis = ending(await RedisServer.start({ args: ['--maxmemory-policy', 'noeviction'] }));
    const server = valkey(redis);
    await until('connected', () => answers(server), 2_000);
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
    expect((await callers('full', server)).p99).toBeLessThan(GENEROUS_MS);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await server.write('k2', Buffer.from('value'), 60_000)).toBe('written');
    expect((await server.tagVersions(['t']))?.[0]).not.toBe(before);
  }, 30_000);

  test.each([false, true])(
    'other types at our keys, cluster %s',
    async (isCluster) => {
      const redis = ending(await (isCluster ? RedisCluster.start() : RedisServer.start()));
      const server = valkey(redis.address, { cluster: isCluster });
      await until('connected', () => answers(server), 2_000);
      const raw = isCluster ? new Redis.Cluster([redis.address]) : new Redis(redis.address);
      ending({ stop: async () => raw.disconnect() });
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

  test('scripts flushed', async () => {
    const redis = ending(await RedisServer.start());
    const server = valkey(redis);
    const lock = await server.acquire('k');
    if (typeof lock === 'string') throw new Error(lock);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await server.write('k', Buffer.from('value'), 60_000, lock)).toBe('written');
    await redis.command('SCRIPT', 'FLUSH');
    expect(await server.acquire('k')).toEqual({ key: 'k', token: expect.any(String) });
    expect(server.errors.size).toBe(0);
  });

  test('the password changed, and the source knows the new one', async () => {
    const redis = ending(await RedisServer.start());
    const admin = new Redis(redis.address);
    ending({ stop: async () => admin.disconnect() });
    await admin.config('SET', 'requirepass', 'first');
    let password = 'first';
    const server = valkey(redis, { password: async () => password });
    await until('connected', () => answers(server), 2_000);
    await admin.config('SET', 'requirepass', 'second');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes');
    const { p99, answered } = await callers('refused login', server);
    expect(p99).toBeLessThan(GENEROUS_MS);
    expect(answered).toBeLessThan(500);
    expect(server.errors.get('auth')).toBeGreaterThan(0);
    password = 'second';
    console.info(
      `new password: back after ${await until('back', () => answers(server), RECOVERY_MS)} ms`,
    );
    await until('bus back', () => server.busAlive, 5_000);
  }, 30_000);

  test('reading its data', async () => {
    // Each key takes half a millisecond to read, and errors are answered meanwhile.
    const slow = ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'];
    const redis = ending(await RedisServer.start({ args: slow }));
    const server = valkey(redis);
    await until('connected', () => answers(server), 2_000);
    await redis.command('EVAL', "for i = 1, 3000 do redis.call('SET', 'k' .. i, 'v') end", 0);
    await redis.command('SAVE');
    const restarting = redis.restart();
    expect((await callers('loading', server, 400)).p99).toBeLessThan(GENEROUS_MS);
    await restarting;
    console.info(
      `loaded: back after ${await until('back', () => answers(server), RECOVERY_MS)} ms`,
    );
    await until('bus back', () => server.busAlive, 5_000);
  }, 30_000);

  test('no connection left', async () => {
    const redis = ending(await RedisServer.start());
    const server = valkey(redis, { bus: false });
    await until('connected', () => answers(server), 2_000);
    const admin = new Redis(redis.address);
    ending({ stop: async () => admin.disconnect() });
    await admin.config('SET', 'maxclients', '1');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect((await callers('no connection left', server)).p99).toBeLessThan(GENEROUS_MS);
    expect(server.errors.get('limit')).toBeGreaterThan(0);
    await admin.config('SET', 'maxclients', '100');
    console.info(
      `room again: back after ${await until('back', () => answers(server), RECOVERY_MS)} ms`,
    );
  }, 30_000);
});

describeServers('what was invalidated while the server was away', () => {
  test.each([
    ['by name', 10_000],
    ['past the bound', 10],
  ])(
    'is ended before anything is read, %s',
    async (_, maxPendingInvalidations) => {
      const redis = ending(await RedisServer.start());
      const proxy = ending(await TcpProxy.start(redis.port));
      const server = valkey(proxy, { maxPendingInvalidations });
      const other = valkey(redis);
      const heard: string[] = [];
      const changes: boolean[] = [];
      other.onMessage(({ keys, tags }) => heard.push(...keys, ...tags));
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
      // From the first answer on, nothing of before is believed.
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
      // And the others hear of it: by name, or that they may rely on nothing.
      if (maxPendingInvalidations > 100)
        await until('told', () => names.every((name) => heard.includes(name)), 2_000);
      else await until('told', () => changes.includes(false) && other.busAlive, 2_000);
    },
    30_000,
  );

  test('a single failure on a server that was never given up is made good, and distrusted until then', async () => {
    const redis = ending(await RedisServer.start());
    const proxy = ending(await TcpProxy.start(redis.port));
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
    // A load that began before cannot bring the value back.
    expect(['unavailable', 'fenced']).toContain(
      await server.write('k', Buffer.from('loaded before'), 60_000, lock),
    );
    expect(bytesOf(await server.read('k', []))).toBeUndefined();
    await sleep(700);
    expect(await server.write('k', Buffer.from('new'), 60_000)).toBe('written');
    expect(bytesOf(await server.read('k', []))).toBe('new');
  }, 30_000);
});
