/**
 * The shared tier of a cache on healthy real servers: a single server, a cluster, TLS, and a user
 * with few permissions.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BusMessage, LoadLock } from '../../../lib/runtime/tiered-cache/server';
import type { ValkeyServerOptions } from '../../../lib/runtime/valkey/options';
import type { ValkeyServer } from '../../../lib/runtime/valkey/server';
import { RedisCluster, RedisServer, TcpProxy } from '../redis-server';
import { freePort } from '../server-process';
import { valkey as anyValkey, describeServers, stopAfterTest, until } from './cache-fixture';

const valkey = (
  at: { readonly port: number },
  options: Partial<ValkeyServerOptions> = {},
): ValkeyServer => anyValkey(at, { commandTimeoutMs: 1_000, ...options });

async function acquired(server: ValkeyServer, key: string): Promise<LoadLock> {
  const lock = await server.acquire(key);
  if (typeof lock === 'string') throw new Error(`The lock of ${key} is ${lock}.`);
  return lock;
}

const bytesOf = async (server: ValkeyServer, key: string) => {
  const read = await server.read(key, []);
  return read.status === 'answered' ? (read.bytes?.toString() ?? null) : read.status;
};

describeServers.each([false, true])('a shared tier (cluster: %s)', (cluster) => {
  const start = async () =>
    stopAfterTest(await (cluster ? RedisCluster.start() : RedisServer.start()));
  /** Enough keys for each of three nodes to own some. */
  const KEYS = Array.from({ length: 40 }, (_, at) => `k${at}`);

  test('stores values, tags and locks in any number of slots', async () => {
    const server = valkey((await start()).address, { cluster });
    // The first read waits for the connection instead of being a miss.
    expect((await server.read('k0', [])).status).toBe('answered');
    const tags = KEYS.map((key) => `t-${key}`);
    const versions = (await server.tagVersions(tags)) ?? [];
    expect(new Set(versions).size).toBe(KEYS.length);
    expect(await server.tagVersions(tags)).toEqual(versions);
    const outcomes = await Promise.all(
      KEYS.map(async (key) =>
        server.write(key, Buffer.from(key), 60_000, await acquired(server, key)),
      ),
    );
    expect(new Set(outcomes)).toEqual(new Set(['written']));
    expect(await Promise.all(KEYS.map((key) => bytesOf(server, key)))).toEqual(KEYS);
    expect(await server.bumpTags([tags[3] ?? '', tags[4] ?? ''])).toBe(true);
    const read = await server.read('k3', tags, { lock: true });
    if (read.status !== 'answered') throw new Error(read.status);
    expect(read.tagVersions.filter((version, at) => version !== versions[at])).toHaveLength(2);
    expect(read.tagVersions).not.toContain(null);
    const seen: string[] = [];
    expect(await server.scan('k1*', async (keys) => void seen.push(...keys))).toBe(true);
    expect([...new Set(seen)].sort()).toEqual(KEYS.filter((key) => key.startsWith('k1')).sort());
    expect(await server.scan('*', () => Promise.reject(new Error('enough')))).toBe(false);
    expect(await server.remove(KEYS.slice(0, 20))).toBe(true);
    expect(await Promise.all(KEYS.map((key) => bytesOf(server, key)))).toEqual(
      KEYS.map((key, at) => (at < 20 ? null : key)),
    );
    expect(server.errors.size).toBe(0);
  }, 30_000);

  test('allows one load at a time, and fences a writer that lost its lock', async () => {
    const { address } = await start();
    const [a, b] = [
      valkey(address, { cluster, lockTtlMs: 300 }),
      valkey(address, { cluster, lockTtlMs: 300, lockHoldMs: 1 }),
    ];
    const lock = await acquired(a, 'k');
    expect(await b.acquire('k')).toBe('taken');
    // A living owner keeps the lock past its time to live.
    await sleep(700);
    expect(await b.acquire('k')).toBe('taken');
    await b.release({ key: 'k', token: 'not mine' });
    expect(await b.acquire('k')).toBe('taken');
    await a.release(lock);
    const expired = await acquired(b, 'k');
    // An owner that stops renewing loses the lock, and its write is fenced.
    await until('expired', async () => typeof (await a.acquire('k')) !== 'string');
    expect(await b.write('k', Buffer.from('too late'), 60_000, expired)).toBe('fenced');
    expect(await bytesOf(a, 'k')).toBe(null);
    // A set value and a removal are newer than a load that began before them.
    for (const end of [() => b.write('k', Buffer.from('set'), 60_000), () => b.remove(['k'])]) {
      await end();
      const loading = await acquired(a, 'k');
      await end();
      expect(await a.write('k', Buffer.from('loaded'), 60_000, loading)).toBe('fenced');
      expect(await bytesOf(a, 'k')).not.toBe('loaded');
    }
  }, 30_000);

  test('tells other processes, whichever node they subscribe to', async () => {
    const { address } = await start();
    const [a, b] = [valkey(address, { cluster }), valkey(address, { cluster, heartbeatMs: 50 })];
    const received: BusMessage[] = [];
    const own: BusMessage[] = [];
    b.onMessage((message) => received.push(message));
    a.onMessage((message) => own.push(message));
    await until('buses', () => a.busAlive && b.busAlive);
    await a.release(await acquired(a, 'released'));
    await a.write('loaded', Buffer.from('x'), 60_000, await acquired(a, 'loaded'));
    await a.write('set', Buffer.from('x'), 60_000);
    await a.remove(['removed']);
    await a.bumpTags(['tag']);
    await until(
      'received',
      () =>
        received.some(({ tags }) => tags.includes('tag')) &&
        received.some(({ loaded }) => loaded.includes('loaded')),
    );
    expect(new Set(received.flatMap(({ keys }) => keys))).toEqual(new Set(['set', 'removed']));
    expect(new Set(received.flatMap(({ loaded }) => loaded))).toEqual(
      new Set(['released', 'loaded', 'set']),
    );
    expect(own).toEqual([]);
    expect(b.busAlive).toBe(true);
  }, 30_000);
});

