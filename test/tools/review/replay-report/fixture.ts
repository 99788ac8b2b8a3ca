/**
 * A report as a replay of a market site would produce it, written by hand so that each figure is
 * known.
 */
import type {
  ReplayReport,
  ReplaySlice,
  Span,
} from '../../../../lib/tools/simulation/replay/report';

const between = (low: number, high = low): Span => ({ low, high });

export function slice(requests: number, hitLow: number, hitHigh = hitLow, p95 = 120): ReplaySlice {
  const missed = (share: number): Span =>
    between(
      Math.round((requests * (100 - hitHigh) * share) / 100),
      Math.round((requests * (100 - hitLow) * share) / 100),
    );
  const nothing = hitHigh === 0;
  return {
    requests,
    hitPercent: between(hitLow, hitHigh),
    offloadPercent: nothing
      ? between(0)
      : between(Math.min(100, hitLow + 0.7), Math.min(100, hitHigh + 1.1)),
    originRequests: missed(0.9),
    bytes: requests * 18_300,
    originBytes: between(requests * (100 - hitHigh) * 183, requests * (100 - hitLow) * 183),
    latencyMs: {
      p50: between(21, 24),
      p95: between(p95, p95 * 1.2),
      p99: between(p95 * 2.1, p95 * 2.6),
    },
    misses: {
      'first-seen': nothing ? between(0) : missed(0.4),
      expired: nothing ? between(0) : missed(0.35),
      evicted: nothing ? between(0) : between(0, Math.round((requests * (hitHigh - hitLow)) / 100)),
      invalidated: between(0),
      varied: nothing ? between(0) : missed(0.15),
      uncacheable: nothing ? between(requests) : missed(0.1),
    },
  };
}

const BEHAVIORS = [
  ['/admin/*', 21, 0, 0],
  ['/auth/*', 142, 0, 0],
  ['/assets/*', 4_120, 97.2, 98.6],
  ['/static/*', 1_030, 91.4, 94.9],
  ['/images/*', 2_480, 71.3, 86.2],
  ['/media/*', 190, 44.1, 61],
  ['/api/market/overview', 1_640, 93.1, 93.1],
  ['/api/market/realtime/*', 4_510, 81.7, 84.4],
  ['/api/market/historical/*', 1_420, 62.8, 74.5],
  ['/api/reference-data/*', 830, 95.2, 96],
  ['/api/news/*', 1_230, 78.4, 80.1],
  ['/api/strategies/public/*', 410, 83.9, 88.2],
  ['/api/public/*', 420, 79.9, 84.1],
  ['/api/*', 1_204, 0, 0],
  ['/performance/*', 203, 0, 0],
  ['*', 2_150, 66.6, 72.3],
] as const;

const CONTINENTS = [
  ['apac', 7_920, 78.2, 83.3, 210],
  ['europe', 6_400, 81.5, 85.4, 96],
  ['north-america', 6_150, 83.1, 86.9, 64],
  ['south-america', 760, 61.4, 68.8, 240],
  ['middle-east', 480, 55, 61.7, 190],
  ['africa', 290, 43.3, 52.4, 260],
] as const;

