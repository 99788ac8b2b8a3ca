import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
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
  type HandlerResponse,
  raw,
  type TestRoute,
  type TestServer,
} from './servers';
import { StoreDouble } from './store-double';

const LONG = JSON.stringify(
  Array.from({ length: 200 }, (_, i) => ({ symbol: `SYM${i}`, price: i * 1.25 })),
);

describe.each(FRAMEWORKS)('ResponseCache behind %s', (framework, start) => {
  let store: StoreDouble;
  let responses: ResponseCache;
  let server: TestServer | undefined;
  let warnings: ResponseWarning[];
  let runs: number;
  let clock: jest.SpyInstance | undefined;

  const serve = async (
    routes: readonly TestRoute[],
    options: Partial<ResponseCacheOptions> = {},
  ): Promise<number> => {
    store = new StoreDouble();
    warnings = [];
    responses = new ResponseCache({
      store,
      debug: true,
      onWarning: (warning) => warnings.push(warning),
      ...options,
    });
    server = await start(responses, routes);
    return server.port;
  };
  /** One route at /x whose responses count its runs. */
  const serveOne = (
    cache: Partial<ResponseRoute<FrameworkRequest>>,
    answer:
      | HandlerResponse
      | ((
          ...request: Parameters<TestRoute['handler']>
        ) => HandlerResponse | Promise<HandlerResponse>) = {},
    options: Partial<ResponseCacheOptions> = {},
    before?: TestRoute['before'],
  ) =>
    serve(
      [
        {
          path: '/x',
          cache: { ttlSeconds: 60, ...cache },
          before,
          handler: async (request) => {
            const run = ++runs;
            const given = typeof answer === 'function' ? await answer(request) : answer;
            return {
              body: `run ${run}`,
              ...given,
              headers: { 'content-type': 'text/plain', ...given.headers },
            };
          },
        },
      ],
      options,
    );
  const later = (milliseconds: number) => {
    clock?.mockRestore();
    const now = Date.now;
    clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + milliseconds);
  };

  beforeEach(() => {
    runs = 0;
  });
  afterEach(async () => {
    clock?.mockRestore();
    clock = undefined;
    await server?.close();
    server = undefined;
  });

  describe('storing and sharing', () => {
    type Row = [
      name: string,
      shared: boolean,
      cache: Partial<ResponseRoute<FrameworkRequest>>,
      answer: HandlerResponse,
      request?: Record<string, string>,
      options?: Partial<ResponseCacheOptions>,
    ];
    const cacheControl = (value: string): HandlerResponse => ({
      headers: { 'cache-control': value },
    });
    const rows: Row[] = [
      ['a plain response', true, {}, {}],
      ['public', true, {}, cacheControl('public, max-age=5')],
      ['private', false, {}, cacheControl('private')],
      ['private with fields', false, {}, cacheControl('private="x-a, x-b", max-age=5')],
      ['PRIVATE in capitals', false, {}, cacheControl('PRIVATE')],
      [
        'a directive whose name only contains private',
        true,
        {},
        cacheControl('x-private=1, max-age=5'),
      ],
      [
        'a quoted value that contains no-store',
        true,
        {},
        cacheControl('ext="no-store", max-age=5'),
      ],
      ['no-store', false, {}, cacheControl('max-age=5, no-store')],
      ['no-cache', false, {}, cacheControl('no-cache')],
      ['s-maxage=0', false, {}, cacheControl('s-maxage=0')],
      ['Set-Cookie', false, {}, { headers: { 'set-cookie': 'a=1' } }],
      ['Vary: *', false, {}, { headers: { vary: '*' } }],
      ['Vary by a header outside the key', false, {}, { headers: { vary: 'X-Tenant' } }],
      [
        'Vary by a header in the key',
        true,
        { varyBy: ['X-Tenant'] },
        { headers: { vary: 'x-tenant, Accept-Encoding' } },
      ],
      [
        'Vary: Accept-Language without languages',
        false,
        {},
        { headers: { vary: 'Accept-Language' } },
      ],
      [
        'Vary: Accept-Language with languages',
        true,
        { languages: ['en', 'de'] },
        { headers: { vary: 'Accept-Language' } },
      ],
      ['Vary: Host, which is in the key', true, {}, { headers: { vary: 'Host' } }],
      [
        'Vary: Host, which is not in the key',
        false,
        { host: false },
        { headers: { vary: 'Host' } },
      ],
      ['404 by default', false, {}, { status: 404 }],
      ['404 with a time in `statuses`', true, { statuses: { 404: 5 } }, { status: 404 }],
      ['500', false, {}, { status: 500 }],
      ['503', false, { staleSeconds: 9, serveStale: 'if-error' }, { status: 503 }],
      ['302', false, {}, { status: 302, headers: { location: '/y' } }],
      [
        "the response's own s-maxage",
        true,
        { ttlSeconds: 'answer' },
        cacheControl('max-age=0, s-maxage=5'),
      ],
      ["the response's own max-age", true, { ttlSeconds: 'answer' }, cacheControl('max-age=5')],
      [
        'an Age that has reached its max-age',
        false,
        { ttlSeconds: 'answer' },
        { headers: { 'cache-control': 'max-age=5', age: '5' } },
      ],
      ['no lifetime of its own', false, { ttlSeconds: 'answer' }, {}],
      [
        'a max-age that is not a number',
        false,
        { ttlSeconds: 'answer' },
        cacheControl('max-age=soon'),
      ],
      ['an event stream', false, {}, { headers: { 'content-type': 'text/event-stream' } }],
      ['a body of the maximum size', true, { maxBodyBytes: 5 }, { body: 'abcde' }],
      ['a body one byte larger', false, { maxBodyBytes: 5 }, { body: 'abcdef' }],
      ['Authorization', false, {}, {}, { authorization: 'Bearer a' }],
      [
        'Authorization on a shared route',
        true,
        { shared: true },
        {},
        { authorization: 'Bearer a' },
      ],
      ['any cookie', false, {}, {}, { cookie: 'theme=dark' }],
      [
        'a cookie that is not a session',
        true,
        {},
        {},
        { cookie: 'theme=dark; xsid=1' },
        { sessionCookies: ['sid'] },
      ],
      [
        'a session cookie',
        false,
        {},
        {},
        { cookie: 'theme=dark; sid=1' },
        { sessionCookies: ['sid'] },
      ],
      ['a session cookie on a shared route', true, { shared: true }, {}, { cookie: 'sid=1' }],
      ['a Range', false, {}, {}, { range: 'bytes=0-1' }],
      ['If-Match', false, {}, {}, { 'if-match': '"a"' }],
      ['no-cache of a request', true, {}, {}, { 'cache-control': 'no-cache' }],
      [
        'no-store of a request, on a route that honors it',
        false,
        { requestCacheControl: 'honour' },
        {},
        { 'cache-control': 'no-store' },
      ],
      [
        'max-age=9 of a request, on a route that honors it',
        true,
        { requestCacheControl: 'honour' },
        {},
        { 'cache-control': 'max-age=9' },
      ],
      ['a method override', false, {}, {}, { 'x-http-method-override': 'DELETE' }],
    ];
    test.each(rows)(
      '%s: stored and shared is %s',
      async (_name, shared, cache, answer, request = {}, options = {}) => {
        const port = await serveOne(cache, answer, { passSeconds: 0, ...options });
        const first = await ask(port, '/x', request);
        const second = await ask(port, '/x', request);
        expect(runs).toBe(shared ? 1 : 2);
        expect(first.headers['x-cache']).toMatch(/^(?:MISS|BYPASS)$/);
        expect(second.headers['x-cache']).toMatch(shared ? /^HIT$/ : /^(?:MISS|BYPASS)$/);
        expect(second.status).toBe(first.status);
        if (shared) expect(second.body.toString()).toBe(first.body.toString());
        if (!shared) expect(second.headers['x-cache-reason']).toBeTruthy();
        expect(store.entries.size).toBe(shared ? 1 : 0);
      },
    );

    test('other methods and a GET with a body bypass the cache', async () => {
      const port = await serveOne({});
      await ask(port, '/x', {}, 'POST');
      await ask(port, '/x', { 'content-length': '4', 'content-type': 'text/plain' }, 'GET', 'fat!');
      expect(runs).toBe(2);
      expect(store.entries.size).toBe(0);
    });

    test('a response that varies by a header outside the key is reported once', async () => {
      const port = await serveOne({}, { headers: { vary: 'X-Tenant' } }, { passSeconds: 0 });
      await ask(port, '/x');
      await ask(port, '/x');
      expect(warnings.map(({ code }) => code)).toEqual(['vary']);
      expect(warnings[0]?.message).toContain('x-tenant');
    });

    test("a user's responses are private, and anonymous clients share theirs", async () => {
      const user = ({ headers }: FrameworkRequest) =>
        headers.authorization?.slice('Bearer '.length);
      const port = await serveOne({ user }, (request) => ({
        body: `for ${request.headers.authorization ?? 'anonymous'}`,
      }));
      const ann = { authorization: 'Bearer ann' };
      const bob = { authorization: 'Bearer bob' };
      expect((await ask(port, '/x', ann)).body.toString()).toBe('for Bearer ann');
      const bobs = await ask(port, '/x', bob);
      expect(bobs.body.toString()).toBe('for Bearer bob');
      expect(bobs.headers['cache-control']).toBe('private');
      const anonymous = await ask(port, '/x');
      expect([anonymous.body.toString(), anonymous.headers['cache-control']]).toEqual([
        'for anonymous',
        'private',
      ]);
      const again = await ask(port, '/x', ann);
      expect(again.body.toString()).toBe('for Bearer ann');
      expect(again.headers['x-cache']).toBe('HIT');
      expect(runs).toBe(3);
    });

    test('a header of earlier middleware is set for each client, not stored', async () => {
      let count = 0;
      const port = await serveOne({}, {}, {}, (set) => set('x-request', `r${++count}`));
      expect((await ask(port, '/x')).headers['x-request']).toBe('r1');
      const hit = await ask(port, '/x');
      expect(hit.headers['x-cache']).toBe('HIT');
      expect(hit.headers['x-request']).toBe('r2');
    });
  });

  describe('expiry and renewal', () => {
    test('a response expires, and a hit has its Age', async () => {
      const port = await serveOne({ ttlSeconds: 10 });
      await ask(port, '/x');
      later(9000);
      const hit = await ask(port, '/x');
      expect(hit.headers['x-cache']).toBe('HIT');
      expect(hit.headers.age).toBe('9');
      later(11_000);
      expect((await ask(port, '/x')).body.toString()).toBe('run 2');
    });

    test('a status with a shorter time expires before its entry in the store', async () => {
      const port = await serveOne({ statuses: { 404: 5 } }, { status: 404 });
      await ask(port, '/x');
      expect((await ask(port, '/x')).headers['x-cache']).toBe('HIT');
      later(6000);
      expect((await ask(port, '/x')).body.toString()).toBe('run 2');
    });

    test('a stale response is sent while the route runs without a client', async () => {
      const port = await serveOne({ ttlSeconds: 10, staleSeconds: 60 });
      await ask(port, '/x', { 'x-mine': '1' });
      later(15_000);
      const stale = await ask(port, '/x');
      expect(stale.headers['x-cache']).toBe('STALE');
      expect(stale.body.toString()).toBe('run 1');
      while (runs < 2) await sleep(2);
      await sleep(20);
      const hit = await ask(port, '/x');
      expect([hit.headers['x-cache'], hit.body.toString(), runs]).toEqual(['HIT', 'run 2', 2]);
    });

    test('a renewal whose response may not be shared deletes the stale one', async () => {
      const port = await serveOne({ ttlSeconds: 10, staleSeconds: 60 }, () =>
        runs > 1 ? { headers: { 'cache-control': 'private' } } : {},
      );
      await ask(port, '/x');
      later(15_000);
      await ask(port, '/x');
      while (store.entries.size > 0) await sleep(2);
      expect((await ask(port, '/x')).body.toString()).toBe('run 3');
    });

    test('a renewal that fails keeps the stale response', async () => {
      const port = await serveOne({ ttlSeconds: 10, staleSeconds: 60 }, () =>
        runs > 1 ? { status: 500 } : {},
      );
      await ask(port, '/x');
      later(15_000);
      await ask(port, '/x');
      while (runs < 2) await sleep(2);
      await sleep(20);
      expect((await ask(port, '/x')).body.toString()).toBe('run 1');
    });

    test('must-revalidate forbids a stale response', async () => {
      const port = await serveOne(
        { ttlSeconds: 10, staleSeconds: 60 },
        { headers: { 'cache-control': 'must-revalidate' } },
      );
      await ask(port, '/x');
      later(15_000);
      expect((await ask(port, '/x')).body.toString()).toBe('run 2');
    });

    test('if-error: a stale response replaces a failure for staleSeconds', async () => {
      let failing = false;
      const port = await serveOne(
        { ttlSeconds: 10, staleSeconds: 60, serveStale: 'if-error' },
        () => (failing ? { status: 503, body: 'down' } : {}),
      );
      await ask(port, '/x');
      later(15_000);
      failing = true;
      const stale = await ask(port, '/x');
      expect([stale.status, stale.headers['x-cache'], stale.body.toString()]).toEqual([
        200,
        'STALE',
        'run 1',
      ]);
      later(80_000);
      const down = await ask(port, '/x');
      expect([down.status, down.body.toString()]).toEqual([503, 'down']);
    });

    test('tags invalidate responses, and are sent to caches in front', async () => {
      const tags = ({ headers }: FrameworkRequest) => [`venue ${headers['x-venue']}`, 'quotes'];
      const port = await serveOne({ tags, varyBy: ['x-venue'] }, {}, { tagHeader: 'Cache-Tag' });
      const first = await ask(port, '/x', { 'x-venue': 'a,b' });
      expect(first.headers['cache-tag']).toBe('venue%20a%2Cb,quotes');
      await responses.invalidateTags('venue a,b');
      expect((await ask(port, '/x', { 'x-venue': 'a,b' })).body.toString()).toBe('run 2');
    });
  });

  describe('content codings and validation', () => {
    const json = { headers: { 'content-type': 'application/json; charset=utf-8' }, body: LONG };

    test('each client gets a coding that it accepts, of one stored response', async () => {
      const port = await serveOne({}, json);
      const br = await ask(port, '/x', { 'accept-encoding': 'gzip, br' });
      expect(br.headers['content-encoding']).toBe('br');
      expect(brotliDecompressSync(br.body).toString()).toBe(LONG);
      const gzip = await ask(port, '/x', { 'accept-encoding': 'br;q=0.1, gzip' });
      expect(gzip.headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(gzip.body).toString()).toBe(LONG);
      const plain = await ask(port, '/x');
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(plain.body.toString()).toBe(LONG);
      for (const got of [br, gzip, plain]) {
        expect(got.headers.vary).toBe('accept-encoding');
        expect(Number(got.headers['content-length'])).toBe(got.body.length);
      }
      // Express adds a weak tag, which is valid for all codings. The cache's own tags differ.
      const tags = new Set([br.headers.etag, gzip.headers.etag, plain.headers.etag]);
      expect(tags.size).toBe(framework === 'Fastify' ? 3 : 1);
      expect(runs).toBe(1);
    });

    test.each([
      ['under the threshold', { ...json, body: '"short"' }],
      [
        'of a type that is compressed already',
        { headers: { 'content-type': 'image/png' }, body: Buffer.from(LONG) },
      ],
      [
        'with a digest of its bytes',
        { ...json, headers: { ...json.headers, 'content-digest': 'sha-256=:AAAA:' } },
      ],
      [
        'with no-transform',
        { ...json, headers: { ...json.headers, 'cache-control': 'no-transform' } },
      ],
    ])('a response is not compressed: %s', async (_name, answer) => {
      const port = await serveOne({}, answer);
      await ask(port, '/x', { 'accept-encoding': 'br' });
      const hit = await ask(port, '/x', { 'accept-encoding': 'br' });
      expect(hit.headers['x-cache']).toBe('HIT');
      expect(hit.headers['content-encoding']).toBeUndefined();
      expect(hit.body.toString()).toBe(answer.body.toString());
    });

    test('a response that is already encoded is not compressed again', async () => {
      const port = await serveOne(
        {},
        { headers: { ...json.headers, 'content-encoding': 'x-own' }, body: Buffer.from(LONG) },
      );
      await ask(port, '/x', { 'accept-encoding': 'br' });
      const hit = await ask(port, '/x', { 'accept-encoding': 'br' });
      expect([hit.headers['content-encoding'], hit.body.toString()]).toEqual(['x-own', LONG]);
    });

    test.each([
      ['the entity tag', (tag: string) => tag, 304],
      ['its weak form', (tag: string) => `W/${tag.replace('W/', '')}`, 304],
      ['a list that contains it', (tag: string) => `"a,b", ${tag},"c"`, 304],
      ['an asterisk', () => '*', 304],
      ['another tag', () => '"another"', 200],
      ['a part of it', (tag: string) => tag.replace(/.{4}"$/, '"'), 200],
      ['text that is not a tag', () => 'nonsense', 200],
    ])('If-None-Match with %s', async (_name, header, status) => {
      const port = await serveOne(
        {},
        {
          headers: {
            ...json.headers,
            'x-more': 'y',
            'last-modified': 'Sat, 21 Nov 2026 08:00:00 GMT',
          },
          body: LONG,
        },
      );
      const first = await ask(port, '/x');
      const again = await ask(port, '/x', { 'if-none-match': header(String(first.headers.etag)) });
      expect(again.status).toBe(status);
      expect(again.headers.etag).toBe(first.headers.etag);
      expect(again.headers.vary).toBe(first.headers.vary);
      if (status === 304) {
        expect(again.body.length).toBe(0);
        for (const name of ['content-type', 'content-length', 'x-more'])
          expect(again.headers[name]).toBeUndefined();
      }
      expect(runs).toBe(1);
    });

    test('a conditional first request still stores the whole response', async () => {
      const port = await serveOne({}, { headers: { ...json.headers, etag: '"v1"' }, body: LONG });
      const first = await ask(port, '/x', { 'if-none-match': '"v1"' });
      expect(first.status).toBe(304);
      const whole = await ask(port, '/x');
      expect([whole.status, whole.headers.etag, whole.body.toString()]).toEqual([
        200,
        '"v1"',
        LONG,
      ]);
      const br = await ask(port, '/x', { 'accept-encoding': 'br' });
      expect(br.headers.etag).toBe('W/"v1"');
      expect(runs).toBe(1);
    });

    test('If-Modified-Since applies only without If-None-Match', async () => {
      const port = await serveOne(
        {},
        { headers: { 'last-modified': 'Sat, 21 Nov 2026 08:00:00 GMT' } },
      );
      const since = (date: string, more = {}) =>
        ask(port, '/x', { 'if-modified-since': date, ...more }).then(({ status }) => status);
      expect(await since('Sat, 21 Nov 2026 08:00:00 GMT')).toBe(304);
      expect(await since('Sat, 21 Nov 2026 07:59:59 GMT')).toBe(200);
      expect(await since('2026-11-22')).toBe(200);
      expect(await since('Sat, 21 Nov 2026 09:00:00 GMT', { 'if-none-match': '"other"' })).toBe(
        200,
      );
    });

    test('a HEAD of a stream does not store an empty response for GET', async () => {
      const port = await serveOne({}, () => ({ body: Readable.from(['whole']) }));
      await ask(port, '/x', {}, 'HEAD');
      expect((await ask(port, '/x')).body.toString()).toBe('whole');
      expect(runs).toBe(2);
    });

    test('a HEAD is answered from the entry of GET, and stores nothing', async () => {
      const port = await serveOne({}, json);
      expect((await ask(port, '/x', {}, 'HEAD')).headers['x-cache']).toBe('MISS');
      expect(store.entries.size).toBe(0);
      const get = await ask(port, '/x');
      expect(get.body.toString()).toBe(LONG);
      const head = await ask(port, '/x', {}, 'HEAD');
      expect([head.headers['x-cache'], head.body.length]).toEqual(['HIT', 0]);
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
      expect(head.headers.etag).toBe(get.headers.etag);
      const notModified = await ask(
        port,
        '/x',
        { 'if-none-match': String(get.headers.etag) },
        'HEAD',
      );
      expect([notModified.status, notModified.headers['content-length']]).toEqual([304, undefined]);
      expect(runs).toBe(2);
    });
  });

  describe('streams', () => {
    test('an event stream reaches its client while it is open', async () => {
      let source: Readable | undefined;
      const port = await serveOne({}, () => {
        source = new Readable({ read() {} });
        source.push('data: 1\n\n');
        return { headers: { 'content-type': 'text/event-stream' }, body: source };
      });
      const got = await new Promise<string>((resolve) => {
        let text = '';
        raw(port, 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n', (more) => {
          text += more;
          if (text.includes('data: 1')) resolve(text);
        });
      });
      expect(got).toMatch(/x-cache: MISS/i);
      source?.push(null);
    });

    test('a small stream is stored, and a large one passes unchanged', async () => {
      const bytes = Buffer.alloc(300_000, 'abcdefghij');
      const chunks = () =>
        Readable.from(
          Array.from({ length: 30 }, (_, i) => bytes.subarray(i * 10_000, (i + 1) * 10_000)),
        );
      const large = await serveOne({ maxBodyBytes: 100_000 }, () => ({ body: chunks() }));
      expect((await ask(large, '/x')).body.equals(bytes)).toBe(true);
      expect(store.entries.size).toBe(0);
      await server?.close();
      const small = await serveOne({ maxBodyBytes: 300_000 }, () => ({ body: chunks() }));
      expect((await ask(small, '/x')).body.equals(bytes)).toBe(true);
      const hit = await ask(small, '/x');
      expect([hit.headers['x-cache'], hit.body.equals(bytes)]).toEqual(['HIT', true]);
    });

    test('a response shorter than its Content-Length is not stored', async () => {
      const port = await serveOne({}, () => ({
        headers: { 'content-length': '50' },
        body: Readable.from(['short']),
      }));
      const got = await new Promise<string>((resolve) => {
        let text = '';
        raw(port, 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', (more) => {
          text += more;
        }).on('close', () => resolve(text));
      });
      expect(got).toMatch(/content-length: 50\r\n[\s\S]*\r\n\r\nshort$/i);
      expect(store.entries.size).toBe(0);
    });

    test('a stream that breaks off is not stored', async () => {
      const port = await serveOne({}, () => ({
        body: Readable.from(
          (async function* () {
            yield 'beginning';
            await sleep(5);
            if (runs === 1) throw new Error('broken');
          })(),
        ).on('error', function (this: Readable) {
          this.unpipe();
        }),
      }));
      const socket = raw(port, 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
      await sleep(40);
      socket.destroy();
      await sleep(20);
      expect(store.entries.size).toBe(0);
      expect((await ask(port, '/x')).body.toString()).toBe('beginning');
    });
  });

  describe('concurrent requests for one key', () => {
    test('share one run of the handler', async () => {
      const port = await serveOne({}, () =>
        sleep(30).then(() => ({ headers: { 'content-type': 'application/json' }, body: LONG })),
      );
      const all = await Promise.all(Array.from({ length: 20 }, () => ask(port, '/x')));
      expect(runs).toBe(1);
      expect(all.every(({ body }) => body.toString() === LONG)).toBe(true);
      expect(all.filter(({ headers }) => headers['x-cache'] === 'MISS')).toHaveLength(1);
    });

    test.each([
      ['private', { headers: { 'cache-control': 'private' } }],
      ['with a cookie', { headers: { 'set-cookie': 'sid=1' } }],
      ['failing', { status: 500 }],
    ])('do not share a response that is %s', async (_name, answer) => {
      const port = await serveOne({}, async (request) => {
        await sleep(30);
        return { ...answer, body: `for ${request.headers['x-me']}` };
      });
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, i) => ask(port, '/x', { 'x-me': `${i}` })),
      );
      expect(all.map(({ body }) => body.toString())).toEqual(all.map((_, i) => `for ${i}`));
      expect(runs).toBe(10);
      expect(store.entries.size).toBe(0);
    });

    test('do not wait for each other after a response that may not be shared', async () => {
      const port = await serveOne({}, { headers: { 'cache-control': 'private' } });
      await ask(port, '/x');
      expect((await ask(port, '/x')).headers['x-cache-reason']).toBe('not-cacheable-lately');
    });

    test('run the handler again if the client of the first one goes away', async () => {
      const port = await serveOne({}, () => sleep(80).then(() => ({})));
      const first = raw(port, 'GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      while (runs < 1) await sleep(2);
      const waiting = Promise.all(
        Array.from({ length: 5 }, () => ask(port, '/x', { host: '127.0.0.1' })),
      );
      await sleep(20);
      first.destroy();
      expect((await waiting).map(({ status, body }) => [status, body.toString()])).toEqual(
        Array(5).fill([200, 'run 2']),
      );
      expect(runs).toBe(2);
    });
  });

  describe('a broken store', () => {
    test.each(['rejects', 'throws', 'lies'] as const)(
      'that %s fails no request',
      async (broken) => {
        const port = await serveOne({});
        store.broken = broken;
        const all = [
          await ask(port, '/x'),
          await ask(port, '/x', {}, 'HEAD'),
          await ask(port, '/x'),
        ];
        expect(all.map(({ status }) => status)).toEqual([200, 200, 200]);
        expect(responses.counts.failure).toBeGreaterThan(0);
        expect(warnings[0]?.code).toBe('store');
      },
    );

    test('a function of the options that throws fails no request', async () => {
      const port = await serveOne({
        user: () => {
          throw new Error('no session');
        },
      });
      expect((await ask(port, '/x')).headers['x-cache']).toBe('BYPASS');
      expect(warnings[0]?.code).toBe('callback');
    });
  });

  describe('attacks', () => {
    test.each([
      'x-forwarded-host',
      'x-original-url',
      'x-rewrite-url',
      'x-forwarded-proto',
      'x-forwarded-prefix',
      'x-host',
      'host',
    ])('a forged %s changes no response of clients that did not send it', async (name) => {
      const port = await serveOne({}, (request) => ({
        body: `<a href="//${request.headers[name] ?? 'none'}">`,
      }));
      await ask(port, '/x', { [name]: 'evil.example' });
      const victim = await ask(port, '/x');
      expect(victim.body.toString()).not.toContain('evil');
    });

    test('targets that a parser may consider equal have separate entries', async () => {
      const port = await serve([
        {
          path: framework === 'Express' ? '/{*rest}' : '/*',
          cache: { ttlSeconds: 60 },
          handler: (request) => ({
            headers: { 'content-type': 'text/plain' },
            body: `at ${request.url}`,
          }),
        },
      ]);
      const targets = [
        '/a/b',
        '//a/b',
        '/a//b',
        '/a%2Fb',
        '/a%2fb',
        '/A/b',
        '/a/b/',
        '/a/./b',
        '/a\\b',
        '/a;x/b',
        '/a/b?',
        '/a/b?a=1&a=2',
        '/a/b?a=2&a=1',
        '/a/b?a=1',
        '/a/b?a=1%262',
        '/a/b?flag',
        '/a/b?flag=',
        '/a/b?A=1',
        '/a/b?a=%E9',
        '/a/b?a=%e9',
        '/a/b?a=+',
        '/a/b?a=%20',
        '/a/b?a[]=1&a=2',
        '/a/b?a=2&a[]=1',
        '/a/b?%61=1&a=2',
        '/a/b?a=2&%61=1',
        '/a/b%3Fa=1',
        '/a/b?b=1?a=1',
      ];
      for (const target of [...targets, ...targets]) {
        const got = await ask(port, target);
        // Only an empty query may be merged with an absent one. A target that the framework refuses
        // has no response of the route.
        const own =
          target === '/a/b?'
            ? ['at /a/b', 'at /a/b?']
            : target === '/a/b'
              ? ['at /a/b', 'at /a/b?']
              : [`at ${target}`];
        if (got.status === 200) expect(own).toContain(got.body.toString());
      }
    });

    test('parameters in another order share an entry, without denied ones', async () => {
      const port = await serveOne({ query: { deny: ['utm'] } });
      await ask(port, '/x?b=2&a=1');
      expect((await ask(port, '/x?utm=9&a=1&b=2')).headers['x-cache']).toBe('HIT');
      expect((await ask(port, '/x?a=1&b=3')).headers['x-cache']).toBe('MISS');
      // The handler's parser may read this name as utm.
      expect((await ask(port, '/x?%75tm=9&a=1&b=2')).headers['x-cache']).toBe('MISS');
    });

    test('a header that would split the response fails its own request only', async () => {
      const port = await serveOne({}, (request) => ({
        headers: { 'x-echo': request.asked.searchParams.get('e') ?? '' },
      }));
      const split = await ask(port, '/x?e=%0d%0aSet-Cookie:%20sid=1');
      expect(split.status).toBe(500);
      expect(split.headers['set-cookie']).toBeUndefined();
      expect(store.entries.size).toBe(0);
      expect((await ask(port, '/x?e=ok')).headers['x-echo']).toBe('ok');
    });

    test('oversized headers make no key', async () => {
      const port = await serveOne({ varyBy: ['x-any'] });
      const got = await ask(port, '/x', { 'x-any': 'a'.repeat(9000) });
      expect([got.status, got.headers['x-cache-reason']]).toEqual([200, 'key-too-long']);
      expect((await ask(port, '/x', { 'accept-encoding': 'br,'.repeat(3000) })).status).toBe(200);
    });

    test('the handler sees only the language that is in the key', async () => {
      const port = await serveOne({ languages: ['en', 'de'] }, (request) => ({
        body: `in ${request.headers['accept-language']}`,
      }));
      const swiss = await ask(port, '/x', { 'accept-language': 'de-CH;q=0.9, fr' });
      expect(swiss.body.toString()).toBe('in de');
      expect(swiss.headers.vary).toContain('accept-language');
      const german = await ask(port, '/x', { 'accept-language': 'de' });
      expect([german.headers['x-cache'], german.body.toString()]).toEqual(['HIT', 'in de']);
      expect((await ask(port, '/x', { 'accept-language': '"><script>' })).body.toString()).toBe(
        'in en',
      );
    });
  });
});
