/**
 * The yardstick of the synthesis benchmark: as many stacks with nothing in them, and no validation
 * but CDK's own, which always runs.
 */
import { App, CfnWaitConditionHandle, Stack } from 'aws-cdk-lib';

const app = new App({ analyticsReporting: false });
for (let i = 0; i < Number(app.node.tryGetContext('stacks')); i++) {
  // A template without resources would not be written.
  new CfnWaitConditionHandle(
    new Stack(app, `Stack${i}`, { env: { region: 'us-east-1' } }),
    'Handle',
  );
}
