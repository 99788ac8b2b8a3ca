/** What CDK loads in tests as `@aws/cloudformation-validate`: see node-environment.js. */
const { validateTemplate, ...validation } = globalThis.cloudFormationValidation;

class CompositeEngine {
  constructor(config) {
    this.config = JSON.stringify(config);
  }

  validateTemplate(template, options) {
    return validateTemplate(this.config, template, JSON.stringify(options));
  }

  /** The engine lives on, for other files. */
  free() {}
}

module.exports = { ...validation, CompositeEngine };