describeServers('a shared tier', () => {
  test('sends one command for the reads of one turn', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    const server = valkey(redis, { bus: false });
    await server.read('first', []);
    await redis.command('CONFIG', 'RESETSTAT');
    await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        server.read(`k${at % 10}`, ['t1', 't2'], { lock: true }),
      ),
    );
    expect(String(await redis.command('INFO', 'commandstats'))).toMatch(/cmdstat_mget:calls=1,/);
  });

  test('frees a lock that it acquired too late', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    const proxy = stopAfterTest(await TcpProxy.start(redis.port));
    const server = valkey(proxy, { commandTimeoutMs: 50, breakAfter: 100, bus: false });
    await until('connected', async () => (await server.read('k', [])).status === 'answered');
    await server.release(await acquired(server, 'k'));
    proxy.delayMs = 150;
    expect(await server.acquire('k')).toBe('unavailable');
    expect(await redis.command('EXISTS', 'test:{k}:lock')).toBe(1);
    await until('freed', async () => (await redis.command('EXISTS', 'test:{k}:lock')) === 0, 2_000);
  });

  test('works for a user with the permissions of the stack, whose password changes', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    await redis.command(
      'ACL',
      'SETUSER',
      'app',
      'on',
      '>one',
      '>two',
      '~*',
      '&*',
      '+@all',
      '-@dangerous',
      '+info',
    );
    const passwords = ['one', 'two'];
    const server = valkey(redis, {
      username: 'app',
      password: () => passwords.shift() ?? 'two',
      passwordRefreshMs: 300,
      reauthenticateMs: 1,
    });
    await until('bus', () => server.busAlive);
    // Both connections were opened with the first password. They survive its removal because they
    // have logged in again with the second.
    await until('second password', () => passwords.length === 0);
    await sleep(300);
    await redis.command('ACL', 'SETUSER', 'app', '<one');
    expect(await server.write('k', Buffer.from('value'), 60_000, await acquired(server, 'k'))).toBe(
      'written',
    );
    expect(await server.bumpTags(['t'])).toBe(true);
    expect(await server.remove(['k'])).toBe(true);
    expect(await server.scan('*', async () => {})).toBe(true);
    expect(server.busAlive).toBe(true);
    expect(Object.fromEntries(server.errors)).toEqual({});
    expect(String(await redis.command('CLIENT', 'LIST'))).toMatch(
      /name=isochrone-cache-bus .*user=app/,
    );
  }, 15_000);

  test('connects over TLS, and refuses an untrusted certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'isochrone-tls-'));
    stopAfterTest({ stop: async () => rmSync(folder, { recursive: true, force: true }) });
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const { status, stderr } = spawnSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
      ].concat(['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]),
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`openssl failed.\n${stderr}`);
    const port = await freePort();
    const tlsArgs = [
      '--tls-port',
      String(port),
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      cert,
    ];
    stopAfterTest(await RedisServer.start({ args: [...tlsArgs, '--tls-auth-clients', 'no'] }));
    const server = valkey({ port }, { host: 'localhost', tls: { ca: readFileSync(cert) } });
    await until(
      'written',
      async () => (await server.write('k', Buffer.from('value'), 60_000)) === 'written',
    );
    expect(await bytesOf(server, 'k')).toBe('value');
    await until('bus', () => server.busAlive);
    // The system's authorities did not issue this certificate.
    const distrustful = valkey({ port }, { host: 'localhost', tls: true, commandTimeoutMs: 200 });
    expect(await bytesOf(distrustful, 'k')).toBe('unavailable');
    expect(distrustful.errors.get('connection')).toBeGreaterThan(0);
  }, 15_000);

  test('after close it has freed its locks, answers nothing and keeps no connection', async () => {
    const redis = stopAfterTest(await RedisServer.start());
    const server = valkey(redis);
    await until('bus', () => server.busAlive);
    await acquired(server, 'k');
    const writing = server.write('w', Buffer.from('value'), 60_000);
    await server.close();
    expect(await writing).toBe('written');
    expect(await redis.command('EXISTS', 'test:{k}:lock')).toBe(0);
    expect(await server.read('k', [])).toEqual({ status: 'unavailable' });
    expect(await server.write('k', Buffer.from('x'), 1)).toBe('unavailable');
    expect(await server.acquire('k')).toBe('unavailable');
    expect(await server.tagVersions(['t'])).toBeUndefined();
    expect([
      await server.remove(['k']),
      await server.bumpTags(['t']),
      await server.scan('*', async () => {}),
    ]).toEqual([false, false, false]);
    expect([server.available, server.busAlive]).toEqual([false, false]);
    await until(
      'gone',
      async () => !String(await redis.command('CLIENT', 'LIST')).includes('name=isochrone-cache'),
    );
  });
});
