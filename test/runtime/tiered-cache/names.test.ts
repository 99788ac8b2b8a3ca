/** Which callers share an entry: those with the same key, whatever its text, and no others. */
import {
  type CacheCallOptions,
  type CacheStrategy,
  shortenKey,
  TieredCache,
} from '../../../lib/runtime';
import { MemoryCacheServer } from './memory-cache-server';

const PLAIN: CacheStrategy = { prefix: '', ttlSeconds: 60, serializer: 'json', compress: false };
const LONG = `victim:${'k'.repeat(600)}`;

function caches() {
  const server = new MemoryCacheServer();
  return {
    memory: new TieredCache({ strategy: PLAIN }),
    server: new TieredCache({ server, strategy: PLAIN, memoryEntries: 0 }),
    both: new TieredCache({ server: new MemoryCacheServer(), strategy: PLAIN }),
  };
}

describe.each(['memory', 'server', 'both'] as const)('a cache with %s', (kind) => {
  test.each([
    ['a long key and its stored name', LONG, shortenKey(LONG)],
    ['an empty key and its stored name', '', shortenKey('')],
    ['a key that begins with a brace and its stored name', '}x', shortenKey('}x')],
    ['keys with different halves of surrogate pairs', 'a\ud800', 'a\ud801'],
    ['half a surrogate pair and its replacement', 'a\ud800', 'a\ufffd'],
    ['a stored name and its own stored name', shortenKey(LONG), shortenKey(shortenKey(LONG))],
  ])('keeps apart %s', async (_, one, other) => {
    const cache = caches()[kind];
    await cache.getOrLoad(one, () => 'victim');
    await new Promise(setImmediate);
    expect(await cache.get(other)).toEqual({ found: false });
    expect(await cache.getOrLoad(other, () => 'attacker')).toBe('attacker');
    await new Promise(setImmediate);
    expect([await cache.get(one), await cache.get(other)]).toMatchObject([
      { value: 'victim' },
      { value: 'attacker' },
    ]);
    await cache.set(other, 'changed');
    expect(await cache.get(one)).toMatchObject({ value: 'victim' });
  });

  test('keeps apart tags that look alike', async () => {
    const cache = caches()[kind];
    await cache.getOrLoad('k', () => 1, { tags: [LONG, 'a\ud800'] });
    await new Promise(setImmediate);
    await cache.invalidateTags(shortenKey(LONG), 'a\ufffd', 'a\ud801');
    expect(await cache.get('k', { tags: [LONG] })).toMatchObject({ value: 1 });
    expect(await cache.get('k', { tags: [shortenKey(LONG)] })).toEqual({ found: false });
    await cache.invalidateTags('a\ud800');
    expect(await cache.get('k')).toEqual({ found: false });
  });

  test('finds a long key again, and removes it by the name that events report', async () => {
    const cache = caches()[kind];
    const reported: string[] = [];
    cache.on('load', ({ key }) => reported.push(key));
    for (const key of [LONG, shortenKey(LONG)]) await cache.getOrLoad(key, () => key);
    await new Promise(setImmediate);
    expect(await cache.get(LONG)).toMatchObject({ value: LONG });
    await cache.delete(reported[0] as string);
    expect(await cache.get(LONG)).toEqual({ found: false });
    // The name is a key as well.
    expect(await cache.get(shortenKey(LONG))).toEqual({ found: false });
  });
});

test('an entry of another key under the name of a long one is removed and counted', async () => {
  const server = new MemoryCacheServer();
  const cache = new TieredCache({ server, strategy: PLAIN, memoryEntries: 0 });
  const corrupt: string[] = [];
  cache.on('corrupt', ({ key }) => corrupt.push(key));
  const name = shortenKey(LONG);
  for (const forger of ['short', `${LONG}2`]) {
    await cache.set(forger, 'forged');
    server.store.values.set(name, server.store.values.get(shortenKey(forger)) as never);
    expect(await cache.getOrLoad(LONG, () => 'loaded')).toBe('loaded');
    await new Promise(setImmediate);
    expect(await cache.get(LONG)).toMatchObject({ value: 'loaded' });
  }
  // And the other way: the entry of a long key under a short one.
  await cache.set(LONG, 'forged');
  server.store.values.set('short', server.store.values.get(name) as never);
  expect(await cache.getOrLoad('short', () => 'loaded')).toBe('loaded');
  expect(corrupt).toEqual([name, name, 'short']);
});

describe('what is not a string is refused, never converted', () => {
  const WRONG = [
    Promise.resolve('alice'),
    new Map([['user', 'alice']]),
    new Set(['alice']),
    { id: 'alice' },
    ['alice'],
    Object('alice'),
    7,
    Number.NaN,
    7n,
    true,
    null,
    undefined,
    Symbol('alice'),
    () => 'alice',
  ] as never[];
  const cache = new TieredCache();
  const loader = jest.fn(() => 'of another caller');

  test.each(WRONG)('the key %p', async (key) => {
    await expect(cache.getOrLoad(key, loader)).rejects.toThrow(/TieredCache: key must be a string/);
    await expect(cache.get(key)).rejects.toThrow(/TieredCache: key must be a string/);
    await expect(cache.set(key, 1)).rejects.toThrow(/TieredCache: key must be a string/);
    await expect(cache.delete([key])).rejects.toThrow(/each of keys must be a string/);
    if (!Array.isArray(key))
      await expect(cache.delete(key)).rejects.toThrow(/keys must be a list of strings/);
    expect(loader).not.toHaveBeenCalled();
  });

  test.each(WRONG)('the tag %p', async (tag) => {
    await cache.set('k', 'stored', { tags: ['t'] });
    const refused = /TieredCache: each of tags must be a string, got/;
    for (const tags of [[tag], ['t', tag]]) {
      await expect(cache.getOrLoad('k', loader, { tags })).rejects.toThrow(refused);
      await expect(cache.getOrLoad('new', loader, { tags })).rejects.toThrow(refused);
      await expect(cache.get('k', { tags })).rejects.toThrow(refused);
      await expect(cache.set('k', 1, { tags })).rejects.toThrow(refused);
      await expect(cache.invalidateTags(...tags)).rejects.toThrow(refused);
    }
    expect(loader).not.toHaveBeenCalled();
  });

  test.each(['user', new Set(['user']), { 0: 'user', length: 1 }])(
    'the list of tags %p',
    async (tags) => {
      const options = { tags } as unknown as CacheCallOptions;
      await cache.set('k', 'stored', { tags: ['t'] });
      await expect(cache.getOrLoad('k', loader, options)).rejects.toThrow(
        /tags must be a list of strings/,
      );
      expect(loader).not.toHaveBeenCalled();
    },
  );

  test('the message does not show the value', async () => {
    const secret = { token: 'hunter2' } as never;
    await expect(cache.getOrLoad(secret, loader)).rejects.toThrow(/got an Object/);
    await expect(cache.getOrLoad(secret, loader)).rejects.not.toThrow(/hunter2/);
  });
});
