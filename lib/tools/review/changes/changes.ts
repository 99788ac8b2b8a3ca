/**
 * The changes between two assemblies, resource by resource. It reports what `cdk diff` would, with
 * less noise.
 */
import {
  deepEqual,
  fullDiff,
  type ResourceDifference,
  ResourceImpact,
  type TemplateDiff,
} from '@aws-cdk/cloudformation-diff';
import { STATEFUL_RESOURCE_TYPES } from '../../../model/aws';
import { IsochroneError } from '../../../model/errors';
import { visible } from '../../../model/visible';
import { type Assembly, type AssemblyStack, isObject, type TemplateResource } from '../../assembly';
import { resolved, SHOWN_CHARACTERS, shown, text } from '../template-values';
import {
  type NormalizedResource,
  type NormalizedTemplate,
  normalizeTemplate,
  originalNames,
  withOwnKeys,
} from './normalize';

/**
 * What CloudFormation does to a resource. `code` is an update in which nothing but the hash of an
 * asset changes.
 */
export type ChangeAction =
  | 'add'
  | 'update'
  | 'code'
  | 'replace'
  | 'may-replace'
  | 'remove'
  | 'rename';

/** One property that differs, with its values as text. */
export interface LeafDifference {
  /** The path of the property, such as `DistributionConfig.CacheBehaviors.2.PathPattern`. */
  readonly name: string;
  /** Missing if the property is new. */
  readonly before?: string;
  /** Missing if the property is gone. */
  readonly after?: string;
}

export interface ResourceChange {
  readonly action: ChangeAction;
  /** The properties whose change makes CloudFormation replace the resource. */
  readonly replacedBy: readonly string[];
  /**
   * The path in the construct tree, such as `market-production/eu-west-1/Database/Primary`. A
   * resource without one has the path of its stack and its logical id.
   */
  readonly path: string;
  readonly logicalId: string;
  readonly type: string;
  /** Whether its replacement or removal loses data that a deployment cannot create again. */
  readonly stateful: boolean;
  /** The properties that differ; empty for a resource that is added or removed. */
  readonly differences: readonly LeafDifference[];
  /** The old place of a renamed resource, which CloudFormation removes. */
  readonly from?: { readonly stack: string; readonly logicalId: string; readonly path: string };
  readonly oldResource?: TemplateResource;
  readonly newResource?: TemplateResource;
}

export interface StackChange {
  readonly action: 'add' | 'update' | 'remove' | 'none';
  /** The path in the construct tree, such as `market-production/eu-west-1/Database`. */
  readonly path: string;
  /** Missing if the stack is not bound to a region. */
  readonly region?: string;
  readonly resources: readonly ResourceChange[];
  /** The other sections of the template that differ, such as `Conditions`. */
  readonly sections: readonly string[];
  readonly pair: StackPair;
}

/** A stack before and after the change. One side is missing if the stack is added or removed. */
export type StackPair =
  | { readonly before: AssemblyStack; readonly after: AssemblyStack }
  | { readonly before: AssemblyStack; readonly after?: undefined }
  | { readonly before?: undefined; readonly after: AssemblyStack };

/**
 * Properties that the service modifies in place ("ModifyDBInstance", Amazon RDS API reference). The
 * resource specification says that they may replace the instance; without this list, every change
 * of a maintenance window would need a decision.
 */
const IN_PLACE: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'AWS::RDS::DBInstance',
    [
      'AutoMinorVersionUpgrade',
      'BackupRetentionPeriod',
      'DBParameterGroupName',
      'MultiAZ',
      'PreferredMaintenanceWindow',
      'StorageType',
    ],
  ],
]);

/**
 * Whether the instance no longer names a zone and becomes Multi-AZ. CloudFormation changes that in
 * place (`isAvailabilityZoneChangeMutable` in the source of the handler of "AWS::RDS::DBInstance").
 */
function becomesMultiAz(resource: TemplateResource | undefined): boolean {
  const { AvailabilityZone, MultiAZ } = resource?.Properties ?? {};
  return (
    resource?.Type === 'AWS::RDS::DBInstance' && AvailabilityZone === undefined && MultiAZ === true
  );
}

/**
 * The sections of a template that are compared besides `Resources`. `Rules` and the parameter
 * `BootstrapVersion` are left out, because CDK adds them.
 */
const SECTIONS = ['Conditions', 'Mappings', 'Outputs', 'Parameters', 'Transform'];

/**
 * The changes, stack by stack: the stacks of the head in its order, then the removed stacks.
 *
 * @throws IsochroneError if both assemblies have stacks, but none in common
 */
