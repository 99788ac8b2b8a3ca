import type {
  BehaviorModel,
  DistributionModel,
} from '../../../../lib/tools/simulation/distribution/distribution';
import {
  MANAGED_CACHE_POLICIES,
  MANAGED_ORIGIN_REQUEST_POLICIES,
  MANAGED_RESPONSE_HEADERS_POLICIES,
} from '../../../../lib/tools/simulation/distribution/managed-policies';
import type { Selection } from '../../../../lib/tools/simulation/distribution/selection';
import { EVERYTHING } from '../../../../lib/tools/simulation/distribution/selection';
import type { ServedResponse } from '../../../../lib/tools/simulation/engine/engine';
import type {
  FunctionCall,
  FunctionOutcome,
} from '../../../../lib/tools/simulation/functions/call';
import type { EdgeFunctionRunner } from '../../../../lib/tools/simulation/functions/runner';
import type { HttpRequest, HttpResponse } from '../../../../lib/tools/simulation/messages';
import { requestPath } from '../../../../lib/tools/simulation/path/request-path';
import { behavior, distribution, request, SITE } from '../fixtures';

const PLACE = { pop: 'NRT', regional: 'ap-northeast-1' };
const FN = { kind: 'lambda-edge', name: 'Fn' } as const;
const NO_FUNCTIONS: EdgeFunctionRunner = { run: async () => ({}) };

/** A runner that returns the given outcome and records its calls. */
function functions(outcome: FunctionOutcome): EdgeFunctionRunner & { calls: FunctionCall[] } {
  const calls: FunctionCall[] = [];
  return {
    calls,
    async run(_fn, call) {
      calls.push(call);
      return outcome;
    },
  };
}

function managed<T>(policies: Readonly<Record<string, T>>, id: string): T {
  const found = policies[id];
  if (found === undefined) throw new Error(`${id} is not a managed policy`);
  return found;
}
const ALL_VIEWER = managed(MANAGED_ORIGIN_REQUEST_POLICIES, '216adef6-5c7f-47e4-b989-5492eafa07d3');
const ALL_BUT_HOST = managed(
  MANAGED_ORIGIN_REQUEST_POLICIES,
  'b689b0a8-53d0-40ab-baf2-68738e2966ac',
);
const CACHING_DISABLED = managed(MANAGED_CACHE_POLICIES, '4135ea2d-6df8-44a3-9df3-4b5a84be39ad');
const only = (...names: string[]): Selection => ({ kind: 'only', names });

const path = (over: Partial<DistributionModel> = {}, runner = NO_FUNCTIONS) =>
  requestPath(distribution(over), runner);
const oneBehavior = (over: Partial<BehaviorModel>) => ({ behaviors: [behavior(over)] });

describe('the behavior of a path', () => {
  const patterns = ['/a?c', '/img/*.jpg', '/%7Euser/*', '/api/*', '*'];
  const several = path({ behaviors: patterns.map((pathPattern) => behavior({ pathPattern })) });
  test.each([
    ['/abc', '/a?c'],
    ['/ac', '*'],
    // `*` and `?` in a path are literal: "Path pattern".
    ['/a*c', '/a?c'],
    ['/img/*', '*'],
    ['/img/*.jpg', '/img/*.jpg'],
    ['/api*', '*'],
    ['/API/x', '*'],
    ['/api/', '/api/*'],
    // The path is normalized for matching only: RFC 3986, 6.2.2.
    ['/x/../api/a', '/api/*'],
    ['/%61pi/a', '/api/*'],
    ['/api/..', '*'],
  ])('%s matches %s', async (sent, expected) => {
    const { behavior: found, keyed } = await several.prepare(
      request({ path: sent }),
      PLACE,
      'https',
    );
    expect(found.pathPattern).toBe(expected);
    expect(keyed?.request.path).toBe(sent);
  });
});

