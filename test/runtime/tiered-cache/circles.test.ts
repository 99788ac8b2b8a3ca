/** Loaders that would wait for their own result are told; all others run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CacheStrategy, TieredCache } from '../../../lib/runtime';
import { SemanticCache, TfIdfEmbedder } from '../../../lib/runtime/semantic';
import { MemoryCacheServer } from './memory-cache-server';

const PLAIN: CacheStrategy = {
  prefix: '',
  ttlSeconds: 60,
  serializer: 'json',
  compress: false,
  jitter: 0,
};
const REFUSED = 'TieredCache: a loader must not wait for its own result, got ';

describe.each([
  ['memory', () => new TieredCache({ strategy: PLAIN })],
  ['a server', () => new TieredCache({ strategy: PLAIN, server: new MemoryCacheServer() })],
  [
    'a server alone',
    () => new TieredCache({ strategy: PLAIN, server: new MemoryCacheServer(), memoryEntries: 0 }),
  ],
])('in a cache with %s', (_, create) => {
  let cache: TieredCache;
  beforeEach(() => {
    cache = create();
  });
  afterEach(() => cache.close());

  test.each([0, 5])('a loader that asks for its own key after %i ms', async (afterMs) => {
    const load = async (): Promise<unknown> => {
      if (afterMs > 0) await sleep(afterMs);
      return cache.getOrLoad('a', load);
    };
    await expect(cache.getOrLoad('a', load)).rejects.toThrow(`${REFUSED}"a" → "a".`);
    // The cache is as usable as before.
    expect(await cache.getOrLoad('a', () => 1)).toBe(1);
  });

  test('a loader that asks for its own key through others', async () => {
    const of = (key: string, next: string) => () =>
      Promise.all([cache.getOrLoad(next, loaders[next] as never), sleep(1)]).then(() => key);
    const loaders: Record<string, () => Promise<string>> = {
      a: of('a', 'b'),
      b: of('b', 'c'),
      c: of('c', 'a'),
    };
    await expect(cache.getOrLoad('a', loaders.a as never)).rejects.toThrow(
      `${REFUSED}"a" → "b" → "c" → "a".`,
    );
  });

  test('two loads that began apart and wait for each other', async () => {
    const a = cache.getOrLoad('a', async () => {
      await sleep(10);
      return cache.getOrLoad('b', () => 'never called');
    });
    const b = cache.getOrLoad('b', async () => {
      await sleep(20);
      return cache.getOrLoad('a', () => 'never called');
    });
    const outcomes = await Promise.allSettled([a, b]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringContaining(`${REFUSED}"a" → "b" → "a".`) },
      });
  });

  test('a loader that removes its own key and asks again', async () => {
    const load = async (): Promise<unknown> => {
      await cache.delete('a');
      return cache.getOrLoad('a', load);
    };
    await expect(cache.getOrLoad('a', load)).rejects.toThrow(REFUSED);
  });

  test('loaders of two caches that wait for each other', async () => {
    const other = new TieredCache({ strategy: PLAIN });
    await expect(
      cache.getOrLoad('a', () => other.getOrLoad('a', () => cache.getOrLoad('a', () => 1))),
    ).rejects.toThrow(REFUSED);
    // One key in two caches is no circle.
    expect(await cache.getOrLoad('b', () => other.getOrLoad('b', () => 2))).toBe(2);
  });

  test('after it was closed', async () => {
    await cache.close();
    const load = (): Promise<unknown> => cache.getOrLoad('a', load);
    await expect(cache.getOrLoad('a', load)).rejects.toThrow(REFUSED);
    expect(await cache.getOrLoad('a', () => cache.getOrLoad('b', () => 1))).toBe(1);
  });

  test('loads that share what they wait for are no circle', async () => {
    const shared = () => cache.getOrLoad('shared', () => sleep(5, 1));
    const of = (key: string) =>
      cache.getOrLoad(key, async () => (await Promise.all([shared(), shared(), of1()])).length);
    const of1 = () => cache.getOrLoad('one', () => shared());
    expect(await Promise.all([of('a'), of('b'), of('c'), of('a')])).toEqual([3, 3, 3, 3]);
  });

  test('a loader that looks its own key up, or calls the cache when it has ended, is none', async () => {
    let later: Promise<unknown> | undefined;
    const load = async () => {
      later = sleep(20).then(() => cache.getOrLoad('a', () => 'again'));
      return cache.get('a');
    };
    expect(await cache.getOrLoad('a', load)).toEqual({ found: false });
    await cache.delete('a');
    expect(await later).toBe('again');
  });

  test('callers outside of loaders wait for a load, from whatever callback they come', async () => {
    const began: Promise<unknown>[] = [];
    const timer = setInterval(() => began.push(cache.getOrLoad('a', () => 'another')), 2);
    expect(await cache.getOrLoad('a', () => sleep(20, 'a'))).toBe('a');
    clearInterval(timer);
    expect(new Set(await Promise.all(began))).toEqual(new Set(['a']));
    expect(began.length).toBeGreaterThan(1);
  });
});

test('a renewal that asks for its own key gets the value that is still served', async () => {
  const cache = new TieredCache({ strategy: { ...PLAIN, ttlSeconds: 0.02, staleSeconds: 60 } });
  let renewed: unknown;
  await cache.getOrLoad('a', () => 'old');
  await sleep(30);
  await cache.getOrLoad('a', async () => {
    renewed = await cache.getOrLoad('a', () => 'never called');
    return 'new';
  });
  await sleep(5);
  expect(renewed).toBe('old');
  expect(await cache.get('a')).toMatchObject({ value: 'new' });
});

test('answers and loads that wait for each other, and answers that wait for themselves', async () => {
  const cache = new TieredCache({ strategy: PLAIN });
  const answers = new SemanticCache<unknown>({ embedder: new TfIdfEmbedder() });
  const scope = { tenant: 't', model: 'm', corpusVersion: '1' };
  const ask = (answerer: () => unknown) =>
    answers.getOrAnswer('a question', answerer, scope) as Promise<unknown>;
  const circle = /a loader must not wait for its own result/;
  await expect(ask(() => ask(() => 1))).rejects.toThrow(circle);
  await expect(
    cache.getOrLoad('a', () => ask(() => cache.getOrLoad('a', () => 1))),
  ).rejects.toThrow(circle);
  expect(await cache.getOrLoad('a', () => ask(() => 1))).toMatchObject({ answer: 1 });
  await answers.close();
});
