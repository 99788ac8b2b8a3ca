/** Over real sockets: the emulator's responses to viewers, and its handling of faulty origins. */
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { readAssembly } from '../../../../lib/tools/assembly/assembly';
import { readDistribution } from '../../../../lib/tools/simulation/distribution/read';
import { type Emulator, emulator } from '../../../../lib/tools/simulation/emulator/emulator';
import {
  emulatorServer,
  MAX_BODY_BYTES,
  originClient,
} from '../../../../lib/tools/simulation/emulator/http';
import { edgeFunctionRunner } from '../../../../lib/tools/simulation/functions/runner';
import { forwardAllAssembly } from '../forward-all';

const servers: http.Server[] = [];
const warnings: string[] = [];
let edgePort = 0;
let count = 0;

async function listening(server: http.Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function originHandler(request: http.IncomingMessage, response: http.ServerResponse): void {
  count += 1;
  const path = request.url?.split('?')[0];
  if (path === '/reset') {
    response.socket?.destroy();
  } else if (path === '/early') {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    response.end('final');
  } else if (path === '/longer') {
    response.setHeader('content-length', '5').end('final and more');
  } else if (path === '/cookies') {
    response.setHeader('set-cookie', ['a=1', 'b=2']).end();
  } else if (path === '/large') {
    response.write(Buffer.alloc(MAX_BODY_BYTES));
    response.end('x');
  } else if (path === '/seen') {
    text(request).then((body) =>
      response.end(JSON.stringify({ headers: request.headers, url: request.url, body })),
    );
  } else {
    response
      .setHeader('cache-control', 'max-age=60')
      .setHeader('etag', '"v1"')
      .end(`response ${count}`);
  }
}

beforeAll(async () => {
  const origin = new URL(`http://127.0.0.1:${await listening(http.createServer(originHandler))}`);
  const distribution = readDistribution(readAssembly(forwardAllAssembly()));
  const place = { pop: 'NRT', regional: 'ap-northeast-1' };
  const warn = (sentence: string) => warnings.push(sentence);
  const options = {
    place,
    viewerProtocol: 'https',
    fetchOrigin: originClient(new Map([['site', origin]])),
    warn,
  } as const;
  edgePort = await listening(
    emulatorServer(emulator(distribution, edgeFunctionRunner(), options), 'NRT', warn),
  );
});

afterAll(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

async function send(path: string, options: http.RequestOptions = {}, body?: string | Buffer) {
  const request = http.request({
    host: '127.0.0.1',
    port: edgePort,
    path,
    agent: false,
    ...options,
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

test("a miss and a hit have CloudFront's headers", async () => {
  const [miss, hit] = [await send('/marked?a=1'), await send('/marked?a=1')];
  expect(miss).toMatchObject({
    status: 200,
    headers: {
      'x-cache': 'Miss from cloudfront',
      'x-amz-cf-pop': 'NRT1-C1',
      via: '1.1 isochrone.cloudfront.net (CloudFront)',
    },
  });
  expect(hit).toMatchObject({
    body: miss.body,
    headers: { 'x-cache': 'Hit from cloudfront', age: expect.stringMatching(/^\d+$/) },
  });
  expect(hit.headers['x-amz-cf-id']).not.toBe(miss.headers['x-amz-cf-id']);
});

test('HEAD and a conditional request are served from the object', async () => {
  const { body } = await send('/conditional');
  expect(await send('/conditional', { method: 'HEAD' })).toMatchObject({
    status: 200,
    body: '',
    headers: { 'content-length': String(body.length) },
  });
  expect(await send('/conditional', { headers: { 'if-none-match': '"v1"' } })).toMatchObject({
    status: 304,
    body: '',
  });
});

test("a body goes to the origin with CloudFront's headers", async () => {
  const { body } = await send(
    '/seen?q=%20',
    { method: 'POST', headers: { connection: 'x-secret', 'x-secret': '1', 'x-kept': '1' } },
    'hello',
  );
  const seen = JSON.parse(body);
  expect(seen).toMatchObject({
    url: '/seen?q=%20',
    body: 'hello',
    headers: { 'x-kept': '1', 'x-forwarded-for': '127.0.0.1', 'content-length': '5' },
  });
  expect(seen.headers['x-secret']).toBeUndefined();
  expect(seen.headers['x-amz-cf-id']).toBeDefined();
});

test.each([
  ['an origin that closes the connection', '/reset', 502],
  ['a body beyond the limit', '/large', 502],
])('%s makes the viewer get an error', async (_what, path, status) => {
  expect(await send(path)).toMatchObject({
    status,
    headers: { 'x-cache': 'Error from cloudfront' },
  });
});

test('an interim response is dropped', async () => {
  expect(await send('/early')).toMatchObject({ status: 200, body: 'final' });
});

test('bytes beyond Content-Length are dropped', async () => {
  expect(await send('/longer')).toMatchObject({ status: 200, body: 'final' });
});

test('several fields of one name stay separate', async () => {
  expect((await send('/cookies', { method: 'POST' })).headers['set-cookie']).toEqual([
    'a=1',
    'b=2',
  ]);
});

test('a request body beyond the limit gets a 413', async () => {
  const chunks = { method: 'POST', headers: { 'transfer-encoding': 'chunked' } };
  expect((await send('/seen', chunks, Buffer.alloc(MAX_BODY_BYTES + 1))).status).toBe(413);
});

test('a proxy request target with scheme and host is accepted', async () => {
  expect(JSON.parse((await send('http://www.example.com/seen?a=1')).body).url).toBe('/seen?a=1');
});

test.each<[string, Emulator['respond']]>([
  [
    'an invalid response',
    async () => ({
      response: { status: 200, headers: { a: ['1\n2'] }, bodyBytes: 0 },
      result: 'Hit',
    }),
  ],
  ['an unexpected error', () => Promise.reject(new Error('out of order'))],
])('%s is reported, and the viewer gets a 500', async (_what, respond) => {
  const warnings: string[] = [];
  const port = await listening(
    emulatorServer({ respond, invalidate: () => 0 }, 'NRT', (sentence) => warnings.push(sentence)),
  );
  expect((await send('/a', { port })).status).toBe(500);
  expect(warnings).toEqual([expect.stringMatching(/^GET \/a: /)]);
});

test('an origin without a URL is an error', async () => {
  const step = { origin: { id: 'other' } } as Parameters<ReturnType<typeof originClient>>[0];
  await expect(originClient(new Map())(step)).rejects.toThrow(
    'The origin other has no URL.\nName it with `--origin other=URL`.',
  );
});
