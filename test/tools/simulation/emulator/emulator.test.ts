import { readAssembly } from '../../../../lib/tools/assembly/assembly';
import { readDistribution } from '../../../../lib/tools/simulation/distribution/read';
import { type Emulator, emulator } from '../../../../lib/tools/simulation/emulator/emulator';
import { edgeFunctionRunner } from '../../../../lib/tools/simulation/functions/runner';
import type {
  HeaderFields,
  HttpRequest,
  HttpResponse,
} from '../../../../lib/tools/simulation/messages';
import { request } from '../fixtures';
import { forwardAllAssembly } from '../forward-all';

interface Setup {
  readonly behavior?: Record<string, unknown>;
  readonly config?: Record<string, unknown>;
  readonly viewerProtocol?: 'http' | 'https';
  /** The origin's response. @default - 200 with `max-age=60` and the number of the request */
  readonly origin?: (
    request: HttpRequest,
    count: number,
  ) => Partial<HttpResponse> | 'unreachable' | Promise<Partial<HttpResponse>>;
}

/** An emulator with a fixed clock and an origin that records its requests. */
function emulated({ behavior, config, viewerProtocol = 'https', origin = () => ({}) }: Setup = {}) {
  const originRequests: HttpRequest[] = [];
  const clock = { ms: 1_000_000 };
  const warnings: string[] = [];
  const edge: Emulator = emulator(
    readDistribution(readAssembly(forwardAllAssembly(behavior, config))),
    edgeFunctionRunner(),
    {
      place: { pop: 'NRT', regional: 'ap-northeast-1' },
      viewerProtocol,
      now: () => clock.ms,
      warn: (sentence) => warnings.push(sentence),
      async fetchOrigin({ request: sent }) {
        const count = originRequests.push(sent);
        const given = await origin(sent, count);
        if (given === 'unreachable')
          return { response: { status: 502, headers: {}, bodyBytes: 0 }, unreachable: true };
        const body = given.body ?? Buffer.from(`response ${count}`);
        const headers: HeaderFields = {
          'cache-control': ['max-age=60'],
          'content-length': [String(body.length)],
          ...given.headers,
        };
        return {
          response: { status: given.status ?? 200, headers, bodyBytes: body.length, body },
          unreachable: false,
        };
      },
    },
  );
  const get = async (over: Partial<HttpRequest> = {}) => {
    const { response, result } = await edge.respond(request(over));
    return {
      result,
      status: response.status,
      headers: response.headers,
      body: Buffer.from(response.body ?? []).toString(),
    };
  };
  return { edge, get, originRequests, clock, warnings };
}

test('a miss is followed by a hit with its age, and after expiry by a revalidation', async () => {
  const etag = ['"v1"'];
  const origin = (sent: HttpRequest) =>
    sent.headers['if-none-match']
      ? { status: 304, headers: { etag }, body: Buffer.alloc(0) }
      : { headers: { etag } };
  const { get, originRequests, clock } = emulated({ origin });
  expect(await get()).toMatchObject({ result: 'Miss', body: 'response 1' });
  clock.ms += 7_000;
  expect(await get()).toMatchObject({ result: 'Hit', body: 'response 1', headers: { age: ['7'] } });
  clock.ms += 60_000;
  expect(await get()).toMatchObject({ result: 'RefreshHit', status: 200, body: 'response 1' });
  expect(originRequests.map(({ headers }) => headers['if-none-match'])).toEqual([
    undefined,
    ['"v1"'],
  ]);
});

test('simultaneous requests for one object wait for one fetch', async () => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  // Requests are not collapsed if all cookies go to the origin: "Request collapsing".
  const { get, originRequests } = emulated({
    behavior: { OriginRequestPolicyId: undefined },
    origin: () => gate.then(() => ({})),
  });
  const all = Promise.all([get(), get(), get()]);
  await new Promise(setImmediate);
  release();
  expect((await all).map(({ body }) => body)).toEqual(['response 1', 'response 1', 'response 1']);
  expect(originRequests).toHaveLength(1);
});

test('each request fetches a private response', async () => {
  const { get, originRequests } = emulated({
    origin: () => ({ headers: { 'cache-control': ['private'] } }),
  });
  expect((await Promise.all([get(), get()])).map(({ body }) => body)).toEqual([
    'response 1',
    'response 2',
  ]);
  expect(originRequests).toHaveLength(2);
});

test('an invalidation makes the next request a miss', async () => {
  const { edge, get } = emulated();
  await get();
  expect(edge.invalidate('/a')).toBeGreaterThan(0);
  expect((await get()).body).toBe('response 2');
});

test('HTTP is redirected only if viewers use it', async () => {
  const behavior = { ViewerProtocolPolicy: 'redirect-to-https' };
  expect((await emulated({ behavior }).get()).status).toBe(200);
  expect(await emulated({ behavior, viewerProtocol: 'http' }).get()).toMatchObject({
    status: 301,
    result: 'Redirect',
  });
});