describe('before the caches', () => {
  test.each<
    [
      string,
      Partial<BehaviorModel>,
      Partial<HttpRequest>,
      'http' | 'https',
      number | undefined,
      string | undefined,
    ]
  >([
    [
      'HTTP is redirected if the policy is redirect-to-https',
      { viewerProtocolPolicy: 'redirect-to-https' },
      { query: 'a=1' },
      'http',
      301,
      'https://www.example.com/a?a=1',
    ],
    [
      'HTTP is refused if the policy is https-only',
      { viewerProtocolPolicy: 'https-only' },
      {},
      'http',
      403,
      undefined,
    ],
    ['HTTP is served if the policy is allow-all', {}, {}, 'http', undefined, undefined],
    [
      'HTTPS is not redirected',
      { viewerProtocolPolicy: 'redirect-to-https' },
      {},
      'https',
      undefined,
      undefined,
    ],
    [
      'a GET with a body is refused',
      {},
      { headers: { 'content-length': ['1'] } },
      'https',
      403,
      undefined,
    ],
    ['a URL of 8,193 bytes is refused', {}, { query: 'q'.repeat(8190) }, 'https', 413, undefined],
    [
      'a URL of 8,192 bytes is served',
      {},
      { query: 'q'.repeat(8189) },
      'https',
      undefined,
      undefined,
    ],
    ['a method that is not allowed is refused', {}, { method: 'POST' }, 'https', 403, undefined],
    [
      'an allowed method is served',
      { allowedMethods: ['GET', 'HEAD', 'OPTIONS'] },
      { method: 'OPTIONS' },
      'https',
      undefined,
      undefined,
    ],
  ])('%s', async (_what, over, sent, protocol, status, location) => {
    const { immediate, keyed } = await path(oneBehavior(over)).prepare(
      request(sent),
      PLACE,
      protocol,
    );
    expect(immediate?.response.status).toBe(status);
    expect(immediate?.response.headers.location?.[0]).toBe(location);
    expect(keyed === undefined).toBe(status !== undefined);
  });

  test('the key is that of the changed request, in the behavior of the original one', async () => {
    const runner = functions({ request: request({ path: '/other' }) });
    const prepared = await path(
      oneBehavior({ functions: { 'viewer-request': FN } }),
      runner,
    ).prepare(request(), PLACE, 'https');
    expect(prepared.keyed).toMatchObject({
      urlKey: 'www.example.com/other',
      pop: 'NRT',
      regional: 'ap-northeast-1',
    });
    expect(runner.calls).toMatchObject([
      { event: 'viewer-request', place: { region: 'ap-northeast-1', pop: 'NRT' } },
    ]);
  });

  test('a generated response goes to the viewer, and an error is reported', async () => {
    const generated = { response: { status: 200, headers: {}, bodyBytes: 0 } };
    const over = oneBehavior({ functions: { 'viewer-request': FN } });
    expect(await path(over, functions(generated)).prepare(request(), PLACE, 'https')).toMatchObject(
      {
        immediate: { result: 'FunctionGeneratedResponse' },
      },
    );
    const failed = { response: { status: 503, headers: {}, bodyBytes: 0 }, error: 'Fn failed' };
    expect(await path(over, functions(failed)).prepare(request(), PLACE, 'https')).toMatchObject({
      immediate: { result: 'FunctionExecutionError', response: { status: 503 } },
      functionErrors: ['Fn failed'],
    });
  });

  test('selecting an unknown origin is an error', async () => {
    const runner = functions({ request: request(), originId: 'gone' });
    const prepared = await path(
      oneBehavior({ functions: { 'viewer-request': FN } }),
      runner,
    ).prepare(request(), PLACE, 'https');
    expect(prepared).toMatchObject({
      immediate: { result: 'FunctionExecutionError', response: { status: 503 } },
      functionErrors: ['Fn selects the origin gone, which is not in the distribution.'],
    });
  });

  test('`/` becomes the root object, and the shield is that of the selected origin', async () => {
    const origins = { site: SITE, b: { ...SITE, id: 'b', shieldRegion: 'eu-west-1' } };
    const runner = functions({ request: request({ path: '/' }), originId: 'b' });
    const over = {
      ...oneBehavior({ functions: { 'viewer-request': FN } }),
      origins,
      defaultRootObject: 'index.html',
    };
    expect(await path(over, runner).prepare(request({ path: '/' }), PLACE, 'https')).toMatchObject({
      originId: 'b',
      keyed: { shield: 'eu-west-1', request: { path: '/index.html' } },
    });
  });
});

