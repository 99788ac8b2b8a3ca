/** Two services that share a Redis server and its cached responses, and its failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ResponseCache } from '../../../lib/runtime/responses/response-cache';
import { TieredCache } from '../../../lib/runtime/tiered-cache/tiered-cache';
import { ValkeyServer } from '../../../lib/runtime/valkey/server';
import {
  ask,
  startExpress,
  startFastify,
  type TestRoute,
  type TestServer,
} from '../../runtime/responses/servers';
import { RedisServer } from '../redis-server';

const BODY = JSON.stringify({
  quotes: Array.from({ length: 300 }, (_, i) => ({ symbol: `SYM${i}`, price: i })),
});

let redis: RedisServer;
const caches: TieredCache[] = [];
const services: TestServer[] = [];
let responses: ResponseCache[];
let ports: number[];
let runs = 0;
let isPrivate = false;
let isFailing = false;

const handler: TestRoute['handler'] = async () => {
  runs++;
  await sleep(30);
  if (isFailing) return { status: 503, body: 'down' };
  return {
    headers: {
      'content-type': 'application/json',
      ...(isPrivate ? { 'cache-control': 'private' } : {}),
    },
    body: BODY,
  };
};
const common = { host: false, tags: ['quotes'] } as const;
const routes: TestRoute[] = [
  { path: '/quotes', cache: { ttlSeconds: 60, ...common }, handler },
  { path: '/other', cache: { ttlSeconds: 60, ...common }, handler },
  { path: '/brief', cache: { ttlSeconds: 0.2, staleSeconds: 60, ...common }, handler },
  {
    path: '/steady',
    cache: { ttlSeconds: 0.2, staleSeconds: 60, serveStale: 'if-error', ...common },
    handler,
  },
];

beforeAll(async () => {
  redis = await RedisServer.start();
  responses = [];
  for (const start of [startFastify, startExpress]) {
    const cache = new TieredCache({
      // Long, because on a busy machine a short budget would run handlers instead of waiting.
      budgetMs: 2000,
      server: new ValkeyServer({
        ...redis.address,
        namespace: 'responses',
        commandTimeoutMs: 1000,
      }),
    });
    caches.push(cache);
    const cached = new ResponseCache({ store: cache, onWarning: () => {} });
    responses.push(cached);
    services.push(await start(cached, routes));
  }
  ports = services.map(({ port }) => port);
  await sleep(300);
}, 30_000);

afterAll(async () => {
  await Promise.all(services.map((service) => service.close()));
  await Promise.all(caches.map((cache) => cache.close()));
  await redis.stop();
});

beforeEach(() => {
  runs = 0;
});

const both = (target: string, times = 1) =>
  Promise.all(
    ports.flatMap((port) =>
      Array.from({ length: times }, () => ask(port, target, { 'accept-encoding': 'br' })),
    ),
  );

test('one run of a handler answers both services, and a tag invalidates both', async () => {
  const all = await both('/quotes', 20);
  expect(runs).toBe(1);
  expect(new Set(all.map(({ body }) => body.toString('base64'))).size).toBe(1);
  expect(all[0]?.headers['content-encoding']).toBe('br');
  await sleep(50);
  expect((await both('/quotes')).map(({ headers }) => headers['x-cache'])).toEqual(['HIT', 'HIT']);
  expect(await responses[0]?.invalidateTags('quotes')).toEqual({ reached: true });
  await sleep(50);
  await both('/quotes');
  expect(runs).toBe(2);
});

test('a private answer is shared in neither service', async () => {
  isPrivate = true;
  await both('/other', 5);
  isPrivate = false;
  expect(runs).toBe(10);
});

test('a stale answer is served at once and renewed', async () => {
  await both('/brief');
  await sleep(300);
  runs = 0;
  expect((await ask(ports[1] ?? 0, '/brief')).headers['x-cache']).toBe('STALE');
  for (const end = Date.now() + 5000; runs === 0 && Date.now() < end; ) await sleep(5);
  expect(runs).toBe(1);
});

test('a stale answer replaces a failed one', async () => {
  await both('/steady');
  await sleep(300);
  isFailing = true;
  const all = await both('/steady');
  isFailing = false;
  expect(all.map(({ status, headers }) => [status, headers['x-cache']])).toEqual(
    Array(2).fill([200, 'STALE']),
  );
});

test('without the server, requests are still answered', async () => {
  await redis.stop();
  const all = await both('/other?a', 5);
  expect(all.map(({ status }) => status)).toEqual(Array(10).fill(200));
  expect(new Set(all.map(({ body }) => body.toString('base64'))).size).toBe(1);
});
