import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { handlerDirectory } from '../../../../lib/constructs/house-rules/handlers';
import type {
  EdgeEvent,
  EdgeFunctionModel,
} from '../../../../lib/tools/simulation/distribution/distribution';
import type { FunctionCall } from '../../../../lib/tools/simulation/functions/call';
import { createRealm, ownerOf } from '../../../../lib/tools/simulation/functions/realm';
import {
  edgeFunctionRunner,
  type RunnerOptions,
} from '../../../../lib/tools/simulation/functions/runner';
import type { HttpResponse } from '../../../../lib/tools/simulation/messages';
import { folder, request, SITE } from '../fixtures';

const RESPONSE: HttpResponse = {
  status: 200,
  headers: { 'content-type': ['text/plain'], via: ['1.1 site'] },
  bodyBytes: 2,
  body: Buffer.from('ok'),
};
const PLACE = { region: 'ap-northeast-1', pop: 'NRT' };

function lambda(source: string, files: Record<string, string> = {}): EdgeFunctionModel {
  return {
    kind: 'lambda-edge',
    name: 'Fn',
    handler: 'index.handler',
    directory: folder({ 'index.js': source, ...files }),
  };
}

function viewerFunction(code: string): EdgeFunctionModel {
  return { kind: 'cloudfront-function', name: 'Fn', code };
}

function run(
  fn: EdgeFunctionModel,
  event: EdgeEvent,
  over: Partial<FunctionCall> = {},
  options?: RunnerOptions,
) {
  const response = event.endsWith('response') ? RESPONSE : undefined;
  return edgeFunctionRunner(options).run(fn, {
    event,
    request: request(),
    place: PLACE,
    ...(response && { response }),
    origin: SITE,
    ...over,
  });
}

/** A function that changes its request or response, `r`. */
function changes(message: 'request' | 'response', statements: string): string {
  return `exports.handler = async (event) => {
    const r = event.Records[0].cf.${message};
    ${statements};
    return r;
  };`;
}

/** A function that returns the value of an expression in a header. */
const SEES = (expression: string) =>
  `exports.handler = async (event) => {
    const { request, response, config } = event.Records[0].cf;
    const seen = JSON.stringify(${expression}) ?? 'undefined';
    const via = response && { via: response.headers.via };
    return { status: '200', headers: { ...via, 'x-seen': [{ value: seen }] } };
  };`;