export function findChanges(base: Assembly, head: Assembly): StackChange[] {
  return pairStacks(base, head).map((pair): StackChange => {
    const { before, after } = pair;
    const stack = (after ?? before) as AssemblyStack;
    const resources = resourceChanges(before, after);
    const sections =
      before && after
        ? SECTIONS.filter(
            (name) =>
              !deepEqual(withOwnKeys(section(before, name)), withOwnKeys(section(after, name))),
          )
        : [];
    const changed = resources.length + sections.length > 0 ? 'update' : 'none';
    return {
      action: before === undefined ? 'add' : after === undefined ? 'remove' : changed,
      path: stack.path,
      region: stack.region,
      resources,
      sections,
      pair,
    };
  });
}

/**
 * Pairs the stacks as CloudFormation does, by name and region. The path tells apart stacks of one
 * name in two accounts.
 *
 * @throws IsochroneError if both assemblies have stacks, but none in common
 */
function pairStacks(base: Assembly, head: Assembly): StackPair[] {
  const same = (a: AssemblyStack, b: AssemblyStack) =>
    a.stackName === b.stackName && a.region === b.region;
  const unpaired = new Set(base.stacks);
  const partner = new Map<AssemblyStack, AssemblyStack>();
  for (const isPartner of [
    (a: AssemblyStack, b: AssemblyStack) => same(a, b) && a.path === b.path,
    same,
  ]) {
    for (const after of head.stacks.filter((stack) => !partner.has(stack))) {
      const before = [...unpaired].find((candidate) => isPartner(candidate, after));
      if (before === undefined) continue;
      unpaired.delete(before);
      partner.set(after, before);
    }
  }
  if (partner.size === 0 && base.stacks.length > 0 && head.stacks.length > 0) {
    throw new IsochroneError(
      `${base.directory} and ${head.directory} have no stack in common: ` +
        `${someNames(base)} against ${someNames(head)}.\n` +
        'CloudFormation identifies a stack by its name and region. ' +
        'Name two assemblies of one app, synthesized from the same deployment file.',
    );
  }
  return [
    ...head.stacks.map((after): StackPair => ({ before: partner.get(after), after })),
    ...[...unpaired].map((before) => ({ before })),
  ];
}

function someNames({ stacks }: Assembly): string {
  const names = stacks
    .slice(0, 3)
    .map(({ stackName, region }) =>
      visible(`${stackName}${region === undefined ? '' : ` in ${region}`}`),
    );
  return names.join(', ') + (stacks.length > names.length ? ', …' : '');
}

const NO_TEMPLATE: NormalizedTemplate = new Map();

function resourceChanges(
  before: AssemblyStack | undefined,
  after: AssemblyStack | undefined,
): ResourceChange[] {
  const old = before ? normalizeTemplate(before.template) : NO_TEMPLATE;
  const now = after ? normalizeTemplate(after.template) : NO_TEMPLATE;
  const { resources } = difference(old, now, (after ?? before) as AssemblyStack);
  const describe = (id: string) => {
    const [was, is] = [old.get(id), now.get(id)];
    const stack = (is ? after : before) as AssemblyStack;
    const { logicalId } = (is ?? was) as NormalizedResource;
    const { Type: type } = stack.template.Resources[logicalId] as TemplateResource;
    const wasStateful = STATEFUL_RESOURCE_TYPES.includes(was?.resource.Type ?? type);
    return {
      path: resourcePath(stack, logicalId),
      logicalId,
      type,
      stateful: wasStateful || STATEFUL_RESOURCE_TYPES.includes(type),
      oldResource: was?.resource,
      newResource: is?.resource,
    };
  };
  const changes = Object.entries(resources.changes)
    .filter(([, { isDifferent }]) => isDifferent)
    .map(
      ([id, difference]): ResourceChange => ({
        ...describe(id),
        ...effect(difference, now.get(id)?.resource),
      }),
    );
  const code = [...now]
    .filter(([id, { hashes }]) => old.has(id) && old.get(id)?.hashes !== hashes)
    .map(
      ([id]): ResourceChange => ({
        ...describe(id),
        action: 'code',
        differences: [],
        replacedBy: [],
      }),
    );
  return [...changes, ...code];
}

/**
 * The difference by CDK, which also reads policies and throws at a malformed one.
 *
 * @throws IsochroneError that names the resource
 */
function difference(
  old: NormalizedTemplate,
  now: NormalizedTemplate,
  { path }: AssemblyStack,
): TemplateDiff {
  try {
    return fullDiff(diffed(old), diffed(now));
  } catch (error) {
    const [id = 'a resource'] = [...old.keys(), ...now.keys()].filter((each) =>
      [old, now].some((template) => !isDiffed(template, each)),
    );
    throw new IsochroneError(
      `${visible(path)}/${visible(originalNames(id))} cannot be compared: its properties are ` +
        `malformed (${visible(String((error as Error).message))}).\n` +
        'CloudFormation would refuse it too. Correct it, and synthesize the assembly again.',
    );
  }
}

