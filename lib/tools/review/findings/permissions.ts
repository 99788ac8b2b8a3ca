/**
 * The permissions that a change widens: statements added or widened, trust, resource policies,
 * managed policies and permissions boundaries. Narrowed permissions are listed briefly.
 */
import type { StackChange } from '../changes';
import { shown, text } from '../template-values';
import type { Finding, Severity } from './finding';
import { ALL_BUT, attachmentsOf, type Grant, grantsOf } from './grants';

export function permissionFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap(({ path: stack, pair }) => {
    const [before, after] = [grantsOf(pair.before), grantsOf(pair.after)];
    const of = (effect: Grant['effect'], grants: readonly Grant[]) =>
      grants.filter((each) => each.effect === effect);
    const found = (
      severity: (grant: Grant) => Severity,
      message: (grant: Extra) => string,
      extra: readonly Extra[],
    ): Finding[] =>
      extra.map((grant) => ({
        topic: 'permissions',
        severity: severity(grant),
        stack,
        path: grant.path,
        message: message(grant),
      }));
    return [
      ...found(severityOf, allowed, extras(of('Allow', before), of('Allow', after))),
      // The removal of a denial is a widening too.
      ...(pair.after
        ? found(
            () => 'high',
            (extra) => `no longer denies ${grantText(extra)}`,
            extras(of('Deny', after), of('Deny', before)),
          )
        : []),
      ...(pair.after
        ? found(
            () => 'low',
            (extra) => `no longer allows ${grantText(extra)}`,
            extras(of('Allow', after), of('Allow', before)),
          )
        : []),
      ...found(
        () => 'low',
        (extra) => `denies ${grantText(extra)}`,
        extras(of('Deny', before), of('Deny', after)),
      ),
      ...attachmentFindings(stack, pair),
      ...boundaryFindings(stack, pair),
    ];
  });
}

interface Extra extends Grant {
  /** Whether it extends a statement that was there before. */
  readonly widened: boolean;
}

/** The part of each new statement that no old statement of the same holder covers. */
function extras(before: readonly Grant[], after: readonly Grant[]): Extra[] {
  return after.flatMap((grant) => {
    const old = before.filter(({ holder, kind }) => holder === grant.holder && kind === grant.kind);
    const triples = grant.actions.flatMap((action) =>
      orEmpty(grant.resources).flatMap((resource) =>
        orEmpty(grant.principals).map((principal) => ({ action, resource, principal })),
      ),
    );
    const uncovered = triples.filter(
      (triple) => !old.some((each) => covers(each, triple, grant.condition)),
    );
    if (uncovered.length === 0) return [];
    const names = (of: 'action' | 'resource' | 'principal') =>
      [...new Set(uncovered.map((triple) => triple[of]))].filter((name) => name !== '');
    const widened = uncovered.length < triples.length || old.some((each) => isAlike(each, grant));
    return [
      {
        ...grant,
        actions: names('action'),
        resources: names('resource'),
        principals: names('principal'),
        widened,
      },
    ];
  });
}

/** Whether one statement reads as a successor of the other: they share an action. */
function isAlike(old: Grant, now: Grant): boolean {
  return old.actions.some((action) =>
    now.actions.some((other) => matches(action, other) || matches(other, action)),
  );
}

/** The names, or one empty name that stands for a missing list. */
function orEmpty(names: readonly string[]): readonly string[] {
  return names.length === 0 ? [''] : names;
}

function covers(
  old: Grant,
  triple: { action: string; resource: string; principal: string },
  condition: string,
): boolean {
  return (
    (old.condition === '' || old.condition === condition) &&
    old.actions.some((pattern) => matches(pattern.toLowerCase(), triple.action.toLowerCase())) &&
    orEmpty(old.resources).some((pattern) => matches(pattern, triple.resource)) &&
    orEmpty(old.principals).some((pattern) => pattern === '*' || pattern === triple.principal)
  );
}