describe('Lambda@Edge', () => {
  test.each<[string, EdgeEvent, string, unknown]>([
    [
      'the request, with the host in its headers',
      'viewer-request',
      '[request.method, request.uri, request.querystring, request.clientIp, request.headers.host]',
      ['GET', '/a', 'q=1', '203.0.113.7', [{ key: 'Host', value: 'www.example.com' }]],
    ],
    [
      'the event, and no origin in viewer events',
      'viewer-request',
      '[config.eventType, request.origin]',
      ['viewer-request', null],
    ],
    [
      'the origin in origin events',
      'origin-request',
      '[request.origin.custom.domainName, request.origin.custom.protocol]',
      ['site.example.com', 'https'],
    ],
    [
      'the response, with its status as a string',
      'origin-response',
      '[response.status, response.statusDescription, response.headers["content-type"]]',
      ['200', 'OK', [{ key: 'Content-Type', value: 'text/plain' }]],
    ],
    ['its region', 'viewer-request', 'process.env.AWS_REGION', 'ap-northeast-1'],
    [
      'only the headers that CloudFront shows to functions',
      'viewer-request',
      'Object.keys(request.headers)',
      ['accept', 'host'],
    ],
    [
      'the given clock',
      'viewer-request',
      '[Date.now(), new Date().getTime(), new Date(5).getTime()]',
      [1000, 1000, 5],
    ],
  ])('a function sees %s', async (_what, event, expression, expected) => {
    const sent = request({
      query: 'q=1',
      headers: { accept: ['*/*'], 'x-edge-location': ['x'], connection: ['close'] },
    });
    const { response, error } = await run(
      lambda(SEES(expression)),
      event,
      { request: sent },
      { now: () => 1000 },
    );
    expect(error).toBeUndefined();
    expect(JSON.parse(response?.headers['x-seen']?.[0] ?? '')).toEqual(expected);
  });

  test('each region has an environment of its own', async () => {
    const runner = edgeFunctionRunner();
    const fn = lambda(`let calls = 0; ${SEES('[process.env.AWS_REGION, ++calls]')}`);
    const seen = async (region: string) =>
      (
        await runner.run(fn, {
          event: 'viewer-request',
          request: request(),
          place: { region, pop: 'X' },
        })
      ).response?.headers['x-seen'];
    expect(await Promise.all([seen('eu-west-1'), seen('us-east-1'), seen('eu-west-1')])).toEqual([
      ['["eu-west-1",1]'],
      ['["us-east-1",1]'],
      ['["eu-west-1",2]'],
    ]);
  });

  test('a changed request keeps the headers that are hidden from the function', async () => {
    const fn = lambda(
      `exports.handler = (event, context, callback) => {
        const r = event.Records[0].cf.request;
        r.uri = '/b';
        r.querystring = 'x=2';
        r.headers['x-a'] = [{ key: 'X-A', value: '1' }];
        callback(null, r);
      };`,
    );
    const outcome = await run(fn, 'viewer-request', {
      request: request({ headers: { connection: ['close'] } }),
    });
    expect(outcome.request).toMatchObject({
      path: '/b',
      query: 'x=2',
      host: 'www.example.com',
      headers: { 'x-a': ['1'], connection: ['close'] },
    });
  });

  test('an origin-request function can change the origin and Host', async () => {
    const fn = lambda(
      changes(
        'request',
        `r.origin.custom.domainName = 'b.example.com';
         r.headers.host = [{ key: 'host', value: 'b.example.com' }]`,
      ),
    );
    expect(await run(fn, 'origin-request')).toMatchObject({
      request: { host: 'b.example.com' },
      origin: { id: 'site', domainName: 'b.example.com' },
    });
  });

  test('a changed response keeps its body unless the function sets another', async () => {
    const change = (statements: string) => lambda(changes('response', statements));
    expect(
      (
        await run(
          change('r.headers["cache-control"] = [{ value: "max-age=9" }]'),
          'origin-response',
        )
      ).response,
    ).toMatchObject({
      headers: { 'cache-control': ['max-age=9'] },
      body: RESPONSE.body,
    });
    expect(
      (await run(change('r.status = "404"; r.body = "no"'), 'origin-response')).response,
    ).toMatchObject({
      status: 404,
      bodyBytes: 2,
      body: Buffer.from('no'),
    });
  });

  test('a function can require its own modules and some of Node.js', async () => {
    const source = `
      const own = require('./own');
      const { readFileSync } = require('node:fs');
      const path = require('path');
      const text = readFileSync(path.join(__dirname, 'config.json'), 'utf8');
      const md5 = require('crypto').createHash('md5').update('').digest('hex');
      ${SEES('[own.name, JSON.parse(text).a, require("./config.json").a, md5.length]')}`;
    const { response } = await run(
      lambda(source, { 'own.js': 'exports.name = "own"', 'config.json': '{"a":1}' }),
      'viewer-request',
    );
    expect(response?.headers['x-seen']).toEqual(['["own",1,1,32]']);
  });

  test('log lines reach the log option', async () => {
    const log = jest.fn();
    await run(lambda(`console.error('a %d', 1); ${SEES('1')}`), 'viewer-request', {}, { log });
    expect(log.mock.calls).toEqual([['Fn', 'a 1']]);
  });

  test.each<[string, EdgeEvent, string, number, RegExp]>([
    [
      'throws an exception',
      'viewer-request',
      'exports.handler = async () => { throw new Error("no"); }',
      503,
      /Fn failed on viewer-request: no$/,
    ],
    [
      'calls back with an error',
      'viewer-request',
      'exports.handler = (e, c, done) => done(new Error("no"))',
      503,
      /no$/,
    ],
    [
      'cannot be loaded',
      'viewer-request',
      'require("@aws-sdk/client-s3")',
      503,
      /Cannot find module/,
    ],
    ['requires a network module', 'viewer-request', 'require("https")', 503, /no module "https"/],
    [
      'reads a file outside its package',
      'viewer-request',
      'require("fs").readFileSync("/etc/hostname")',
      503,
      /EACCES/,
    ],
    [
      'lacks the exported handler',
      'viewer-request',
      'exports.other = 1',
      503,
      /index\.handler is not a function/,
    ],
    [
      'returns nothing',
      'viewer-request',
      'exports.handler = async () => {}',
      502,
      /returned nothing/,
    ],
    [
      'returns an invalid status',
      'viewer-request',
      'exports.handler = async () => ({ status: "99" })',
      502,
      /status must be 200 to 599/,
    ],
    [
      'returns a uri without a slash',
      'viewer-request',
      'exports.handler = async (e) => ({ ...e.Records[0].cf.request, uri: "b" })',
      502,
      /begin with a slash/,
    ],
    [
      'changes the method',
      'viewer-request',
      'exports.handler = async (e) => ({ ...e.Records[0].cf.request, method: "PUT" })',
      502,
      /method is read-only/,
    ],
    // "Restrictions on all edge functions", "Read-only headers" and "Disallowed headers".
    [
      'changes Host before the cache',
      'viewer-request',
      changes('request', 'r.headers.host[0].value = "b"'),
      502,
      /changes host, which is read-only in viewer-request/,
    ],
    [
      'changes Accept-Encoding after the cache',
      'origin-request',
      changes('request', 'r.headers["accept-encoding"] = [{ value: "br" }]'),
      502,
      /changes accept-encoding/,
    ],
    [
      'removes Via',
      'origin-response',
      changes('response', 'delete r.headers.via'),
      502,
      /changes via/,
    ],
    [
      'adds Connection',
      'origin-response',
      changes('response', 'r.headers.connection = [{ value: "close" }]'),
      502,
      /adds connection/,
    ],
    // "Quotas on Lambda@Edge": 40 KB for viewer events, 1 MB for origin events.
    [
      'returns 41 KB in a viewer event',
      'viewer-request',
      'exports.handler = async () => ({ status: "200", body: "x".repeat(41 * 1024) })',
      502,
      /40960 are allowed/,
    ],
    [
      'returns a header with a line break',
      'viewer-request',
      'exports.handler = async () => ({ status: "200", headers: { a: [{ value: "1\\n2" }] } })',
      502,
      /header a contains a line break/,
    ],
    [
      'returns a header that is not a list',
      'viewer-request',
      'exports.handler = async () => ({ status: "200", headers: { a: "1" } })',
      502,
      /header a must be a list/,
    ],
  ])(
    'a function that %s fails, and the runner does not reject',
    async (_what, event, source, status, says) => {
      const { error, response } = await run(lambda(source), event);
      expect(error).toMatch(says);
      expect(response?.status).toBe(status);
    },
  );

  test('a response of 41 KB is allowed in an origin event', async () => {
    const fn = lambda(
      'exports.handler = async () => ({ status: "200", body: "x".repeat(41 * 1024) })',
    );
    expect((await run(fn, 'origin-request')).response?.bodyBytes).toBe(41 * 1024);
  });

  test.each([
    ['an infinite loop', 'exports.handler = () => { for (;;); }'],
    ['a promise that never settles', 'exports.handler = () => new Promise(() => {})'],
  ])('%s is stopped', async (_how, source) => {
    const fn = { ...lambda(source), timeoutSeconds: 0.05 };
    const { error, response } = await run(fn, 'viewer-request');
    expect(error).toMatch(/Fn failed on viewer-request/);
    expect(response?.status).toBe(503);
  });
});

