/** The bundled CloudFront Function against the bundled Lambda@Edge handler. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { handlerDirectory } from '../../../lib/constructs/house-rules/handlers';
import type { CacheKeySettings } from '../../../lib/model/contracts/edge';
import {
  functionCode,
  loadedFunction,
  runInNjs,
  stepCounter,
  viewerRequestEvent,
} from '../bundled-viewer-function';
import { programHere } from '../program-here';
import { COSTLY_QUERIES } from './costly-queries';

interface Request {
  readonly uri: string;
  /** The query with its question mark, or empty. */
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

function lambdaEvent({ uri, query, headers }: Request) {
  const list = Object.entries(headers).map(([name, all]) => [
    name,
    all.map((value) => ({ key: name, value })),
  ]);
  return {
    Records: [
      {
        cf: {
          request: {
            method: 'GET',
            uri,
            querystring: query.slice(1),
            headers: Object.fromEntries(list),
          },
        },
      },
    ],
  };
}

/** The forwarded query and headers, in one format for both runtimes. */
function forwarded(querystring: unknown, headers: Record<string, unknown>) {
  const texts = (one: unknown): string[] => {
    const { value, multiValue } = one as { value: string; multiValue?: { value: string }[] };
    return (multiValue ?? [{ value }]).map((entry) => entry.value);
  };
  const lists = Object.entries(headers).map(([name, all]) => [
    name,
    Array.isArray(all) ? all.flatMap(texts) : texts(all),
  ]);
  return { querystring, headers: Object.fromEntries(lists) };
}

const code = functionCode('normalize-cache-key', SETTINGS);
const handle = loadedFunction(code);
const atLambda = require(
  join(handlerDirectory('normalize-cache-key', SETTINGS), 'index.js'),
).handler;

const CASES: readonly Request[] = [
  { uri: '/pages/a', query: '?b=2&ref=1&a=1', headers: { 'accept-language': ['fr'] } },
  { uri: '/pages/a', query: '?flag', headers: {} },
  { uri: '/pages/a', query: '?flag=', headers: {} },
  { uri: '/pages/a', query: '?b&a=1&b=', headers: {} },
  { uri: '/pages/a', query: '?q=%E9&Q=%e9&q=a+b', headers: {} },
  { uri: '/pages/a', query: '?b=0&a=1&%61=2&%%G1=3&__proto__=4&constructor', headers: {} },
  { uri: '/pages/a', query: '?utm_source=x&_=1', headers: {} },
  { uri: '/pages/a', query: '?b[]=1&a.b=2&a_b=3&A=4&%5Ba%5D&b%E9;_=5&a[b', headers: {} },
  { uri: '/pages/a', query: '?', headers: {} },
  { uri: '/pages/a', query: '', headers: { 'accept-language': ['de', 'zh-hant-TW;q=0.5'] } },
  { uri: '/pages/a', query: `?${'a&'.repeat(101)}`, headers: {} },
  {
    uri: '/pages/a',
    query: '?b&a',
    headers: { 'x-isochrone-language': ['xx'], 'x-isochrone-image-format': ['bmp'] },
  },
  {
    uri: '/images/a',
    query: '?w=1&ref=2&h=3',
    headers: { accept: ['image/avif;q=0.5,image/webp'] },
  },
  {
    uri: '/images/a',
    query: '?h&w',
    headers: { accept: ['text/html', 'image/webp'], 'accept-language': ['fr'] },
  },
  { uri: '/assets/a', query: '?v=1', headers: { accept: ['image/webp'] } },
];

test.each(CASES.map((request) => [JSON.stringify(request).slice(0, 120), request] as const))(
  'forwards the same as Lambda@Edge: %s',
  async (_, request) => {
    const event = viewerRequestEvent(request);
    const made = handle(event);
    const expected = await atLambda(lambdaEvent(request));
    expect(forwarded(made.querystring, made.headers as never)).toEqual(
      forwarded(expected.querystring, expected.headers),
    );
    expect(made).toMatchObject({ method: 'GET', uri: request.uri, cookies: {} });
  },
);

