/** The bundled CloudFront Function, as the runtime would run it but for its import, which is given from here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { handlerDirectory } from '../../../lib/handlers';

const bundle = readFileSync(join(handlerDirectory('select-origin.viewer-function'), 'index.js'), 'utf8');

const SETTINGS = {
  paths: [{ pattern: '/static/*', query: 'none' }, { pattern: '/stream/*' }],
  regions: ['us-east-1', 'eu-west-1'],
  nearest: { 'eu-central-1': [1, 0], 'us-west-2': [0, 1] },
};

interface Runtime {
  readonly edge?: string;
  readonly switches?: Record<string, string>;
  readonly select?: (id: string) => void;
}

async function answered(uri: string, { edge, switches = {}, select }: Runtime) {
  const selected: string[] = [];
  const log: string[] = [];
  const cf = {
    edgeLocation: edge === undefined ? undefined : { region: edge },
    kvs: () => ({ get: (key: string) => (switches[key] === undefined ? Promise.reject(new Error(key)) : Promise.resolve(switches[key])) }),
    selectRequestOriginById: select ?? ((id: string) => selected.push(id)),
  };
  const [, name] = /^import ([\w$]+) from"cloudfront";/.exec(bundle) ?? [];
  const context = createContext({ [String(name)]: cf, console: { log: (line: string) => log.push(line) } });
  new Script(bundle.replace(/^import [^;]+;/, '').replace('ISOCHRONE_SETTINGS', JSON.stringify(SETTINGS))).runInContext(context);
  const handler = new Script('handler').runInContext(context) as (event: unknown) => Promise<{ querystring: unknown }>;
  const request = { method: 'GET', uri, querystring: { b: { value: '1' } }, headers: {}, cookies: {}, rawQueryString: () => 'b=1&&' };
  return { request: await handler({ request }), selected, log };
}

test('the key is normalised where something is cached, and nowhere else', async () => {
  expect((await answered('/static/a.js', { edge: 'us-west-2' })).request.querystring).toBe('');
  expect((await answered('/stream/1', { edge: 'us-west-2' })).request.querystring).toBe('b=1&&');
});

test.each<[string, Runtime, string[]]>([
  ['the nearest region', { edge: 'eu-central-1' }, ['eu-west-1']],
  ["the primary, which the behaviour's origin is", { edge: 'us-west-2' }, []],
  ['the next one, where the nearest is drained', { edge: 'us-west-2', switches: { 'us-east-1': 'drained' } }, ['eu-west-1']],
  ['the primary, from nowhere known', {}, []],
])('reads go to %s', async (_, runtime, selected) => {
  expect((await answered('/static/a.js', runtime)).selected).toEqual(selected);
});

test('a request whose origin cannot be selected goes on', async () => {
  const select = () => {
    throw new Error('No such origin.');
  };
  const { request, log } = await answered('/static/a.js', { edge: 'eu-central-1', select });
  expect(request.querystring).toBe('');
  expect(log.join()).toContain('No such origin.');
});

test('has what the runtime takes: an asynchronous handler, and no `await` among arguments', () => {
  expect(bundle).toMatch(/async function handler\(event\)/);
  expect(bundle.replace(/\bif\(await/g, '')).not.toMatch(/[\w$)\]]\(await\b|,await\b/);
});
