import { formatReplay } from '../../../../lib/tools/review/replay-report/text';
import type {
  ReplayReport,
  ReplaySlice,
  Span,
} from '../../../../lib/tools/simulation/replay/report';

const same = (value: number): Span => ({ low: value, high: value });

function slice(requests: number, hitPercent: Span): ReplaySlice {
  const none = same(0);
  return {
    requests,
    hitPercent,
    offloadPercent: hitPercent,
    originRequests: { low: 1234, high: 2345 },
    bytes: 3e9,
    originBytes: same(1000),
    latencyMs: { p50: { low: 16.2, high: 16.4 }, p95: { low: 60, high: 90 }, p99: same(100) },
    misses: {
      'first-seen': same(4000),
      expired: { low: 1, high: 20 },
      evicted: none,
      invalidated: none,
      varied: none,
      uncacheable: none,
    },
  };
}

const WHOLE = slice(12_345, { low: 61.02, high: 75.5 });

const REPORT: ReplayReport = {
  assembly: 'cdk.out',
  distribution: 'market-production/us-east-1/Edge/Distribution20DB6340',
  log: {
    file: 'access.log.gz',
    format: 'combined',
    lines: 12_347,
    replayed: 12_345,
    broken: 2,
    brokenExamples: [{ line: 7, reason: 'no status', text: 'x'.repeat(120) }],
    outOfOrder: 0,
    from: '2024-05-12T00:00:17.000Z',
    to: '2024-05-20T23:54:29.000Z',
  },
  modelled: [`A sentence ${'that goes on '.repeat(20)}and ends.`],
  capacityBytes: [256e6, null],
  total: WHOLE,
  behaviors: [
    { pathPattern: '/api/market/historical/*/a-very-long-pattern', ...WHOLE },
    { pathPattern: '*', ...WHOLE },
  ],
  continents: [],
  cells: [
    { pathPattern: '/api/market/historical/*/a-very-long-pattern', continent: 'europe', ...WHOLE },
    { pathPattern: '*', continent: 'europe', ...slice(1, same(50)) },
    { pathPattern: '*', continent: 'north-america', ...slice(2, same(50)) },
  ],
  ceiling: { rawUrlHitPercent: 17.43, keyHitPercent: 85.84 },
  keySplitters: [
    ...Array.from({ length: 9 }, (_, i) => ({
      kind: 'query' as const,
      name: `p${i}`,
      pathPattern: '*',
      requests: 50,
      hitsLost: 40 - i,
      inKey: true,
    })),
    {
      kind: 'header',
      name: 'user-agent',
      pathPattern: '*',
      requests: 5,
      hitsLost: 1,
      inKey: false,
    },
  ],
  unsafeMerges: [
    {
      pathPattern: '*',
      key: 'k',
      first: { url: `www.example.com/a?${'q'.repeat(300)}`, status: 200, bytes: 1000 },
      second: { url: 'www.example.com/a?\u001b[31m', status: 404, bytes: 7 },
      requests: 9,
    },
  ],
  objectives: [
    { name: 'cacheHitPercent', target: 90, actual: WHOLE.hitPercent, met: false },
    { name: 'p95LatencyMs', target: 100, actual: same(60), met: true },
  ],
  timeline: [],
  functionErrors: [{ message: 'Fn failed', count: 1200 }],
};

const text = formatReplay(REPORT);

test.each<[string, RegExp]>([
  [
    'the log',
    /^12 345 requests of access\.log\.gz \(combined\), 2024-05-12 00:00 to 2024-05-20 23:54 UTC\n/,
  ],
  [
    'the distribution after the log',
    /^12 345 requests .* UTC\nthrough .*Distribution20DB6340, with 256 MB, no limit/,
  ],
  [
    'broken lines with examples',
    /2 of 12 347 lines could not be read.*\n {2}line 7: no status: x+…/,
  ],
  [
    'a span as one number if both ends round to the same',
    /│ total +│ all +│ +12 345 │ +61\.0–75\.5 % │ +61\.0–75\.5 % │ +17 ms │ +60–90 ms │/,
  ],
  ['a behavior with one continent in one row', /│ \/api\/market.*│ europe +│/],
  ['a behavior with several continents in one row', /│ \* +│ all +│.*\n│ total +│ all +│/],
  ['reasons of misses, the most frequent first', /Misses: 4 000 first-seen, 1–20 expired\.\n/],
  ['requests and bytes of the origins', /Origins: 1 234–2 345 requests, 1\.0 kB of the 3\.0 GB/],
  ['the ceilings', /17\.4 % by URL, 85\.8 % by this deployment's key/],
  [
    'key splitters with the hits that they lose',
    /query "p0": 40 hits of 50 requests with it, most in \*: lost/,
  ],
  ['the number of omitted entries', /and 2 more: --json has them all/],
  [
    'unsafe merges with both responses',
    new RegExp(
      '9 requests in \\*\\n {2,}200, 1 000 bytes: www\\.example\\.com/a\\?q+…?\\n' +
        ' {2,}404, 7 bytes: www\\.example\\.com/a\\?\\\\u\\{001B\\}\\[31m',
    ),
  ],
  [
    'objectives',
    new RegExp(
      'MISSED {2}cacheHitPercent: at least 90 %, got 61\\.0–75\\.5 %\\n' +
        '.*met .*p95LatencyMs: at most 100 ms, got 60 ms',
    ),
  ],
  ['failed functions', /1 200 × Fn failed/],
  ['the assumptions of the model', /A sentence that goes on[\s\S]*and ends\./],
])('the report lists %s', (_, pattern) => {
  expect(text).toMatch(pattern);
});

test('the option `cells` adds a row for each behavior on each continent', () => {
  const pattern = /│ \* +│ all +│.*\n│ +│ europe +│.*\n│ +│ north-america +│/;
  expect(formatReplay(REPORT, { cells: true })).toMatch(pattern);
  expect(text).not.toMatch(pattern);
});

test('the report fits into a terminal of 120 columns and has no control characters', () => {
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  expect(text).not.toContain('\u001b');
});
