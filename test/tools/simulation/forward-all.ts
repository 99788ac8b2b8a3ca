/**
 * An assembly with one distribution that forwards everything and caches as the origin says, for
 * cache-tests and the tests of the emulator.
 */
import { assemblyOf, DEFAULT_BEHAVIOR, distributionResource } from './fixtures';

const YEAR_SECONDS = 31_536_000;

/** @returns the folder of the assembly */
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
