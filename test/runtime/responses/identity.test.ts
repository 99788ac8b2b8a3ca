/** Which requests share responses, and which never do: by credential, by route, by framework. */
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { fastifyResponseCache } from '../../../lib/runtime/responses/fastify';
import type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseWarning,
} from '../../../lib/runtime/responses/options';
import { ResponseCache } from '../../../lib/runtime/responses/response-cache';
import {
  ask,
  FRAMEWORKS,
  type FrameworkRequest,
  type Got,
  raw,
  type TestRoute,
  type TestServer,
} from './servers';
import { StoreDouble } from './store-double';

type Route = Partial<ResponseRoute<FrameworkRequest>>;

describe.each(FRAMEWORKS)('who gets a response behind %s', (_framework, start) => {
  let server: TestServer | undefined;
  let responses: ResponseCache;
  let store: StoreDouble;
  let warnings: ResponseWarning[];
  let runs: number;

  /** A route whose response is for what the handler sees of headers and query. */
  const serve = async (
    cache: Route,
    options: Partial<ResponseCacheOptions> = {},
    more: Partial<TestRoute> = {},
  ): Promise<number> => {
    runs = 0;
    warnings = [];
    store = new StoreDouble();
    responses = new ResponseCache({
      store,
      debug: true,
      passSeconds: 0,
      onWarning: (warning) => warnings.push(warning),
      ...options,
    });
    server = await start(responses, [
      {
        path: '/x',
        cache: { ttlSeconds: 60, ...cache },
        handler: (request) => {
          runs++;
          const { 'x-probe': probe, ...headers } = request.headers;
          return { headers: { 'content-type': 'text/plain' }, body: seen(headers, request.asked) };
        },
        ...more,
      },
    ]);
    return server.port;
  };
  const seen = (headers: Record<string, unknown>, url: URL) =>
    JSON.stringify([
      Object.entries(headers).filter(([name]) => !['host', 'connection'].includes(name)),
      [...url.searchParams],
    ]);
  const state = ({ headers }: Got) => [headers['x-cache'], headers['x-cache-reason']];

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  test.each([
    ['x-api-key', 'credential: x-api-key'],
    ['x-amzn-oidc-identity', 'credential: x-amzn-oidc-identity'],
    ['proxy-authorization', 'credential: proxy-authorization'],
    ['x_my_token', 'credential: x_my_token'],
    ['authorization', 'authorization'],
    ['cookie', 'session-cookie'],
  ])('%s of one user gets no response of another', async (name, reason) => {
    const port = await serve({});
    const [alice, bob] = [
      await ask(port, '/x', { [name]: 'k1' }),
      await ask(port, '/x', { [name]: 'k2' }),
    ];
    expect(alice.body.toString()).toContain('k1');
    expect(bob.body.toString()).toContain('k2');
    expect(state(bob)).toEqual(['BYPASS', reason]);
    const anonymous = await ask(port, '/x');
    expect(state(anonymous)).toEqual(['MISS', undefined]);
    expect(state(await ask(port, '/x'))).toEqual(['HIT', undefined]);
    expect(state(await ask(port, '/x', { [name]: 'k1' }))).toEqual(['BYPASS', reason]);
    expect(store.entries.size).toBe(1);
    expect(responses.counts).toMatchObject({
      bypass: 3,
      bypassReasons: { [reason.split(':')[0] as string]: 3 },
    });
  });

  test('ordinary headers share a response, whatever their values', async () => {
    const port = await serve({}, {}, { handler: () => ({ body: `run ${++runs}` }) });
    for (const i of ['1', '2', '3']) {
      await ask(port, '/x', {
        'user-agent': `Browser/${i}`,
        'sec-fetch-user': '?1',
        'sec-ch-ua': i,
        'x-request-id': i,
        'x-amzn-trace-id': `Root=${i}`,
        'x-forwarded-for': `192.0.2.${i}`,
        'cloudfront-viewer-country': 'DE',
        'idempotency-key': i,
        traceparent: i,
        dnt: '1',
      });
    }
    expect(responses.counts).toMatchObject({ miss: 1, hit: 2, bypass: 0 });
  });

  test('a route that varies by a credential keeps a response for each, for no other cache', async () => {
    const port = await serve({ varyBy: ['X-API-Key'] });
    const first = await ask(port, '/x', { 'x-api-key': 'k1' });
    expect([first.headers['cache-control'], first.headers.vary]).toEqual([
      'private',
      'x-api-key, accept-encoding',
    ]);
    expect((await ask(port, '/x', { 'x-api-key': 'k2' })).body.toString()).toContain('k2');
    const again = await ask(port, '/x', { 'x-api-key': 'k1' });
    expect([state(again)[0], again.body.toString()]).toEqual(['HIT', first.body.toString()]);
    // Another credential beside it is not in the key.
    const other = { 'x-api-key': 'k1', 'x-user': 'eve' };
    expect(state(await ask(port, '/x', other))).toEqual(['BYPASS', 'credential: x-user']);
    expect([...store.entries.keys()].join()).not.toContain('k1');
  });

  test('a shared route answers requests with any credential from one response', async () => {
    const port = await serve({ shared: true, query: { allow: [] } });
    for (const headers of [{ 'x-api-key': 'k1' }, { authorization: 'b' }, { cookie: 'c=1' }, {}])
      await ask(port, '/x?access_token=t', headers);
    expect([runs, responses.counts.hit]).toEqual([1, 3]);
  });

  test("a user's route keeps one response for each user, and none for a credential without one", async () => {
    const user = ({ headers }: FrameworkRequest) => headers['x-session']?.toString();
    const port = await serve({ user });
    for (const name of ['ann', 'bob', 'ann'])
      expect((await ask(port, '/x', { 'x-session': name })).body.toString()).toContain(name);
    expect(responses.counts).toMatchObject({ miss: 2, hit: 1 });
    const stranger = await ask(port, '/x', { 'x-api-key': 'k1' });
    expect(state(stranger)).toEqual(['BYPASS', 'credential: x-api-key']);
  });

  test.each<[string, Route, first: string, other: string, reason: string | undefined]>([
    [
      'outside the key',
      { query: { allow: ['a'] } },
      'a=1&token=1',
      'a=1&token=2',
      'credential-parameter',
    ],
    ['denied', { query: { deny: ['user_id'] } }, 'user_id=1', 'user_id=2', 'credential-parameter'],
    ['without a query', { query: 'none' }, 'session=1', 'session=2', 'credential-parameter'],
    ['beyond doubt', {}, 'access_token=1', 'access_token=2', 'credential-parameter'],
    ['in an encoded name', {}, '%61pi_key=1', '%61pi_key=2', 'credential-parameter'],
    ['that may be data', {}, 'tokens=BTC', 'tokens=ETH', undefined],
    ['in the key by name', { query: { allow: ['api_key'] } }, 'api_key=1', 'api_key=2', undefined],
  ])('a credential in the query, %s', async (_name, route, first, other, reason) => {
    const port = await serve(route);
    for (const query of [first, other, first]) {
      const got = await ask(port, `/x?${query}`);
      expect(got.body.toString()).toContain(JSON.stringify(query.split('&').at(-1)?.split('=')[1]));
      expect(got.headers['x-cache-reason']).toBe(reason);
    }
    expect(responses.counts.hit).toBe(reason === undefined ? 1 : 0);
    expect(store.entries.size).toBe(reason === undefined ? 2 : 0);
  });

  test('links of campaigns share a response', async () => {
    const port = await serve({ query: { allow: ['a'] } });
    for (const query of ['a=1&utm_user=x', 'fbclid=y&a=1', 'a=1&gclid=z&pageToken=9'])
      await ask(port, `/x?${query}`);
    expect([runs, responses.counts.hit]).toEqual([1, 2]);
  });

  test('a target with user information bypasses the cache', async () => {
    const port = await serve({});
    const text = await new Promise<string>((resolve) => {
      raw(
        port,
        'GET http://ann:secret@a/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
        resolve,
      );
    });
    expect(text).toMatch(/x-cache-reason: userinfo/i);
    expect(store.entries.size).toBe(0);
  });

  test('names of credentials can be added and removed', async () => {
    const port = await serve({}, { credentials: { count: ['x-seat'], ignore: ['x-user-region'] } });
    expect(state(await ask(port, '/x', { 'x-seat': '1' }))).toEqual([
      'BYPASS',
      'credential: x-seat',
    ]);
    await ask(port, '/x', { 'x-user-region': 'eu' });
    expect(state(await ask(port, '/x', { 'x-user-region': 'us' }))[0]).toBe('HIT');
  });

  test('a user whom middleware found by other means bypasses the cache', async () => {
    let user: unknown = { id: 7 };
    const port = await serve({}, {}, { identify: (_request, set) => set('user', user) });
    expect(state(await ask(port, '/x'))).toEqual(['BYPASS', 'user']);
    user = null;
    await ask(port, '/x');
    expect(state(await ask(port, '/x'))[0]).toBe('HIT');
  });

  test('a user whom middleware found by a credential in the key gets its response', async () => {
    const port = await serve(
      { varyBy: ['x-api-key'] },
      {},
      { identify: (_request, set) => set('user', { id: 7 }) },
    );
    await ask(port, '/x', { 'x-api-key': 'k1' });
    expect(state(await ask(port, '/x', { 'x-api-key': 'k1' }))[0]).toBe('HIT');
    expect(state(await ask(port, '/x'))).toEqual(['BYPASS', 'user']);
  });

  test.each(['x-auth-token', 'X-CSRF-Token', 'authentication-info'])(
    'a response that hands out a credential in %s is not stored',
    async (name) => {
      const port = await serve({}, {}, { handler: () => ({ headers: { [name]: `t${++runs}` } }) });
      const [first, second] = [await ask(port, '/x'), await ask(port, '/x')];
      expect(first.headers[name.toLowerCase()]).not.toBe(second.headers[name.toLowerCase()]);
      expect(second.headers['x-cache-reason']).toBe(`credential: ${name.toLowerCase()}`);
      expect(store.entries.size).toBe(0);
    },
  );

  describe('a part of the key that is not a string', () => {
    class Account {
      constructor(readonly id: string) {}
      toString = () => this.id;
    }
    const values: Record<string, (user: string) => unknown> = {
      'a Promise': async (user) => user,
      'a Promise that rejects': async () => Promise.reject(new Error('no session')),
      'a thenable': (user) => ({
        // biome-ignore lint/suspicious/noThenProperty: a query builder is such a thenable
        then: (done: (user: string) => void) => done(user),
      }),
      'a Map': (user) => new Map([['user', user]]),
      'a Set': (user) => new Set([user]),
      'an object': (user) => new Account(user),
      'an array': (user) => [user],
      'a number': (user) => user.length,
      NaN: () => Number.NaN,
      zero: () => 0,
      false: () => false,
      null: () => null,
      'a boxed string': (user) => Object(user),
      'half a surrogate pair': (user) => `${user}\ud800`,
    };

    test.each(Object.entries(values))(
      '%s as the user shares nothing, and is reported',
      async (_name, value) => {
        const user = ({ headers }: FrameworkRequest) => value(String(headers['x-user'])) as string;
        const port = await serve({ user });
        for (const name of ['ann', 'bob', 'ann']) {
          const got = await ask(port, '/x', { 'x-user': name });
          expect(got.body.toString()).toContain(name);
          expect(state(got)).toEqual(['BYPASS', 'callback']);
        }
        expect(store.entries.size).toBe(0);
        expect(responses.counts.bypassReasons).toEqual({ callback: 3 });
        expect(warnings.map(({ code }) => code)).toEqual(['callback']);
        expect(warnings[0]?.message).toMatch(/ResponseRoute: user must be a string/);
        if (_name === 'a Promise') expect(warnings[0]?.message).toContain('forget `await`');
      },
    );

    test.each<[string, unknown]>([
      ['a Promise', Promise.resolve(['a'])],
      ['a Promise in a list', [Promise.resolve('a')]],
      ['a text', 'ab'],
      ['a number in a list', [7]],
      ['an empty text in a list', ['']],
      ['a Set', new Set(['a'])],
    ])('%s as the tags stores nothing, and is reported', async (_name, tags) => {
      const port = await serve({ tags: () => tags as string[] });
      expect(state(await ask(port, '/x'))).toEqual(['BYPASS', 'callback']);
      expect(warnings[0]?.message).toContain('ResponseRoute: tags must be');
      await expect(responses.invalidateTags(7 as never)).rejects.toThrow('tags must be a string');
    });

    test.each(['undefined', "''"])('%s as the user is an anonymous client', async (name) => {
      const port = await serve({ user: () => (name === "''" ? '' : undefined) });
      await ask(port, '/x');
      expect(state(await ask(port, '/x'))[0]).toBe('HIT');
    });
  });
});

test('a body of a GET over HTTP/2, which needs no header, bypasses the cache', async () => {
  const store = new StoreDouble();
  const app = fastify({ http2: true }) as unknown as FastifyInstance;
  await app.register(fastifyResponseCache(new ResponseCache({ store, debug: true })));
  app.get('/x', { config: { responseCache: { ttlSeconds: 60 } } }, async () => 'answer');
  await app.listen({ port: 0, host: '127.0.0.1' });
  const client = connectHttp2(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
  const get = (body?: string) =>
    new Promise<unknown>((resolve, reject) => {
      const stream = client.request({ ':path': '/x' }, { endStream: body === undefined });
      stream.on('response', (headers) => resolve(headers['x-cache-reason'] ?? headers['x-cache']));
      stream.on('error', reject);
      if (body !== undefined) stream.end(body);
      stream.resume();
    });
  try {
    expect(await get('evil')).toBe('request-body');
    expect(await get()).toBe('MISS');
    expect(await get()).toBe('HIT');
    expect(await get('evil')).toBe('request-body');
  } finally {
    await new Promise<void>((resolve) => client.close(resolve));
    await app.close();
  }
});
