/**
 * How a construct answers a finding of the rule packs.
 *
 * An acknowledgement belongs on the exact construct that causes the finding, with a reason that a
 * security reviewer can check. On a stack, a stage or an app, it would also silence later findings.
 */
import { App, Stack, Stage, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { IsochroneError } from '../../model/errors';

/**
 * Acknowledges rules of cdk-nag or of CloudFormation validation on one construct, for one reason.
 *
 * @param construct the construct that causes the finding
 * @param reason why the finding does not apply, or which measure covers it; at least 20 characters
 * @param rules rule ids, such as `AwsSolutions-L1` or `NIST.800.53.R5-LambdaDLQ`
 * @throws IsochroneError if the construct is an app, a stage or a stack, or if the reason is too
 * short
 */
export function acknowledge(
  construct: IConstruct,
  reason: string,
  ...rules: readonly string[]
): void {
  if (App.isApp(construct) || Stage.isStage(construct) || Stack.isStack(construct)) {
    throw new IsochroneError(
      `acknowledge at ${construct.node.path || 'the app'}: ${rules.join(', ')} ` +
        'cannot be acknowledged on a whole stack, stage or app.\n' +
        'It would also silence future findings. Name the construct that causes the finding.',
    );
  }
  if (reason.trim().length < 20) {
    throw new IsochroneError(
      `acknowledge at ${construct.node.path}: the reason for ${rules.join(', ')} ` +
        `must be a sentence of at least 20 characters, got ${JSON.stringify(reason)}.\n` +
        'A reviewer must be able to check it. ' +
        'State why the finding does not apply, or which measure covers it.',
    );
  }
  Validations.of(construct).acknowledge(...rules.map((id) => ({ id, reason })));
  withoutTraces(construct);
}

/**
 * Acknowledges that a role has inline policies: CDK writes what is granted to a role into a default
 * policy of its own.
 */
export function acknowledgeInlinePolicies(construct: IConstruct, reason: string): void {
  acknowledge(
    construct,
    reason,
    'NIST.800.53.R5-IAMNoInlinePolicy',
    'PCI.DSS.321-IAMNoInlinePolicy',
  );
}

/** As `acknowledgeInlinePolicies`, for a role whose only inline policy is its default policy. */
export function acknowledgeDefaultPolicy(
  role: IConstruct,
  grantee: string,
  possessive: 'its' | 'their',
): void {
  acknowledgeInlinePolicies(
    role,
    `What is granted to ${grantee} stands in the default policy of ${possessive} role, one policy ` +
      'per role as CDK writes it. It serves this role only, and goes with it.',
  );
}

/**
 * Removes the source location that CDK records with each acknowledgement, even with traces
 * disabled. Its paths would make the bytes of the assembly depend on the folder of the checkout.
 */
function withoutTraces({ node }: IConstruct): void {
  for (const entry of node.metadata as { type: string; trace?: string[] }[]) {
    if (entry.type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY) entry.trace = undefined;
  }
}

/** The rule id under which cdk-nag reports one resource of a statement with a wildcard. */
export function wildcardFinding(construct: IConstruct, resource: string): string {
  return `AwsSolutions-IAM5[Resource::${asFinding(Stack.of(construct).resolve(resource))}]`;
}

/** A resolved string as cdk-nag formats it, with references in angle brackets. */
function asFinding(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  const {
    Ref: reference,
    'Fn::Join': join,
    'Fn::Sub': template,
    'Fn::GetAtt': attribute,
  } = resolved as {
    Ref?: string;
    'Fn::Join'?: [string, unknown[]];
    'Fn::Sub'?: string;
    'Fn::GetAtt'?: string[];
  };
  if (join !== undefined) return join[1].map(asFinding).join(join[0]);
  return template?.replace(/\$\{([^}]+)\}/g, '<$1>') ?? `<${reference ?? attribute?.join('.')}>`;
}
