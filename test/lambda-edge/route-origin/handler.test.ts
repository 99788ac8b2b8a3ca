/** The bundled handler, which `npm run build:handlers` makes, as it is deployed. */
import fc from 'fast-check';
import type { RouteOriginSettings } from '../../../lib/model/contracts/edge';
import { bundledHandler, capturedErrors, testUnusableSettings } from '../bundled-handler';

const SETTINGS: RouteOriginSettings = {
  readName: 'read.example.com',
  writeName: 'write.example.com',
  batchName: 'batch.example.com',
  recentWriterSeconds: 10,
  paths: [{ pattern: '/api/*', batch: [{ pattern: '/api/reports/*' }] }, { pattern: '*' }],
};

const handlerWith = (config?: string) => bundledHandler('route-origin', config);

/** An origin request and response: "Lambda@Edge event structure", CloudFront developer guide. */
const config = (eventType: string) => ({
  distributionDomainName: 'd111111abcdef8.cloudfront.net',
  distributionId: 'EDFDVBD6EXAMPLE',
  eventType,
  requestId: '4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==',
});
const request = {
  clientIp: '203.0.113.178',
  headers: {
    'x-forwarded-for': [{ key: 'X-Forwarded-For', value: '203.0.113.178' }],
    host: [{ key: 'Host', value: 'read.example.com' }],
  },
  method: 'POST',
  origin: {
    custom: {
      customHeaders: {},
      domainName: 'read.example.com',
      keepaliveTimeout: 5,
      path: '',
      port: 443,
      protocol: 'https',
      readTimeout: 30,
      sslProtocols: ['TLSv1.2'],
    },
  },
  querystring: '',
  uri: '/api/orders',
};
const response = {
  headers: {
    'content-type': [{ key: 'Content-Type', value: 'text/html; charset=UTF-8' }],
    'set-cookie': [{ key: 'Set-Cookie', value: 'id=7; Path=/' }],
  },
  status: '201',
  statusDescription: 'Created',
};
const requestEvent = (given: unknown = request) => ({
  Records: [{ cf: { config: config('origin-request'), request: given } }],
});
const responseEvent = (given: unknown = response, sent: unknown = request) => ({
  Records: [{ cf: { config: config('origin-response'), request: sent, response: given } }],
});

const MARK = /^__Host-isochrone-wrote=\d{10}; Max-Age=10; Path=\/; Secure; HttpOnly; SameSite=Lax$/;

const errors = capturedErrors();

test('origin request: chooses by the settings beside it and the current time', async () => {
  const handle = handlerWith(JSON.stringify(SETTINGS));
  expect(await handle(requestEvent())).toMatchObject({
    origin: { custom: { domainName: 'write.example.com' } },
  });
  const read = (wrote: number) => ({
    ...request,
    method: 'GET',
    headers: { cookie: [{ value: `__Host-isochrone-wrote=${wrote}` }] },
  });
  const now = Math.floor(Date.now() / 1000);
  expect(await handle(requestEvent(read(now)))).toMatchObject({
    origin: { custom: { domainName: 'write.example.com' } },
  });
  expect(await handle(requestEvent(read(now - 3600)))).toMatchObject({
    origin: { custom: { domainName: 'read.example.com' } },
  });
  expect(errors()).toEqual([]);
});

describe('origin response', () => {
  const handle = handlerWith(JSON.stringify(SETTINGS));

  test.each<[string, string, string, boolean]>([
    ['POST', '/api/orders', '201', true],
    ['DELETE', '/elsewhere', '204', true],
    // A write to the batch origin is marked, too.
    ['POST', '/api/reports/1', '202', true],
    ['GET', '/api/orders', '200', false],
    ['GET', '/api/reports/1', '200', false],
    ['POST', '/api/orders', '422', false],
  ])('to %s %s with status %s is marked: %s', async (method, uri, status, marked) => {
    const given = { ...response, status };
    const mark = { key: 'Set-Cookie', value: expect.stringMatching(MARK) };
    expect(await handle(responseEvent(given, { ...request, method, uri }))).toEqual({
      ...given,
      headers: {
        ...given.headers,
        'set-cookie': [...given.headers['set-cookie'], ...(marked ? [mark] : [])],
      },
    });
    expect(errors()).toEqual([]);
  });

  test('the mark is recognized on the next request', async () => {
    const { headers } = (await handle(responseEvent())) as typeof response;
    const cookie = headers['set-cookie'].map(({ value }) => value.split(';')[0]).join('; ');
    const next = {
      ...request,
      method: 'GET',
      headers: { ...request.headers, cookie: [{ key: 'Cookie', value: cookie }] },
    };
    expect(await handle(requestEvent(next))).toMatchObject({
      origin: { custom: { domainName: 'write.example.com' } },
    });
  });

  test.each<[string, object, object | undefined]>([
    ['no headers', { ...response, headers: undefined }, request],
    ['cookies that are not a list', { ...response, headers: { 'set-cookie': 'id=7' } }, request],
    [
      'a cookie without a value',
      { ...response, headers: { 'set-cookie': [{ key: 'Set-Cookie' }] } },
      request,
    ],
    ['no status', { ...response, status: undefined }, request],
    ['a status that is not a number', { ...response, status: 'Created' }, request],
    ['an empty status', { ...response, status: '' }, request],
    ['no method', response, { ...request, method: undefined }],
    ['no request', response, undefined],
  ])('with %s, returns the response unchanged and logs one line', async (_, given, sent) => {
    expect(await handle(responseEvent(given, sent ?? null))).toBe(given);
    expect(errors()).toMatchObject([
      { level: 'ERROR', message: expect.stringContaining('unchanged') },
    ]);
  });
});

testUnusableSettings(
  'route-origin',
  errors,
  {
    'without names': '{"paths":[]}',
    'without the duration of recent writers': JSON.stringify({
      ...SETTINGS,
      recentWriterSeconds: undefined,
    }),
  },
  [
    [requestEvent(), request],
    [responseEvent(), response],
  ],
);

test('property: no event makes it throw', async () => {
  const handle = handlerWith(JSON.stringify(SETTINGS));
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.anything(), async (anything, headers) => {
      await handle(anything);
      await handle(requestEvent(anything));
      await handle(responseEvent(anything, headers));
      expect(await handle(requestEvent({ ...request, method: 'GET', headers }))).toMatchObject({
        uri: '/api/orders',
      });
      expect(await handle(responseEvent({ ...response, headers }))).toMatchObject({
        status: '201',
      });
    }),
  );
});