describe('to the origin', () => {
  async function sent(
    over: Partial<BehaviorModel>,
    viewer: Partial<HttpRequest>,
    validators?: { etag?: string; lastModified?: string },
  ) {
    const route = path(oneBehavior({ allowedMethods: ['GET', 'HEAD', 'POST'], ...over }));
    return (await route.toOrigin(await route.prepare(request(viewer), PLACE, 'https'), validators))
      .request;
  }

  test('CloudFront always sends User-Agent, Via and X-Forwarded-For', async () => {
    const { host, query, headers } = await sent(
      {},
      {
        query: 'a=1',
        headers: {
          'user-agent': ['x'],
          accept: ['*/*'],
          via: ['1.0 proxy'],
          'x-forwarded-for': ['198.51.100.1'],
        },
      },
    );
    expect([host, query]).toEqual(['site.example.com', '']);
    expect(headers).toEqual({
      'user-agent': ['Amazon CloudFront'],
      via: ['1.0 proxy, 1.1 isochrone.cloudfront.net (CloudFront)'],
      'x-forwarded-for': ['198.51.100.1, 203.0.113.7'],
    });
  });

  test.each<
    [string, Partial<BehaviorModel>, Record<string, string[]>, Record<string, string[] | undefined>]
  >([
    [
      'the origin request policy forwards all headers',
      { originRequest: ALL_VIEWER },
      { accept: ['a'], 'user-agent': ['x'], 'x-a': ['1', '2'] },
      { accept: ['a'], 'user-agent': ['x'], 'x-a': ['1', '2'] },
    ],
    [
      'headers of the key are forwarded',
      { cachePolicy: { ...CACHING_DISABLED, headers: only('x-a') } },
      { 'x-a': ['1'], 'x-b': ['1'] },
      { 'x-a': ['1'], 'x-b': undefined },
    ],
    [
      'hop-by-hop headers are removed',
      { originRequest: ALL_VIEWER },
      { connection: ['close, x-a'], 'x-a': ['1'], 'keep-alive': ['1'], te: ['trailers'] },
      { connection: undefined, 'x-a': undefined, 'keep-alive': undefined, te: undefined },
    ],
    // Normalized whatever the origin request policy selects: "Caching compressed objects".
    [
      'Accept-Encoding is normalized if compression is enabled',
      { originRequest: ALL_VIEWER },
      { 'accept-encoding': ['deflate, gzip;q=0.5, br'] },
      { 'accept-encoding': ['br,gzip'] },
    ],
    [
      'Accept-Encoding is forwarded unchanged if compression is disabled',
      { cachePolicy: CACHING_DISABLED, originRequest: ALL_VIEWER },
      { 'accept-encoding': ['deflate'] },
      { 'accept-encoding': ['deflate'] },
    ],
    [
      'Accept-Encoding is removed if no policy selects it',
      { cachePolicy: CACHING_DISABLED },
      { 'accept-encoding': ['gzip'] },
      { 'accept-encoding': undefined },
    ],
    [
      'only selected cookies are forwarded',
      { originRequest: { ...ALL_VIEWER, cookies: only('b') } },
      { cookie: ['a=1; b=2'] },
      { cookie: ['b=2'] },
    ],
    [
      'a range is forwarded if the behavior does not cache',
      { cachePolicy: CACHING_DISABLED },
      { range: ['bytes=0-1'] },
      { range: ['bytes=0-1'] },
    ],
    [
      'a range is forwarded if the behavior caches',
      {},
      { range: ['bytes=0-1'] },
      { range: ['bytes=0-1'] },
    ],
    [
      'conditions are removed if the behavior caches',
      {},
      { 'if-none-match': ['"a"'] },
      { 'if-none-match': undefined },
    ],
    [
      'conditions are forwarded if the behavior does not cache',
      { cachePolicy: CACHING_DISABLED },
      { 'if-none-match': ['"a"'] },
      { 'if-none-match': ['"a"'] },
    ],
  ])('%s', async (_what, over, headers, expected) => {
    expect((await sent(over, { headers })).headers).toMatchObject(
      Object.fromEntries(Object.entries(expected).filter(([, value]) => value)),
    );
    const gone = Object.keys(expected).filter((name) => expected[name] === undefined);
    expect(
      Object.keys((await sent(over, { headers })).headers).filter((name) => gone.includes(name)),
    ).toEqual([]);
  });

  test.each<[string, Partial<BehaviorModel>, string, string]>([
    ['are forwarded by AllViewer', { originRequest: ALL_VIEWER }, 'www.example.com', 'a=1&b=2'],
    [
      'are forwarded except Host by AllViewerExceptHostHeader',
      { originRequest: ALL_BUT_HOST },
      'site.example.com',
      'a=1&b=2',
    ],
    [
      'are forwarded if they are in the key',
      { cachePolicy: { ...CACHING_DISABLED, headers: only('host'), query: only('b') } },
      'www.example.com',
      'b=2',
    ],
    [
      'are forwarded except the excluded parameters',
      { originRequest: { ...ALL_BUT_HOST, query: { kind: 'all-except', names: ['b'] } } },
      'site.example.com',
      'a=1',
    ],
  ])('Host and query %s', async (_what, over, host, query) => {
    expect(await sent(over, { query: 'a=1&b=2' })).toMatchObject({ host, query });
  });

  test('an expired object is requested with its own validators', async () => {
    const { headers } = await sent(
      { originRequest: ALL_VIEWER },
      { headers: { 'if-none-match': ['"viewer"'], 'if-modified-since': ['x'] } },
      { etag: '"ours"' },
    );
    expect([headers['if-none-match'], headers['if-modified-since']]).toEqual([
      ['"ours"'],
      undefined,
    ]);
  });

  test("functions do not see the origin's path, and run in the region of the shield", async () => {
    const origin = {
      ...SITE,
      path: '/v2',
      customHeaders: { 'x-key': 'k' },
      shieldRegion: 'eu-west-1',
    };
    const runner = functions({});
    const both = { 'origin-request': FN, 'origin-response': FN };
    const route = path(
      { ...oneBehavior({ functions: both, originRequest: ALL_VIEWER }), origins: { site: origin } },
      runner,
    );
    const prepared = await route.prepare(
      request({ headers: { 'x-key': ['forged'] } }),
      PLACE,
      'https',
    );
    const step = await route.toOrigin(prepared);
    await route.fromOrigin(prepared, step, { status: 200, headers: {}, bodyBytes: 0 });
    expect(step.request).toMatchObject({ path: '/v2/a', headers: { 'x-key': ['k'] } });
    expect(runner.calls).toMatchObject([
      { event: 'origin-request', request: { path: '/a' }, place: { region: 'eu-west-1' } },
      {
        event: 'origin-response',
        request: { path: '/a', headers: { 'x-key': ['forged'] } },
        place: { region: 'eu-west-1' },
      },
    ]);
  });

  // "Optimize high availability with CloudFront origin failover".
  test.each<[string, string, HttpResponse | 'unreachable', boolean]>([
    [
      'tries the fallback for a status of the group',
      'GET',
      { status: 500, headers: {}, bodyBytes: 0 },
      true,
    ],
    [
      'keeps the response for another status',
      'GET',
      { status: 404, headers: {}, bodyBytes: 0 },
      false,
    ],
    ['tries the fallback if there is no response', 'GET', 'unreachable', true],
    ['keeps the response of a write', 'POST', 'unreachable', false],
  ])('failover %s', async (_what, method, response, expected) => {
    const origins = { site: SITE, b: { ...SITE, id: 'b', domainName: 'b.example.com' } };
    const originGroups = {
      both: { id: 'both', memberIds: ['site', 'b'] as const, failoverStatusCodes: [500, 503] },
    };
    const route = path({
      ...oneBehavior({ originId: 'both', allowedMethods: ['GET', 'POST'] }),
      origins,
      originGroups,
    });
    const prepared = await route.prepare(request({ method }), PLACE, 'https');
    expect(route.failsOver(prepared, response)).toBe(expected);
    expect((await route.toOrigin(prepared)).request.host).toBe('site.example.com');
    expect((await route.toOrigin(prepared, undefined, 1)).request.host).toBe('b.example.com');
  });
});

