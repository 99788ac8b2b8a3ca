/** Entries that somebody else wrote to the server: each is removed and counted, and the caller served. */
import type { Redis } from 'iovalkey';
import type { CacheEntry } from '../../../lib/runtime/entries';
import { ASCII, ENCODED, MSGPACK, writeFrame } from '../../../lib/runtime/entries/frame';
import { CacheKeyNames } from '../../../lib/runtime/shared';
import { DEFAULT_CACHE_STRATEGY } from '../../../lib/runtime/tiered-cache/strategy';
import { TieredCache } from '../../../lib/runtime/tiered-cache/tiered-cache';
import type { ValkeyServer } from '../../../lib/runtime/valkey/server';
import { connected, describeServers, startConnected, until } from './cache-fixture';

/** The key `k` with its prefix. */
const KEY = `${DEFAULT_CACHE_STRATEGY.prefix}k`;
const now = Date.now();
const TIMES = { createdAt: now, freshUntil: now + 60_000, staleUntil: now + 90_000 };
const ENTRY: CacheEntry = { kind: 'value', value: 1, ...TIMES, tags: [], tagVersions: [] };

function forged(payload: string | Buffer, flags: number, entry: Partial<CacheEntry> = {}): Buffer {
  const bytes = Buffer.byteLength(payload);
  return writeFrame({ ...ENTRY, ...entry }, flags, payload, bytes, bytes);
}

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** The connection of a cache's server, to write what the cache would not. */
const clientOf = (server: ValkeyServer) =>
  (server as unknown as { connection: { client: Redis } }).connection.client;

describeServers('a forged entry on a redis-server', () => {
  test.each<[string, Buffer]>([
    ['an array with 2^32-1 holes', forged('[[4294967295,[]],[["h",[]]]]', ENCODED | ASCII)],
    ['JSON of 100,000 levels', forged('['.repeat(1e5) + ']'.repeat(1e5), ASCII)],
    ['MessagePack of 100,000 levels', forged(Buffer.alloc(1e5, 0x91), MSGPACK)],
    ['2^32-1 items', forged(Buffer.concat([Buffer.of(0xdd), uint32(2 ** 32 - 1)]), MSGPACK)],
    ['another type', forged('"text"', MSGPACK)],
    ['times without an end', forged('1', ASCII, { staleUntil: Number.POSITIVE_INFINITY })],
    ['garbage', Buffer.from('garbage of any kind, longer than a header of an entry is')],
    ['a truncated entry', forged('"a long text"', ASCII).subarray(0, -3)],
    ['nothing', Buffer.alloc(0)],
  ])('%s is removed and counted, and the caller gets the loaded value', async (_, bytes) => {
    const { redis, server } = await startConnected();
    const cache = new TieredCache({ server });
    const corrupt: string[] = [];
    cache.on('corrupt', ({ key }) => corrupt.push(key));
    const client = clientOf(server);
    const name = new CacheKeyNames('test').value(KEY);
    await client.set(name, bytes);
    expect(await cache.getOrLoad('k', async () => 'loaded')).toBe('loaded');
    expect(corrupt).toEqual([KEY]);
    await until('the entry is gone', async () => !(await client.getBuffer(name))?.equals(bytes));
    await cache.close();
    // Another process has nothing to count.
    const other = new TieredCache({ server: await connected(redis) });
    other.on('corrupt', ({ key }) => corrupt.push(key));
    await other.getOrLoad('k', async () => 'loaded');
    expect(corrupt).toEqual([KEY]);
    await other.close();
  });

  test('a hash in the place of a value, a lock or a tag keeps no caller from a value', async () => {
    const { redis, server } = await startConnected();
    const names = new CacheKeyNames('test');
    const client = clientOf(server);
    for (const name of [names.value(KEY), names.lock(KEY), names.tag('t')])
      await client.hset(name, 'field', 'value');
    const cache = new TieredCache({ server });
    const load = () => cache.getOrLoad('k', async () => 'loaded', { tags: ['t'] });
    expect([await load(), await load()]).toEqual(['loaded', 'loaded']);
    await cache.invalidateTags('t');
    expect(await cache.getOrLoad('k', async () => 'newer', { tags: ['t'] })).toBe('newer');
    await cache.close();
    const other = new TieredCache({ server: await connected(redis) });
    expect(await other.getOrLoad('k', async () => 'again', { tags: ['t'] })).toBe('newer');
    await other.close();
  });

  test('an entry that is as whole as any is served', async () => {
    const { server } = await startConnected();
    const cache = new TieredCache({ server });
    const client = clientOf(server);
    const bytes = forged('[1,"a",{"b":null}]', ASCII);
    await client.set(new CacheKeyNames('test').value(KEY), bytes);
    expect(await cache.getOrLoad('k', async () => 'loaded')).toEqual([1, 'a', { b: null }]);
    await cache.close();
  });
});
