import {
  CachePolicy,
  OriginRequestPolicy,
  ResponseHeadersPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import {
  MANAGED_CACHE_POLICIES,
  MANAGED_ORIGIN_REQUEST_POLICIES,
  MANAGED_RESPONSE_HEADERS_POLICIES,
} from '../../../../lib/tools/simulation/distribution/managed-policies';

/**
 * The IDs of a CDK class's constants, such as `CachePolicy.CACHING_OPTIMIZED`. A decorated class
 * has them on its prototype.
 */
function constants(of: object, id: string): string[] {
  const names = [of, Object.getPrototypeOf(of) as object].flatMap((each) =>
    Object.getOwnPropertyNames(each),
  );
  return names.flatMap((name) =>
    /^[A-Z_0-9]+$/.test(name)
      ? ((of as Record<string, Record<string, string>>)[name]?.[id] ?? [])
      : [],
  );
}

test.each([
  ['cache', constants(CachePolicy, 'cachePolicyId'), MANAGED_CACHE_POLICIES],
  [
    'origin request',
    constants(OriginRequestPolicy, 'originRequestPolicyId'),
    MANAGED_ORIGIN_REQUEST_POLICIES,
  ],
  [
    'response headers',
    constants(ResponseHeadersPolicy, 'responseHeadersPolicyId'),
    MANAGED_RESPONSE_HEADERS_POLICIES,
  ],
])('every managed %s policy of CDK is known', (_kind, ids, known) => {
  expect(ids.length).toBeGreaterThan(4);
  expect(Object.keys(known)).toEqual(expect.arrayContaining(ids));
});

const DAY = 86_400;
const YEAR = 31_536_000;
const AMPLIFY_HEADERS = ['authorization', 'cloudfront-viewer-country', 'host'];

// "Use managed cache policies": minimum, default and maximum TTL in seconds, and parts of the key.
test.each<[string, number[], string[], string, string, boolean, boolean]>([
  ['CachingDisabled', [0, 0, 0], [], 'none', 'none', false, false],
  ['CachingOptimized', [1, DAY, YEAR], [], 'none', 'none', true, true],
  ['CachingOptimizedForUncompressedObjects', [1, DAY, YEAR], [], 'none', 'none', false, false],
  ['Elemental-MediaPackage', [0, DAY, YEAR], ['origin'], 'only', 'none', true, false],
  ['Amplify', [2, 2, 600], AMPLIFY_HEADERS, 'all', 'all', true, true],
])('%s has the documented TTLs and key', (name, ttls, headers, query, cookies, gzip, brotli) => {
  const [minTtlSeconds, defaultTtlSeconds, maxTtlSeconds] = ttls;
  const found = Object.values(MANAGED_CACHE_POLICIES).find((policy) => policy.name === name);
  expect(found).toMatchObject({
    ...{ minTtlSeconds, defaultTtlSeconds, maxTtlSeconds, gzip, brotli },
    headers: { names: headers },
    query: { kind: query },
    cookies: { kind: cookies },
  });
});

test("the two policies that use the origin's headers differ in the query only", () => {
  const [without, whole] = [
    'UseOriginCacheControlHeaders',
    'UseOriginCacheControlHeaders-QueryStrings',
  ].map((name) => Object.values(MANAGED_CACHE_POLICIES).find((policy) => policy.name === name));
  expect(whole).toEqual({ ...without, name: whole?.name, query: { kind: 'all', names: [] } });
  expect(without).toMatchObject({
    minTtlSeconds: 0,
    defaultTtlSeconds: 0,
    query: { kind: 'none' },
    cookies: { kind: 'all' },
  });
});
