/** The CDK app: reads one deployment file, builds one stage. Nothing else. */
import { App } from 'aws-cdk-lib';
import { loadDeployment, systemName } from '../lib/model/config';
import { IsochroneError } from '../lib/model/errors';
import { IsochroneStage } from '../lib/stage';

/** The deployment file without `-c deployment=`. */
const DEFAULT_DEPLOYMENT = 'deployments/market.yaml';

function main(): void {
  const app = new App({
    analyticsReporting: false,
    autoSynth: false,
    // Traces hold absolute paths: without them, an assembly is the same bytes in every folder.
    // CDK_DEBUG=1 brings them back.
    stackTraces: false,
    context: { 'aws:cdk:disable-creation-stack-traces': true },
  });
  const file: unknown = app.node.tryGetContext('deployment') ?? DEFAULT_DEPLOYMENT;
  const regions: unknown = app.node.tryGetContext('regions');
  const deployment = loadDeployment(String(file));
  new IsochroneStage(app, systemName(deployment), {
    deployment,
    regions: regions === undefined ? undefined : String(regions).split(','),
  });
  app.synth();
}

try {
  main();
} catch (error) {
  // What the user can mend is said without our stack trace: our own errors, and findings, which CDK
  // has printed already.
  const mendable =
    error instanceof IsochroneError ||
    (error instanceof Error && error.name === 'ValidationFailed');
  console.error(mendable ? error.message : error);
  process.exitCode = 1;
}
