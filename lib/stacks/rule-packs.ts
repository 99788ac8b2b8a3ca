/**
 * The rule packs that every synthesis must pass, in addition to CDK's own CloudFormation rules,
 * which `@aws-cdk/core:validateAgainstDefaultRules` in cdk.json turns into errors.
 */
import type { IPolicyValidationPlugin } from 'aws-cdk-lib';
import { AwsSolutionsChecks, NIST80053R5Checks, PCIDSS321Checks } from 'cdk-nag';
import type { IConstruct } from 'constructs';

/**
 * cdk-nag's packs for AWS Solutions, NIST 800-53 revision 5 and PCI DSS 3.2.1. Any finding, warning
 * or error, fails the synthesis.
 */
export function rulePacks(scope: IConstruct): IPolicyValidationPlugin[] {
  return [new AwsSolutionsChecks(scope), new NIST80053R5Checks(scope), new PCIDSS321Checks(scope)];
}