test('an error page is an object of its own, with the status from the distribution', async () => {
  const config = {
    CustomErrorResponses: [{ ErrorCode: 404, ResponsePagePath: '/404.html', ResponseCode: 410 }],
  };
  const { get, originRequests } = emulated({
    config,
    origin: ({ path }) => (path === '/404.html' ? { body: Buffer.from('gone') } : { status: 404 }),
  });
  expect(await get()).toMatchObject({ status: 410, body: 'gone', result: 'Error' });
  expect(originRequests.map(({ path }) => path)).toEqual(['/a', '/404.html']);
});

test('the fallback of an origin group is used if the primary cannot be reached', async () => {
  const origin = (id: string) => ({
    Id: id,
    DomainName: `${id}.example.com`,
    CustomOriginConfig: { OriginProtocolPolicy: 'https-only' },
  });
  const group = {
    Id: 'both',
    FailoverCriteria: { StatusCodes: { Items: [503] } },
    Members: { Items: [{ OriginId: 'site' }, { OriginId: 'b' }] },
  };
  const { get, originRequests } = emulated({
    behavior: {
      TargetOriginId: 'both',
      AllowedMethods: ['GET', 'HEAD'],
      OriginRequestPolicyId: undefined,
    },
    config: { Origins: [origin('site'), origin('b')], OriginGroups: { Items: [group] } },
    origin: ({ host }) => (host === 'b.example.com' ? {} : 'unreachable'),
  });
  expect(await get()).toMatchObject({ status: 200 });
  expect(originRequests.map(({ host }) => host)).toEqual(['site.example.com', 'b.example.com']);
});

test('an origin error is reported, and the viewer gets a 502', async () => {
  const { edge, warnings } = emulated({ origin: () => Promise.reject(new Error('out of order')) });
  expect((await edge.respond(request())).response.status).toBe(502);
  expect(warnings).toEqual(['/a: out of order']);
});

describe('compression', () => {
  const managed = { CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6', Compress: true };
  const html = { 'content-type': ['text/html; charset=utf-8'] };
  const page = (bytes: number) => Buffer.alloc(bytes, 'a');
  // "Serving compressed files".
  test.each<
    [
      string,
      Record<string, unknown>,
      string[] | undefined,
      Partial<HttpResponse>,
      string | undefined,
    ]
  >([
    ['brotli is preferred', managed, ['gzip, br'], { headers: html, body: page(1000) }, 'br'],
    [
      'gzip is used if brotli is not accepted',
      managed,
      ['gzip'],
      { headers: html, body: page(1000) },
      'gzip',
    ],
    [
      'a request without Accept-Encoding gets the plain body',
      managed,
      undefined,
      { headers: html, body: page(1000) },
      undefined,
    ],
    [
      'a behavior without compression sends the plain body',
      { ...managed, Compress: false },
      ['gzip'],
      { headers: html, body: page(1000) },
      undefined,
    ],
    [
      'a small body is not compressed',
      managed,
      ['gzip'],
      { headers: html, body: page(999) },
      undefined,
    ],
    [
      'a large body is not compressed',
      managed,
      ['gzip'],
      { headers: html, body: page(10_000_001) },
      undefined,
    ],
    [
      'an uncompressible type is not compressed',
      managed,
      ['gzip'],
      { headers: { 'content-type': ['image/png'] }, body: page(1000) },
      undefined,
    ],
    [
      'a compressed body is not compressed again',
      managed,
      ['gzip, br'],
      { headers: { ...html, 'content-encoding': ['gzip'] }, body: page(1000) },
      'gzip',
    ],
    [
      'a body without Content-Length is not compressed',
      managed,
      ['gzip'],
      { headers: { ...html, 'content-length': [] }, body: page(1000) },
      undefined,
    ],
    [
      'a 404 is compressed',
      managed,
      ['gzip'],
      { status: 404, headers: html, body: page(1000) },
      'gzip',
    ],
    [
      'a 500 is not compressed',
      managed,
      ['gzip'],
      { status: 500, headers: html, body: page(1000) },
      undefined,
    ],
  ])('%s', async (_what, behavior, encodings, origin, expected) => {
    const { get } = emulated({ behavior, origin: () => origin });
    const { headers } = await get({ headers: encodings ? { 'accept-encoding': encodings } : {} });
    expect(headers['content-encoding']?.[0]).toBe(expected);
  });

  test('a strong entity tag becomes weak', async () => {
    const { get } = emulated({
      behavior: managed,
      origin: () => ({ headers: { ...html, etag: ['"v1"'] }, body: page(1000) }),
    });
    expect((await get({ headers: { 'accept-encoding': ['br'] } })).headers.etag).toEqual([
      'W/"v1"',
    ]);
  });
});
