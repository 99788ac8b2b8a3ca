/** The wall clock is set, by hand or by NTP: nothing lives longer in memory, and nothing less. */
import { type CacheStrategy, TieredCache } from '../../../lib/runtime';
import { MemoryCacheServer, SharedStore } from './memory-cache-server';

const PLAIN: CacheStrategy = {
  prefix: '',
  ttlSeconds: 10,
  staleSeconds: 10,
  serializer: 'json',
  compress: false,
  jitter: 0,
};
const HOUR_MS = 3_600_000;

beforeEach(() => jest.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => jest.useRealTimers());

test.each([
  ['back', -HOUR_MS],
  ['forward', HOUR_MS],
])('a value in memory lives as long as it would have if the clock is set %s', async (_, byMs) => {
  const cache = new TieredCache({ strategy: PLAIN });
  await cache.getOrLoad('k', () => 1);
  jest.setSystemTime(Date.now() + byMs);
  await jest.advanceTimersByTimeAsync(9_999);
  expect(await cache.get('k')).toEqual({ found: true, value: 1, fresh: true });
  await jest.advanceTimersByTimeAsync(1);
  expect(await cache.get('k')).toEqual({ found: true, value: 1, fresh: false });
  await jest.advanceTimersByTimeAsync(10_000);
  expect(await cache.get('k')).toEqual({ found: false });
});

test('an error that was cached is forgotten in time if the clock is set back', async () => {
  const cache = new TieredCache({
    strategy: { ...PLAIN, negativeTtlSeconds: 1 },
    cacheError: () => true,
  });
  const failing = () => cache.getOrLoad('k', () => Promise.reject(new Error('lost')));
  await expect(failing()).rejects.toThrow('lost');
  jest.setSystemTime(Date.now() - HOUR_MS);
  await jest.advanceTimersByTimeAsync(1000);
  expect(await cache.getOrLoad('k', () => 'loaded')).toBe('loaded');
});

test('a load of another process is waited for no longer if the clock is set back', async () => {
  const store = new SharedStore();
  const [one, two] = [1, 2].map(
    () =>
      new TieredCache({ strategy: PLAIN, server: new MemoryCacheServer(store), lockWaitMs: 500 }),
  ) as [TieredCache, TieredCache];
  void one.getOrLoad('k', () => new Promise(() => {}));
  await jest.advanceTimersByTimeAsync(1);
  const loaded = jest.fn(() => 'loaded');
  void two.getOrLoad('k', loaded);
  await jest.advanceTimersByTimeAsync(100);
  jest.setSystemTime(Date.now() - HOUR_MS);
  await jest.advanceTimersByTimeAsync(300);
  expect(loaded).not.toHaveBeenCalled();
  await jest.advanceTimersByTimeAsync(150);
  expect(loaded).toHaveBeenCalled();
});
