/** The bundled handler, as it is deployed: `npm run build:handlers` makes it. */
import fc from 'fast-check';
import { bundledHandler } from '../bundled-handler';

const SETTINGS = { readName: 'read.example.com', writeName: 'write.example.com', recentWriterSeconds: 10, paths: [{ pattern: '*' }] };

const handlerWith = (config?: string) => bundledHandler('route-origin', config);

const event = (request: unknown) => ({ Records: [{ cf: { request } }] });
const request = { method: 'POST', uri: '/a', headers: {}, origin: { custom: { domainName: 'read.example.com' } } };

let logged: jest.SpyInstance;
beforeEach(() => {
  logged = jest.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  logged.mockRestore();
});

test('chooses by the settings beside it and the time of day', async () => {
  const handle = handlerWith(JSON.stringify(SETTINGS));
  expect(await handle(event(request))).toMatchObject({ origin: { custom: { domainName: 'write.example.com' } } });
  const read = (wrote: number) => ({ ...request, method: 'GET', headers: { cookie: [{ value: `__Host-isochrone-wrote=${wrote}` }] } });
  const now = Math.floor(Date.now() / 1000);
  expect(await handle(event(read(now)))).toMatchObject({ origin: { custom: { domainName: 'write.example.com' } } });
  expect(await handle(event(read(now - 3600)))).toMatchObject({ origin: { custom: { domainName: 'read.example.com' } } });
  expect(logged).not.toHaveBeenCalled();
});

test.each<[string, string | undefined]>([
  ['missing', undefined],
  ['not JSON', '{"paths"'],
  ['null', 'null'],
  ['without names', '{"paths":[]}'],
])('settings that are %s: the request goes on as it came, and one line says so', async (_, config) => {
  const handle = handlerWith(config);
  expect(await handle(event(request))).toEqual(request);
  expect(await handle(event(request))).toEqual(request);
  expect(logged).toHaveBeenCalledTimes(1);
  expect(JSON.parse(logged.mock.calls[0][0])).toMatchObject({ level: 'ERROR', message: expect.stringContaining('config.json') });
});

test('property: no event makes it throw', async () => {
  const handle = handlerWith(JSON.stringify(SETTINGS));
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.anything(), async (anything, headers) => {
      await handle(anything);
      await handle(event(anything));
      expect(await handle(event({ ...request, method: 'GET', headers }))).toMatchObject({ uri: '/a' });
    }),
  );
});
