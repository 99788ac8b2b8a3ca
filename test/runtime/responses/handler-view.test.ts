/** What handlers see of a request, in every place where frameworks keep it. */
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express, { type Request, type Response } from 'express';
import fastify, { type FastifyRequest } from 'fastify';
import {
  expressResponseCache,
  fastifyResponseCache,
  ResponseCache,
  type ResponseCacheOptions,
  type ResponseRoute,
} from '../../../lib/runtime/responses';
import { ask, express4 } from './servers';
import { StoreDouble } from './store-double';

const { parse: parseExtended } = jest.requireActual<{
  parse: (query: string, options?: object) => object;
}>('qs');

interface Seen {
  readonly url: string | undefined;
  readonly originalUrl: string;
  readonly query: unknown;
  readonly cookie: string | undefined;
  readonly cookies: unknown;
}
interface Served {
  readonly port: number;
  /** The URLs that a log would contain, after the response. */
  readonly logged: string[];
  close(): Promise<void>;
}
type Options = Partial<ResponseCacheOptions>;
type Route = Partial<ResponseRoute<never>>;
type Answer = (seen: Seen) => { readonly headers?: Record<string, string>; readonly body: unknown };
const SEEN: Answer = (seen) => ({ body: seen });

function cacheOf(options: Options): ResponseCache {
  return new ResponseCache({ store: new StoreDouble(), debug: true, passSeconds: 0, ...options });
}

/** As cookie parsers do. */
const parsedCookies = (header: string | undefined) =>
  Object.fromEntries((header ?? '').split('; ').map((pair) => pair.split('=')));

function seenBy(
  request: { query: unknown; cookies?: unknown; originalUrl: string },
  raw: IncomingMessage,
): Seen {
  return {
    url: raw.url,
    originalUrl: request.originalUrl,
    query: { ...(request.query as object) },
    cookie: raw.headers.cookie,
    cookies: request.cookies,
  };
}

/**
 * @param kind `mounted`: the route is in a router with a path of its own. `own`: `req.query` is an
 * own property, as in Express 4 and behind middleware that replaces it.
 */
const expressOf =
  (create: typeof express, kind?: 'mounted' | 'own' | 'extended') =>
  async (route: Route, options: Options, answer: Answer): Promise<Served> => {
    const responses = cacheOf(options);
    const logged: string[] = [];
    const app = create();
    if (kind === 'extended') app.set('query parser', 'extended');
    app.use((request, response, next) => {
      response.once('finish', () => logged.push(request.originalUrl));
      Reflect.set(request, 'cookies', parsedCookies(request.headers.cookie));
      if (kind === 'own')
        Object.defineProperty(request, 'query', {
          value: { ...request.query },
          writable: true,
          configurable: true,
          enumerable: true,
        });
      next();
    });
    const router = kind === 'mounted' ? create.Router() : app;
    router.get(
      '/x',
      expressResponseCache(responses, { ttlSeconds: 60, ...route } as ResponseRoute<Request>),
      (request: Request, response: Response) => {
        const { headers, body } = answer(seenBy(request as never, request));
        response.set(headers ?? {}).json(body);
      },
    );
    if (kind === 'mounted') app.use('/m', router);
    const server = await new Promise<Server>((resolve) => {
      const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
    });
    const close = async () => {
      await responses.close();
      await new Promise((resolve) => server.close(resolve));
    };
    return { port: (server.address() as AddressInfo).port, logged, close };
  };

