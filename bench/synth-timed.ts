/** Runs the app, measures its validation, and prints the share of the time that it takes. */
import { performance } from 'node:perf_hooks';
import { CloudFormationValidatePlugin } from 'aws-cdk-lib';
import { NagPack } from 'cdk-nag';

let validation = 0;
for (const { prototype } of [NagPack, CloudFormationValidatePlugin] as {
  prototype: { validate: (...args: never[]) => unknown };
}[]) {
  const validate = prototype.validate;
  prototype.validate = function timed(...args: never[]) {
    const start = performance.now();
    try {
      return validate.apply(this, args);
    } finally {
      validation += performance.now() - start;
    }
  };
}

require('../bin/app');
// The time since the process began: a user also waits while CDK loads.
console.error(`validationShare=${(validation / performance.now()).toFixed(4)}`);
