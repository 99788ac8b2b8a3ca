/** The bundled CloudFront Function, with a fake of the module that the runtime provides. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { originSelectionSettings } from '../../../lib/constructs/edge/functions/settings';
import { handlerDirectory } from '../../../lib/constructs/house-rules/handlers';
import type { SelectOriginSettings } from '../../../lib/model/contracts/edge';
import { functionCode, loadedFunction, viewerRequestEvent } from '../bundled-viewer-function';
import { marketSettings } from '../normalize-cache-key/market-settings';

const SETTINGS: SelectOriginSettings = {
  paths: [
    { pattern: '/static/*', query: 'none', language: true },
    { pattern: '/stream/*' },
    { pattern: '/api/*' },
  ],
  languages: ['en', 'ja'],
  regions: ['us-east-1', 'eu-west-1'],
  nearest: { 'eu-central-1': [1, 0], 'us-west-2': [0, 1] },
  recentWriterSeconds: 10,
};
const code = functionCode('select-origin', SETTINGS);
const { recentWriterSeconds: _, ...unmarked } = SETTINGS;
const unmarkedCode = functionCode('select-origin', unmarked);

const NOW_SECONDS = () => Math.floor(Date.now() / 1000);
const wrote = (time: number) => ['__Host-isochrone-wrote', String(time)] as const;

interface Runtime {
  readonly edge?: string;
  readonly switches?: Record<string, string>;
  readonly select?: (id: string) => void;
  readonly code?: string;
}

async function run(event: unknown, { edge, switches = {}, select, code: loaded = code }: Runtime) {
  const selected: string[] = [];
  const log: string[] = [];
  const cf = {
    edgeLocation: edge === undefined ? undefined : { region: edge },
    kvs: () => ({
      get: (key: string) =>
        switches[key] === undefined
          ? Promise.reject(new Error(key))
          : Promise.resolve(switches[key]),
    }),
    selectRequestOriginById: select ?? ((id: string) => selected.push(id)),
  };
  type Request = { querystring: unknown; headers: Record<string, unknown> };
  const handle = loadedFunction<Promise<Request>>(loaded, { log: (line) => log.push(line), cf });
  return { request: await handle(event), selected, log };
}

const read = (uri: string) => viewerRequestEvent({ uri, query: '?b=1&&' });

test('normalizes the key of cached paths only', async () => {
  expect((await run(read('/static/a.js'), { edge: 'us-west-2' })).request.querystring).toBe('');
  expect((await run(read('/stream/1'), { edge: 'us-west-2' })).request.querystring).toBe('b=1&&');
});

test.each<[string, Runtime, string[]]>([
  ['the nearest region', { edge: 'eu-central-1' }, ['eu-west-1']],
  ['the primary, whose origin the behavior names', { edge: 'us-west-2' }, []],
  [
    'the next region, if the nearest is drained',
    { edge: 'us-west-2', switches: { 'us-east-1': 'drained' } },
    ['eu-west-1'],
  ],
  ['the primary, if the edge location is unknown', {}, []],
])('reads go to %s', async (_name, runtime, selected) => {
  expect((await run(read('/static/a.js'), runtime)).selected).toEqual(selected);
});

describe('a path that reads and writes share', () => {
  const api = (parts: object) =>
    viewerRequestEvent({ uri: '/api/orders', query: '?b=1&a=2', ...parts });

  test.each<[string, () => object, string | undefined, string[]]>([
    ['a read', () => ({}), undefined, ['eu-west-1']],
    ['a preflight', () => ({ method: 'OPTIONS' }), undefined, ['eu-west-1']],
    ['a write', () => ({ method: 'POST' }), undefined, []],
    [
      'a read of a viewer who wrote just now',
      () => ({ cookies: [['a', 'b'], wrote(NOW_SECONDS())] }),
      undefined,
      [],
    ],
    ['… twice', () => ({ cookies: [wrote(1), wrote(NOW_SECONDS())] }), undefined, []],
    ['… long ago', () => ({ cookies: [wrote(NOW_SECONDS() - 3600)] }), undefined, ['eu-west-1']],
    [
      '… if writers are not marked',
      () => ({ cookies: [wrote(NOW_SECONDS())] }),
      unmarkedCode,
      ['eu-west-1'],
    ],
    ['a write, if writers are not marked', () => ({ method: 'PUT' }), unmarkedCode, []],
  ])('%s', async (_name, parts, loaded, selected) => {
    const given = await run(api(parts()), { edge: 'eu-central-1', code: loaded });
    expect(given.selected).toEqual(selected);
    expect(given.log).toEqual([]);
  });

  test('a drained primary still takes writes', async () => {
    const switches = { 'us-east-1': 'drained' };
    expect((await run(api({ method: 'POST' }), { edge: 'us-west-2', switches })).selected).toEqual(
      [],
    );
  });

  test.each(['GET', 'POST'])(
    'a %s keeps its query, and loses forged headers of the negotiation',
    async (method) => {
      const headers = {
        'x-isochrone-language': ['xx'],
        'x-isochrone-image-format': ['bmp'],
        host: ['www.example.com'],
      };
      const { request } = await run(api({ method, headers }), { edge: 'eu-central-1' });
      expect(request.querystring).toBe('b=1&a=2');
      expect(request.headers).toEqual({ host: { value: 'www.example.com' } });
      const event = viewerRequestEvent({
        method,
        uri: '/api/../static/a',
        query: '?b=1&a=2',
        headers,
      });
      const before = event.request.querystring;
      const unknown = (await run(event, { edge: 'eu-central-1' })).request;
      expect(unknown.querystring).toBe(before);
      expect(unknown.headers).toEqual({ host: { value: 'www.example.com' } });
    },
  );
});

test('forwards a request if the selection fails', async () => {
  const select = () => {
    throw new Error('No such origin.');
  };
  const { request, log } = await run(read('/static/a.js'), { edge: 'eu-central-1', select });
  expect(request.querystring).toBe('');
  expect(log.join()).toContain('No such origin.');
});

test.each<[string, object]>([
  ['no cookies', { cookies: undefined }],
  ['cookies that are null', { cookies: null }],
  ['no headers', { headers: undefined }],
  ['no method', { method: undefined }],
  ['cookies of another shape', { cookies: { '__Host-isochrone-wrote': { multiValue: 7 } } }],
  ['a cookie without a value', { cookies: { '__Host-isochrone-wrote': {} } }],
])('forwards a request with %s', async (_name, parts) => {
  const event = read('/static/a.js');
  const { request } = await run(
    { ...event, request: { ...event.request, ...parts } },
    { edge: 'eu-central-1' },
  );
  expect(request).toMatchObject({ uri: '/static/a.js' });
});

test('property: no request makes it fail', async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), fc.anything(), async (anything, cookies) => {
      await run({ request: anything }, { edge: 'eu-central-1' });
      await run(
        { request: { ...read('/api/a').request, cookies: { '__Host-isochrone-wrote': cookies } } },
        { edge: 'eu-central-1' },
      );
    }),
    { numRuns: 50 },
  );
});

test('has an asynchronous handler, and no unsupported `await` in arguments', () => {
  const bundle = readFileSync(
    join(handlerDirectory('select-origin.viewer-function'), 'index.js'),
    'utf8',
  );
  expect(bundle).toMatch(/async function handler\(event\)/);
  expect(bundle.replace(/\bif\(await/g, '')).not.toMatch(/[\w$)\]]\(await\b|,await\b/);
});

test("fits into CloudFront's limit with the market settings and three regions", () => {
  const regions = ['us-east-1', 'eu-west-1', 'ap-southeast-1'];
  const settings = {
    ...marketSettings(),
    ...originSelectionSettings(regions),
    recentWriterSeconds: 10,
  };
  expect(Buffer.byteLength(functionCode('select-origin', settings))).toBeLessThanOrEqual(10_240);
});
