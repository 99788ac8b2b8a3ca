/** The bundled handler, which `npm run build:handlers` makes, as it is deployed. */
import fc from 'fast-check';
import { bundledHandler, capturedErrors, testUnusableSettings } from '../bundled-handler';

const RULE = {
  pattern: '*',
  defaultTtlSeconds: 60,
  maxTtlSeconds: 60,
  errorTtlSeconds: 10,
  setCookie: 'bypass',
};
const SETTINGS = {
  regions: { 'ap-northeast-1': 'apac' },
  paths: [{ ...RULE, continents: { apac: { defaultTtlSeconds: 90, maxTtlSeconds: 90 } } }],
};

const handlerWith = (config?: string) => bundledHandler('regional-ttl', config);

const event = (response: unknown, request: unknown = { uri: '/a' }) => ({
  Records: [{ cf: { request, response } }],
});
const response = {
  status: '200',
  statusDescription: 'OK',
  headers: { etag: [{ key: 'ETag', value: '"1"' }] },
};

const regionBefore = process.env.AWS_REGION;
const errors = capturedErrors();
beforeEach(() => {
  process.env.AWS_REGION = 'ap-northeast-1';
});
afterEach(() => {
  if (regionBefore === undefined) delete process.env.AWS_REGION;
  else process.env.AWS_REGION = regionBefore;
});

test('sets the TTL of the part of the world in which it runs', async () => {
  expect(await handlerWith(JSON.stringify(SETTINGS))(event(response))).toEqual({
    ...response,
    headers: {
      ...response.headers,
      'cache-control': [{ key: 'Cache-Control', value: 's-maxage=90' }],
    },
  });
  expect(errors()).toEqual([]);
});

testUnusableSettings(
  'regional-ttl',
  errors,
  { 'without paths': '{"regions":{}}', 'without regions': '{"paths":[]}' },
  [[event(response), response]],
);

test('returns a malformed response unchanged, and logs the reason', async () => {
  const odd = { status: '200', headers: { 'cache-control': 7 } };
  expect(await handlerWith(JSON.stringify(SETTINGS))(event(odd))).toEqual(odd);
  expect(errors()[0]).toMatchObject({ level: 'ERROR', error: expect.any(String) });
});

test('property: no event makes it throw, and a response keeps its status', async () => {
  const handle = handlerWith(JSON.stringify(SETTINGS));
  const text = fc.string({ unit: 'binary' });
  const headers = fc.dictionary(
    fc.oneof(fc.constantFrom('cache-control', 'set-cookie', 'expires', '__proto__'), text),
    fc.anything(),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.record({ status: text, headers }, { requiredKeys: ['status'] }),
      async (sent) => {
        expect(await handle(event(sent))).toMatchObject({ status: sent.status });
      },
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.anything(), async (one, other) => {
      await handle(one);
      await handle(event(one, other));
    }),
  );
});