describe('CloudFront Functions', () => {
  test('the event has the structure of the runtime', async () => {
    const code = `function handler({ request, viewer, context }) {
        const seen = [request, request.rawQueryString(), viewer.ip, context.eventType];
        return { statusCode: 200, headers: { 'x-seen': { value: JSON.stringify(seen) } } };
      }`;
    const sent = request({
      query: 'a=1&a=2&flag',
      headers: { accept: ['*/*'], cookie: ['s=1; t=2'] },
    });
    const { response } = await run(viewerFunction(code), 'viewer-request', { request: sent });
    expect(JSON.parse(response?.headers['x-seen']?.[0] ?? '')).toEqual([
      {
        method: 'GET',
        uri: '/a',
        querystring: {
          a: { value: '2', multiValue: [{ value: '1' }, { value: '2' }] },
          flag: { value: '' },
        },
        headers: { accept: { value: '*/*' }, host: { value: 'www.example.com' } },
        cookies: { s: { value: '1' }, t: { value: '2' } },
      },
      'a=1&a=2&flag',
      '203.0.113.7',
      'viewer-request',
    ]);
  });

  test.each([
    ['is only read keeps its spelling', 'event.request.querystring.b', 'b=1&flag&a=2'],
    ['is set to a string becomes that string', 'event.request.querystring = "z"', 'z'],
    ['loses a parameter is serialized again', 'delete event.request.querystring.b', 'flag=&a=2'],
  ])('a query that %s', async (_what, statement, expected) => {
    const fn = viewerFunction(`function handler(event) { ${statement}; return event.request; }`);
    const outcome = await run(fn, 'viewer-request', {
      request: request({ query: 'b=1&flag&a=2', headers: { cookie: ['s=1'] } }),
    });
    expect(outcome.request).toMatchObject({ query: expected, headers: { cookie: ['s=1'] } });
  });

  test('the module cloudfront has the edge location and origin of each call', async () => {
    const code = `import cf from 'cloudfront'; const store = cf.kvs();
      async function handler(event) {
        const to = await store.get(cf.edgeLocation.region).catch(() => undefined);
        if (to) cf.selectRequestOriginById(to);
        return event.request;
      }`;
    const runner = edgeFunctionRunner({ switches: { 'eu-west-1': 'b' } });
    const call = (region: string) =>
      runner.run(viewerFunction(code), {
        event: 'viewer-request',
        request: request(),
        place: { region, pop: 'X' },
      });
    const [there, elsewhere] = await Promise.all([call('eu-west-1'), call('us-east-1')]);
    expect(there?.originId).toBe('b');
    expect(elsewhere?.request).toBeDefined();
    expect(elsewhere?.originId).toBeUndefined();
  });

  test('a viewer-response function can change cookies', async () => {
    const fn = viewerFunction(
      'function handler(event) { event.response.cookies.s.value = "2"; return event.response; }',
    );
    const response = { ...RESPONSE, headers: { 'set-cookie': ['s=1; Path=/; Secure'] } };
    expect(
      (await run(fn, 'viewer-response', { response })).response?.headers['set-cookie'],
    ).toEqual(['s=2; Path=/; Secure']);
  });

  test.each<[string, string, number, RegExp]>([
    [
      'has more than 10 KB',
      `function handler(e) { return e.request; } // ${'x'.repeat(10_240)}`,
      503,
      /CloudFront allows 10240/,
    ],
    [
      'requires an unavailable module',
      'const fs = require("fs"); function handler() {}',
      503,
      /Cannot find module "fs"/,
    ],
    [
      'sets a timer',
      'function handler() { setTimeout(() => 1, 1); }',
      503,
      /setTimeout is not defined/,
    ],
    [
      'fetches',
      'async function handler() { await fetch("http://example.com"); }',
      503,
      /fetch is not defined/,
    ],
    ['defines no handler', 'function other() {}', 503, /handler is not defined/],
    [
      'returns a header in upper case',
      'function handler(e) { e.request.headers.A = { value: "1" }; return e.request; }',
      502,
      /header A must be in lower case/,
    ],
    ['returns nothing', 'function handler() {}', 502, /returned nothing/],
  ])('a function that %s fails', async (_what, code, status, says) => {
    const { error, response } = await run(viewerFunction(code), 'viewer-request');
    expect(error).toMatch(says);
    expect(response?.status).toBe(status);
  });
});

