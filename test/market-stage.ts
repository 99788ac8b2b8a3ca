/**
 * The market deployment, synthesized and validated in this process as `cdk synth` does it, and read
 * back as an assembly.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { Deployment } from '../lib/model/config/deployment';
import { loadDeployment } from '../lib/model/config/load';
import { systemName } from '../lib/model/config/names';
import { IsochroneStage } from '../lib/stage';
import { type Assembly, readAssembly } from '../lib/tools/assembly/assembly';

const ROOT = join(__dirname, '..');
const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as {
  context: Record<string, unknown>;
};

export interface MarketStage {
  readonly stage: IsochroneStage;
  readonly assembly: Assembly;
}

export function marketDeployment(): Deployment {
  return loadDeployment(join(ROOT, 'deployments', 'market.yaml'));
}

/** The same with load balancers in private subnets, and without what that excludes. */
export function functionsDeployment(): Deployment {
  const deployment = marketDeployment();
  const { edge } = deployment;
  edge.runtime = 'cloudfront-functions';
  edge.batchRegion = undefined;
  edge.behaviors = edge.behaviors.map((behavior) => ({ ...behavior, batch: undefined }));
  for (const tier of Object.values(edge.tiers)) {
    tier.continents = {};
    tier.browserTtlSeconds = undefined;
    tier.staleIfErrorSeconds = undefined;
  }
  return deployment;
}

/** Builds a stage without synthesizing it. */
export function marketStage(deployment: Deployment, regions?: readonly string[]): IsochroneStage {
  const app = new App({
    context,
    outdir: mkdtempSync(join(tmpdir(), 'isochrone-market-')),
    analyticsReporting: false,
    autoSynth: false,
  });
  return new IsochroneStage(app, systemName(deployment), { deployment, regions });
}

/** Synthesizes a stage. Any finding of any rule throws. */
export function synthesizeMarket(
  deployment: Deployment = marketDeployment(),
  regions?: readonly string[],
): MarketStage {
  const stage = marketStage(deployment, regions);
  const { directory } = (stage.node.root as App).synth();
  return { stage, assembly: readAssembly(directory) };
}
