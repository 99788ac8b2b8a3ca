import fc from 'fast-check';
import {
  CachedLoadError,
  type CacheStrategy,
  TieredCache,
  type TieredCacheOptions,
} from '../../../lib/runtime';
import { MemoryCacheServer, SharedStore } from './memory-cache-server';

const PLAIN: CacheStrategy = {
  prefix: 'p:',
  ttlSeconds: 60,
  serializer: 'json',
  compress: false,
  jitter: 0,
};
const KEY = 'p:k';

const later = <T>(milliseconds: number, value: T): Promise<T> =>
  new Promise((resolve) => setTimeout(() => resolve(value), milliseconds));
const tick = (milliseconds = 0) => jest.advanceTimersByTimeAsync(milliseconds);

/** Creates processes that share a store, each with a server object and a cache. */
function processes(count: number, options: TieredCacheOptions = {}) {
  const store = new SharedStore();
  return Array.from({ length: count }, () => {
    const server = new MemoryCacheServer(store);
    return { store, server, cache: new TieredCache({ server, strategy: PLAIN, ...options }) };
  }) as [Process, Process, ...Process[]];
}
interface Process {
  readonly store: SharedStore;
  readonly server: MemoryCacheServer;
  readonly cache: TieredCache;
}

/** The duration of some work on the test's clock, and its result. */
async function timed<T>(work: Promise<T>): Promise<{ readonly tookMs: number; readonly value: T }> {
  const began = Date.now();
  let tookMs: number | undefined;
  const done = work.then((value) => {
    tookMs = Date.now() - began;
    return value;
  });
  for (let i = 0; i < 20_000 && tookMs === undefined; i++) await tick(1);
  return { value: await done, tookMs: tookMs ?? Number.POSITIVE_INFINITY };
}

beforeEach(() => jest.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => jest.useRealTimers());