const fastify5 =
  (parser?: (query: string) => object, schema?: object) =>
  async (route: Route, options: Options, answer: Answer): Promise<Served> => {
    const logged: string[] = [];
    const app = fastify(
      parser
        ? { routerOptions: { querystringParser: parser as () => Record<string, string> } }
        : {},
    );
    await app.register(fastifyResponseCache(cacheOf(options)));
    app.decorateRequest('cookies', null);
    app.addHook('onRequest', async (request) => {
      // A logger asks for it, and Fastify remembers it.
      expect(request.originalUrl).toContain('/x');
      Reflect.set(request, 'cookies', parsedCookies(request.headers.cookie));
    });
    app.addHook('onResponse', async (request) => void logged.push(request.originalUrl));
    app.get(
      '/x',
      {
        config: {
          responseCache: { ttlSeconds: 60, ...route } as ResponseRoute<FastifyRequest>,
        },
        ...(schema && { schema: { querystring: schema } }),
      },
      async (request, reply) => {
        const { headers, body } = answer(seenBy(request, request.raw));
        return reply.headers(headers ?? {}).send(body);
      },
    );
    await app.listen({ port: 0, host: '127.0.0.1' });
    return {
      port: (app.server.address() as AddressInfo).port,
      logged,
      close: () => app.close(),
    };
  };

const SERVERS = {
  'Express 5': expressOf(express),
  'Express 5 with the extended parser': expressOf(express, 'extended'),
  'Express 5 in a router': expressOf(express, 'mounted'),
  'Express with an own req.query': expressOf(express, 'own'),
  'Express 4': expressOf(express4),
  'Express 4 in a router': expressOf(express4, 'mounted'),
  Fastify: fastify5(),
  'Fastify with the extended parser': fastify5((query) => parseExtended(query)),
} as const;

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

describe.each(Object.entries(SERVERS))('%s', (name, start) => {
  const at = (query: string) => `${name.includes('router') ? '/m' : ''}/x${query}`;
  const get = async (query: string, headers = {}) => {
    const got = await ask(served?.port ?? 0, at(query), headers);
    return {
      state: got.headers['x-cache'],
      reason: got.headers['x-cache-reason'],
      seen: JSON.parse(got.body.toString()) as Seen,
    };
  };

  test.each<[string, Route['query'], sent: string, query: string, parsed: object]>([
    ['allowed', { allow: ['a'] }, '?a=1&evil=2', '?a=1', { a: '1' }],
    ['repeated', { allow: ['a'] }, '?evil=0&a=1&a=2&evil=3', '?a=1&a=2', { a: ['1', '2'] }],
    ['not denied', { deny: ['evil'] }, '?evil=2&a=1', '?a=1', { a: '1' }],
    ['all, sorted', 'all', '?b=2&a=1', '?a=1&b=2', { a: '1', b: '2' }],
    ['none', 'none', '?evil=1', '', {}],
    ['none, encoded', 'none', '?%65vil=1&e+f=2', '', {}],
    ['no value', { allow: ['a'] }, '?evil&a', '?a', { a: '' }],
    ['a name of every object', { allow: ['a'] }, '?hasOwnProperty=1&a=1', '?a=1', { a: '1' }],
    ['no query', { allow: ['a'] }, '', '', {}],
  ])('the handler sees the parameters of the key: %s', async (_name, query, sent, text, parsed) => {
    served = await start({ query }, {}, SEEN);
    const { state, seen } = await get(sent);
    expect(state).toBe('MISS');
    expect(seen).toMatchObject({
      url: `/x${text}`,
      originalUrl: at(text),
      query: parsed,
    });
    await sleep(5);
    expect(served.logged).toEqual([at(sent)]);
  });

  test('a parameter outside the key changes no response of other clients', async () => {
    served = await start({ query: { allow: ['a'] } }, {}, SEEN);
    expect(JSON.stringify(await get('?a=1&cb=<script>'))).not.toContain('script');
    const victim = await get('?a=1');
    expect([victim.state, victim.seen.url]).toEqual(['HIT', '/x?a=1']);
    // Nor does one that a parser may read as an allowed one: it is in the key.
    await get('?a=1&%61=2');
    await get('?a[evil]=2&a=1');
    expect((await get('?a=1')).seen).toEqual(victim.seen);
  });

  test('it sees the same when its response may not be stored', async () => {
    const answer: Answer = (seen) => ({ headers: { 'cache-control': 'private' }, body: seen });
    served = await start({ query: { allow: ['a'] } }, { passSeconds: 60 }, answer);
    for (const reason of ['private', 'not-cacheable-lately']) {
      const got = await get('?a=1&b=2');
      expect([got.reason, got.seen.url, got.seen.query]).toEqual([reason, '/x?a=1', { a: '1' }]);
    }
    await sleep(5);
    expect(served.logged).toEqual([at('?a=1&b=2'), at('?a=1&b=2')]);
  });

  test('with handlerSees: request, it sees the whole request', async () => {
    served = await start(
      { query: { allow: ['a'] }, handlerSees: 'request' },
      { sessionCookies: ['sid'] },
      SEEN,
    );
    const { seen } = await get('?b=2&a=1', { cookie: 'theme=dark' });
    expect(seen).toMatchObject({ url: '/x?b=2&a=1', query: { a: '1', b: '2' } });
    expect([seen.cookie, seen.cookies]).toEqual(['theme=dark', { theme: 'dark' }]);
  });

  test('a request that bypasses the cache is whole', async () => {
    served = await start({ query: { allow: ['a'] } }, { sessionCookies: ['sid'] }, SEEN);
    const { state, seen } = await get('?b=2&a=1', { 'x-api-key': 'k', cookie: 'theme=dark' });
    expect(state).toBe('BYPASS');
    expect(seen).toMatchObject({ url: '/x?b=2&a=1', query: { b: '2' }, cookie: 'theme=dark' });
  });

  test.each<[string, Route, isSeen: boolean]>([
    ['not otherwise', {}, false],
    ['on a shared route', { shared: true }, true],
    ['for a user', { user: () => 'ann' }, true],
    ['without a user', { user: () => undefined }, false],
    ['in the key', { varyBy: ['Cookie'] }, true],
  ])('cookies that identify nobody are seen %s', async (_name, route, isSeen) => {
    served = await start(route, { sessionCookies: ['sid'] }, SEEN);
    const { state, seen } = await get('', { cookie: 'theme=dark' });
    expect(state).toBe('MISS');
    expect([seen.cookie, seen.cookies]).toEqual(
      isSeen ? ['theme=dark', { theme: 'dark' }] : [undefined, {}],
    );
  });
});