describe('the bundled functions of this project', () => {
  test('the normalizer sorts and drops parameters', async () => {
    const files = {
      'index.js': readFileSync(join(handlerDirectory('normalize-cache-key'), 'index.js'), 'utf8'),
      'config.json': JSON.stringify({ paths: [{ pattern: '*', query: { deny: ['utm_source'] } }] }),
    };
    const fn: EdgeFunctionModel = {
      kind: 'lambda-edge',
      name: 'Fn',
      handler: 'index.handler',
      directory: folder(files),
    };
    const { request: normalized, error } = await run(fn, 'viewer-request', {
      request: request({ query: 'b=1&utm_source=x&a=2' }),
    });
    expect([normalized?.query, error]).toEqual(['a=2&b=1', undefined]);
  });

  test('the origin selector uses the region and the key value store', async () => {
    const bundle = readFileSync(
      join(handlerDirectory('select-origin.viewer-function'), 'index.js'),
      'utf8',
    );
    const settings = {
      paths: [],
      regions: ['us-east-1', 'eu-west-1'],
      nearest: { 'eu-west-1': [1, 0] },
    };
    const fn = viewerFunction(bundle.replace('ISOCHRONE_SETTINGS', JSON.stringify(settings)));
    const place = { region: 'eu-west-1', pop: 'DUB' };
    expect(await run(fn, 'viewer-request', { place })).toMatchObject({ originId: 'eu-west-1' });
    expect(
      (await run(fn, 'viewer-request', { place }, { switches: { 'eu-west-1': 'drained' } }))
        .originId,
    ).toBeUndefined();
  });
});