describe('processes that share a server', () => {
  test('a value that one process loaded is read by another', async () => {
    const [one, two] = processes(2);
    await one.cache.getOrLoad('k', () => ({ n: 1 }), { tags: ['t'] });
    await tick();
    expect(await two.cache.getOrLoad('k', () => ({ n: 2 }), { tags: ['t'] })).toEqual({ n: 1 });
    expect(await two.cache.get('k')).toEqual({ found: true, value: { n: 1 }, fresh: true });
  });

  test('many callers in each of four processes cause one load', async () => {
    const four = processes(4);
    for (const { server } of four) server.delayMs = 3;
    let loads = 0;
    const all = four.flatMap(({ cache }) =>
      Array.from({ length: 100 }, () => cache.getOrLoad('k', () => later(400, ++loads))),
    );
    const { value } = await timed(Promise.all(all));
    expect(new Set(value)).toEqual(new Set([1]));
    expect(loads).toBe(1);
  });

  test('a process that acquires the lock after a load has ended uses its value', async () => {
    const [one, two] = processes(2);
    two.server.delayMs = 8;
    const first = one.cache.getOrLoad('k', () => later(12, 1));
    // It misses after 8 ms and requests the lock, which is free again when the request arrives,
    // after 16 ms.
    const second = timed(two.cache.getOrLoad('k', () => 2));
    expect([(await second).value, await first]).toEqual([1, 1]);
    await tick(10);
    expect(one.store.locks.size).toBe(0);
  });

  test('a waiting process is woken when the load ends, or polls for its value', async () => {
    for (const isLost of [false, true]) {
      const [one, two] = processes(2);
      two.server.missesMessages = isLost;
      void one.cache.getOrLoad('k', () => later(1000, 1));
      await tick();
      const { tookMs, value } = await timed(two.cache.getOrLoad('k', () => 2));
      expect(value).toBe(1);
      expect(tookMs).toBeLessThanOrEqual(isLost ? 1050 : 1002);
    }
  });

  test('the load of a process that died is taken over when its lock expires', async () => {
    const [one, two] = processes(2);
    void one.cache.getOrLoad('k', () => new Promise(() => {}));
    await tick(10);
    one.server.die();
    const { tookMs, value } = await timed(two.cache.getOrLoad('k', () => 2));
    expect(value).toBe(2);
    expect(tookMs).toBeGreaterThan(2900);
    expect(tookMs).toBeLessThanOrEqual(3060);
  });

  test('a process that waits too long loads, and leaves the write to the owner', async () => {
    const [one, two] = processes(2, { lockWaitMs: 500 });
    const slow = one.cache.getOrLoad('k', () => later(2000, 'owner'));
    await tick();
    const { tookMs, value } = await timed(two.cache.getOrLoad('k', () => 'waiter'));
    expect(value).toBe('waiter');
    expect(tookMs).toBeLessThanOrEqual(502);
    expect(one.store.values.has(KEY)).toBe(false);
    await timed(slow);
    expect(one.store.values.has(KEY)).toBe(true);
  });

  test('an owner that lost its lock writes nothing, and drops the loaded value', async () => {
    const [one, two] = processes(2);
    const slow = one.cache.getOrLoad('k', () => later(1000, 'old'));
    await tick(10);
    one.store.locks.delete(KEY);
    const dropped: string[] = [];
    one.cache.on('dropped-write', ({ reason }) => dropped.push(reason));
    expect((await timed(two.cache.getOrLoad('k', () => 'new'))).value).toBe('new');
    expect((await timed(slow)).value).toBe('old');
    await tick();
    expect(dropped).toEqual(['fenced']);
    expect(await one.cache.get('k')).toMatchObject({ value: 'new' });
  });

  test('a loader that fails frees its lock at once, and waiting processes load', async () => {
    const [one, two] = processes(2);
    const failing = one.cache
      .getOrLoad('k', () => later(100, 0).then(() => Promise.reject(new Error('away'))))
      .catch(() => 'failed');
    await tick();
    const { tookMs, value } = await timed(two.cache.getOrLoad('k', () => 2));
    expect([await failing, value]).toEqual(['failed', 2]);
    expect(tookMs).toBeLessThanOrEqual(152);
  });

  test('a cached error reaches callers that wait in other processes', async () => {
    const [one, two] = processes(2, { cacheError: () => true });
    const first = one.cache
      .getOrLoad('k', () => later(100, 0).then(() => Promise.reject(new Error('none'))))
      .catch((error: unknown) => error);
    await tick();
    const second = await timed(two.cache.getOrLoad('k', () => 2).catch((error: unknown) => error));
    expect(second.value).toBeInstanceOf(CachedLoadError);
    expect(await first).not.toBeInstanceOf(CachedLoadError);
  });

  test('one process renews for all; the others serve the stale value meanwhile', async () => {
    const [one, two] = processes(2, { strategy: { ...PLAIN, staleSeconds: 60 } });
    await one.cache.getOrLoad('k', () => 1);
    await two.cache.getOrLoad('k', () => 0);
    await tick(65_000);
    const loads: string[] = [];
    const loader = (who: string) => () => {
      loads.push(who);
      return later(500, 2);
    };
    expect(await one.cache.getOrLoad('k', loader('one'))).toBe(1);
    await tick(10);
    expect(await two.cache.getOrLoad('k', loader('two'))).toBe(1);
    await tick(2000);
    await two.cache.getOrLoad('k', loader('two'));
    await tick();
    expect([
      await one.cache.getOrLoad('k', loader('one')),
      await two.cache.getOrLoad('k', loader('two')),
    ]).toEqual([2, 2]);
    expect(loads).toEqual(['one']);
  });
});