test.each(['/else', '/pages/../images/a', '/%70ages/a'])(
  'keeps the query if no rule certainly applies: %s',
  (uri) => {
    const { request } = viewerRequestEvent({
      uri,
      query: '?b=1&a=2',
      headers: { 'x-isochrone-language': ['xx'], host: ['a'] },
    });
    const before = request.querystring;
    const made = handle({ request });
    expect(made.querystring).toBe(before);
    expect(made.headers).toEqual({ host: { value: 'a' } });
  },
);

test.each<[string, unknown]>([
  ['a runtime without rawQueryString()', undefined],
  ["the console's test, which returns an empty query", () => ''],
])('with %s, keeps the query and still negotiates the language', (_, rawQueryString) => {
  const { request } = viewerRequestEvent({
    uri: '/pages/a',
    query: '?b=1&a=2',
    headers: { 'accept-language': ['fr'] },
  });
  const made = handle({ request: { ...request, rawQueryString } });
  expect(made.querystring).toBe(request.querystring);
  expect(made.headers).toMatchObject({ 'x-isochrone-language': { value: 'fr' } });
});

test('returns a malformed request unchanged, and logs one line', () => {
  const log = jest.fn();
  const request = { uri: '/pages/a', querystring: {} };
  expect(loadedFunction(code, { log })({ request })).toEqual({ uri: '/pages/a', querystring: {} });
  expect(JSON.parse(log.mock.calls[0][0])).toMatchObject({
    level: 'ERROR',
    error: expect.stringContaining('TypeError'),
  });
});

const anyQuery = fc
  .string({
    unit: fc.constantFrom(
      ...['a', 'A', 'b', 'ref', '_', '%61', '%', '=', '&', '&', '+', 'é'],
      ...['[', ']', '.', ';', '%00', '%u0061', '__proto__'],
    ),
  })
  .map((text) => `?${text}`);

test('property: both forward the same query', async () => {
  await fc.assert(
    fc.asyncProperty(anyQuery, async (text) => {
      const request = { uri: '/pages/a', query: text, headers: {} };
      const { querystring } = await atLambda(lambdaEvent(request));
      expect(handle(viewerRequestEvent(request)).querystring).toEqual(querystring);
    }),
  );
});

test.each(Object.entries(COSTLY_QUERIES))(
  'takes twice the steps for twice the parameters: %s',
  (_, query) => {
    const steps = stepCounter(code);
    const stepsOf = (count: number) =>
      steps(viewerRequestEvent({ uri: '/pages/a', query: `?${query(count)}` }));
    const growth = stepsOf(60) / stepsOf(30);
    expect(growth).toBeGreaterThan(1.5);
    expect(growth).toBeLessThan(2.3);
  },
);

test("forwards the same in njs, the engine of CloudFront's runtime", async () => {
  if (!programHere('njs')) return;
  const queries = [
    ...CASES.map(({ query }) => query),
    ...Object.values(COSTLY_QUERIES).map((query) => `?${query(60)}`),
    ...fc.sample(anyQuery, { numRuns: 300, seed: 1 }),
  ];
  const requests = queries.map((query) => ({ uri: '/pages/a', query, headers: {} }));
  const made = runInNjs(code, requests.map(viewerRequestEvent));
  const expected = await Promise.all(requests.map((request) => atLambda(lambdaEvent(request))));
  expect(made.map(({ querystring }) => querystring)).toEqual(
    expected.map(({ querystring }) => querystring),
  );
});

test('is a script with a handler at the top level, and one placeholder of the settings', () => {
  const bundle = readFileSync(
    join(handlerDirectory('normalize-cache-key.viewer-function'), 'index.js'),
    'utf8',
  );
  expect(bundle.match(/ISOCHRONE_SETTINGS/g)).toHaveLength(1);
  expect(bundle).toMatch(/function handler\(event\)\{/);
  expect(bundle).not.toMatch(/\b(?:require|import|export|exports|module)\b/);
});
