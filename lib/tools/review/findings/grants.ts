/**
 * What the policies of a stack allow and deny, whoever they hang on: one list that two states of a
 * stack can be compared by.
 */
import type { AssemblyStack, TemplateResource } from '../../assembly';
import { isObject, resourcePath, text as whole, withoutHashes } from '../changes';

export interface Grant {
  /** Whose permissions these are, or whose policy it is: the same before and after. */
  readonly holder: string;
  /** The path of the resource that carries the policy. */
  readonly path: string;
  /**
   * `identity`: what the holder may do. `trust`: who may become the holder. `resource`: who may do
   * what to the holder.
   */
  readonly kind: 'identity' | 'trust' | 'resource';
  readonly effect: 'Allow' | 'Deny';
  /** `NotAction` and its like are one entry each: `all but a, b`. */
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Of an identity, none. */
  readonly principals: readonly string[];
  /** Empty if there is none. */
  readonly condition: string;
}

export const ALL_BUT = 'all but ';

export function grantsOf(stack: AssemblyStack | undefined): Grant[] {
  if (stack === undefined) return [];
  return Object.entries(stack.template.Resources).flatMap(([id, resource]) => {
    const path = resourcePath(stack, id);
    return policiesOf(id, resource).flatMap(({ document, ...place }) =>
      statementsOf(document).flatMap((each) => grant({ ...place, path }, each)),
    );
  });
}

export interface Attachment {
  readonly holder: string;
  readonly path: string;
  readonly policyArn: string;
}

/** The managed policies that roles, users and groups have by their ARN. */
export function attachmentsOf(stack: AssemblyStack | undefined): Attachment[] {
  return Object.entries(stack?.template.Resources ?? {}).flatMap(([id, { Type, Properties }]) =>
    /^AWS::IAM::(Role|User|Group)$/.test(Type)
      ? list(Properties?.ManagedPolicyArns).map((arn) => ({
          holder: id,
          path: resourcePath(stack as AssemblyStack, id),
          policyArn: text(arn),
        }))
      : [],
  );
}

interface Policy extends Pick<Grant, 'holder' | 'kind'> {
  readonly document: unknown;
}

/** The resources whose policy is another resource's, and the property that names it. */
const POLICY_OF: Readonly<Record<string, string>> = {
  'AWS::S3::BucketPolicy': 'Bucket',
  'AWS::SNS::TopicPolicy': 'Topics',
  'AWS::SQS::QueuePolicy': 'Queues',
  'AWS::SecretsManager::ResourcePolicy': 'SecretId',
};

function policiesOf(id: string, { Type, Properties = {} }: TemplateResource): Policy[] {
  if (Type === 'AWS::IAM::Policy' || Type === 'AWS::IAM::ManagedPolicy') {
    const attached = [Properties.Roles, Properties.Users, Properties.Groups]
      .flatMap(list)
      .map(text);
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
    return [{ holder: text(FunctionName), kind: 'resource', document: { Statement: [statement] } }];
  }
  const owner = POLICY_OF[Type];
  const holders = owner === undefined ? [`\${${id}}`] : list(Properties[owner]).map(text);
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

/** Every policy document inside a property: the shape is the same for all services. */
function documentsIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(documentsIn);
  if (typeof value === 'string') return documentsIn(parsed(value));
  if (!isObject(value)) return [];
  const isDocument = list(value.Statement).some((each) => isObject(each) && 'Effect' in each);
  return isDocument ? [value] : Object.values(value).flatMap(documentsIn);
}

/** Some services take the document as text, such as CloudWatch Logs. */
function parsed(value: string): unknown {
  if (!value.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function statementsOf(document: unknown): Record<string, unknown>[] {
  return isObject(document) ? list(document.Statement).filter(isObject) : [];
}

function grant(
  place: Pick<Grant, 'holder' | 'path' | 'kind'>,
  statement: Record<string, unknown>,
): Grant[] {
  const either = (name: string): string[] => {
    const not = statement[`Not${name}`];
    return not === undefined ? names(statement[name]) : [ALL_BUT + names(not).join(', ')];
  };
  const effect = statement.Effect === 'Deny' ? 'Deny' : 'Allow';
  const condition = statement.Condition === undefined ? '' : text(statement.Condition);
  return [
    {
      ...place,
      effect,
      actions: either('Action'),
      resources: either('Resource'),
      principals: either('Principal'),
      condition,
    },
  ];
}

/**
 * The entries of `Action`, `Resource` or `Principal`. A principal has its kind before it, but for
 * `*`, which is the same in both ways of writing it.
 */
function names(value: unknown): string[] {
  if (!isObject(value) || Object.keys(value).some((key) => key === 'Ref' || key.startsWith('Fn::')))
    return list(value).map(text);
  return Object.entries(value).flatMap(([kind, entries]) =>
    list(entries).map((entry) =>
      kind === 'AWS' && entry === '*' ? '*' : `${kind} ${text(entry)}`,
    ),
  );
}

function list(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

function text(value: unknown): string {
  return withoutHashes(whole(value));
}
