/** The bundled handler, as it is deployed: `npm run build:handlers` makes it. */
import fc from 'fast-check';
import { bundledHandler } from '../bundled-handler';

const SETTINGS = {
  paths: [{ pattern: '*', query: { deny: ['ref'] }, language: true }],
  languages: ['en', 'fr'],
};

const handlerWith = (config?: string) => bundledHandler('normalize-cache-key', config);

const event = (request: unknown) => ({
  Records: [{ cf: { config: { eventType: 'viewer-request' }, request } }],
});
const request = {
  method: 'GET',
  uri: '/a',
  querystring: 'ref=1&b=2&a=1',
  headers: { 'accept-language': [{ key: 'Accept-Language', value: 'fr' }] },
};

let logged: jest.SpyInstance;
beforeEach(() => {
  logged = jest.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  logged.mockRestore();
});

test('normalises by the settings beside it', async () => {
  expect(await handlerWith(JSON.stringify(SETTINGS))(event(request))).toEqual({
    ...request,
    querystring: 'a=1&b=2',
    headers: {
      ...request.headers,
      'x-isochrone-language': [{ key: 'x-isochrone-language', value: 'fr' }],
    },
  });
  expect(logged).not.toHaveBeenCalled();
});

test.each<[string, string | undefined]>([
  ['missing', undefined],
  ['not JSON', '{"paths"'],
  ['null', 'null'],
  ['without paths', '{}'],
])(
  'settings that are %s: the request goes on as it came, and one line says so',
  async (_, config) => {
    const handle = handlerWith(config);
    expect(await handle(event(request))).toEqual(request);
    expect(await handle(event(request))).toEqual(request);
    expect(logged).toHaveBeenCalledTimes(1);
    expect(JSON.parse(logged.mock.calls[0][0])).toMatchObject({
      level: 'ERROR',
      message: expect.stringContaining('config.json'),
    });
  },
);

test('settings with a broken rule: the request goes on as it came, and the log says why', async () => {
  const handle = handlerWith('{"paths":[{"pattern":"*","query":{"deny":7}}]}');
  expect(await handle(event(request))).toEqual(request);
  expect(JSON.parse(logged.mock.calls[0][0])).toMatchObject({
    level: 'ERROR',
    error: expect.any(String),
  });
});

test('property: no event makes it throw, and a request always comes back with its path', async () => {
  const handle = handlerWith(JSON.stringify(SETTINGS));
  const text = fc.string({ unit: 'binary' });
  const headers = fc.dictionary(
    fc.oneof(fc.constantFrom('accept-language', '__proto__', 'x-isochrone-language'), text),
    fc.anything(),
  );
  const requests = fc.record({ uri: text, querystring: text, headers }, { requiredKeys: ['uri'] });
  await fc.assert(
    fc.asyncProperty(requests, async (sent) => {
      expect(await handle(event(sent))).toMatchObject({ uri: sent.uri });
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.anything(), async (anything) => {
      await handle(anything);
      await handle(event(anything));
    }),
  );
});
