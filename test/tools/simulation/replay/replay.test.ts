import fc from 'fast-check';
import type { EdgeFunctionModel } from '../../../../lib/tools/simulation/distribution/distribution';
import type { FunctionOutcome } from '../../../../lib/tools/simulation/functions/call';
import type { LogRecord } from '../../../../lib/tools/simulation/logs/record';
import type { MissReason } from '../../../../lib/tools/simulation/messages';
import { CACHE_MS, VIEWER_ROUND_TRIP_MS } from '../../../../lib/tools/simulation/replay/latency';
import { DEFAULT_ORIGIN_MS } from '../../../../lib/tools/simulation/replay/origin';
import type { ReplaySlice } from '../../../../lib/tools/simulation/replay/report';
import { distribution } from '../fixtures';
import { cached, record, replayed } from './fixture';

/** The counts of a replay with one capacity, in place of percentages. */
function counts({ requests, hitPercent, offloadPercent, originRequests, misses }: ReplaySlice) {
  const reasons = Object.entries(misses).filter(([, { high }]) => high > 0);
  return {
    hits: Math.round((hitPercent.low * requests) / 100),
    offloaded: Math.round((offloadPercent.low * requests) / 100),
    origin: originRequests.low,
    misses: Object.fromEntries(reasons.map(([reason, { low }]) => [reason, low])) as Partial<
      Record<MissReason, number>
    >,
  };
}

describe('outcomes of small logs, counted by hand', () => {
  test.each<[string, LogRecord[], ReturnType<typeof counts>]>([
    [
      'an object expires after the default TTL',
      [record(0, '/a'), record(10, '/a'), record(100, '/a')],
      { hits: 1, offloaded: 1, origin: 2, misses: { 'first-seen': 1, expired: 1 } },
    ],
    [
      'a request during a fetch waits for its response',
      [record(0, '/a'), record(0.01, '/a')],
      { hits: 1, offloaded: 1, origin: 1, misses: { 'first-seen': 1 } },
    ],
    [
      'two edge locations share a regional edge cache',
      [record(0, '/a'), record(10, '/a', { edgeLocation: 'EWR50-C1' })],
      { hits: 0, offloaded: 1, origin: 1, misses: { 'first-seen': 2 } },
    ],
    [
      'two continents share no cache',
      [record(0, '/a'), record(10, '/a', { edgeLocation: 'NRT57-P1' })],
      { hits: 0, offloaded: 0, origin: 2, misses: { 'first-seen': 2 } },
    ],
    [
      'a query in the key makes two objects',
      [record(0, '/a?x'), record(10, '/a?y')],
      { hits: 0, offloaded: 0, origin: 2, misses: { 'first-seen': 2 } },
    ],
    [
      'a query outside the key makes one object',
      [record(0, '/img/a?x'), record(10, '/img/a?y')],
      { hits: 1, offloaded: 1, origin: 1, misses: { 'first-seen': 1 } },
    ],
    [
      'an uncached behavior sends each request to the origin',
      [record(0, '/api/a'), record(10, '/api/a')],
      { hits: 0, offloaded: 0, origin: 2, misses: { uncacheable: 2 } },
    ],
    [
      'each POST goes to the origin',
      [record(0, '/a', { method: 'POST' }), record(10, '/a', { method: 'POST' })],
      { hits: 0, offloaded: 0, origin: 2, misses: { uncacheable: 2 } },
    ],
    // "How CloudFront processes HTTP 4xx and 5xx status codes from your origin": 404 is cached for
    // 10 seconds.
    [
      'an error is cached for ten seconds',
      [404, 404, 404].map((status, i) => record(6 * i, '/a', { status })),
      { hits: 1, offloaded: 1, origin: 2, misses: { 'first-seen': 1, expired: 1 } },
    ],
    [
      'a logged 304 fills the cache with the object',
      [record(0, '/a', { status: 304, bytes: 0 }), record(10, '/a')],
      { hits: 1, offloaded: 1, origin: 1, misses: { 'first-seen': 1 } },
    ],
    [
      'a WebSocket is not cached',
      [record(0, '/a', { status: 101, originMs: 100_000 }), record(10, '/a')],
      { hits: 0, offloaded: 0, origin: 2, misses: { uncacheable: 1, 'first-seen': 1 } },
    ],
  ])('%s', async (_, records, expected) => {
    const { total } = await replayed(records);
    expect(counts(total)).toEqual(expected);
  });

  test('an assumed Cache-Control shortens the TTL of matching paths', async () => {
    const cacheControl = [{ pattern: '/a*', value: 'max-age=5' }];
    const { total, modelled } = await replayed(
      [record(0, '/a'), record(10, '/a'), record(20, '/b'), record(30, '/b')],
      { cacheControl },
    );
    expect(counts(total)).toMatchObject({ hits: 1, misses: { 'first-seen': 2, expired: 1 } });
    expect(modelled.join()).toContain('Cache-Control: max-age=5 for /a*');
  });

  test('a figure that depends on the capacity is a span from the worst to the best', async () => {
    const records = ['/a', '/b', '/a'].map((url, i) => record(i, url, { bytes: 600 }));
    const report = await replayed(records, { capacities: [1000, Number.POSITIVE_INFINITY] });
    expect(report.capacityBytes).toEqual([1000, null]);
    expect(report.total.misses).toMatchObject({
      'first-seen': { low: 2, high: 2 },
      evicted: { low: 0, high: 1 },
    });
    expect(report.total.hitPercent).toEqual({ low: 0, high: 100 / 3 });
    // The regional edge cache is larger, so it still has the object.
    expect(report.total.originRequests).toEqual({ low: 2, high: 2 });
    expect(report.timeline.map(({ requests, hitPercent }) => [requests, hitPercent.high])).toEqual([
      [1, 0],
      [1, 0],
      [1, 100],
    ]);
  });
});

