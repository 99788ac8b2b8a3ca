import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Assembly } from '../../../../lib/tools/assembly/assembly';
import { replayedTraffic } from '../../../../lib/tools/review/traffic/replayed-traffic';
import { assemblyOf, resource, stackOf } from '../two-assemblies';

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

/** One page, asked for every five minutes by one viewer. */
function log(): string {
  const file = join(mkdtempSync(join(tmpdir(), 'isochrone-log-')), 'access.log');
  const minutes = ['00', '05', '10', '15'];
  writeFileSync(
    file,
    minutes
      .map(
        (minute) =>
          `192.0.2.1 - - [01/Mar/2026:10:${minute}:00 +0000] "GET /page HTTP/1.1" 200 1000 "-" "-"\n`,
      )
      .join(''),
  );
  return file;
}

test('a shorter TTL costs hits and asks the origin more often', async () => {
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
