/**
 * A runtime opened from settings, on real cache servers: its namespace, and invalidation by pattern
 * and tag.
 */
import { IsochroneError } from '../../../lib/model/errors';
import { Invalidator } from '../../../lib/runtime/invalidation/invalidator';
import { openRuntime, type Runtime } from '../../../lib/runtime/settings/open';
import { CACHE_STRATEGIES } from '../../../lib/runtime/tiered-cache/strategy';
import { SETTINGS } from '../../runtime/settings/runtime-settings';
import { RedisCluster, RedisServer } from '../redis-server';

const SECRET = JSON.stringify({ username: 'orders_a', password: 'secret' });

/** Opens a runtime on a server without TLS. Its database does not exist, and is not used. */
async function opened(address: { host: string; port: number }, cluster: boolean): Promise<Runtime> {
  const cache = { ...address, tls: false, cluster, namespace: 'market-test' };
  const runtime = await openRuntime({ ...SETTINGS, cache }, { readSecret: async () => SECRET });
  for (
    const end = Date.now() + 10_000;
    !(runtime.server.available && runtime.server.busAlive) && Date.now() < end;
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return runtime;
}

describe.each(['one server', 'a cluster'])('%s', (kind) => {
  let server: RedisServer | RedisCluster;
  let runtime: Runtime;

  beforeAll(async () => {
    server = kind === 'a cluster' ? await RedisCluster.start() : await RedisServer.start();
    runtime = await opened(server.address, kind === 'a cluster');
  }, 40_000);

  afterAll(async () => {
    await runtime?.close();
    await server?.stop();
  });

  const { api, kpi } = CACHE_STRATEGIES;
  const found = async (key: string, strategy = api) =>
    (await runtime.cache.get(key, { strategy })).found;

  test('stores values under the namespace of the settings', async () => {
    await runtime.cache.set('k', 1, { strategy: kpi });
    const nodes = server instanceof RedisCluster ? server.nodes : [server];
    const names = (
      await Promise.all(nodes.map(async (node) => (await node.command('KEYS', '*')) as Buffer[]))
    )
      .flat()
      .map(String);
    expect(names).toContain('market-test:{kpi:k}');
  });

  test('a pattern matches exactly, even if a field has glob characters', async () => {
    const users = ['u', 'u*', '[u]', 'u?', '\\u', 'uu'];
    for (const user of users) {
      for (let i = 0; i < 40; i++) await runtime.cache.set(`${user}:${i}`, i, { strategy: api });
      await runtime.cache.set(`${user}:0`, 0, { strategy: kpi });
    }
    const invalidator = new Invalidator({
      ...runtime,
      edge: false,
      rules: [{ event: 'x', patterns: ['api:{user}:*'] }],
      windowMs: 0,
    });
    for (const user of users) {
      const { complete, parts } = await invalidator.handle({ type: 'x', detail: { user } });
      // SCAN may return a key twice.
      expect([complete, (parts[0]?.keys ?? 0) >= 40]).toEqual([true, true]);
      const left = await Promise.all(users.map((other) => found(`${other}:7`)));
      expect(left).toEqual(users.map((other) => users.indexOf(other) > users.indexOf(user)));
      expect(await found(`${user}:0`, kpi)).toBe(true);
    }
    await invalidator.close();
  });

  test('an event invalidates tags in every process', async () => {
    const other = await opened(server.address, kind === 'a cluster');
    try {
      const options = { strategy: CACHE_STRATEGIES.portfolio, tags: ['portfolio:u-1'] };
      await runtime.cache.set('u-1', 1, options);
      expect(await other.cache.getOrLoad('u-1', () => 2, options)).toBe(1);
      const invalidator = new Invalidator({ ...runtime, edge: false });
      const event = {
        id: 'e',
        source: 's',
        'detail-type': 'trade_execution',
        detail: { userId: 'u-1' },
      };
      expect(await invalidator.handleEventBridge(event)).toMatchObject({ complete: true });
      expect(await runtime.cache.getOrLoad('u-1', () => 3, options)).toBe(3);
      const seen = async () => other.cache.getOrLoad('u-1', () => 4, options);
      for (const end = Date.now() + 5000; (await seen()) !== 3 && Date.now() < end; )
        await new Promise((resolve) => setTimeout(resolve, 10));
      expect(await seen()).toBe(3);
      await invalidator.close();
    } finally {
      await other.close();
    }
  });
});

test('an unavailable server is reported: deferred tags and failed patterns', async () => {
  const server = await RedisServer.start();
  const runtime = await opened(server.address, false);
  try {
    await server.kill();
    const rules = [{ event: 'x', tags: ['t'], patterns: ['api:*'] }];
    const invalidator = new Invalidator({ ...runtime, edge: false, rules, windowMs: 0 });
    const { complete, parts } = await invalidator.handle({ type: 'x', id: '1' });
    expect([complete, parts.map(({ kind, status }) => [kind, status])]).toEqual([
      false,
      [
        ['tag', 'deferred'],
        ['pattern', 'failed'],
      ],
    ]);
    await server.restart();
    // EventBridge delivers an event again while a part of it fails. Each delivery is handled again
    // until every part has succeeded.
    const again = async () => invalidator.handle({ type: 'x', id: '1' });
    let last = await again();
    for (
      const end = Date.now() + 10_000;
      last.parts.some(({ status }) => status === 'failed') && Date.now() < end;
      last = await again()
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(last).toMatchObject({
      duplicate: false,
      parts: [{ kind: 'tag' }, { kind: 'pattern', status: 'reached' }],
    });
    expect(await again()).toMatchObject({ duplicate: true });
    await invalidator.close();
  } finally {
    await runtime.close();
    await server.stop();
  }
}, 30_000);

test.each([
  [undefined, /must be a JSON object with `username` and `password`, got none/],
  ['not json: hunter2', /got something else/],
  ['{"username":"u"}', /got something else/],
  ['null', /got something else/],
])('a secret that is %j is refused, and not revealed', async (text, message) => {
  const open = openRuntime(SETTINGS, { readSecret: async () => text });
  await expect(open).rejects.toThrow(IsochroneError);
  await expect(open).rejects.toThrow(message);
  await expect(open).rejects.not.toThrow(/hunter2/);
});
