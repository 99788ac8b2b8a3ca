/**
 * A stack as a user of one construct would have it: the feature flags of cdk.json, a concrete
 * region without an account, and the same rule packs as the app. `Template.fromStack` synthesizes
 * it, so a finding of any rule fails the test.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { rulePacks } from '../lib/stacks/rule-packs';

const { context } = JSON.parse(readFileSync(join(__dirname, '..', 'cdk.json'), 'utf8')) as {
  context: Record<string, unknown>;
};

export function testStack(region = 'us-east-1', id = 'Test'): Stack {
  const app = new App({
    context,
    outdir: mkdtempSync(join(tmpdir(), 'isochrone-test-')),
    analyticsReporting: false,
  });
  Validations.of(app).addPlugins(...rulePacks(app));
  return new Stack(app, id, { env: { region } });
}
