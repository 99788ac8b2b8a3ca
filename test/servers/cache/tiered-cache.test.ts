import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE_STRATEGIES, TieredCache, ValkeyServer } from '../../../lib/runtime';
import { RedisServer } from '../redis-server';
import { serversHere } from '../server-process';
import type { Order, Report } from './tiered-cache-process';

const describeHere = serversHere('redis-server') ? describe : describe.skip;

type Of<K extends Report['is']> = Extract<Report, { is: K }>;

class Application {
  readonly child: ChildProcess;
  private readonly reports: Report[] = [];

  constructor(port: number) {
    this.child = fork(join(__dirname, 'tiered-cache-process.ts'), [String(port)], {
      execArgv: ['--import', 'tsx'],
    });
    this.child.on('message', (report: Report) => this.reports.push(report));
  }

  order(order: Order): this {
    this.child.send(order);
    return this;
  }

  /** The next report of a kind. */
  async hears<K extends Report['is']>(is: K): Promise<Of<K>> {
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(5)) {
      const place = this.reports.findIndex((report) => report.is === is);
      if (place !== -1) return this.reports.splice(place, 1)[0] as Of<K>;
      if (this.child.exitCode !== null) break;
    }
    throw new Error(`The process did not say "${is}".`);
  }
}

describeHere('processes that share a redis-server', () => {
  let redis: RedisServer;
  let four: Application[];

  beforeAll(async () => {
    redis = await RedisServer.start();
    four = Array.from({ length: 4 }, () => new Application(redis.port));
    await Promise.all(four.map((one) => one.hears('ready')));
  }, 60_000);

  afterAll(async () => {
    for (const { child } of four) child.kill('SIGKILL');
    await redis.stop();
  });

  test('a thousand callers in each of four cause one load', async () => {
    for (const one of four)
      one.order({ do: 'load', key: 'stampede', callers: 1000, lasts: 500, tags: ['t'] });
    const reports = await Promise.all(four.map((one) => one.hears('loaded')));
    expect(reports.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
    expect(new Set(reports.flatMap(({ values }) => values)).size).toBe(1);
  }, 40_000);

  test.each([
    ['key', { do: 'forget', key: 'dropped' }],
    ['tag', { do: 'forget', tag: 'dropped-tag' }],
  ] as const)(
    'a %s that one drops is dropped from the memory of the others',
    async (_, forget) => {
      const [one, two] = four as [Application, Application];
      const load: Order = {
        do: 'load',
        key: 'dropped',
        callers: 1,
        lasts: 0,
        tags: ['dropped-tag'],
      };
      const first = await one.order(load).hears('loaded');
      expect((await two.order(load).hears('loaded')).values).toEqual(first.values);
      expect(await one.order(forget).hears('forgotten')).toMatchObject({ reached: true });
      // The message is on its way to the other process.
      await sleep(100);
      const again = await two.order(load).hears('loaded');
      expect(again.values).not.toEqual(first.values);
    },
    20_000,
  );

  test('the load of a killed process is taken over when its lock has ended, once for all others', async () => {
    const [owner, ...others] = four as [Application, ...Application[]];
    owner.order({ do: 'load', key: 'orphan', callers: 1, lasts: 60_000 });
    for (let report = await owner.hears('loading'); report.key !== 'orphan'; )
      report = await owner.hears('loading');
    for (const one of others) one.order({ do: 'load', key: 'orphan', callers: 100, lasts: 50 });
    await sleep(200);
    owner.child.kill('SIGKILL');
    const reports = await Promise.all(others.map((one) => one.hears('loaded')));
    expect(reports.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
    expect(new Set(reports.flatMap(({ values }) => values)).size).toBe(1);
    // The lock lives for three seconds; before five, nobody loads because he has waited too long.
    for (const { milliseconds } of reports) expect(milliseconds).toBeLessThan(5000);
  }, 40_000);
});

describeHere('one process on a redis-server', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(async () => {
    await redis.stop();
  });

  let cache: TieredCache;
  afterEach(() => cache.close());

  /** @param patienceMs deadlines, where they are not what is tried */
  async function open(namespace: string, patienceMs = 50): Promise<void> {
    const server = new ValkeyServer({
      host: '127.0.0.1',
      port: redis.port,
      namespace,
      commandTimeoutMs: patienceMs,
    });
    for (
      const end = Date.now() + 10_000;
      !(server.available && server.busAlive) && Date.now() < end;
    )
      await sleep(10);
    cache = new TieredCache({
      server,
      strategy: CACHE_STRATEGIES.query,
      memoryEntries: 0,
      budgetMs: patienceMs,
    });
  }

  test('a tag of 10,000 keys ends at once, and other keys stay', async () => {
    await open('tags', 2000);
    const keys = Array.from({ length: 10_000 }, (_, i) => `row-${i}`);
    for (let i = 0; i < keys.length; i += 500) {
      await Promise.all(
        keys.slice(i, i + 500).map((key) => cache.set(key, { key }, { tags: ['table'] })),
      );
    }
    await cache.set('other', 1, { tags: ['another-table'] });
    const found = async () =>
      (
        await Promise.all(keys.slice(0, 2000).map((key) => cache.get(key, { tags: ['table'] })))
      ).filter((one) => one.found);
    expect(await found()).toHaveLength(2000);
    expect(await cache.invalidateTags('table')).toEqual({ reached: true });
    expect(await found()).toHaveLength(0);
    expect(await cache.get('other')).toEqual({ found: true, value: 1, fresh: true });
  }, 40_000);

  test('a server that is killed costs a load each, and is used again when it is back', async () => {
    await open('lost');
    let loads = 0;
    const load = () => cache.getOrLoad('k', async () => ++loads);
    await load();
    await sleep(50);
    expect(await load()).toBe(1);
    await redis.kill();
    expect(await load()).toBe(2);
    expect(await load()).toBe(3);
    expect(await cache.invalidateTags('t')).toEqual({ reached: false });
    await redis.restart();
    for (let before = loads, i = 0; i < 300 && (i === 0 || loads !== before); i++) {
      before = loads;
      await load();
      await sleep(20);
    }
    const settled = loads;
    await load();
    expect(loads).toBe(settled);
  }, 30_000);
});
