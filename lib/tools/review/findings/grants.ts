/**
 * The permissions that the policies of a stack allow and deny, wherever they are attached, as one
 * list. Two states of a stack can be compared by it.
 */
import { type AssemblyStack, isObject, type TemplateResource } from '../../assembly';
import { maskAssetHashes, resourcePath } from '../changes';
import { listOf, text } from '../template-values';

export interface Grant {
  /**
   * The role, user or group that has the permissions, or the resource that the policy belongs to.
   * It is the same before and after.
   */
  readonly holder: string;
  /** The path of the resource that contains the policy. */
  readonly path: string;
  /**
   * `identity`: what the holder may do. `trust`: who may assume the holder. `resource`: who may do
   * what with the holder.
   */
  readonly kind: 'identity' | 'trust' | 'resource';
  readonly effect: 'Allow' | 'Deny';
  /** `NotAction`, `NotResource` and `NotPrincipal` are one entry each: `all but a, b`. */
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Empty for an identity policy. */
  readonly principals: readonly string[];
  /** The condition as text; empty if there is none. */
  readonly condition: string;
}

/** The prefix of an entry that excludes: see `Grant.actions`. */
export const ALL_BUT = 'all but ';

/** The grants of a stack; empty for a missing one. */
export function grantsOf(stack: AssemblyStack | undefined): Grant[] {
  if (stack === undefined) return [];
  return Object.entries(stack.template.Resources).flatMap(([id, resource]) => {
    const path = resourcePath(stack, id);
    return policiesOf(id, resource).flatMap(({ document, ...place }) =>
      statementsOf(document).map((each) => grant({ ...place, path }, each)),
    );
  });
}

export interface Attachment {
  readonly holder: string;
  readonly path: string;
  readonly policyArn: string;
}

/** The managed policies that are attached to roles, users and groups by ARN. */
export function attachmentsOf(stack: AssemblyStack | undefined): Attachment[] {
  return Object.entries(stack?.template.Resources ?? {}).flatMap(([id, { Type, Properties }]) =>
    /^AWS::IAM::(Role|User|Group)$/.test(Type)
      ? listOf(Properties?.ManagedPolicyArns).map((arn) => ({
          holder: id,
          path: resourcePath(stack as AssemblyStack, id),
          policyArn: maskedText(arn),
        }))
      : [],
  );
}

interface Policy extends Pick<Grant, 'holder' | 'kind'> {
  readonly document: unknown;
}

/** Resources whose policy belongs to another resource, with the property that names it. */
const POLICY_OF: ReadonlyMap<string, string> = new Map([
  ['AWS::S3::BucketPolicy', 'Bucket'],
  ['AWS::SNS::TopicPolicy', 'Topics'],
  ['AWS::SQS::QueuePolicy', 'Queues'],
  ['AWS::SecretsManager::ResourcePolicy', 'SecretId'],
]);

function policiesOf(id: string, { Type, Properties = {} }: TemplateResource): Policy[] {
  if (Type === 'AWS::IAM::Policy' || Type === 'AWS::IAM::ManagedPolicy') {
    const attached = [Properties.Roles, Properties.Users, Properties.Groups]
      .flatMap(listOf)
      .map(maskedText);
    const holders = attached.length > 0 ? attached : [`\${${id}}`];
    return holders.map((holder) => ({
      holder,
      kind: 'identity',
      document: Properties.PolicyDocument,
    }));
  }
  if (Type === 'AWS::Lambda::Permission') {
    const { Action, FunctionName, Principal, SourceArn, SourceAccount, PrincipalOrgID } =
      Properties;
    const limits = [SourceArn, SourceAccount, PrincipalOrgID];
    const Condition = limits.every((limit) => limit === undefined)
      ? undefined
      : { SourceArn, SourceAccount, PrincipalOrgID };
    const statement = { Effect: 'Allow', Action, Resource: FunctionName, Principal, Condition };
    return [
      { holder: maskedText(FunctionName), kind: 'resource', document: { Statement: [statement] } },
    ];
  }
  const owner = POLICY_OF.get(Type);
  const holders = owner === undefined ? [`\${${id}}`] : listOf(Properties[owner]).map(maskedText);
  return Object.entries(Properties).flatMap(([name, value]) => {
    const kind =
      name === 'AssumeRolePolicyDocument'
        ? 'trust'
        : Type.startsWith('AWS::IAM::')
          ? 'identity'
          : 'resource';
    return documentsIn(value).flatMap((document) =>
      holders.map((holder): Policy => ({ holder, kind, document })),
    );
  });
}

/** Every policy document inside a property. All services use the same structure. */
function documentsIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(documentsIn);
  if (typeof value === 'string') return documentsIn(parsed(value));
  if (!isObject(value)) return [];
  const isDocument = listOf(value.Statement).some((each) => isObject(each) && 'Effect' in each);
  return isDocument ? [value] : Object.values(value).flatMap(documentsIn);
}

/** Parses a document given as text, as CloudWatch Logs takes it. */
function parsed(value: string): unknown {
  if (!value.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function statementsOf(document: unknown): Record<string, unknown>[] {
  return isObject(document) ? listOf(document.Statement).filter(isObject) : [];
}

function grant(
  place: Pick<Grant, 'holder' | 'path' | 'kind'>,
  statement: Record<string, unknown>,
): Grant {
  const either = (name: string): string[] => {
    const not = statement[`Not${name}`];
    return not === undefined ? names(statement[name]) : [ALL_BUT + names(not).join(', ')];
  };
  const effect = statement.Effect === 'Deny' ? 'Deny' : 'Allow';
  const condition = statement.Condition === undefined ? '' : maskedText(statement.Condition);
  return {
    ...place,
    effect,
    actions: either('Action'),
    resources: either('Resource'),
    principals: either('Principal'),
    condition,
  };
}

/**
 * The entries of `Action`, `Resource` or `Principal`. A principal is prefixed with its kind, except
 * for `*`, which has two equal notations.
 */
function names(value: unknown): string[] {
  if (!isObject(value) || Object.keys(value).some((key) => key === 'Ref' || key.startsWith('Fn::')))
    return listOf(value).map(maskedText);
  return Object.entries(value).flatMap(([kind, entries]) =>
    listOf(entries).map((entry) =>
      kind === 'AWS' && entry === '*' ? '*' : `${kind} ${maskedText(entry)}`,
    ),
  );
}

/** A value as text. Asset hashes are masked, so that a new version of code is no new permission. */
function maskedText(value: unknown): string {
  return maskAssetHashes(text(value));
}