describe('invalidation', () => {
  const kinds = [
    ['a tag', (cache: TieredCache) => cache.invalidateTags('t')],
    ['the key', (cache: TieredCache) => cache.delete('k')],
    ['a new value', (cache: TieredCache) => cache.set('k', 'new', { tags: ['t'] })],
  ] as const;

  test.each(kinds)('of %s reaches the memory of another process', async (_, invalidate) => {
    const [one, two] = processes(2);
    await one.cache.getOrLoad('k', () => 'old', { tags: ['t'] });
    await tick();
    expect(await two.cache.getOrLoad('k', () => 'x', { tags: ['t'] })).toBe('old');
    await invalidate(one.cache);
    await tick();
    expect(await two.cache.getOrLoad('k', () => 'new', { tags: ['t'] })).toBe('new');
  });

  test.each(kinds)(
    'of %s during a load elsewhere takes effect even if messages are lost',
    async (_, invalidate) => {
      const [one, two, three] = processes(3) as [Process, Process, Process];
      one.server.missesMessages = true;
      const slow = one.cache.getOrLoad('k', () => later(300, 'old'), { tags: ['t'] });
      await tick(100);
      await invalidate(two.cache);
      await timed(slow);
      await tick(10);
      expect((await timed(three.cache.getOrLoad('k', () => 'new', { tags: ['t'] }))).value).toBe(
        'new',
      );
    },
  );

  test.each(kinds)(
    'of %s during a load of the same process starts a new load for later callers',
    async (_, invalidate) => {
      const [one] = processes(1);
      const slow = one.cache.getOrLoad('k', () => later(1000, 'old'), { tags: ['t'] });
      await tick(100);
      const ended = invalidate(one.cache);
      const { tookMs, value } = await timed(one.cache.getOrLoad('k', () => 'new', { tags: ['t'] }));
      expect(value).toBe('new');
      expect(tookMs).toBeLessThanOrEqual(10);
      await ended;
      expect((await timed(slow)).value).toBe('old');
      await tick(10);
      expect(await one.cache.get('k')).toMatchObject({ value: 'new' });
    },
  );

  test('by set while another call reads the old value: memory keeps the new value', async () => {
    const [one, two] = processes(2);
    await two.cache.set('k', 'old');
    one.server.delayMs = 20;
    const setting = one.cache.set('k', 'new', { tags: ['t'] });
    await tick(15);
    const reading = one.cache.getOrLoad('k', () => 'loaded');
    await timed(Promise.all([setting, reading]));
    expect((await timed(one.cache.get('k'))).value).toMatchObject({ value: 'new' });
    expect((await timed(two.cache.get('k'))).value).toMatchObject({ value: 'new' });
  });

  test('a value whose tag the server has lost is a miss', async () => {
    const [one, two] = processes(2);
    await one.cache.getOrLoad('k', () => 'old', { tags: ['t'] });
    await tick();
    one.store.tags.clear();
    expect(await two.cache.getOrLoad('k', () => 'new', { tags: ['t'] })).toBe('new');
  });

  test('a tag that the caller does not name is checked too', async () => {
    const [one, two] = processes(2);
    await one.cache.getOrLoad('k', () => 'old', { tags: ['a', 'b'] });
    await tick();
    expect(await two.cache.get('k', { tags: ['a'] })).toMatchObject({ value: 'old' });
    await two.cache.delete('k');
    await one.cache.getOrLoad('k', () => 'old', { tags: ['a', 'b'] });
    await tick();
    one.store.tags.set('b', 'another');
    expect(await two.cache.get('k', { tags: ['a'] })).toEqual({ found: false });
  });

  test('whose message is lost takes effect when memory asks the server again', async () => {
    const [one, two] = processes(2, { strategy: { ...PLAIN, memoryTtlSeconds: 5 } });
    await one.cache.getOrLoad('k', () => 'old', { tags: ['t'] });
    await tick();
    await two.cache.getOrLoad('k', () => 'x', { tags: ['t'] });
    two.server.missesMessages = true;
    await one.cache.invalidateTags('t');
    await tick(4999);
    expect(await two.cache.getOrLoad('k', () => 'new', { tags: ['t'] })).toBe('old');
    await tick(1);
    expect(await two.cache.getOrLoad('k', () => 'new', { tags: ['t'] })).toBe('new');
  });

  test('memory serves values for two seconds while the bus is lost, then clears', async () => {
    const [one, two] = processes(2);
    await one.cache.getOrLoad('k', () => 'old');
    two.server.setBus(false);
    await tick();
    await two.cache.getOrLoad('k', () => 'x');
    const before = two.server.reads;
    await tick(1999);
    await two.cache.getOrLoad('k', () => 'x');
    expect(two.server.reads).toBe(before);
    await tick(1);
    await two.cache.getOrLoad('k', () => 'x');
    expect(two.server.reads).toBe(before + 1);
    await one.cache.delete('k');
    two.server.setBus(true);
    expect(await two.cache.getOrLoad('k', () => 'new')).toBe('new');
  });

  test('that cannot reach the server reports it, and takes effect in this process', async () => {
    const [one] = processes(1);
    await one.cache.getOrLoad('k', () => 'old', { tags: ['t'] });
    one.server.setState('down');
    expect(await one.cache.invalidateTags('t')).toEqual({ reached: false });
    expect(await one.cache.getOrLoad('k', () => 'new', { tags: ['t'] })).toBe('new');
    expect(await new TieredCache().invalidateTags('t')).toEqual({ reached: true });
  });

  test('hides every value loaded before it, in any order of events', async () => {
    const anyStep = fc.oneof(
      fc.record({ do: fc.constant('read' as const), process: fc.nat(2), lastsMs: fc.nat(40) }),
      fc.record({
        do: fc.constant('change' as const),
        process: fc.nat(2),
        how: fc.constantFrom('tag' as const, 'key' as const),
      }),
      fc.record({ do: fc.constant('pass' as const), milliseconds: fc.nat(60) }),
      fc.record({ do: fc.constant('lose' as const), process: fc.nat(2), isLosing: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 40 }), async (steps) => {
        // Memory depends on messages. Without it, every read must be correct even if they are lost.
        const three = processes(3, { memoryEntries: 0 });
        let version = 0;
        const reads: Promise<void>[] = [];
        const missed = new Set<number>();
        for (const step of steps) {
          if (step.do === 'pass') await tick(step.milliseconds);
          else if (step.do === 'lose') {
            (three[step.process] as Process).server.missesMessages = step.isLosing;
            missed.add(step.process);
          } else if (step.do === 'change') {
            const { cache } = three[step.process] as Process;
            version++;
            await (step.how === 'tag' ? cache.invalidateTags('t') : cache.delete('k'));
          } else {
            const versionAtCall = version;
            const load = () => {
              const seen = version;
              return later(step.lastsMs, seen);
            };
            const mayJoinOlder = missed.has(step.process);
            reads.push(
              (three[step.process] as Process).cache
                .getOrLoad('k', load, { tags: ['t'] })
                .then((got) => {
                  // A process that missed messages may join a load of its own that began earlier.
                  if (!mayJoinOlder && got < versionAtCall)
                    throw new Error(`called at ${versionAtCall}, got ${got}`);
                }),
            );
          }
        }
        await tick(10_000);
        await Promise.all(reads);
        const { cache } = three[0];
        if (version > 0)
          expect((await timed(cache.getOrLoad('k', () => version, { tags: ['t'] }))).value).toBe(
            version,
          );
        await Promise.all(three.map((one) => one.cache.close()));
      }),
      { numRuns: 150 },
    );
  });
});