describe('latency', () => {
  const near = (ms: number) => [ms * 0.98, ms * 1.02] as const;
  const edgeMs = VIEWER_ROUND_TRIP_MS + CACHE_MS;

  test.each<[string, LogRecord[], number]>([
    [
      'a hit takes the round trip to the edge location',
      [record(0, '/a'), record(10, '/a'), record(20, '/a')],
      edgeMs,
    ],
    [
      'a miss near the origin adds the processing time of the origin',
      [record(0, '/a')],
      edgeMs + CACHE_MS + DEFAULT_ORIGIN_MS,
    ],
    [
      'a logged processing time replaces the assumed one',
      [record(0, '/a', { originMs: 300 })],
      edgeMs + CACHE_MS + 300,
    ],
    [
      'the duration of a WebSocket is not a processing time',
      [record(0, '/a', { originMs: 300_000, status: 101 })],
      edgeMs + CACHE_MS + DEFAULT_ORIGIN_MS,
    ],
    [
      '12.5 MB take another second',
      [record(0, '/a', { bytes: 12_500_000 })],
      edgeMs + CACHE_MS + DEFAULT_ORIGIN_MS + 1000,
    ],
  ])('%s', async (_, records, expected) => {
    const { p50 } = (await replayed(records)).total.latencyMs;
    const [low, high] = near(expected);
    expect(p50.low).toBeGreaterThan(low);
    expect(p50.low).toBeLessThan(high);
  });

  test('a distant origin adds its round trip', async () => {
    const [nearby, far] = await Promise.all(
      ['us-east-1', 'ap-southeast-1'].map((originRegion) =>
        replayed([record(0, '/a')], { originRegion }),
      ),
    );
    expect(
      Number(far?.total.latencyMs.p50.low) - Number(nearby?.total.latencyMs.p50.low),
    ).toBeGreaterThan(150);
    expect(far?.modelled.join()).toContain('Origins are in ap-southeast-1.');
  });
});

