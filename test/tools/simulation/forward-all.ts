/**
 * An assembly with one distribution that forwards all and keeps what the origin says: what
 * cache-tests and the emulator's tests run on.
 */
import { assemblyOf, DEFAULT_BEHAVIOR, distributionResource } from './fixtures';

const YEAR_SECONDS = 31_536_000;

/** @returns its folder */
export function forwardAllAssembly(
  behavior: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): string {
  const cachePolicy = {
    Type: 'AWS::CloudFront::CachePolicy',
    Properties: {
      CachePolicyConfig: {
        Name: 'forward-all',
        MinTTL: 0,
        DefaultTTL: 0,
        MaxTTL: YEAR_SECONDS,
        ParametersInCacheKeyAndForwardedToOrigin: {
          CookiesConfig: { CookieBehavior: 'none' },
          HeadersConfig: { HeaderBehavior: 'none' },
          QueryStringsConfig: { QueryStringBehavior: 'all' },
          EnableAcceptEncodingGzip: false,
          EnableAcceptEncodingBrotli: false,
        },
      },
    },
  };
  const whole = {
    ...DEFAULT_BEHAVIOR,
    AllowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'],
    CachePolicyId: { Ref: 'CachePolicy' },
    OriginRequestPolicyId: '216adef6-5c7f-47e4-b989-5492eafa07d3', // AllViewer
    ...behavior,
  };
  return assemblyOf({
    CachePolicy: cachePolicy,
    Distribution: distributionResource({ DefaultCacheBehavior: whole, ...config }),
  }).directory;
}