export function marketReport(changes: Partial<ReplayReport> = {}): ReplayReport {
  return {
    assembly: 'cdk.out',
    distribution: 'market-production/us-east-1/Edge/Distribution20DB6340',
    log: {
      file: 'logs/market-2025-03-11.log.gz',
      format: 'combined',
      lines: 22_003,
      replayed: 22_000,
      broken: 3,
      brokenExamples: [
        {
          line: 17,
          reason: 'no time such as 17/Nov/2013:06:31:30 -0500',
          text: '198.18.4.2 - - [] "GET / HTTP/1.1" 200 12',
        },
        { line: 904, reason: 'not in the common or combined format', text: '\u0016\u0003\u0001·' },
      ],
      outOfOrder: 12,
      from: '2025-03-11T00:00:00.000Z',
      to: '2025-03-11T23:59:58.000Z',
    },
    modelled: [
      'Each viewer is served by the edge location nearest to the continent of its address.',
      'The origin takes 50 ms for requests whose time the log does not contain.',
      'Round-trip times follow from the distance, at two thirds of the speed of light.',
    ],
    capacityBytes: [50_000_000, 1_000_000_000, null],
    total: slice(22_000, 78.9, 83.7, 118),
    behaviors: BEHAVIORS.map(([pathPattern, requests, low, high]) => ({
      pathPattern,
      ...slice(requests, low, high),
    })),
    continents: CONTINENTS.map(([continent, requests, low, high, p95]) => ({
      continent,
      ...slice(requests, low, high, p95),
    })),
    cells: BEHAVIORS.flatMap(([pathPattern, requests, low, high]) =>
      CONTINENTS.map(([continent], i) => ({
        pathPattern,
        continent,
        ...slice(
          Math.round(requests / (i + 2)),
          Math.max(0, low - 3 * i),
          Math.max(0, high - 2 * i),
        ),
      })),
    ),
    ceiling: { rawUrlHitPercent: 71.2, keyHitPercent: 92.4 },
    keySplitters: [
      {
        kind: 'query',
        name: '_',
        pathPattern: '/api/market/realtime/*',
        requests: 690,
        hitsLost: 655,
        inKey: false,
      },
      {
        kind: 'query',
        name: 'utm_source',
        pathPattern: '*',
        requests: 430,
        hitsLost: 212,
        inKey: false,
      },
      {
        kind: 'query',
        name: 'sessionId',
        pathPattern: '/api/news/*',
        requests: 312,
        hitsLost: 288,
        inKey: true,
      },
      {
        kind: 'header',
        name: 'accept-language',
        pathPattern: '*',
        requests: 2_150,
        hitsLost: 131,
        inKey: true,
      },
      {
        kind: 'cookie',
        name: 'theme',
        pathPattern: '/static/*',
        requests: 77,
        hitsLost: 20,
        inKey: true,
      },
    ],
    unsafeMerges: [
      {
        pathPattern: '/static/*',
        key: 'market.example.com/static/sprite.svg',
        first: { url: '/static/sprite.svg?theme=light', status: 200, bytes: 18_220 },
        second: { url: '/static/sprite.svg?theme=dark', status: 200, bytes: 18_904 },
        requests: 61,
      },
    ],
    objectives: [
      { name: 'cacheHitPercent', target: 90, actual: between(78.9, 83.7), met: false },
      { name: 'p95LatencyMs', target: 150, actual: between(118, 141.6), met: true },
    ],
    timeline: Array.from({ length: 96 }, (_, i) => ({
      at: new Date(Date.UTC(2025, 2, 11) + i * 900_000).toISOString(),
      requests: Math.round(
        180 + 110 * Math.sin(i / 9) + (i > 54 && i < 84 ? 160 : 0) + (i < 26 ? 90 : 0),
      ),
      hitPercent: between(62 + 20 * (1 - Math.exp(-i / 6)), 66 + 21 * (1 - Math.exp(-i / 5))),
    })),
    functionErrors: [],
    ...changes,
  };
}

export const HOSTILE = '"onload="alert(1)"><script>alert(2)</script>\u202Egnp.exe\'&';

/**
 * A report of a distribution of the largest size, with hostile text in every value that a log can
 * contain.
 */
export function hostileReport(): ReplayReport {
  const url = (i: number) => `/very/${'long/'.repeat(400)}${HOSTILE}?n=${i}`;
  const behaviors = Array.from({ length: 75 }, (_, i) => ({
    pathPattern: `/${i}${HOSTILE}${'x'.repeat(150)}/*`,
    ...slice(5000 - i, 60 + (i % 30), 70 + (i % 30)),
  }));
  const continents = CONTINENTS.map(([name], i) => ({
    continent: i === 0 ? HOSTILE : name,
    ...slice(900, 50, 60),
  }));
  const merges = Array.from({ length: 400 }, (_, i) => ({
    pathPattern: HOSTILE,
    key: url(i),
    first: { url: url(i), status: 200, bytes: 1 },
    second: { url: url(i + 1), status: 404, bytes: 2 },
    requests: 2,
  }));
  const { log } = marketReport();
  return marketReport({
    assembly: HOSTILE,
    distribution: HOSTILE,
    log: {
      ...log,
      file: HOSTILE,
      format: HOSTILE,
      brokenExamples: [{ line: 1, reason: HOSTILE, text: url(0) }],
      from: HOSTILE,
      to: HOSTILE,
    },
    modelled: [HOSTILE],
    behaviors,
    continents,
    cells: behaviors.flatMap(({ pathPattern }) =>
      continents.map(({ continent }) => ({ pathPattern, continent, ...slice(10, 50) })),
    ),
    keySplitters: Array.from({ length: 300 }, (_, i) => ({
      kind: 'query' as const,
      name: `${HOSTILE}${i}`,
      pathPattern: HOSTILE,
      requests: 9,
      hitsLost: 3,
      inKey: true,
    })),
    unsafeMerges: merges,
    timeline: [
      { at: HOSTILE, requests: 1, hitPercent: between(1, 2) },
      { at: HOSTILE, requests: 2, hitPercent: between(1, 2) },
    ],
    functionErrors: Array.from({ length: 300 }, () => ({ message: url(0), count: 1 })),
  });
}