test.each(['constructor', '__proto__', 'tostring'])(
  'a header called %s is a header like others',
  async (name) => {
    const entry = JSON.stringify(name);
    const asLambda = await run(
      lambda(
        changes(
          'request',
          `Object.defineProperty(r.headers, ${entry},
            { enumerable: true, value: [{ key: ${entry}, value: 'a' }, { value: 'b' }] })`,
        ),
      ),
      'viewer-request',
    );
    const asViewerFunction = await run(
      viewerFunction(`function handler(event) {
        const { headers } = event.request;
        Object.defineProperty(headers, ${entry}, { enumerable: true, value: { value: 'a' } });
        return event.request;
      }`),
      'viewer-request',
    );
    expect([asLambda.error, asViewerFunction.error]).toEqual([undefined, undefined]);
    expect(Object.entries(asLambda.request?.headers ?? {})).toContainEqual([name, ['a', 'b']]);
    expect(Object.entries(asViewerFunction.request?.headers ?? {})).toContainEqual([name, ['a']]);
  },
);

test('a call is reported, and a value is traced to the function that made it', async () => {
  let made: unknown;
  await run(
    lambda(changes('request', '')),
    'viewer-request',
    {},
    { onCall: (name) => (made = name) },
  );
  expect(made).toBe('Fn');
  for (const value of [{}, Promise.resolve(), new Error('e'), null, undefined, 1, 'text'])
    expect(ownerOf(value)).toBeUndefined();
  const realm = createRealm('Other', {});
  for (const code of ['({})', 'Promise.reject().catch(() => 1)', 'new RangeError("e")', '() => 1'])
    expect(ownerOf(new Script(code).runInContext(realm))).toBe('Other');
  const endless: object = new Proxy({}, { getPrototypeOf: () => endless });
  expect(ownerOf(endless)).toBeUndefined();
});
