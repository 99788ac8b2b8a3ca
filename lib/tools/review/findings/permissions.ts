/**
 * Who may do more than before: statements added or widened, trust, resource policies, managed
 * policies. And, shortly, who may do less.
 */
import { type StackChange, shown, text } from '../changes';
import type { Finding, Severity } from './finding';
import { ALL_BUT, attachmentsOf, type Grant, grantsOf } from './grants';

export function permissionFindings(changes: readonly StackChange[]): Finding[] {
  return changes.flatMap(({ path: stack, pair }) => {
    const [before, after] = [grantsOf(pair.before), grantsOf(pair.after)];
    const of = (effect: Grant['effect'], grants: readonly Grant[]) =>
      grants.filter((each) => each.effect === effect);
    const found = (
      severity: (grant: Grant) => Severity,
      verb: (grant: Extra) => string,
      more: readonly Extra[],
    ): Finding[] =>
      more.map((extra) => ({
        topic: 'permissions',
        severity: severity(extra),
        stack,
        path: extra.path,
        message: verb(extra),
      }));
    return [
      ...found(severityOf, allowed, extras(of('Allow', before), of('Allow', after))),
      // What was denied and no longer is, is a widening too.
      ...(pair.after
        ? found(
            () => 'high',
            (extra) => `no longer denies ${what(extra)}`,
            extras(of('Deny', after), of('Deny', before)),
          )
        : []),
      ...(pair.after
        ? found(
            () => 'low',
            (extra) => `no longer allows ${what(extra)}`,
            extras(of('Allow', after), of('Allow', before)),
          )
        : []),
      ...found(
        () => 'low',
        (extra) => `denies ${what(extra)}`,
        extras(of('Deny', before), of('Deny', after)),
      ),
      ...attachmentFindings(stack, pair),
      ...boundaryFindings(stack, pair),
    ];
  });
}

interface Extra extends Grant {
  /** Whether a statement like it was there, and this one goes further. */
  readonly widened: boolean;
}

/** Of each new statement, what no old statement of the same holder covers. */
function extras(before: readonly Grant[], after: readonly Grant[]): Extra[] {
  return after.flatMap((grant) => {
    const old = before.filter(({ holder, kind }) => holder === grant.holder && kind === grant.kind);
    const triples = grant.actions.flatMap((action) =>
      orNone(grant.resources).flatMap((resource) =>
        orNone(grant.principals).map((principal) => ({ action, resource, principal })),
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

/**
 * Two statements of which a reader would say that the one became the other: they share actions, and
 * differ in what for.
 */
function isAlike(old: Grant, now: Grant): boolean {
  return old.actions.some((action) =>
    now.actions.some((other) => matches(action, other) || matches(other, action)),
  );
}

function orNone(names: readonly string[]): readonly string[] {
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
    orNone(old.resources).some((pattern) => matches(pattern, triple.resource)) &&
    orNone(old.principals).some((pattern) => pattern === '*' || pattern === triple.principal)
  );
}

/**
 * Whether a pattern of IAM, with `*` and `?`, takes the name, which may be a pattern itself ("IAM
 * JSON policy elements: Action", IAM user guide).
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
  return `${extra.widened ? 'widened' : 'new'}: ${{ identity: 'may', trust: 'may be assumed by', resource: 'allows' }[extra.kind]} ${what(extra)}${named}`;
}

function what({ kind, actions, resources, principals, condition }: Grant): string {
  const [does, to, by] = [actions, resources, principals].map((names) => shown(names.join(', ')));
  const where = condition === '' ? '' : `, if ${shown(condition)}`;
  if (kind === 'trust') return `${by} (${does})${where}`;
  return `${by === '' ? '' : `${by} to do `}${does}${to === '' ? '' : ` on ${to}`}${where}`;
}

/**
 * The wildcards by name. The `*` of a resource policy is the resource itself ("Key policies in AWS
 * KMS", AWS KMS developer guide).
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
  const anybody =
    principals.some((each) => each === '*' || each.startsWith(ALL_BUT)) && condition === '';
  const anything =
    kind === 'identity' &&
    actions.some((action) => action.startsWith(ALL_BUT) || action === '*' || action.endsWith(':*'));
  return anybody || anything ? 'high' : 'medium';
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
          ? 'its permissions boundary is taken away'
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
