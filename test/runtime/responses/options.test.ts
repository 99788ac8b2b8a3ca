import type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseStore,
} from '../../../lib/runtime/responses/options';
import { ResponseCache } from '../../../lib/runtime/responses/response-cache';

describe('invalid options', () => {
  const store = {} as ResponseStore;
  type Row = [name: string, bad: object, good: object];
  const routes: Row[] = [
    ['ttlSeconds', { ttlSeconds: 0 }, { ttlSeconds: 0.5 }],
    ['ttlSeconds', { ttlSeconds: undefined }, { ttlSeconds: 'answer' }],
    ['staleSeconds', { ttlSeconds: 'answer', staleSeconds: 5 }, { ttlSeconds: 5, staleSeconds: 5 }],
    ['statuses', { statuses: { 500: 5 } }, { statuses: { 404: 5 } }],
    ['statuses', { statuses: { 206: 5 } }, { statuses: { 301: 5 } }],
    ['statuses[404]', { statuses: { 404: 0 } }, { statuses: { 404: 1 } }],
    ['varyBy', { varyBy: ['a, b'] }, { varyBy: ['a', 'b'] }],
    ['languages', { languages: ['de_CH'] }, { languages: ['de-CH'] }],
    ['shared', { shared: true, user: () => 'a' }, { shared: false, user: () => 'a' }],
    ['maxBodyBytes', { maxBodyBytes: 0 }, { maxBodyBytes: 1 }],
    ['varyBy', { varyBy: 'a' }, { varyBy: [] }],
    ['host', { host: 0 }, { host: false }],
    ['shared', { shared: 'yes' }, { shared: true }],
    ['handlerSees', { handlerSees: 'all' }, { handlerSees: 'request' }],
    ['user', { user: 'ann' }, { user: () => 'ann' }],
    ['tags', { tags: 'a' }, { tags: ['a'] }],
    ['tags', { tags: [Promise.resolve('a')] }, { tags: () => ['a'] }],
    ['query', { query: { allow: 'symbols' } }, { query: { allow: ['symbols'] } }],
    ['query', { query: { allow: ['a=b'] } }, { query: { allow: ['a[]', 'a.b'] } }],
    ['query', { query: ['symbols'] }, { query: { deny: ['symbols'] } }],
    ['query', { query: { allow: ['a'], deny: ['b'] } }, { query: 'none' }],
  ];
  test.each(routes)('ResponseRoute refuses a bad %s and accepts a good one', (name, bad, good) => {
    const prepare = (route: object) =>
      new ResponseCache({ store }).prepare({ ttlSeconds: 5, ...route } as ResponseRoute<unknown>);
    expect(() => prepare(bad)).toThrow(`ResponseRoute: ${name} must be `);
    expect(() => prepare(good)).not.toThrow();
  });

  const caches: Row[] = [
    ['sessionCookies', { sessionCookies: ['a;b'] }, { sessionCookies: ['a', 'b'] }],
    ['sessionCookies', { sessionCookies: 'sid' }, { sessionCookies: 'any' }],
    ['prefix', { prefix: Promise.resolve('a') }, { prefix: 'a' }],
    [
      'credentials.count',
      { credentials: { count: ['x-*-y'] } },
      { credentials: { count: ['x-*'] } },
    ],
    [
      'credentials.ignore',
      { credentials: { ignore: ['Authorization'] } },
      { credentials: { ignore: ['x-authorization'] } },
    ],
    ['tagHeader', { tagHeader: 'Cache Tag' }, { tagHeader: 'Cache-Tag' }],
    ['passSeconds', { passSeconds: -1 }, { passSeconds: 0 }],
    [
      'compressionThresholdBytes',
      { compressionThresholdBytes: Number.NaN },
      { compressionThresholdBytes: 0 },
    ],
  ];
  test.each(caches)('ResponseCache refuses a bad %s and accepts a good one', (name, bad, good) => {
    expect(() => new ResponseCache({ store, ...bad } as ResponseCacheOptions)).toThrow(
      `ResponseCache: ${name} must be `,
    );
    expect(() => new ResponseCache({ store, ...good } as ResponseCacheOptions)).not.toThrow();
  });
});
