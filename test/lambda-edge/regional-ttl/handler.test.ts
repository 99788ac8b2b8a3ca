/** The bundled handler, as it is deployed: `npm run build:handlers` makes it. */
import fc from 'fast-check';
import { bundledHandler } from '../bundled-handler';

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
let logged: jest.SpyInstance;
beforeEach(() => {
  process.env.AWS_REGION = 'ap-northeast-1';
  logged = jest.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  if (regionBefore === undefined) delete process.env.AWS_REGION;
  else process.env.AWS_REGION = regionBefore;
  logged.mockRestore();
});

test('sets the TTL of the part of the world it runs in', async () => {
  expect(await handlerWith(JSON.stringify(SETTINGS))(event(response))).toEqual({
    ...response,
    headers: {
      ...response.headers,
      'cache-control': [{ key: 'Cache-Control', value: 's-maxage=90' }],
    },
  });
  expect(logged).not.toHaveBeenCalled();
});

test.each<[string, string | undefined]>([
  ['missing', undefined],
  ['not JSON', '{"paths"'],
  ['null', 'null'],
  ['without paths', '{"regions":{}}'],
  ['without regions', '{"paths":[]}'],
])(
  'settings that are %s: the answer goes on as it came, and one line says so',
  async (_, config) => {
    const handle = handlerWith(config);
    expect(await handle(event(response))).toEqual(response);
    expect(await handle(event(response))).toEqual(response);
    expect(logged).toHaveBeenCalledTimes(1);
    expect(JSON.parse(logged.mock.calls[0][0])).toMatchObject({
      level: 'ERROR',
      message: expect.stringContaining('config.json'),
    });
  },
);

test('an answer that is not as expected goes on as it came, and the log says why', async () => {
  const odd = { status: '200', headers: { 'cache-control': 7 } };
  expect(await handlerWith(JSON.stringify(SETTINGS))(event(odd))).toEqual(odd);
  expect(JSON.parse(logged.mock.calls[0][0])).toMatchObject({
    level: 'ERROR',
    error: expect.any(String),
  });
});

test('property: no event makes it throw, and an answer always comes back with its status', async () => {
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