describe('to the viewer', () => {
  const WHOLE: HttpResponse = {
    status: 200,
    headers: {
      etag: ['"v1"'],
      'last-modified': ['Mon, 02 Nov 2026 00:00:00 GMT'],
      'content-type': ['text/plain'],
      'content-length': ['10'],
    },
    bodyBytes: 10,
    body: Buffer.from('0123456789'),
  };
  const served = (response: HttpResponse): ServedResponse => ({
    requestId: 1,
    response,
    result: 'Miss',
    servedBy: 'origin',
    ageSeconds: 0,
    collapsed: false,
    stale: false,
  });
  async function seen(
    viewer: Partial<HttpRequest>,
    response: HttpResponse = WHOLE,
    over: Partial<BehaviorModel> = {},
    runner = NO_FUNCTIONS,
  ) {
    const route = path(
      oneBehavior({ allowedMethods: ['GET', 'HEAD', 'OPTIONS'], ...over }),
      runner,
    );
    return (
      await route.toViewer(await route.prepare(request(viewer), PLACE, 'https'), served(response))
    ).response;
  }

  // RFC 9110, 13.2.2, 14.2 and 9.3.2.
  test.each<[string, Partial<HttpRequest>, number, string | undefined]>([
    ['a plain request gets the whole object', {}, 200, '0123456789'],
    ['HEAD gets no body', { method: 'HEAD' }, 200, undefined],
    [
      'a matching entity tag gets a 304',
      { headers: { 'if-none-match': ['"v0", W/"v1"'] } },
      304,
      undefined,
    ],
    [
      'another entity tag gets the object, whatever the date',
      {
        headers: {
          'if-none-match': ['"v0"'],
          'if-modified-since': ['Tue, 03 Nov 2026 00:00:00 GMT'],
        },
      },
      200,
      '0123456789',
    ],
    [
      'an unmodified object gets a 304',
      { headers: { 'if-modified-since': ['Mon, 02 Nov 2026 00:00:00 GMT'] } },
      304,
      undefined,
    ],
    [
      'a modified object is sent',
      { headers: { 'if-modified-since': ['Sun, 01 Nov 2026 00:00:00 GMT'] } },
      200,
      '0123456789',
    ],
    ['a range gets a partial response', { headers: { range: ['bytes=2-4'] } }, 206, '234'],
    ['a suffix range gets the end', { headers: { range: ['bytes=-3'] } }, 206, '789'],
    ['a range beyond the end is cut there', { headers: { range: ['bytes=8-99'] } }, 206, '89'],
    ['a range after the end gets a 416', { headers: { range: ['bytes=10-'] } }, 416, undefined],
    [
      'several ranges get the whole object',
      { headers: { range: ['bytes=0-1,3-4'] } },
      200,
      '0123456789',
    ],
    [
      'an invalid range gets the whole object',
      { headers: { range: ['bytes=-'] } },
      200,
      '0123456789',
    ],
    [
      'If-Range with a matching entity tag gets the range',
      { headers: { range: ['bytes=0-0'], 'if-range': ['"v1"'] } },
      206,
      '0',
    ],
    [
      'If-Range with another entity tag gets the whole object',
      { headers: { range: ['bytes=0-0'], 'if-range': ['"v0"'] } },
      200,
      '0123456789',
    ],
  ])('%s', async (_what, viewer, status, body) => {
    const response = await seen(viewer);
    expect(response.status).toBe(status);
    expect(response.body && Buffer.from(response.body).toString()).toBe(body);
    expect(response.bodyBytes).toBe(body?.length ?? 0);
  });

  test('a response headers policy removes, replaces and adds headers', async () => {
    const responseHeaders = {
      remove: ['server'],
      set: [
        { name: 'a', value: 'ours', override: true },
        { name: 'b', value: 'ours', override: false },
        { name: 'c', value: 'ours', override: false },
      ],
    };
    const response = { ...WHOLE, headers: { server: ['x'], a: ['theirs'], b: ['theirs'] } };
    expect((await seen({}, response, { responseHeaders })).headers).toEqual({
      a: ['ours'],
      b: ['theirs'],
      c: ['ours'],
    });
  });

  test.each<[string, Partial<HttpRequest>, Record<string, string[]>, string[]]>([
    ['headers are not added without Origin', {}, {}, []],
    [
      'headers are added with Origin',
      { headers: { origin: ['https://a.example'] } },
      {},
      ['access-control-allow-origin', 'access-control-expose-headers'],
    ],
    [
      'methods are added for a preflight request',
      { method: 'OPTIONS', headers: { origin: ['https://a.example'] } },
      {},
      [
        'access-control-allow-origin',
        'access-control-allow-methods',
        'access-control-expose-headers',
      ],
    ],
    [
      "headers are not added to the origin's own",
      { headers: { origin: ['https://a.example'] } },
      { 'access-control-allow-origin': ['https://b.example'] },
      ['access-control-allow-origin'],
    ],
  ])('CORS %s', async (_what, viewer, headers, expected) => {
    const responseHeaders = managed(
      MANAGED_RESPONSE_HEADERS_POLICIES,
      '5cc3b908-e619-4b99-88e5-2cf7f45965bd',
    );
    expect(
      Object.keys((await seen(viewer, { ...WHOLE, headers }, { responseHeaders })).headers),
    ).toEqual(expected);
  });

  test('the viewer-response function runs only for statuses below 400', async () => {
    // "HTTP status codes" in "Restrictions on all edge functions".
    const changed = { response: { status: 201, headers: {}, bodyBytes: 0 } };
    const over = {
      functions: { 'viewer-response': FN },
      originRequest: { headers: EVERYTHING, query: EVERYTHING, cookies: EVERYTHING },
    };
    expect((await seen({}, WHOLE, over, functions(changed))).status).toBe(201);
    expect((await seen({}, { ...WHOLE, status: 404 }, over, functions(changed))).status).toBe(404);
  });
});

test.each(['constructor', '__proto__', 'toString'])(
  'a policy that names the header or the origin %s finds what the request has, and nothing else',
  async (name) => {
    const headers = only(name);
    const cachePolicy = { ...behavior().cachePolicy, headers };
    const keyOf = async (sent: Record<string, readonly string[]>) =>
      (await path(oneBehavior({ cachePolicy })).prepare(request({ headers: sent }), PLACE, 'https'))
        .keyed?.key;
    const given = Object.fromEntries([[name, ['v']]]);
    expect(await keyOf({})).not.toContain(name);
    expect(await keyOf(given)).toContain(`${name}:v`);
    const selected = await path(
      oneBehavior({ functions: { 'viewer-request': FN } }),
      functions({ originId: name }),
    ).prepare(request(), PLACE, 'https');
    expect(selected.functionErrors).toEqual([
      `Fn selects the origin ${name}, which is not in the distribution.`,
    ]);
  },
);
