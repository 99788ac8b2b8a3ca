/** The bundled CloudFront Function that marks viewers who wrote. */
import fc from 'fast-check';
import type { MarkWriterSettings } from '../../../lib/model/contracts/edge';
import { functionCode, loadedFunction } from '../bundled-viewer-function';

const SETTINGS: MarkWriterSettings = { recentWriterSeconds: 10 };
const COOKIE = '__Host-isochrone-wrote';
const ATTRIBUTES = 'Max-Age=10; Path=/; Secure; HttpOnly; SameSite=Lax';

const code = functionCode('mark-writer', SETTINGS);
const log = jest.fn();
const handle = loadedFunction<{ cookies?: Record<string, { value: string; attributes?: string }> }>(
  code,
  { log },
);
beforeEach(() => log.mockClear());

/** A viewer response: "CloudFront Functions event structure", CloudFront developer guide. */
const event = (method: unknown, statusCode: unknown, response: object = {}) => ({
  version: '1.0',
  context: {
    distributionDomainName: 'd111111abcdef8.cloudfront.net',
    eventType: 'viewer-response',
    requestId: 'EXAMPLE',
  },
  viewer: { ip: '192.0.2.1' },
  request: {
    method,
    uri: '/api/orders',
    querystring: {},
    headers: { host: { value: 'www.example.com' } },
    cookies: {},
  },
  response: {
    statusCode,
    statusDescription: 'Whatever',
    headers: { 'content-type': { value: 'text/html' } },
    cookies: { id: { value: '7', attributes: 'Path=/; Secure' } },
    ...response,
  },
});

test.each<[string, number, boolean]>([
  ['POST', 200, true],
  ['POST', 201, true],
  ['PUT', 204, true],
  ['PATCH', 200, true],
  ['DELETE', 399, true],
  ['POST', 303, true],
  ['POST', 400, false],
  ['POST', 503, false],
  ['GET', 200, false],
  ['HEAD', 200, false],
  ['OPTIONS', 204, false],
])('the response to a %s with status %i is marked: %s', (method, status, marked) => {
  const given = event(method, status);
  const before = structuredClone(given.response);
  const earliest = Math.floor(Date.now() / 1000);
  const { cookies, ...rest } = handle(given);
  expect(rest).toEqual({
    statusCode: status,
    statusDescription: 'Whatever',
    headers: before.headers,
  });
  const { [COOKIE]: mark, ...others } = cookies ?? {};
  expect(others).toEqual(before.cookies);
  expect(mark?.attributes).toBe(marked ? ATTRIBUTES : undefined);
  if (marked) {
    expect(mark?.value).toMatch(/^\d{10}$/);
    expect(Number(mark?.value)).toBeGreaterThanOrEqual(earliest);
    expect(Number(mark?.value)).toBeLessThanOrEqual(Date.now() / 1000);
  }
  expect(log).not.toHaveBeenCalled();
});

test('keeps a mark of the origin', () => {
  const cookies = { [COOKIE]: { value: '1795255200', attributes: 'Max-Age=60; Path=/; Secure' } };
  expect(handle(event('POST', 200, { cookies })).cookies).toEqual(cookies);
});

test('marks a response without cookies', () => {
  expect(Object.keys(handle(event('POST', 200, { cookies: undefined })).cookies ?? {})).toEqual([
    COOKIE,
  ]);
});

test.each<[string, ReturnType<typeof event> | object]>([
  ['no status', event('POST', undefined)],
  ['a status that is not a number', event('POST', 'OK')],
  ['a status of null', event('POST', null)],
  ['no method', event(undefined, 200)],
  ['no request', { ...event('POST', 200), request: undefined }],
])('with %s, returns the response unchanged and logs one line', (_, given) => {
  const { response } = given as ReturnType<typeof event>;
  const before = structuredClone(response);
  expect(handle(given)).toBe(response);
  expect(response).toEqual(before);
  expect(log).toHaveBeenCalledTimes(1);
  expect(JSON.parse(log.mock.calls[0][0])).toMatchObject({
    level: 'ERROR',
    error: expect.stringContaining('TypeError'),
  });
});

test('property: no event makes it throw', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.anything(), (request, response, cookies) => {
      expect(handle({ request, response })).toBe(response);
      handle(event('POST', 200, { cookies }));
    }),
  );
});

test('is a script with a handler at the top level, and without imports', () => {
  expect(code).toMatch(/\nfunction handler\(event\)\{|\}function handler\(event\)\{/);
  expect(code).not.toMatch(/\b(?:require|import|export|module)\b|ISOCHRONE_SETTINGS/);
});
