/**
 * The market deployment, synthesized and validated in this process as `cdk synth` does it, and read
 * back as an assembly.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync } from 'node:fs';
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

/** Synthesizes a stage, each time anew. Any finding of any rule throws. */
export function synthesizeMarket(
  deployment: Deployment = marketDeployment(),
  regions?: readonly string[],
): MarketStage {
  const stage = marketStage(deployment, regions);
  const { directory } = (stage.node.root as App).synth();
  return { stage, assembly: readAssembly(directory) };
}

/**
 * The assembly of a deployment, synthesized once for all test files of a run: for tests that only
 * read it. Files that need the same one at the same time each make it, and the first to end is kept.
 */
export function marketAssembly(
  deployment: Deployment = marketDeployment(),
  regions?: readonly string[],
): Assembly {
  const inputs = JSON.stringify([deployment, regions, process.env.CDK_CONTEXT_JSON]);
  const name = `isochrone-assembly-${createHash('sha256').update(inputs).digest('hex')}`;
  const directory = join(tmpdir(), name);
  if (existsSync(directory)) return readAssembly(directory);
  const { assembly } = synthesizeMarket(deployment, regions);
  try {
    renameSync(assembly.directory, directory);
  } catch (error) {
    // Another file was faster: its assembly is the same.
    if (!existsSync(directory)) throw error;
  }
  return readAssembly(directory);
}
