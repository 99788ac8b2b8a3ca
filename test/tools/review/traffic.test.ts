import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Assembly } from '../../../lib/tools/assembly/assembly';
import { formatChangeMarkdown } from '../../../lib/tools/review/report/markdown';
import { formatChangeText } from '../../../lib/tools/review/report/text';
import { replayedTraffic, trafficChange } from '../../../lib/tools/review/traffic';
import type { ReplayReport, ReplaySlice, Span } from '../../../lib/tools/simulation/replay/report';
import { assemblyOf, resource, reviewOf, stackOf } from './fixture';

const NO_MISSES = { low: 0, high: 0 };

function slice(hit: Span, origin: Span = { low: 10, high: 20 }): ReplaySlice {
  return {
    requests: 100,
    hitPercent: hit,
    offloadPercent: hit,
    originRequests: origin,
    bytes: 1e6,
    originBytes: { low: 2e6, high: 3e6 },
    latencyMs: { p50: { low: 1, high: 2 }, p95: { low: 30, high: 40 }, p99: { low: 50, high: 60 } },
    misses: {
      'first-seen': NO_MISSES,
      expired: NO_MISSES,
      evicted: NO_MISSES,
      invalidated: NO_MISSES,
      varied: NO_MISSES,
      uncacheable: NO_MISSES,
    },
  };
}

function report(total: ReplaySlice, rest: Partial<ReplayReport> = {}): ReplayReport {
  return {
    assembly: 'cdk.out',
    distribution: 'd',
    log: {
      file: 'trace.log',
      format: 'csv',
      lines: 100,
      replayed: 100,
      broken: 0,
      brokenExamples: [],
      outOfOrder: 0,
    },
    modelled: [],
    capacityBytes: [null],
    total,
    behaviors: [],
    continents: [],
    cells: [],
    ceiling: { rawUrlHitPercent: 0, keyHitPercent: 0 },
    keySplitters: [],
    unsafeMerges: [],
    objectives: [],
    timeline: [],
    functionErrors: [],
    ...rest,
  };
}

const verdicts = (before: ReplaySlice, after: ReplaySlice) =>
  Object.fromEntries(
    trafficChange(report(before), report(after)).total.figures.map(({ name, verdict }) => [
      name,
      verdict,
    ]),
  );

test.each<[string, Span, Span, string]>([
  ['both ends rise', { low: 80, high: 90 }, { low: 85, high: 95 }, 'better'],
  ['both ends fall', { low: 80, high: 90 }, { low: 75, high: 85 }, 'worse'],
  ['only one end moves', { low: 80, high: 90 }, { low: 80, high: 95 }, 'same'],
  ['ends in opposite directions', { low: 80, high: 90 }, { low: 75, high: 95 }, 'same'],
  ['less than 1 %', { low: 80, high: 90 }, { low: 80.1, high: 90.1 }, 'same'],
])('hit rate: %s', (_what, before, after, verdict) => {
  expect(verdicts(slice(before), slice(after))).toMatchObject({
    'hit rate': verdict,
    'origin requests': 'same',
  });
});

test('more origin requests are worse', () => {
  const [less, more] = [
    slice({ low: 80, high: 80 }),
    slice({ low: 80, high: 80 }, { low: 30, high: 40 }),
  ];
  expect(verdicts(less, more)['origin requests']).toBe('worse');
  expect(verdicts(more, less)['origin requests']).toBe('better');
});

test('behaviors and continents that differ are listed, unless only one side has them', () => {
  const [low, high] = [slice({ low: 50, high: 50 }), slice({ low: 70, high: 70 })];
  const parts = (moved: ReplaySlice) => ({
    behaviors: [
      { ...moved, pathPattern: '/api/*' },
      { ...low, pathPattern: '*' },
    ],
    continents: [{ ...moved, continent: 'apac' }],
  });
  const after = parts(high);
  const change = trafficChange(
    report(low, parts(low)),
    report(high, { ...after, behaviors: [...after.behaviors, { ...high, pathPattern: '/new/*' }] }),
  );
  expect(change.slices.map(({ name }) => name)).toEqual(['/api/*', 'apac']);
});

