/**
 * The app, with a clock around everything that validates it. Prints the share of its time that
 * validation takes.
 */
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
// Since the process began: what loads CDK is part of the wait.
console.error(`validationShare=${(validation / performance.now()).toFixed(4)}`);