describe('Fastify with a schema of the query', () => {
  const schema = (required: string[] = []) => ({
    type: 'object',
    required,
    properties: {
      a: { type: 'integer' },
      limit: { type: 'integer', default: 10 },
      other: { type: 'string', default: 'x' },
      must: { type: 'string' },
    },
  });
  const get = async (query: string) => ask(served?.port ?? 0, `/x${query}`);

  test('keeps its conversions and defaults', async () => {
    served = await fastify5(undefined, schema())({ query: { allow: ['a'] } }, {}, SEEN);
    const { query } = JSON.parse((await get('?limit=99&a=1&b=2')).body.toString()) as Seen;
    expect(query).toEqual({ a: 1, limit: 10, other: 'x' });
    const victim = await get('?a=1');
    expect(victim.headers['x-cache']).toBe('HIT');
  });

  test('that requires a parameter outside the key bypasses the cache', async () => {
    served = await fastify5(undefined, schema(['must']))({ query: { allow: ['a'] } }, {}, SEEN);
    for (let i = 0; i < 2; i++) {
      const got = await get('?must=9&a=1');
      expect([got.status, got.headers['x-cache-reason']]).toEqual([200, 'query-schema']);
      expect(JSON.parse(got.body.toString())).toMatchObject({
        url: '/x?must=9&a=1',
        query: { a: 1, must: '9' },
      });
    }
  });
});

test('a renewal sees what its key contains', async () => {
  const urls: (string | undefined)[] = [];
  served = await expressOf(express)(
    { query: { allow: ['a'] }, ttlSeconds: 0.02, staleSeconds: 60 },
    {},
    (seen) => {
      urls.push(seen.url);
      return { body: {} };
    },
  );
  await ask(served.port, '/x?a=1');
  await sleep(40);
  expect((await ask(served.port, '/x?b=2&a=1')).headers['x-cache']).toBe('STALE');
  while (urls.length < 2) await sleep(2);
  expect(urls).toEqual(['/x?a=1', '/x?a=1']);
});