describe('a server that fails', () => {
  test.each([
    ['is down', (server: MemoryCacheServer) => server.setState('down'), 0],
    ['hangs', (server: MemoryCacheServer) => server.setState('hung'), 50],
    [
      'is slow',
      (server: MemoryCacheServer) => {
        server.delayMs = 30;
      },
      50,
    ],
    [
      'returns malformed bytes',
      (server: MemoryCacheServer) => {
        server.tamper = () => Buffer.from('nonsense');
      },
      0,
    ],
    [
      'rejects',
      (server: MemoryCacheServer) => {
        server.read = () => Promise.reject(new Error('no'));
        server.acquire = () => {
          throw new Error('no');
        };
      },
      0,
    ],
  ])('that %s costs a load and a bounded delay', async (_, fail, atMost) => {
    const [one] = processes(1);
    fail(one.server);
    const { tookMs, value } = await timed(
      one.cache.getOrLoad('k', () => 'loaded', { tags: ['t'] }),
    );
    expect(value).toBe('loaded');
    // The answer is noticed one step of the clock later.
    expect(tookMs).toBeLessThanOrEqual(atMost + 1);
    expect(await one.cache.getOrLoad('k', () => 'again', { tags: ['t'] })).toBe('loaded');
    const set = await timed(Promise.race([one.cache.set('other', 1), later(1000, undefined)]));
    expect(set.tookMs).toBeLessThanOrEqual(1001);
  });

  test('a lock that arrives too late is released', async () => {
    const [one] = processes(1);
    const { acquire } = one.server;
    one.server.acquire = (key) => later(200, undefined).then(() => acquire.call(one.server, key));
    expect((await timed(one.cache.getOrLoad('k', () => 1))).tookMs).toBeLessThanOrEqual(51);
    await tick(300);
    expect(one.store.locks.size).toBe(0);
  });

  test('a corrupt entry is removed and replaced', async () => {
    const [one, two] = processes(2);
    one.store.values.set(KEY, { bytes: Buffer.from([1, 2, 3]), until: Number.POSITIVE_INFINITY });
    const corrupt: string[] = [];
    one.cache.on('corrupt', ({ key }) => corrupt.push(key));
    expect(await one.cache.get('k')).toEqual({ found: false });
    expect(one.store.values.has(KEY)).toBe(false);
    await one.cache.getOrLoad('k', () => 1);
    await tick();
    expect(await two.cache.get('k')).toMatchObject({ value: 1 });
    expect(corrupt).toEqual([KEY]);
  });

  test('a full server gets its lock back, and set removes the old value', async () => {
    const [one, two] = processes(2);
    await one.cache.set('k', 'old');
    one.server.full = true;
    await one.cache.set('k', 'new');
    expect(await two.cache.get('k')).toEqual({ found: false });
    await one.cache.getOrLoad('other', () => 1);
    await tick();
    expect(one.store.locks.size).toBe(0);
    expect(one.cache.metrics.value('cache_dropped_writes_total', { reason: 'refused' })).toBe(2);
  });

  test('writes past the limit are dropped and counted, and their locks are freed', async () => {
    const [one] = processes(1, { maxPendingWrites: 10 });
    const write = one.server.write.bind(one.server);
    one.server.write = (...args) => later(5000, undefined).then(() => write(...args));
    await Promise.all(
      Array.from({ length: 30 }, (_, i) => one.cache.getOrLoad(String(i), () => i)),
    );
    await tick();
    expect(one.cache.metrics.value('cache_dropped_writes_total', { reason: 'too-many' })).toBe(20);
    expect(one.store.locks.size).toBe(10);
  });

  test('that answers late once does not make waiting callers load', async () => {
    const [one, two] = processes(2);
    void one.cache.getOrLoad('k', () => later(400, 1));
    await tick();
    const waiting = two.cache.getOrLoad('k', () => 2);
    await tick(200);
    two.server.setState('hung');
    setTimeout(() => two.server.setState('up'), 60);
    expect((await timed(waiting)).value).toBe(1);
  });

  test.each([
    ['hangs', 'hung', 201],
    ['is down', 'down', 51],
  ] as const)('that %s makes waiting callers load', async (_, state, atMost) => {
    const [one, two] = processes(2);
    void one.cache.getOrLoad('k', () => later(3000, 1));
    await tick();
    const waiting = two.cache.getOrLoad('k', () => 2);
    await tick(200);
    two.server.setState(state);
    const { tookMs, value } = await timed(waiting);
    expect(value).toBe(2);
    expect(tookMs).toBeLessThanOrEqual(atMost);
  });

  test('close waits for pending writes, and leaves no timer', async () => {
    const [one] = processes(1);
    one.server.delayMs = 20;
    await timed(one.cache.getOrLoad('k', () => 1));
    await timed(one.cache.close());
    expect(one.store.values.has(KEY)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});
