/** The CDK app: reads one deployment file and builds one stage. */
import { inspect } from 'node:util';
import { App } from 'aws-cdk-lib';
import { loadDeployment, systemName } from '../lib/model/config';
import { IsochroneError } from '../lib/model/errors';
import { IsochroneStage } from '../lib/stage';
import { printError } from './output';

/** The deployment file if `-c deployment=` is not given. */
const DEFAULT_DEPLOYMENT = 'deployments/market.yaml';

function main(): void {
  const app = new App({
    analyticsReporting: false,
    autoSynth: false,
    // Stack traces contain absolute paths. Without them, an assembly has the same bytes in every
    // folder. CDK_DEBUG=1 restores them.
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
  // The user can correct our own errors, and findings that CDK has already printed. Those need no
  // stack trace.
  const correctable =
    error instanceof IsochroneError ||
    (error instanceof Error && error.name === 'ValidationFailed');
  printError(correctable ? error.message : inspect(error));
  process.exitCode = 1;
}