function isDiffed(template: NormalizedTemplate, id: string): boolean {
  const found = template.get(id);
  if (found === undefined) return true;
  try {
    fullDiff({ Resources: {} }, diffed(new Map([[id, found]])));
    return true;
  } catch {
    return false;
  }
}

/** A template in the form that CDK's diff reads. */
function diffed(template: NormalizedTemplate): { Resources: Record<string, TemplateResource> } {
  return {
    Resources: Object.fromEntries([...template].map(([id, { resource }]) => [id, resource])),
  };
}

function effect(
  difference: ResourceDifference,
  resource: TemplateResource | undefined,
): Pick<ResourceChange, 'action' | 'differences' | 'replacedBy'> {
  if (difference.isAddition) return { action: 'add', differences: [], replacedBy: [] };
  if (difference.isRemoval) return { action: 'remove', differences: [], replacedBy: [] };
  const { oldResourceType, newResourceType } = difference;
  const properties = Object.entries(difference.propertyUpdates).filter(
    ([, { isDifferent }]) => isDifferent,
  );
  const differences = [
    ...leafDifferences('Type', oldResourceType, newResourceType),
    ...properties.flatMap(([name, { oldValue, newValue }]) =>
      leafDifferences(name, oldValue, newValue),
    ),
    ...Object.entries(difference.otherChanges).flatMap(([name, { oldValue, newValue }]) =>
      leafDifferences(name, oldValue, newValue),
    ),
  ];
  if (difference.resourceTypeChanged)
    return { action: 'replace', differences, replacedBy: ['Type'] };
  const inPlace = [
    ...(IN_PLACE.get(newResourceType ?? '') ?? []),
    ...(becomesMultiAz(resource) ? ['AvailabilityZone'] : []),
  ];
  const causing = (impact: ResourceImpact) =>
    properties
      .filter(([name, { changeImpact }]) => changeImpact === impact && !inPlace.includes(name))
      .map(([name]) => originalNames(name));
  const will = causing(ResourceImpact.WILL_REPLACE);
  const may = causing(ResourceImpact.MAY_REPLACE);
  const action = will.length > 0 ? 'replace' : may.length > 0 ? 'may-replace' : 'update';
  return { action, differences, replacedBy: will.length > 0 ? will : may };
}

/**
 * The path of the construct that a resource belongs to. The name of the L1 construct inside it,
 * `Resource` or `Default`, is left out.
 */
export function resourcePath(stack: AssemblyStack, logicalId: string): string {
  const path = stack.template.Resources[logicalId]?.Metadata?.['aws:cdk:path'];
  return typeof path === 'string'
    ? path.replace(/\/(Resource|Default)$/, '')
    : `${stack.path}/${logicalId}`;
}

function section({ template }: AssemblyStack, name: string): unknown {
  const value = (template as unknown as Record<string, unknown>)[name];
  if (name !== 'Parameters' || !isObject(value)) return value ?? {};
  const { BootstrapVersion, ...own } = value;
  return own;
}

/**
 * The differences of two values, as deep as both have the same structure. Lists of different length
 * are compared by their items: each item that only one list contains is a difference.
 */
function leafDifferences(name: string, before: unknown, after: unknown): LeafDifference[] {
  if (text(before) === text(after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    if (before.length === after.length)
      return before.flatMap((each, i) => leafDifferences(`${name}.${i}`, each, after[i]));
    const removed = before.filter((each) => !after.some((other) => text(other) === text(each)));
    const added = after.filter((each) => !before.some((other) => text(other) === text(each)));
    const own = originalNames(name);
    if (removed.length + added.length === 0)
      return [{ name: own, before: `${before.length} items`, after: `${after.length} items` }];
    return [
      ...removed.map((each) => ({ name: own, before: originalNames(shown(each)) })),
      ...added.map((each) => ({ name: own, after: originalNames(shown(each)) })),
    ];
  }
  if (isPlainObject(before) && isPlainObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => leafDifferences(`${name}.${key}`, before[key], after[key]));
  }
  return [
    {
      name: originalNames(name),
      ...(before === undefined ? {} : { before: originalNames(excerpt(before, after)) }),
      ...(after === undefined ? {} : { after: originalNames(excerpt(after, before)) }),
    },
  ];
}

/** The part of a long text, such as a function's code, around its first difference from another. */
function excerpt(value: unknown, other: unknown): string {
  const [whole, otherWhole] = [text(value), text(other)];
  if (other === undefined || whole.length <= SHOWN_CHARACTERS) return shown(value);
  const firstDifference = [...whole].findIndex((char, i) => char !== otherWhole[i]);
  const start = Math.max(0, (firstDifference < 0 ? whole.length : firstDifference) - 20);
  return start === 0 ? shown(whole) : shown(`…${whole.slice(start)}`);
}

/** Whether the value is an object, and not an intrinsic function. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  return isObject(value) && isObject(resolved(value));
}
