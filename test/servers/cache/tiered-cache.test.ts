import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE_STRATEGIES, TieredCache, ValkeyServer } from '../../../lib/runtime';
import { RedisServer } from '../redis-server';
import { serversHere } from '../server-process';
import type { Command, Report } from './tiered-cache-process';

const describeHere = serversHere('redis-server') ? describe : describe.skip;

type ReportOf<K extends Report['is']> = Extract<Report, { is: K }>;

class Application {
  readonly child: ChildProcess;
  private readonly reports: Report[] = [];

  constructor(port: number) {
    this.child = fork(join(__dirname, 'tiered-cache-process.ts'), [String(port)], {
      execArgv: ['--import', 'tsx'],
    });
    this.child.on('message', (report: Report) => this.reports.push(report));
  }

  send(command: Command): this {
    this.child.send(command);
    return this;
  }

  /** Waits for the next report of a kind. */
  async receive<K extends Report['is']>(is: K): Promise<ReportOf<K>> {
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(5)) {
      const index = this.reports.findIndex((report) => report.is === is);
      if (index !== -1) return this.reports.splice(index, 1)[0] as ReportOf<K>;
      if (this.child.exitCode !== null) break;
    }
    throw new Error(`The process did not report "${is}".`);
  }
}

describeHere('processes that share a redis-server', () => {
  let redis: RedisServer;
  let four: Application[];

  beforeAll(async () => {
    redis = await RedisServer.start();
    four = Array.from({ length: 4 }, () => new Application(redis.port));
    await Promise.all(four.map((process) => process.receive('ready')));
  }, 60_000);

  afterAll(async () => {
    for (const { child } of four) child.kill('SIGKILL');
    await redis.stop();
  });

  test('a thousand callers in each of four processes cause one load', async () => {
    for (const process of four)
      process.send({ do: 'load', key: 'stampede', callers: 1000, lastsMs: 500, tags: ['t'] });
    const reports = await Promise.all(four.map((process) => process.receive('loaded')));
    expect(reports.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
    expect(new Set(reports.flatMap(({ values }) => values)).size).toBe(1);
  }, 40_000);

  test.each([
    ['key', { do: 'invalidate', key: 'dropped' }],
    ['tag', { do: 'invalidate', tag: 'dropped-tag' }],
  ] as const)(
    'a %s that one process invalidates is dropped from the memory of the others',
    async (_, invalidate) => {
      const [one, two] = four as [Application, Application];
      const load: Command = {
        do: 'load',
        key: 'dropped',
        callers: 1,
        lastsMs: 0,
        tags: ['dropped-tag'],
      };
      const first = await one.send(load).receive('loaded');
      expect((await two.send(load).receive('loaded')).values).toEqual(first.values);
      expect(await one.send(invalidate).receive('invalidated')).toMatchObject({ reached: true });
      // The message takes a moment to reach the other process.
      await sleep(100);
      const again = await two.send(load).receive('loaded');
      expect(again.values).not.toEqual(first.values);
    },
    20_000,
  );

  test('the load of a killed process is taken over once, when its lock expires', async () => {
    const [owner, ...others] = four as [Application, ...Application[]];
    owner.send({ do: 'load', key: 'orphan', callers: 1, lastsMs: 60_000 });
    for (let report = await owner.receive('loading'); report.key !== 'orphan'; )
      report = await owner.receive('loading');
    for (const process of others)
      process.send({ do: 'load', key: 'orphan', callers: 100, lastsMs: 50 });
    await sleep(200);
    owner.child.kill('SIGKILL');
    const reports = await Promise.all(others.map((process) => process.receive('loaded')));
    expect(reports.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
    expect(new Set(reports.flatMap(({ values }) => values)).size).toBe(1);
    // The lock expires after three seconds; after five, waiting callers would load by themselves.
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

  /** @param timeoutMs the deadlines; longer for tests that are not about deadlines */
  async function open(namespace: string, timeoutMs = 50): Promise<void> {
    const server = new ValkeyServer({
      host: '127.0.0.1',
      port: redis.port,
      namespace,
      commandTimeoutMs: timeoutMs,
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
      budgetMs: timeoutMs,
    });
  }

  test('a tag of 10,000 keys is invalidated at once, and other keys stay', async () => {
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
      ).filter(({ found }) => found);
    expect(await found()).toHaveLength(2000);
    expect(await cache.invalidateTags('table')).toEqual({ reached: true });
    expect(await found()).toHaveLength(0);
    expect(await cache.get('other')).toEqual({ found: true, value: 1, fresh: true });
  }, 40_000);

  test('each call loads while the server is down; then the server is used again', async () => {
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
