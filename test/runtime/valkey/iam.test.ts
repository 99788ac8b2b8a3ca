import { createHash, createHmac } from 'node:crypto';
import { type ElastiCacheTokenOptions, elastiCacheToken } from '../../../lib/runtime/valkey/iam';

const KEYS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'a/token+with=signs',
};
const OPTIONS: ElastiCacheTokenOptions = {
  cacheName: 'market-cache',
  userName: 'market-app',
  region: 'eu-west-1',
  credentials: async () => KEYS,
};
const NOW = new Date('2026-03-04T05:06:07.890Z');

beforeEach(() => jest.useFakeTimers({ now: NOW, doNotFake: ['nextTick', 'setImmediate'] }));
afterEach(() => jest.useRealTimers());

/** Signature Version 4 of a presigned GET without a body, written from its specification. */
function signature(host: string, query: URLSearchParams, secret: string, region: string): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const canonicalQuery = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const request = ['GET', '/', canonicalQuery, `host:${host}\n`, 'host', hash('')].join('\n');
  const scope = `20260304/${region}/elasticache/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', '20260304T050607Z', scope, hash(request)].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>(
      (last, part) => createHmac('sha256', last).update(part).digest(),
      `AWS4${secret}`,
    );
  return createHmac('sha256', key).update(text).digest('hex');
}

test('a token is a request to connect, presigned for 15 minutes, without a protocol', async () => {
  const token = await elastiCacheToken(OPTIONS)();
  expect(token.startsWith('market-cache/?')).toBe(true);
  const query = new URL(`http://${token}`).searchParams;
  expect(Object.fromEntries(query)).toEqual({
    Action: 'connect',
    User: 'market-app',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIDEXAMPLE/20260304/eu-west-1/elasticache/aws4_request',
    'X-Amz-Date': '20260304T050607Z',
    'X-Amz-Expires': '900',
    'X-Amz-Security-Token': KEYS.sessionToken,
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': signature('market-cache', query, KEYS.secretAccessKey, 'eu-west-1'),
  });
});

test('a token for a serverless cache has a signed resource type', async () => {
  const token = await elastiCacheToken({ ...OPTIONS, serverless: true })();
  const query = new URL(`http://${token}`).searchParams;
  expect(query.get('ResourceType')).toBe('ServerlessCache');
  expect(query.get('X-Amz-Signature')).toBe(
    signature('market-cache', query, KEYS.secretAccessKey, 'eu-west-1'),
  );
});

test('each token is new, and uses the current credentials', async () => {
  let calls = 0;
  const source = elastiCacheToken({
    ...OPTIONS,
    credentials: async () => ({ accessKeyId: `KEY${++calls}`, secretAccessKey: 'secret' }),
  });
  const first = await source();
  jest.setSystemTime(NOW.getTime() + 600_000);
  const second = await source();
  expect(first).toContain('KEY1%2F20260304');
  expect(second).toContain('X-Amz-Date=20260304T051607Z');
  expect(second).toContain('KEY2%2F20260304');
});

test('a token rejects if the credentials cannot be fetched', async () => {
  const source = elastiCacheToken({
    ...OPTIONS,
    credentials: () => Promise.reject(new Error('no role')),
  });
  await expect(source()).rejects.toThrow('no role');
});

test.each([
  [{ cacheName: 'Market' }, 'cacheName must be lower-case'],
  [{ cacheName: 'market.abc.cache.amazonaws.com' }, 'not its endpoint'],
  [{ userName: '' }, 'userName'],
  [{ region: '' }, 'region'],
])('%j is refused', (options, message) => {
  expect(() => elastiCacheToken({ ...OPTIONS, ...options })).toThrow(message);
});
