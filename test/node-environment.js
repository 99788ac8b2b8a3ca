/**
 * Node's environment, in which all test files of a worker share one engine of CDK's CloudFormation
 * validation. The engine takes most of a second to start, which each file would do several times;
 * that was half of all time that tests of constructs took.
 */
const { TestEnvironment } = require('jest-environment-node');

const cdk = require.resolve('aws-cdk-lib/package.json');
const validation = require.resolve('@aws/cloudformation-validate', { paths: [cdk] });

/** The rules that any template of this worker has needed, by name. A rule ignores other types. */
const rules = new Map();
let engine;

/** The engine for a configuration, which comes as JSON: objects of a sandbox are not plain here. */
function sharedEngine(json) {
  const { CompositeEngine } = require(validation);
  const { regoRules = [], ...others } = JSON.parse(json);
  // Any other setting is not known here to be safe to share.
  if (Object.keys(others).length > 0) return new CompositeEngine(JSON.parse(json));
  const missing = regoRules.filter(({ name }) => !rules.has(name));
  for (const rule of missing) rules.set(rule.name, rule);
  if (engine === undefined || missing.length > 0) {
    engine?.free();
    engine = new CompositeEngine({ regoRules: [...rules.values()] });
  }
  return engine;
}

/** Validates a template as CDK does; the options come as JSON, too. */
function validateTemplate(config, template, options) {
  return sharedEngine(config).validateTemplate(template, JSON.parse(options));
}

class NodeEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.defineProperty(this.global, 'cloudFormationValidation', {
      get: () => ({ ...require(validation), validateTemplate }),
    });
  }
}

module.exports = NodeEnvironment;