test('newly missed objectives, new unsafe merges and unequal replays are warnings', () => {
  const total = slice({ low: 50, high: 50 });
  const missed = {
    objectives: [
      { name: 'cacheHitPercent' as const, target: 60, actual: { low: 50, high: 55 }, met: false },
    ],
  };
  const url = (path: string) => ({ url: path, status: 200, bytes: 1 });
  const merged = {
    unsafeMerges: [
      { pathPattern: '*', key: 'k', first: url('/a?x=1'), second: url('/a?x=2'), requests: 2 },
    ],
  };
  const shorter = { log: { ...report(total).log, replayed: 90 } };
  const bad = report(total, { ...missed, ...merged, ...shorter });
  expect(trafficChange(report(total), bad).warnings).toEqual([
    'The objective cacheHitPercent of 60 is no longer met: 50 to 55.',
    '/a?x=1 and /a?x=2 now share one cache key, but had different responses.',
    'The replays covered 100 and 90 requests: compare their figures with care.',
  ]);
  expect(trafficChange(bad, bad).warnings).toEqual([]);
});

test('the review shows each figure before and after', () => {
  const traffic = trafficChange(
    report(slice({ low: 80, high: 90 })),
    report(slice({ low: 70, high: 80 })),
  );
  const review = { ...reviewOf({}, {}), traffic };
  expect(formatChangeText(review)).toContain(
    '    hit rate         80 to 90 % → 70 to 80 %  worse\n',
  );
  expect(formatChangeText(review)).toContain('    origin bytes     2 to 3 MB → 2 to 3 MB\n');
  expect(formatChangeMarkdown(review)).toContain('| `all` | 🔴 80 to 90 % → 70 to 80 % |');
});

function site(defaultTtl: number): Assembly {
  const none = {
    CookiesConfig: { CookieBehavior: 'none' },
    HeadersConfig: { HeaderBehavior: 'none' },
    QueryStringsConfig: { QueryStringBehavior: 'none' },
  };
  const policy = resource('AWS::CloudFront::CachePolicy', {
    CachePolicyConfig: {
      Name: 'p',
      MinTTL: 0,
      DefaultTTL: defaultTtl,
      MaxTTL: 86400,
      ParametersInCacheKeyAndForwardedToOrigin: none,
    },
  });
  const distribution = resource('AWS::CloudFront::Distribution', {
    DistributionConfig: {
      Origins: [
        {
          Id: 'o',
          DomainName: 'origin.example.com',
          CustomOriginConfig: { OriginProtocolPolicy: 'https-only' },
        },
      ],
      DefaultCacheBehavior: {
        TargetOriginId: 'o',
        ViewerProtocolPolicy: 'https-only',
        CachePolicyId: { Ref: 'P' },
      },
    },
  });
  return assemblyOf('site', stackOf({ P: policy, Cdn: distribution }));
}

/** A log of one page, requested every five minutes by one viewer. */
function log(): string {
  const file = join(mkdtempSync(join(tmpdir(), 'isochrone-log-')), 'access.log');
  const minutes = ['00', '05', '10', '15'];
  writeFileSync(
    file,
    minutes
      .map(
        (minute) =>
          `192.0.2.1 - - [01/Mar/2026:10:${minute}:00 +0000] ` +
          '"GET /page HTTP/1.1" 200 1000 "-" "-"\n',
      )
      .join(''),
  );
  return file;
}

test('a shorter TTL loses hits and sends more requests to the origin', async () => {
  const { replayed, total } = await replayedTraffic(site(3600), site(60), { file: log() });
  expect(replayed).toBe(4);
  expect(total.figures).toMatchObject([
    {
      name: 'hit rate',
      before: { low: 75, high: 75 },
      after: { low: 0, high: 0 },
      verdict: 'worse',
    },
    { name: 'offload' },
    {
      name: 'origin requests',
      before: { low: 1, high: 1 },
      after: { low: 4, high: 4 },
      verdict: 'worse',
    },
    { name: 'origin bytes' },
    { name: 'p95 latency' },
  ]);
});

test('an assembly without a distribution is refused', async () => {
  await expect(
    replayedTraffic(site(60), assemblyOf('bare', stackOf({})), { file: log() }),
  ).rejects.toThrow(/bare/);
});
