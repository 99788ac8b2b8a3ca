/** The bundled CloudFront Function, in a realm that has only what its runtime documents, against the bundled Lambda@Edge handler. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { App, Stack } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import fc from 'fast-check';
import { ViewerFunction } from '../../../lib/edge/viewer-function';
import type { CacheKeySettings } from '../../../lib/edge-settings';
import { handlerDirectory } from '../../../lib/handlers';

interface Request {
  readonly uri: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

const SETTINGS: CacheKeySettings = {
  paths: [
    { pattern: '/images/*', query: { allow: ['w', 'h'] }, imageFormat: true },
    { pattern: '/assets/*', query: 'none' },
    { pattern: '/pages/*', query: { deny: ['ref', 'utm_*', '_'] }, language: true },
  ],
  languages: ['en', 'fr', 'zh-Hant'],
};

/** What "JavaScript runtime 2.0 features for CloudFront Functions" lists of the built-ins that a program may be tempted by. */
const RUNTIME = {
  globalThis:
    'Object String Number Boolean Array Math Date Function RegExp JSON Promise ArrayBuffer Uint8Array Error TypeError RangeError SyntaxError URIError EvalError ReferenceError globalThis undefined NaN Infinity isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent encodeURI encodeURIComponent console',
  Object:
    'prototype length name assign create defineProperties defineProperty entries freeze getOwnPropertyDescriptor getOwnPropertyNames getPrototypeOf is isExtensible isFrozen isSealed keys preventExtensions seal setPrototypeOf values',
  'Array.prototype':
    'constructor length concat copyWithin every fill filter find findIndex forEach includes indexOf join lastIndexOf map pop push reduce reduceRight reverse shift slice some sort splice unshift',
  'String.prototype':
    'constructor length charAt charCodeAt codePointAt concat endsWith includes indexOf lastIndexOf match padEnd padStart repeat replace search slice split startsWith substr substring toLowerCase toString toUpperCase trim trimEnd trimStart valueOf',
};

/** The handler of a function's code, as the runtime would find it. */
function load(code: string, log: (line: string) => void = () => undefined): (event: unknown) => Record<string, unknown> {
  const context = createContext({ console: { log } }, { codeGeneration: { strings: false, wasm: false } });
  for (const [owner, names] of Object.entries(RUNTIME)) {
    new Script(
      `for (const name of Object.getOwnPropertyNames(${owner})) if (!${JSON.stringify(names.split(' '))}.includes(name)) delete ${owner}[name];`,
    ).runInContext(context);
  }
  new Script(`'use strict';\n${code}`).runInContext(context);
  return new Script('handler').runInContext(context);
}

function codeWith(settings: object): string {
  const { function: made } = new ViewerFunction(new Stack(new App(), 'Test'), 'Function', {
    handler: 'normalize-cache-key',
    description: 'Test',
    settings,
  });
  return (made.node.defaultChild as cloudfront.CfnFunction).functionCode;
}

/** As "CloudFront Functions event structure" has it: names once, values of repeated ones in a list, and no trace of an absent `=`. */
function values(pairs: readonly (readonly [string, string])[]) {
  const byName: Record<string, { value: string; multiValue?: { value: string }[] }> = Object.create(null);
  for (const [name, value] of pairs) {
    const first = byName[name];
    if (first === undefined) byName[name] = { value };
    else first.multiValue = [...(first.multiValue ?? [{ value: first.value }]), { value }];
  }
  return byName;
}

function functionEvent({ uri, query, headers }: Request) {
  const parameters = query.slice(1).split('&').filter(Boolean);
  return {
    version: '1.0',
    context: { distributionDomainName: 'd111111abcdef8.cloudfront.net', eventType: 'viewer-request', requestId: 'EXAMPLE' },
    viewer: { ip: '192.0.2.1' },
    request: {
      method: 'GET',
      uri,
      querystring: values(parameters.map((one) => [one.split('=')[0] ?? '', one.split('=').slice(1).join('=')])),
      headers: values(Object.entries(headers).flatMap(([name, list]) => list.map((value) => [name, value] as const))),
      cookies: {},
      rawQueryString: (): string | undefined => (query === '' ? undefined : query.slice(1)),
    },
  };
}

function lambdaEvent({ uri, query, headers }: Request) {
  const list = Object.entries(headers).map(([name, all]) => [name, all.map((value) => ({ key: name, value }))]);
  return { Records: [{ cf: { request: { method: 'GET', uri, querystring: query.slice(1), headers: Object.fromEntries(list) } } }] };
}

/** What is sent on, in one form for both. */
function sentOn(querystring: unknown, headers: Record<string, unknown>) {
  const texts = (one: unknown): string[] => {
    const { value, multiValue } = one as { value: string; multiValue?: { value: string }[] };
    return (multiValue ?? [{ value }]).map((entry) => entry.value);
  };
  const lists = Object.entries(headers).map(([name, all]) => [name, Array.isArray(all) ? all.flatMap(texts) : texts(all)]);
  return { querystring, headers: Object.fromEntries(lists) };
}

