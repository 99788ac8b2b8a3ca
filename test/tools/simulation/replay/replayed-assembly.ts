/**
 * An assembly for replays in tests and benchmarks: one distribution that caches all paths, with a
 * key that edge functions normalize.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import * as acm from 'aws-cdk-lib/aws-certificatemanager';
import { EdgeDistribution } from '../../../../lib/constructs/edge/distribution/edge-distribution';
import { CacheTier } from '../../../../lib/constructs/edge/tiers/cache-tier';

const { context } = JSON.parse(
  readFileSync(join(__dirname, '..', '..', '..', '..', 'cdk.json'), 'utf8'),
) as {
  context: Record<string, unknown>;
};

/** @param outdir the folder of the assembly */
export function synthesizeReplayed(outdir: string): void {
  const app = new App({ context, outdir, analyticsReporting: false });
  const stack = new Stack(app, 'Replayed', { env: { region: 'us-east-1' } });
  const arn = 'arn:aws:acm:us-east-1:123456789012:certificate/4a5b';
  new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: acm.Certificate.fromCertificateArn(stack, 'Certificate', arn),
    readOriginName: 'origin.example.com',
    defaultTier: CacheTier.standard(),
  });
  app.synth();
}
