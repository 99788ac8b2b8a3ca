import { edgeFunctionRunner } from '../../../../lib/tools/simulation/functions/runner';
import { hash53 } from '../../../../lib/tools/simulation/hash';
import type { LogRecord } from '../../../../lib/tools/simulation/logs/record';
import { requestPath } from '../../../../lib/tools/simulation/path/request-path';
import { distinctCounter, findings } from '../../../../lib/tools/simulation/replay/findings';
import { distribution } from '../fixtures';
import { cached, DISTRIBUTION, record } from './fixture';

async function found(records: readonly LogRecord[], of = DISTRIBUTION) {
  const path = requestPath(of, edgeFunctionRunner());
  const all = findings();
  for (const each of records) {
    const { method, path: urlPath, query, headers, clientAddress } = each;
    const request = {
      method,
      host: 'www.example.com',
      path: urlPath,
      query,
      headers,
      clientAddress,
    };
    all.observe(each, await path.prepare(request, { pop: 'IAD', regional: 'us-east-1' }, 'https'));
  }
  return all.report();
}

const urls = (...list: readonly string[]) => list.map((url, i) => record(i, url));

describe('the ceiling of the hit rate', () => {
  test.each<[string, LogRecord[], number, number]>([
    ['is the same by URL and by key if the key is the URL', urls('/a', '/a', '/b', '/a'), 50, 50],
    [
      'is higher by key if the key contains less',
      urls('/img/a?1', '/img/a?2', '/img/a?3', '/img/a?4'),
      0,
      75,
    ],
    [
      'is by the URL if the behavior does not cache',
      urls('/api/a?1', '/api/a?2', '/api/a?1', '/api/a?2'),
      50,
      50,
    ],
    [
      'does not count methods that cannot be cached',
      [...urls('/a', '/a'), record(3, '/a', { method: 'POST' })],
      50,
      50,
    ],
    ['is 0 for no requests', [], 0, 0],
  ])('%s', async (_, records, rawUrlHitPercent, keyHitPercent) => {
    expect((await found(records)).ceiling).toEqual({ rawUrlHitPercent, keyHitPercent });
  });
});

describe('key splitters', () => {
  const split = async (records: readonly LogRecord[], of = DISTRIBUTION) =>
    (await found(records, of)).keySplitters.map(({ name, requests, hitsLost, inKey }) => [
      name,
      requests,
      hitsLost,
      inKey,
    ]);

  test('a parameter costs the hits that its values split', async () => {
    // Without `_`, /a?p=1 occurs four times and /a?p=2 once. With it, there are five URLs.
    expect(
      await split(urls('/a?p=1&_=1', '/a?_=2&p=1', '/a?p=1&_=3', '/a?p=1&_=4', '/a?p=2&_=5', '/a')),
    ).toEqual([['_', 5, 3, true]]);
  });

  test('a parameter outside the key shows the hits that this saves', async () => {
    expect(await split(urls('/img/a?v=1', '/img/a?v=2'))).toEqual([['v', 2, 1, false]]);
  });

  test('headers and cookies in the key count the same way, and others split nothing', async () => {
    const only = (...names: string[]) => ({ kind: 'only', names }) as const;
    const of = distribution({
      behaviors: [cached('*', { headers: only('accept-language'), cookies: only('id') })],
    });
    const headers = ['de', 'en', 'fr'].map((language, i) => ({
      'accept-language': [language],
      'user-agent': [`browser ${i}`],
      cookie: [`id=${i % 2}; theme=${i}`],
    }));
    expect(
      await split(
        headers.map((each, i) => record(i, '/a', { headers: each })),
        of,
      ),
    ).toEqual([
      ['accept-language', 3, 2, true],
      ['id', 3, 1, true],
    ]);
  });

  test('the worst splitter is first, with the behavior where it costs most', async () => {
    const { keySplitters } = await found(
      urls('/img/a?v=1', '/img/a?v=2', '/a?v=1', '/a?v=2', '/a?v=3', '/a?w=1', '/a?w=2'),
    );
    expect(keySplitters).toEqual([
      { kind: 'query', name: 'v', pathPattern: '*', requests: 5, hitsLost: 3, inKey: true },
      { kind: 'query', name: 'w', pathPattern: '*', requests: 2, hitsLost: 1, inKey: true },
    ]);
  });
});

describe('unsafe merges', () => {
  const merge = (url: string, bytes: number, more: Partial<LogRecord> = {}) =>
    record(0, url, { bytes, ...more });
  const first = merge('/img/a?1', 10);

  test.each<[string, LogRecord[], number]>([
    ['reports two URLs of one key with different responses', [first, merge('/img/a?2', 20)], 1],
    [
      'reports two URLs of one key with different statuses',
      [first, merge('/img/a?2', 10, { status: 404 })],
      1,
    ],
    [
      'ignores URLs with a response in common',
      [first, merge('/img/a?2', 20), merge('/img/a?2', 10)],
      0,
    ],
    ['ignores one URL whose response changed', [first, merge('/img/a?1', 20)], 0],
    ['ignores URLs with different keys', [merge('/a?1', 10), merge('/a?2', 20)], 0],
    ['ignores a partial response', [first, merge('/img/a?2', 5, { status: 206 })], 0],
    ['ignores a 304', [first, merge('/img/a?2', 0, { status: 304 })], 0],
    ['ignores a HEAD request', [first, merge('/img/a?2', 0, { method: 'HEAD' })], 0],
    ['ignores a behavior that does not cache', [merge('/api/a?1', 10), merge('/api/a?2', 20)], 0],
    [
      'ignores a URL whose response differs each time',
      [first, ...Array.from({ length: 20 }, (_, i) => merge('/img/a?2', 20 + i))],
      0,
    ],
  ])('%s', async (_, records, count) => {
    expect((await found(records)).unsafeMerges).toHaveLength(count);
  });

  test('names both URLs with their responses', async () => {
    expect((await found([first, merge('/img/a?2', 20)])).unsafeMerges).toEqual([
      {
        pathPattern: '/img/*',
        key: 'www.example.com/img/a',
        first: { url: 'www.example.com/img/a?1', status: 200, bytes: 10 },
        second: { url: 'www.example.com/img/a?2', status: 200, bytes: 20 },
        requests: 2,
      },
    ]);
  });
});

describe('the counter of distinct hashes', () => {
  const count = (different: number, limit: number) => {
    const counter = distinctCounter(limit);
    for (let i = 0; i < 3 * different; i++) counter.add(hash53(`/path?${i % different}`));
    return counter.count();
  };

  test('is exact up to the limit', () => {
    expect(count(1000, 1000)).toBe(1000);
  });

  test('is within a few percent above the limit', () => {
    expect(Math.abs(count(100_000, 4096) / 100_000 - 1)).toBeLessThan(0.05);
  });
});
