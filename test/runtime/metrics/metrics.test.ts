import { CacheMetrics, PROMETHEUS_CONTENT_TYPE } from '../../../lib/runtime/metrics/metrics';

/** A line of the text format, with or without labels. */
const LINE = new RegExp(
  [
    '^# HELP [a-z_]+ .+$',
    '^# TYPE [a-z_]+ (counter|gauge|histogram)$',
    '^isochrone_(?:cache|semantic)_[a-z_]+(\\{([a-z]+="[^"]*",?)+\\})? \\S+$',
  ].join('|'),
);

function linesOf(metrics: CacheMetrics, name: string): string[] {
  return metrics
    .prometheus()
    .split('\n')
    .filter((line) => line.includes(name));
}

describe('the text for Prometheus', () => {
  test('a counter has its help, its type and a line for each combination of labels', () => {
    const metrics = new CacheMetrics();
    metrics.count('cache_hits_total', { tier: 'memory' });
    metrics.count('cache_hits_total', { tier: 'server' }, 2);
    metrics.count('cache_hits_total', { tier: 'memory' });
    expect(linesOf(metrics, 'cache_hits')).toEqual([
      '# HELP isochrone_cache_hits_total Reads answered by the cache.',
      '# TYPE isochrone_cache_hits_total counter',
      'isochrone_cache_hits_total{tier="memory"} 2',
      'isochrone_cache_hits_total{tier="server"} 2',
    ]);
  });

  test('a histogram has cumulative buckets, a sum and a count', () => {
    const metrics = new CacheMetrics();
    for (const seconds of [0.0005, 0.003, 0.004, 99, Number.NaN])
      metrics.observe('cache_load_seconds', seconds);
    const lines = linesOf(metrics, 'load_seconds');
    expect(lines.slice(0, 6)).toEqual([
      '# HELP isochrone_cache_load_seconds Time that loaders took.',
      '# TYPE isochrone_cache_load_seconds histogram',
      'isochrone_cache_load_seconds_bucket{le="0.0005"} 1',
      'isochrone_cache_load_seconds_bucket{le="0.001"} 1',
      'isochrone_cache_load_seconds_bucket{le="0.0025"} 1',
      'isochrone_cache_load_seconds_bucket{le="0.005"} 3',
    ]);
    expect(lines.slice(-4)).toEqual([
      'isochrone_cache_load_seconds_bucket{le="10"} 3',
      'isochrone_cache_load_seconds_bucket{le="+Inf"} 4',
      'isochrone_cache_load_seconds_sum 99.0075',
      'isochrone_cache_load_seconds_count 4',
    ]);
  });

  test('a counter without labels is zero before its first event, which shows as a rise', () => {
    expect(linesOf(new CacheMetrics(), 'misses')).toContain('isochrone_cache_misses_total 0');
  });

  test('a gauge is a fixed number, or a function called on each read', () => {
    const metrics = new CacheMetrics();
    let entries = 1;
    metrics.gauge('cache_memory_entries', () => entries);
    metrics.gauge('cache_server_up', 1);
    expect(linesOf(metrics, 'memory_entries')).toContain('isochrone_cache_memory_entries 1');
    entries = 2;
    expect(linesOf(metrics, 'memory_entries')).toContain('isochrone_cache_memory_entries 2');
    metrics.gauge('cache_memory_entries', Number.POSITIVE_INFINITY);
    expect(linesOf(metrics, 'memory_entries')).toContain('isochrone_cache_memory_entries +Inf');
    expect(linesOf(metrics, 'server_up')).toContain('isochrone_cache_server_up 1');
    expect(linesOf(metrics, 'memory_bytes')).toEqual([]);
  });

  test('labels are escaped, and the labels of the instance come first', () => {
    const metrics = new CacheMetrics({ labels: { cache: 'a "b"\\\n' } });
    metrics.count('cache_server_errors_total', { kind: 'x\n"\\', unknown: 'left out' });
    expect(linesOf(metrics, 'server_errors_total{')).toEqual([
      'isochrone_cache_server_errors_total{cache="a \\"b\\"\\\\\\n",kind="x\\n\\"\\\\"} 1',
    ]);
  });

  test('every line follows the format, and the text ends with a newline', () => {
    const metrics = new CacheMetrics({ labels: { cache: 'quotes' } });
    metrics.count('cache_invalidations_total', { of: 'tag', by: 'self' });
    metrics.observe('cache_load_seconds', 1e-7);
    const lines = metrics.prometheus().split('\n');
    expect(lines.pop()).toBe('');
    for (const line of lines) {
      expect(line).toMatch(LINE);
    }
    expect(PROMETHEUS_CONTENT_TYPE).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
});

describe('the values', () => {
  test('combinations of labels past the limit are counted together', () => {
    const metrics = new CacheMetrics({ maxSeries: 3 });
    for (let kind = 0; kind < 1000; kind++)
      metrics.count('cache_server_errors_total', { kind: `kind ${kind}` });
    expect(linesOf(metrics, 'server_errors_total{')).toEqual([
      'isochrone_cache_server_errors_total{kind="kind 0"} 1',
      'isochrone_cache_server_errors_total{kind="kind 1"} 1',
      'isochrone_cache_server_errors_total{kind="kind 2"} 1',
      'isochrone_cache_server_errors_total{kind="other"} 997',
    ]);
    expect(metrics.value('cache_server_errors_total')).toBe(1000);
  });

  test('combinations of labels never collide', () => {
    const metrics = new CacheMetrics();
    metrics.count('cache_invalidations_total', { of: 'a', by: 'b' });
    metrics.count('cache_invalidations_total', { of: 'ab', by: '' });
    expect(metrics.value('cache_invalidations_total', { of: 'a' })).toBe(1);
    expect(metrics.value('cache_invalidations_total', { of: 'ab', by: '' })).toBe(1);
    expect(metrics.value('cache_invalidations_total', { of: 'none' })).toBe(0);
  });

  test('the value of a histogram is its count; the snapshot has its sum as well', () => {
    const metrics = new CacheMetrics({ labels: { cache: 'quotes' } });
    metrics.observe('cache_load_seconds', 0.2);
    metrics.observe('cache_load_seconds', 20);
    expect(metrics.value('cache_load_seconds')).toBe(2);
    expect(metrics.snapshot()).toContainEqual(
      expect.objectContaining({
        name: 'cache_load_seconds',
        labels: { cache: 'quotes' },
        value: 20.2,
        count: 2,
      }),
    );
  });

  test('instances share nothing', () => {
    const one = new CacheMetrics();
    one.count('cache_misses_total');
    expect(new CacheMetrics().value('cache_misses_total')).toBe(0);
  });
});

describe('invalid arguments', () => {
  test.each<[string, () => unknown]>([
    [
      'by must be a number of 0 or more, got -1',
      () => new CacheMetrics().count('cache_misses_total', {}, -1),
    ],
    [
      'by must be a number of 0 or more, got NaN',
      () => new CacheMetrics().count('cache_misses_total', {}, Number.NaN),
    ],
    ['name must be a counter', () => new CacheMetrics().count('cache_load_seconds' as never)],
    ['name must be a gauge', () => new CacheMetrics().gauge('nothing' as never, 1)],
    [
      'maxSeries must be a whole number from 1 to 10000, got 0',
      () => new CacheMetrics({ maxSeries: 0 }),
    ],
    ['labels.le must be', () => new CacheMetrics({ labels: { le: 'x' } })],
    ['labels.tier must be', () => new CacheMetrics({ labels: { tier: 'x' } })],
    ['labels.a-b must be', () => new CacheMetrics({ labels: { 'a-b': 'x' } })],
    ['labels.__a must be', () => new CacheMetrics({ labels: { __a: 'x' } })],
  ])('%s', (message, make) => {
    expect(make).toThrow(`CacheMetrics: ${message}`);
  });

  test('the neighboring valid arguments pass', () => {
    new CacheMetrics({ maxSeries: 1, labels: { cache: 'x', _a1: '' } }).count(
      'cache_misses_total',
      {},
      0,
    );
  });
});
