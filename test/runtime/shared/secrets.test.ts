/** No error of any class holds a value of an option, whatever option a secret was given to. */
import { CloudFrontInvalidator } from '../../../lib/runtime/invalidation/cloudfront';
import { Invalidator } from '../../../lib/runtime/invalidation/invalidator';
import { CacheMetrics } from '../../../lib/runtime/metrics/metrics';
import { QueryCache } from '../../../lib/runtime/query-cache/query-cache';
import { BedrockEmbedder } from '../../../lib/runtime/semantic/bedrock';
import { MemorySemanticStore } from '../../../lib/runtime/semantic/memory-store';
import { SemanticCache } from '../../../lib/runtime/semantic/semantic-cache';
import { TfIdfEmbedder } from '../../../lib/runtime/semantic/tfidf';
import { ValkeySemanticStore } from '../../../lib/runtime/semantic/valkey-store';
import { readSettings } from '../../../lib/runtime/settings';
import { elastiCacheToken } from '../../../lib/runtime/valkey/iam';
import { completeServerOptions } from '../../../lib/runtime/valkey/options';
import { expectKept, printed, thrownBy } from '../secrets';

jest.setTimeout(30_000);

type Make = (options: Record<string, unknown>) => unknown;

/** Each class with its options: valid ones, and the others that it has. */
const CLASSES: readonly (readonly [string, Record<string, unknown>, readonly string[], Make])[] = [
  [
    'ValkeyServer',
    { host: '127.0.0.1' },
    [
      ...['port', 'nodes', 'cluster', 'tls', 'username', 'password', 'namespace', 'bus'],
      ...['connectionName', 'commandTimeoutMs', 'breakAfter', 'lockTtlMs', 'tagTtlSeconds'],
      ...['passwordRefreshMs', 'heartbeatMs', 'maxPendingInvalidations', 'onError'],
    ],
    (options) => completeServerOptions(options as never),
  ],
  [
    'elastiCacheToken',
    { cacheName: 'market', userName: 'app', region: 'eu-west-1' },
    [],
    (options) => elastiCacheToken(options as never),
  ],
  [
    'CloudFrontInvalidator',
    { distributionId: 'E2QWRUHEXAMPLE' },
    ['attempts', 'pauseMs'],
    (options) => new CloudFrontInvalidator(options as never),
  ],
  [
    'BedrockEmbedder',
    {},
    ['modelId', 'dimensions', 'concurrency', 'timeoutMs'],
    (options) => new BedrockEmbedder(options as never),
  ],
  [
    'SemanticCache',
    { embedder: new TfIdfEmbedder(), store: new MemorySemanticStore() },
    ['threshold', 'timeZone', 'ttlSeconds', 'maxAnswerBytes', 'maxQuestionLength'],
    (options) => new SemanticCache(options as never),
  ],
  [
    'MemorySemanticStore',
    {},
    ['maxEntries', 'maxBytes'],
    (options) => new MemorySemanticStore(options as never),
  ],
  [
    'ValkeySemanticStore',
    { commands: { call: async () => [] }, dimensions: 64 },
    ['namespace'],
    (options) => new ValkeySemanticStore(options as never),
  ],
  ['TfIdfEmbedder', {}, ['dimensions'], (options) => new TfIdfEmbedder(options as never)],
  [
    'CacheMetrics',
    {},
    ['maxSeries', 'labels', 'prefix', 'buckets'],
    (options) => new CacheMetrics(options as never),
  ],
  [
    'QueryCache',
    { database: 'market', pool: { query: async () => ({ rows: [] }) } },
    ['scope', 'schemaVersion', 'replicaLagMs', 'readThrough', 'writeThrough'],
    (options) => new QueryCache(options as never),
  ],
];

test.each(CLASSES)('no option of %s is in an error', async (_, valid, others, make) => {
  expect(await thrownBy(() => make(valid))).toBeUndefined();
  await expectKept([...Object.keys(valid), ...others], (option, value) =>
    make({ ...valid, [option]: value }),
  );
});

test.each([
  'redis://:hunter2-hunter2@cache:6379',
  'rediss://app:hunter2-hunter2@cache',
  'hunter2-hunter2@cache',
  'cache/hunter2-hunter2',
  'cache?password=hunter2-hunter2',
  ['hunter2-hunter2'],
  { password: 'hunter2-hunter2' },
])(
  'ValkeyServer refuses %j as a host, first and among the nodes, without showing it',
  async (host) => {
    for (const options of [
      { host },
      { host: 'cache', cluster: true, nodes: [{ host, port: 6379 }] },
      { host: 'cache', nodes: [{ host, port: 6379 }] },
      { host: 'cache', port: host },
      { host: 'cache', namespace: `${host} ` },
    ]) {
      const error = await thrownBy(() => completeServerOptions(options as never));
      expect(error).toBeInstanceOf(Error);
      expect(printed(error)).not.toContain('hunter2');
    }
  },
);

test.each([
  { host: 'market.abc123.clustercfg.euw1.cache.amazonaws.com', cluster: true, tls: true },
  { host: '10.0.0.1', nodes: [{ host: '::1', port: 7000 }], cluster: true },
  { host: 'cache_1', username: 'app', password: 'redis://:p@w', tls: { servername: 'cache' } },
  { host: '::1', password: async () => 'p' },
])('ValkeyServer takes %j', (options) => {
  expect(completeServerOptions(options)).toMatchObject(options);
});

test('no name of a parameter or region that cannot be one is in an error', async () => {
  await expectKept(['parameterName', 'region'], (option, value) => {
    // What has the form of a name is told, because it must be corrected.
    if (typeof value === 'string' && /^(?!.*:\/\/)[\w.:/-]+$/.test(value)) return undefined;
    const given = { parameterName: '/market/runtime', region: 'eu-west-1', [option]: value };
    return readSettings({ ...given, readParameter: async () => undefined } as never);
  });
});

test('no field of an event is in an error', async () => {
  const invalidator = new Invalidator({
    cache: { invalidate: async () => true } as never,
    rules: [{ event: 'changed', tags: ['symbol:{symbol}'] }],
  } as never);
  await expectKept(['symbol'], (_option, value) =>
    invalidator.handle({
      type: 'changed',
      detail: { symbol: typeof value === 'string' ? { value } : value },
    } as never),
  );
  await expectKept(['id', 'source', 'detail-type', 'detail'], (field, value) => {
    const event = { id: '1', source: 's', 'detail-type': 'changed', detail: { symbol: 'A' } };
    // An unknown type is told, because rules name types.
    if (field === 'detail-type' && typeof value === 'string') return undefined;
    return invalidator.handleEventBridge({ ...event, [field]: value } as never);
  });
});
