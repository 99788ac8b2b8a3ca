import { IsochroneError } from '../../../../lib/model/errors';
import { parseCombined } from '../../../../lib/tools/simulation/logs/combined';
import { parseJson } from '../../../../lib/tools/simulation/logs/json';
import type { LogRecord } from '../../../../lib/tools/simulation/logs/record';
import { spreadEdgeLocation } from '../../../../lib/tools/simulation/path/topology';
import { seededRandom, weighted, zipf } from '../../../../lib/tools/simulation/trace/random';
import { openExchanges, seededTrace } from '../../../../lib/tools/simulation/trace/trace';

// A Tuesday between the two clock changes: New York is on daylight saving time, London is not yet.
const FROM = new Date('2025-03-11T00:00:00Z');
const options = { seed: 1, requests: 20_000, from: FROM };
const records = [...seededTrace(options)].map((line) => parseJson(line) as LogRecord);

function counts(keys: readonly string[]): number[] {
  const found = new Map<string, number>();
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1);
  return [...found.values()].sort((a, b) => b - a);
}

test('the same seed gives the same bytes, and another seed different ones', () => {
  const some = { ...options, requests: 300 };
  expect([...seededTrace(some)]).toEqual([...seededTrace(some)]);
  expect([...seededTrace({ ...some, seed: 2 })]).not.toEqual([...seededTrace(some)]);
});

test.each(['combined', 'json'] as const)(
  'every line in the %s format is parsed as a request',
  (format) => {
    const parse = format === 'json' ? parseJson : parseCombined;
    const lines = [...seededTrace({ ...options, requests: 5_000, format })];
    expect(lines).toHaveLength(5_000);
    expect(lines.map(parse).filter((record) => typeof record !== 'object')).toEqual([]);
    expect(lines.filter((line) => /[^\x20-\x7e]/.test(line))).toEqual([]);
  },
);

test('lines are in time order, within the given hours', () => {
  const times = records.map(({ timeMs }) => timeMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBeGreaterThanOrEqual(FROM.getTime());
  expect(times.at(-1)).toBeLessThan(FROM.getTime() + 24 * 3_600_000);
});

test("ranks follow Zipf's law", () => {
  const random = seededRandom(7);
  const rank = zipf(1000, 0.8);
  const drawn = counts(Array.from({ length: 200_000 }, () => String(rank(random))));
  // At ten times the rank, requests are 10^0.8 times rarer.
  expect((drawn[0] as number) / (drawn[9] as number)).toBeCloseTo(10 ** 0.8, 0);
  expect((drawn[4] as number) / (drawn[49] as number)).toBeCloseTo(10 ** 0.8, 0);
});

test('items are chosen in proportion to their weights', () => {
  const random = seededRandom(7);
  const drawn = Array.from({ length: 10_000 }, () =>
    weighted(random, [
      ['a', 3],
      ['b', 1],
      ['c', 0],
    ] as const),
  );
  expect(drawn.filter((each) => each === 'a').length / drawn.length).toBeCloseTo(0.75, 1);
  expect(drawn).not.toContain('c');
});

// Trading hours are in local time, so their UTC hours differ between winter and summer.
test.each([
  ['2025-03-11T00:00:00Z', ['tokyo']],
  ['2025-03-11T06:29:00Z', ['tokyo']],
  ['2025-03-11T06:30:00Z', []],
  ['2025-03-11T08:00:00Z', ['london']],
  ['2025-03-11T13:30:00Z', ['london', 'new-york']],
  ['2025-01-14T13:30:00Z', ['london']],
  ['2025-01-14T14:30:00Z', ['london', 'new-york']],
  ['2025-07-08T07:00:00Z', ['london']],
  ['2025-03-11T20:00:00Z', []],
  ['2025-03-15T13:30:00Z', []],
])('at %s, the open exchanges are %j', (at, open) =>
  expect(openExchanges(Date.parse(at))).toEqual(open),
);

test('a continent has more viewers while its exchange is open', () => {
  const share = (continent: string, fromHour: number, toHour: number) => {
    const within = records.filter(
      ({ timeMs }) =>
        timeMs >= FROM.getTime() + fromHour * 3_600_000 &&
        timeMs < FROM.getTime() + toHour * 3_600_000,
    );
    return (
      within.filter(
        ({ clientAddress }) => spreadEdgeLocation(clientAddress).continent === continent,
      ).length / within.length
    );
  };
  expect(share('apac', 1, 6)).toBeGreaterThan(2 * share('apac', 14, 19));
  expect(share('north-america', 14, 19)).toBeGreaterThan(2 * share('north-america', 1, 6));
  expect(share('europe', 8, 13)).toBeGreaterThan(share('europe', 0, 5));
});

test.each<[string, (record: LogRecord) => boolean, number, number]>([
  ['cache-busters', ({ query }) => /(^|&)_=\d+/.test(query), 0.01, 0.08],
  ['campaign parameters', ({ query }) => /utm_source=|fbclid=|gclid=/.test(query), 0.01, 0.06],
  ['crawlers', ({ headers }) => /bot|curl/.test(headers['user-agent']?.[0] ?? ''), 0.02, 0.2],
  ['writes', ({ method }) => method === 'POST', 0.02, 0.06],
  ['errors', ({ status }) => status >= 400, 0.002, 0.05],
  [
    'images in a modern format',
    ({ headers }) => /image\/(avif|webp)/.test(headers.accept?.[0] ?? ''),
    0.08,
    0.25,
  ],
  [
    'Japanese viewers',
    ({ headers }) => (headers['accept-language']?.[0] ?? '').startsWith('ja'),
    0.08,
    0.35,
  ],
])('the requests include %s, in a realistic proportion', (_, has, least, most) => {
  const part = records.filter(has).length / records.length;
  expect(part).toBeGreaterThan(least);
  expect(part).toBeLessThan(most);
});

test('an object has one size, except for the deliberate mistake', () => {
  const sizes = new Map<string, Set<number>>();
  for (const { method, path, query, status, bytes } of records) {
    if (method !== 'GET' || status >= 400) continue;
    const own = query
      .split('&')
      .filter((each) => !/^(_|utm_\w+|fbclid|gclid)=/.test(each))
      .sort()
      .join('&');
    sizes.set(`${path}?${own}`, (sizes.get(`${path}?${own}`) ?? new Set()).add(bytes));
  }
  expect([...sizes].filter(([, each]) => each.size > 1)).toEqual([]);
  expect(
    new Set(records.filter(({ path }) => path === '/static/sprite.svg').map(({ bytes }) => bytes))
      .size,
  ).toBe(2);
});

test.each([{ requests: -1 }, { requests: 1.5 }, { from: new Date('yesterday') }, { hours: 0 }])(
  'rejects %j',
  (bad) => {
    expect(() => [...seededTrace({ ...options, ...bad })]).toThrow(IsochroneError);
  },
);