const handle = load(codeWith(SETTINGS));
const atLambda = require(join(handlerDirectory('normalize-cache-key', SETTINGS), 'index.js')).handler;

const CASES: readonly Request[] = [
  { uri: '/pages/a', query: '?b=2&ref=1&a=1', headers: { 'accept-language': ['fr'] } },
  { uri: '/pages/a', query: '?flag', headers: {} },
  { uri: '/pages/a', query: '?flag=', headers: {} },
  { uri: '/pages/a', query: '?b&a=1&b=', headers: {} },
  { uri: '/pages/a', query: '?q=%E9&Q=%e9&q=a+b', headers: {} },
  { uri: '/pages/a', query: '?b=0&a=1&%61=2&%%G1=3&__proto__=4&constructor', headers: {} },
  { uri: '/pages/a', query: '?utm_source=x&_=1', headers: {} },
  { uri: '/pages/a', query: '?', headers: {} },
  { uri: '/pages/a', query: '', headers: { 'accept-language': ['de', 'zh-hant-TW;q=0.5'] } },
  { uri: '/pages/a', query: `?${'a&'.repeat(101)}`, headers: {} },
  { uri: '/pages/a', query: '?b&a', headers: { 'x-isochrone-language': ['xx'], 'x-isochrone-image-format': ['bmp'] } },
  { uri: '/images/a', query: '?w=1&ref=2&h=3', headers: { accept: ['image/avif;q=0.5,image/webp'] } },
  { uri: '/images/a', query: '?h&w', headers: { accept: ['text/html', 'image/webp'], 'accept-language': ['fr'] } },
  { uri: '/assets/a', query: '?v=1', headers: { accept: ['image/webp'] } },
];

test.each(CASES.map((request) => [JSON.stringify(request).slice(0, 120), request] as const))(
  'sends on what Lambda@Edge would: %s',
  async (_, request) => {
    const event = functionEvent(request);
    const made = handle(event);
    const expected = await atLambda(lambdaEvent(request));
    expect(sentOn(made.querystring, made.headers as never)).toEqual(sentOn(expected.querystring, expected.headers));
    expect(made).toMatchObject({ method: 'GET', uri: request.uri, cookies: {} });
  },
);

test.each(['/else', '/pages/../images/a', '/%70ages/a'])('where no rule is known to apply, the query stays as it came: %s', (uri) => {
  const { request } = functionEvent({ uri, query: '?b=1&a=2', headers: { 'x-isochrone-language': ['xx'], host: ['a'] } });
  const before = request.querystring;
  const made = handle({ request });
  expect(made.querystring).toBe(before);
  expect(made.headers).toEqual({ host: { value: 'a' } });
});

test.each<[string, unknown]>([
  ['a runtime without rawQueryString()', undefined],
  ["the console's test, which gives an empty one", () => ''],
])('%s: the query stays as it came, and the language is chosen all the same', (_, rawQueryString) => {
  const { request } = functionEvent({ uri: '/pages/a', query: '?b=1&a=2', headers: { 'accept-language': ['fr'] } });
  const made = handle({ request: { ...request, rawQueryString } });
  expect(made.querystring).toBe(request.querystring);
  expect(made.headers).toMatchObject({ 'x-isochrone-language': { value: 'fr' } });
});

test('an event out of the ordinary goes on as it came, and one line says why', () => {
  const log = jest.fn();
  const request = { uri: '/pages/a', querystring: {} };
  expect(load(codeWith(SETTINGS), log)({ request })).toEqual({ uri: '/pages/a', querystring: {} });
  expect(JSON.parse(log.mock.calls[0][0])).toMatchObject({ level: 'ERROR', error: expect.stringContaining('TypeError') });
});

test('property: whatever the query, both send on the same', async () => {
  const query = fc.string({ unit: fc.constantFrom('a', 'b', 'ref', '_', '%61', '%', '=', '&', '+', 'é') }).map((text) => `?${text}`);
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      const request = { uri: '/pages/a', query: text, headers: {} };
      const { querystring } = await atLambda(lambdaEvent(request));
      expect(handle(functionEvent(request)).querystring).toEqual(querystring);
    }),
  );
});

test('is a script: a handler at the top level, and the place of the settings once', () => {
  const bundle = readFileSync(join(handlerDirectory('normalize-cache-key.viewer-function'), 'index.js'), 'utf8');
  expect(bundle.match(/ISOCHRONE_SETTINGS/g)).toHaveLength(1);
  expect(bundle).toMatch(/function handler\(event\)\{/);
  expect(bundle).not.toMatch(/\b(?:require|import|export|exports|module)\b/);
});
