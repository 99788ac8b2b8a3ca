import {
  CACHE_STRATEGIES,
  CachedLoadError,
  type CacheStrategy,
  TieredCache,
} from '../../../lib/runtime';

const PLAIN: CacheStrategy = {
  prefix: 'p:',
  ttlSeconds: 10,
  serializer: 'json',
  compress: false,
  jitter: 0,
};
const BINARY: CacheStrategy = { ...PLAIN, prefix: 'b:', serializer: 'msgpack' };

/** A loader that returns 1, 2, 3 and so on. */
const counter = () => {
  let loads = 0;
  return Object.assign(async () => ++loads, { loads: () => loads });
};
const later = <T>(milliseconds: number, value: T): Promise<T> =>
  new Promise((resolve) => setTimeout(() => resolve(value), milliseconds));

beforeEach(() => jest.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => jest.useRealTimers());

describe('TieredCache without a server', () => {
  test('loads once for all concurrent callers, and then serves the cached value', async () => {
    const cache = new TieredCache();
    let loads = 0;
    const loader = () => later(20, ++loads);
    const all = Promise.all(Array.from({ length: 1000 }, () => cache.getOrLoad('k', loader)));
    await jest.advanceTimersByTimeAsync(20);
    expect(new Set(await all)).toEqual(new Set([1]));
    expect(await cache.getOrLoad('k', loader)).toBe(1);
    expect(loads).toBe(1);
  });

  test('caches null, false, empty and undefined values like any other', async () => {
    const cache = new TieredCache({ strategy: BINARY });
    for (const [i, value] of [null, false, '', 0, undefined].entries()) {
      expect(await cache.getOrLoad(String(i), () => value)).toBe(value);
      expect(await cache.getOrLoad(String(i), () => 'again')).toBe(value);
    }
  });

  test.each([
    ['serves the cached value before the time to live ends', 9_999, 1],
    ['loads again when the time to live ends', 10_000, 2],
  ])('%s', async (_, milliseconds, expected) => {
    const cache = new TieredCache({ strategy: PLAIN });
    const loader = counter();
    await cache.getOrLoad('k', loader);
    await jest.advanceTimersByTimeAsync(milliseconds);
    expect(await cache.getOrLoad('k', loader)).toBe(expected);
  });

  test('varies times to live by at most the jitter', async () => {
    const cache = new TieredCache({ strategy: { ...PLAIN, jitter: 0.1 } });
    const random = jest.spyOn(Math, 'random');
    for (const [key, chance, lives] of [
      ['short', 0, 9000],
      ['long', 1, 11_000],
    ] as const) {
      random.mockReturnValue(chance);
      const loader = counter();
      await cache.getOrLoad(key, loader);
      await jest.advanceTimersByTimeAsync(lives - 1);
      expect(await cache.getOrLoad(key, loader)).toBe(1);
      await jest.advanceTimersByTimeAsync(1);
      expect(await cache.getOrLoad(key, loader)).toBe(2);
    }
    random.mockRestore();
  });

  test('serves the stale value while one load renews it, and pauses after a failure', async () => {
    const cache = new TieredCache({ strategy: { ...PLAIN, staleSeconds: 20 } });
    let loads = 0;
    let broken = true;
    const loader = async () => {
      loads++;
      if (loads > 1 && broken) throw new Error('away');
      return loads;
    };
    await cache.getOrLoad('k', loader);
    await jest.advanceTimersByTimeAsync(12_000);
    for (let i = 0; i < 50; i++) {
      expect(await cache.getOrLoad('k', loader)).toBe(1);
      await jest.advanceTimersByTimeAsync(10);
    }
    expect(loads).toBe(2);
    broken = false;
    await jest.advanceTimersByTimeAsync(1000);
    expect(await cache.getOrLoad('k', loader)).toBe(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(await cache.getOrLoad('k', loader)).toBe(3);
  });

  test('does not serve a value after its stale time, even if the loader fails', async () => {
    const cache = new TieredCache({ strategy: { ...PLAIN, staleSeconds: 20 } });
    await cache.getOrLoad('k', () => 1);
    await jest.advanceTimersByTimeAsync(30_000);
    await expect(cache.getOrLoad('k', () => Promise.reject(new Error('away')))).rejects.toThrow(
      'away',
    );
  });

  test('with if-error, serves the stale value only if the load fails', async () => {
    const cache = new TieredCache({
      strategy: { ...PLAIN, staleSeconds: 20, serveStale: 'if-error' },
    });
    await cache.getOrLoad('k', () => 1);
    await jest.advanceTimersByTimeAsync(12_000);
    const reasons: string[] = [];
    cache.on('stale', ({ reason }) => reasons.push(reason));
    expect(await cache.getOrLoad('k', () => Promise.reject(new Error('away')))).toBe(1);
    expect(await cache.getOrLoad('k', () => 2)).toBe(2);
    expect(reasons).toEqual(['load-failed']);
  });

  test('with if-error, does not serve an invalidated value', async () => {
    const cache = new TieredCache({
      strategy: { ...PLAIN, staleSeconds: 20, serveStale: 'if-error' },
    });
    await cache.getOrLoad('k', () => 1, { tags: ['t'] });
    await jest.advanceTimersByTimeAsync(12_000);
    const failing = cache.getOrLoad(
      'k',
      () => later(100, 0).then(() => Promise.reject(new Error('away'))),
      { tags: ['t'] },
    );
    const outcome = expect(failing).rejects.toThrow('away');
    await cache.invalidateTags('t');
    await jest.advanceTimersByTimeAsync(100);
    await outcome;
  });

  test.each([
    ['a hit before the last fifth of the time to live does not renew', 7_999, 1],
    ['a hit in the last fifth renews', 8_000, 2],
  ])('with refreshAhead 0.8, %s', async (_, milliseconds, loads) => {
    const cache = new TieredCache({ strategy: { ...PLAIN, refreshAhead: 0.8 } });
    const loader = counter();
    await cache.getOrLoad('k', loader);
    await jest.advanceTimersByTimeAsync(milliseconds);
    for (let i = 0; i < 5; i++)
      expect(
        await Promise.all([cache.getOrLoad('k', loader), cache.getOrLoad('other', () => 1)]),
      ).toBeDefined();
    expect(loader.loads()).toBe(loads);
  });

  describe('errors of loaders', () => {
    const missing = Object.assign(new RangeError('no such user'), { code: 'E_NONE' });

    test('reach all waiting callers unchanged, and are not cached', async () => {
      const cache = new TieredCache();
      const failing = jest.fn(() => Promise.reject(missing));
      const both = await Promise.allSettled([
        cache.getOrLoad('k', failing),
        cache.getOrLoad('k', failing),
      ]);
      expect(both.map((one) => one.status === 'rejected' && one.reason === missing)).toEqual([
        true,
        true,
      ]);
      expect(await cache.getOrLoad('k', () => 1)).toBe(1);
      expect(failing).toHaveBeenCalledTimes(1);
    });

    test('thrown synchronously become rejections, even if they are not an Error', async () => {
      const cache = new TieredCache();
      const thrower = (): number => {
        throw 'text';
      };
      await expect(cache.getOrLoad('k', thrower)).rejects.toBe('text');
    });

    test('are cached if cacheError returns true: later callers get a CachedLoadError', async () => {
      const cache = new TieredCache({
        strategy: { ...PLAIN, negativeTtlSeconds: 5 },
        cacheError: (error) => error instanceof RangeError,
      });
      const failing = jest.fn(() => Promise.reject(missing));
      await expect(cache.getOrLoad('k', failing)).rejects.toBe(missing);
      const again = await cache.getOrLoad('k', failing).catch((error: unknown) => error);
      expect(again).toBeInstanceOf(CachedLoadError);
      expect(again).toMatchObject({ name: 'RangeError', message: 'no such user', code: 'E_NONE' });
      await jest.advanceTimersByTimeAsync(4999);
      await expect(cache.getOrLoad('k', failing)).rejects.toBeInstanceOf(CachedLoadError);
      expect(await cache.get('k')).toEqual({ found: false });
      await jest.advanceTimersByTimeAsync(1);
      await expect(cache.getOrLoad('k', failing)).rejects.toBe(missing);
      expect(failing).toHaveBeenCalledTimes(2);
    });

    test.each([
      ['returns false', () => false],
      [
        'throws',
        () => {
          throw new Error('predicate');
        },
      ],
    ])('are not cached if cacheError %s', async (_, cacheError) => {
      const cache = new TieredCache();
      await expect(
        cache.getOrLoad('k', () => Promise.reject(missing), { cacheError }),
      ).rejects.toBe(missing);
      expect(await cache.getOrLoad('k', () => 1)).toBe(1);
    });
  });

  test('returns a value that is too large uncached, and loads it again', async () => {
    const cache = new TieredCache({ maxEntryBytes: 1000 });
    const failures: string[] = [];
    cache.on('unencodable', ({ key }) => failures.push(key));
    const large = 'x'.repeat(2000);
    expect(await cache.getOrLoad('k', () => large)).toBe(large);
    expect(await cache.getOrLoad('k', () => 'small')).toBe('small');
    expect(failures).toEqual(['value:k']);
  });

  test('bounds the entries in memory', async () => {
    const cache = new TieredCache({ memoryEntries: 10 });
    for (let i = 0; i < 100; i++) await cache.set(String(i), i);
    const found = await Promise.all(Array.from({ length: 100 }, (_, i) => cache.get(String(i))));
    expect(found.filter((one) => one.found)).toHaveLength(10);
  });

  test('bounds the bytes in memory', async () => {
    const cache = new TieredCache({ memoryBytes: 20_000 });
    for (let i = 0; i < 100; i++) await cache.set(String(i), 'x'.repeat(1000));
    expect(cache.metrics.value('cache_memory_bytes')).toBeLessThanOrEqual(20_000);
    expect(await cache.get('99')).toMatchObject({ found: true });
    expect(await cache.get('0')).toEqual({ found: false });
  });

  test('keeps the values of strategies apart', async () => {
    const cache = new TieredCache();
    await cache.set('k', 1, { strategy: CACHE_STRATEGIES.kpi });
    expect(await cache.get('k', { strategy: CACHE_STRATEGIES.session })).toEqual({ found: false });
    expect(await cache.get('k', { strategy: CACHE_STRATEGIES.kpi })).toEqual({
      found: true,
      value: 1,
      fresh: true,
    });
  });

  test('treats a value without a requested tag as a miss', async () => {
    const cache = new TieredCache();
    await cache.set('k', 1, { tags: ['a'] });
    expect(await cache.get('k')).toMatchObject({ found: true });
    expect(await cache.get('k', { tags: ['a', 'b'] })).toEqual({ found: false });
  });

  describe('isolation', () => {
    const nested = () => ({ list: [{ deep: { n: 1 } }] });

    test('freeze: callers share one object, which they cannot change', async () => {
      const cache = new TieredCache();
      const original = nested();
      const first = await cache.getOrLoad('k', () => original);
      expect(Object.isFrozen(original)).toBe(false);
      expect(() => {
        (first.list[0] as { deep: { n: number } }).deep.n = 2;
      }).toThrow(TypeError);
      expect(() => first.list.push({ deep: { n: 3 } })).toThrow(TypeError);
      original.list.length = 0;
      expect(await cache.getOrLoad('k', nested)).toBe(first);
      expect(first).toEqual(nested());
    });

    test.each([
      ['a Map', (): object => ({ map: new Map([['a', { n: 1 }]]) })],
      ['a Set', (): object => ({ set: new Set([{ n: 1 }]) })],
      ['a Date', (): object => ({ date: new Date(5) })],
      ['a Buffer', (): object => ({ bytes: Buffer.from('abc') })],
      ['a typed array', (): object => [new Uint8Array([1, 2])]],
    ])('freeze: a value with %s is copied on each hit, and keeps its type', async (_, make) => {
      const cache = new TieredCache({ strategy: BINARY });
      const first = await cache.getOrLoad('k', make);
      const second = await cache.getOrLoad('k', make);
      expect(second).not.toBe(first);
      expect(second).toStrictEqual(make());
      for (const inner of Object.values(first)) {
        if (inner instanceof Map || inner instanceof Set) inner.clear();
        else if (inner instanceof Date) inner.setTime(9);
        else inner.fill(0);
      }
      expect(await cache.getOrLoad('k', make)).toStrictEqual(make());
    });

    test('clone: each caller gets a copy', async () => {
      const cache = new TieredCache({ isolation: 'clone' });
      const [first, second] = await Promise.all([
        cache.getOrLoad('k', nested),
        cache.getOrLoad('k', nested),
      ]);
      first.list.pop();
      expect(second).toEqual(nested());
      second.list.pop();
      expect(await cache.getOrLoad('k', nested)).toEqual(nested());
    });

    test('share: callers get the stored object itself', async () => {
      const cache = new TieredCache({ isolation: 'share' });
      const first = await cache.getOrLoad('k', nested);
      first.list.pop();
      expect(await cache.getOrLoad('k', nested)).toEqual({ list: [] });
    });

    test('the caller that loads gets the same types as all others', async () => {
      const cache = new TieredCache({ strategy: PLAIN });
      const first = await cache.getOrLoad('k', () => ({ a: undefined, b: 1 }));
      expect(Object.keys(first)).toEqual(
        Object.keys(await cache.getOrLoad('k', () => ({ a: undefined, b: 1 }))),
      );
    });
  });

  test('set replaces a value, and a load that began earlier does not overwrite it', async () => {
    const cache = new TieredCache();
    const slow = cache.getOrLoad('k', () => later(100, 'old'));
    await cache.set('k', 'new');
    await jest.advanceTimersByTimeAsync(100);
    expect(await slow).toBe('old');
    expect(await cache.get('k')).toMatchObject({ value: 'new' });
  });

  test('a listener that throws is counted, and does not affect the caller', async () => {
    const cache = new TieredCache();
    const off = cache.on('miss', () => {
      throw new Error('listener');
    });
    expect(await cache.getOrLoad('k', () => 1)).toBe(1);
    off();
    await cache.getOrLoad('other', () => 1);
    expect(cache.metrics.value('cache_listener_failures_total')).toBe(1);
  });

  test('after close it loads without caching, and aborts the signal of running loads', async () => {
    const cache = new TieredCache();
    let aborted = false;
    const running = cache.getOrLoad('k', ({ signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return later(10, 1);
    });
    await cache.close();
    expect(aborted).toBe(true);
    await jest.advanceTimersByTimeAsync(10);
    expect(await running).toBe(1);
    const loader = counter();
    expect([await cache.getOrLoad('k', loader), await cache.getOrLoad('k', loader)]).toEqual([
      1, 2,
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test.each([
    [{ memoryEntries: -1 }, 'memoryEntries must be a whole number from 0'],
    [{ budgetMs: 0 }, 'budgetMs must be a number from 1'],
    [{ isolation: 'none' as never }, 'isolation must be one of freeze, clone, share, got "none"'],
    [{ strategy: { ...PLAIN, ttlSeconds: 0 } }, 'ttlSeconds must be a number from 0.001'],
    [{ strategy: { ...PLAIN, ttlSeconds: Number.NaN } }, 'got NaN'],
    [{ strategy: { ...PLAIN, jitter: 0.6 } }, 'jitter must be a number from 0 to 0.5'],
    [{ strategy: { ...PLAIN, refreshAhead: 80 } }, 'Give a fraction, not percent'],
  ])('refuses %j', (options, message) => {
    expect(() => new TieredCache(options)).toThrow(message);
  });

  test('refuses an invalid option of a call', async () => {
    await expect(new TieredCache().getOrLoad('k', () => 1, { ttlSeconds: -1 })).rejects.toThrow(
      'ttlSeconds must be a number from 0.001',
    );
  });
});