/**
 * Whether an IAM pattern with `*` and `?` covers the name, which may be a pattern itself ("IAM JSON
 * policy elements: Action", IAM user guide).
 */
function matches(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  if (pattern.startsWith(ALL_BUT) || name.startsWith(ALL_BUT)) return pattern === '*';
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '[^*]');
  return new RegExp(`^${expression}$`).test(name);
}

function allowed(extra: Extra): string {
  const wildcards = wildcardsOf(extra);
  const named = wildcards.length > 0 ? ` (${wildcards.join(', ')})` : '';
  const verb = { identity: 'may', trust: 'may be assumed by', resource: 'allows' }[extra.kind];
  return `${extra.widened ? 'widened' : 'new'}: ${verb} ${grantText(extra)}${named}`;
}

/** A grant as the end of a sentence such as "may …". */
function grantText({ kind, actions, resources, principals, condition }: Grant): string {
  const [does, to, by] = [actions, resources, principals].map((names) => shown(names.join(', ')));
  const where = condition === '' ? '' : `, if ${shown(condition)}`;
  if (kind === 'trust') return `${by} (${does})${where}`;
  return `${by === '' ? '' : `${by} to do `}${does}${to === '' ? '' : ` on ${to}`}${where}`;
}

/**
 * The wildcards of a grant. The `*` in a resource policy is the resource itself ("Key policies in
 * AWS KMS", AWS KMS developer guide).
 */
function wildcardsOf({ kind, actions, resources, principals }: Grant): string[] {
  return [
    ...actions
      .filter((action) => action.startsWith(ALL_BUT) || action.includes('*'))
      .map((action) => `wildcard action ${shown(action)}`),
    ...(kind === 'identity'
      ? resources.filter((each) => each === '*' || each.startsWith(ALL_BUT))
      : []
    ).map((each) => `wildcard resource ${shown(each)}`),
    ...principals
      .filter((each) => each === '*' || each.startsWith(ALL_BUT))
      .map((each) => `wildcard principal ${shown(each)}`),
  ];
}

function severityOf({ kind, actions, principals, condition }: Grant): Severity {
  const anyone =
    principals.some((each) => each === '*' || each.startsWith(ALL_BUT)) && condition === '';
  const anything =
    kind === 'identity' &&
    actions.some((action) => action.startsWith(ALL_BUT) || action === '*' || action.endsWith(':*'));
  return anyone || anything ? 'high' : 'medium';
}

function attachmentFindings(stack: string, { before, after }: StackChange['pair']): Finding[] {
  const [old, now] = [attachmentsOf(before), attachmentsOf(after)];
  return now
    .filter(
      ({ holder, policyArn }) =>
        !old.some((each) => each.holder === holder && each.policyArn === policyArn),
    )
    .map(({ path, policyArn }) => ({
      topic: 'permissions',
      severity: /AdministratorAccess|PowerUserAccess|IAMFullAccess/.test(policyArn)
        ? 'high'
        : 'medium',
      stack,
      path,
      message: `new: has the managed policy ${shown(policyArn)}`,
    }));
}

function boundaryFindings(stack: string, { before, after }: StackChange['pair']): Finding[] {
  return Object.entries(after?.template.Resources ?? {}).flatMap(
    ([id, { Properties }]): Finding[] => {
      const [from, to] = [
        before?.template.Resources[id]?.Properties?.PermissionsBoundary,
        Properties?.PermissionsBoundary,
      ];
      if (from === undefined || text(from) === text(to ?? '')) return [];
      const message =
        to === undefined
          ? 'its permissions boundary is removed'
          : `its permissions boundary changes to ${shown(to)}`;
      return [
        {
          topic: 'permissions',
          severity: to === undefined ? 'high' : 'medium',
          stack,
          path: `${stack}/${id}`,
          message,
        },
      ];
    },
  );
}