describe('edge functions', () => {
  const fn: EdgeFunctionModel = { kind: 'cloudfront-function', name: 'Fn', code: '' };
  const withFunction = distribution({
    behaviors: [cached('*', {}, { functions: { 'viewer-request': fn } })],
  });
  const run = (outcome: FunctionOutcome) =>
    replayed([record(0, '/a'), record(10, '/a')], {
      distribution: withFunction,
      functions: { run: () => Promise.resolve(outcome) },
    });

  test('a generated response is neither a hit nor a miss', async () => {
    const { total, functionErrors } = await run({
      response: { status: 302, headers: {}, bodyBytes: 0 },
    });
    expect(counts(total)).toEqual({ hits: 0, offloaded: 2, origin: 0, misses: {} });
    expect(functionErrors).toEqual([]);
  });

  test('errors are counted by message', async () => {
    const { functionErrors } = await run({
      error: 'Fn failed',
      response: { status: 503, headers: {}, bodyBytes: 0 },
    });
    expect(functionErrors).toEqual([{ message: 'Fn failed', count: 2 }]);
  });

  test('an origin-request function runs once for all capacities', async () => {
    let calls = 0;
    const functions = {
      run: () => {
        calls++;
        return Promise.resolve({});
      },
    };
    const atOrigin = distribution({
      behaviors: [cached('*', {}, { functions: { 'origin-request': fn } })],
    });
    await replayed([record(0, '/a')], {
      distribution: atOrigin,
      functions,
      capacities: [1000, 2000, 3000],
    });
    expect(calls).toBe(1);
  });
});

describe('the report', () => {
  test('splits the figures by behavior and continent', async () => {
    const report = await replayed([
      record(0, '/a', { edgeLocation: 'NRT57-P1' }),
      record(1, '/api/b', { edgeLocation: 'FRA2-C1', bytes: 7 }),
      record(2, '/a', { edgeLocation: 'FRA2-C1' }),
    ]);
    expect(report.behaviors.map(({ pathPattern, requests }) => [pathPattern, requests])).toEqual([
      ['/api/*', 1],
      ['*', 2],
    ]);
    expect(
      report.continents.map(({ continent, requests, bytes }) => [continent, requests, bytes]),
    ).toEqual([
      ['apac', 1, 100],
      ['europe', 2, 107],
    ]);
    expect(report.cells).toHaveLength(3);
    expect(report.log).toMatchObject({
      from: '2024-01-01T00:00:00.000Z',
      to: '2024-01-01T00:00:02.000Z',
      replayed: 3,
    });
  });

  test('has no time span for a log without requests, and all figures are numbers', async () => {
    const report = await replayed([]);
    expect(report.log).not.toHaveProperty('from');
    expect(JSON.stringify(report)).not.toMatch(/"(low|high)":null/);
    expect(report.total).toMatchObject({ requests: 0, hitPercent: { low: 0, high: 0 } });
  });

  test('judges objectives by the worse end of a span', async () => {
    const records = ['/a', '/b', '/a'].map((url, i) => record(i, url, { bytes: 600 }));
    const objectives = { cacheHitPercent: 30, p95LatencyMs: 10_000 };
    const report = await replayed(records, {
      capacities: [1000, Number.POSITIVE_INFINITY],
      objectives,
    });
    expect(report.objectives.map(({ name, met }) => [name, met])).toEqual([
      ['cacheHitPercent', false],
      ['p95LatencyMs', true],
    ]);
  });

  test('each request is a hit or a miss for one reason, and the parts add up', async () => {
    const pop = fc.constantFrom('IAD1', 'EWR2', 'NRT3', 'GRU4', undefined);
    const request = fc.record({
      seconds: fc.nat({ max: 3000 }).map((each) => each / 10),
      url: fc.constantFrom('/a', '/b?x', '/img/c?1', '/img/c?2', '/api/d'),
      method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'OPTIONS'),
      status: fc.constantFrom(200, 200, 206, 302, 304, 404, 500, 101),
      bytes: fc.nat({ max: 5000 }),
      edgeLocation: pop,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 60 }), async (requests) => {
        const records = requests
          .map(({ seconds, url, ...more }) => record(seconds, url, more))
          .sort((a, b) => a.timeMs - b.timeMs);
        const { total, cells } = await replayed(records, { capacities: [6000] });
        const { hits, misses } = counts(total);
        expect(hits + Object.values(misses).reduce((sum, each) => sum + each, 0)).toBe(
          records.length,
        );
        expect(cells.reduce((sum, cell) => sum + cell.requests, 0)).toBe(records.length);
        expect(cells.reduce((sum, cell) => sum + cell.originBytes.low, 0)).toBe(
          total.originBytes.low,
        );
      }),
      { numRuns: 150, seed: 1 },
    );
  });
});
