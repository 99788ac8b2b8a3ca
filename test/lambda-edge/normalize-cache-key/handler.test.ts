/** The bundled handler, which `npm run build:handlers` makes, as it is deployed. */
import fc from 'fast-check';
import { bundledHandler, capturedErrors, testUnusableSettings } from '../bundled-handler';

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

const errors = capturedErrors();

test('normalizes by the settings beside it', async () => {
  expect(await handlerWith(JSON.stringify(SETTINGS))(event(request))).toEqual({
    ...request,
    querystring: 'a=1&b=2',
    headers: {
      ...request.headers,
      'x-isochrone-language': [{ key: 'x-isochrone-language', value: 'fr' }],
    },
  });
  expect(errors()).toEqual([]);
});

testUnusableSettings('normalize-cache-key', errors, { 'without paths': '{}' }, [
  [event(request), request],
]);

test('with a malformed rule, returns the request unchanged and logs the reason', async () => {
  const handle = handlerWith('{"paths":[{"pattern":"*","query":{"deny":7}}]}');
  expect(await handle(event(request))).toEqual(request);
  expect(errors()[0]).toMatchObject({ level: 'ERROR', error: expect.any(String) });
});

test('property: no event makes it throw, and a request keeps its path', async () => {
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
