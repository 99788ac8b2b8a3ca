/**
 * What changes between two assemblies, resource by resource, as `cdk diff` would find it, with less
 * noise.
 */
import {
  deepEqual,
  fullDiff,
  type ResourceDifference,
  ResourceImpact,
} from '@aws-cdk/cloudformation-diff';
import { STATEFUL_RESOURCE_TYPES } from '../../../model/aws';
import type { Assembly, AssemblyStack, TemplateResource } from '../../assembly';
import { type QuietTemplate, withoutNoise } from './asset-noise';
import { type LeafDifference, leafDifferences } from './readable';
import { pairStacks, type StackPair } from './stack-pairs';

/** What CloudFormation does to a resource. `code` is an update of nothing but an asset. */
export type ChangeAction =
  | 'add'
  | 'update'
  | 'code'
  | 'replace'
  | 'may-replace'
  | 'remove'
  | 'rename';

export interface ResourceChange {
  readonly action: ChangeAction;
  /**
   * In the construct tree, such as `market-production/eu-west-1/Database/Primary`; without one, the
   * stack's path and the logical id.
   */
  readonly path: string;
  readonly logicalId: string;
  readonly type: string;
  /** Whether its replacement or removal loses what a deployment cannot make again. */
  readonly stateful: boolean;
  readonly differences: readonly LeafDifference[];
  /** The properties that make CloudFormation replace it. */
  readonly replacedBy: readonly string[];
  /** Of a rename: where the same resource was, and is removed. */
  readonly from?: { readonly stack: string; readonly logicalId: string; readonly path: string };
  readonly oldResource?: TemplateResource;
  readonly newResource?: TemplateResource;
}

export interface StackChange {
  readonly action: 'add' | 'update' | 'remove' | 'none';
  readonly path: string;
  readonly region?: string;
  readonly resources: readonly ResourceChange[];
  /** Other sections of the template that differ, such as `Conditions`. */
  readonly sections: readonly string[];
  readonly pair: StackPair;
}

/**
 * Properties that the service modifies in place ("ModifyDBInstance", Amazon RDS API reference),
 * though the resource specification cannot say that they never replace. Without this list, each
 * change of a maintenance window would ask for a decision.
 */
const IN_PLACE: Readonly<Record<string, readonly string[]>> = {
  'AWS::RDS::DBInstance': [
    'AutoMinorVersionUpgrade',
    'BackupRetentionPeriod',
    'DBParameterGroupName',
    'MultiAZ',
    'PreferredMaintenanceWindow',
    'StorageType',
  ],
};

/**
 * A zone that is given up for a standby: "AWS::RDS::DBInstance" of CloudFormation changes in place
 * what names no zone and has two (`isAvailabilityZoneChangeMutable` in the source of its handler).
 */
function givesZoneUpForStandby(resource: TemplateResource | undefined): boolean {
  const { AvailabilityZone, MultiAZ } = resource?.Properties ?? {};
  return (
    resource?.Type === 'AWS::RDS::DBInstance' && AvailabilityZone === undefined && MultiAZ === true
  );
}

/**
 * Sections of a template beside the resources. `Rules` and the parameter of the bootstrap version
 * are CDK's own.
 */
const SECTIONS = ['Conditions', 'Mappings', 'Outputs', 'Parameters', 'Transform'];

/** The changes, stack by stack, in the order of the head; the stacks that are gone come last. */
export function findChanges(base: Assembly, head: Assembly): StackChange[] {
  return pairStacks(base, head).map((pair): StackChange => {
    const { before, after } = pair;
    const stack = (after ?? before) as AssemblyStack;
    const resources = resourceChanges(before, after);
    const sections =
      before && after
        ? SECTIONS.filter((name) => !deepEqual(section(before, name), section(after, name)))
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

const NOTHING: QuietTemplate = { resources: {}, hashes: {}, originalIds: {} };

function resourceChanges(
  before: AssemblyStack | undefined,
  after: AssemblyStack | undefined,
): ResourceChange[] {
  const old = before ? withoutNoise(before.template) : NOTHING;
  const now = after ? withoutNoise(after.template) : NOTHING;
  const { resources } = fullDiff({ Resources: old.resources }, { Resources: now.resources });
  const describe = (id: string) => {
    const [stack, originalId] =
      after && now.resources[id]
        ? [after, now.originalIds[id]]
        : [before as AssemblyStack, old.originalIds[id]];
    const logicalId = originalId ?? id;
    const resource = stack.template.Resources[logicalId] as TemplateResource;
    const type = resource.Type;
    const wasStateful = STATEFUL_RESOURCE_TYPES.includes(old.resources[id]?.Type ?? type);
    return {
      path: resourcePath(stack, logicalId),
      logicalId,
      type,
      stateful: wasStateful || STATEFUL_RESOURCE_TYPES.includes(type),
      oldResource: old.resources[id],
      newResource: now.resources[id],
    };
  };
  const changes = Object.entries(resources.changes)
    .filter(([, { isDifferent }]) => isDifferent)
    .map(
      ([id, difference]): ResourceChange => ({
        ...describe(id),
        ...effect(difference, now.resources[id]),
      }),
    );
  const code = Object.keys(now.resources)
    .filter((id) => old.hashes[id] !== undefined && old.hashes[id] !== now.hashes[id])
    .map(
      (id): ResourceChange => ({
        ...describe(id),
        action: 'code',
        differences: [],
        replacedBy: [],
      }),
    );
  return [...changes, ...code];
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
    ...(IN_PLACE[newResourceType ?? ''] ?? []),
    ...(givesZoneUpForStandby(resource) ? ['AvailabilityZone'] : []),
  ];
  const causing = (impact: ResourceImpact) =>
    properties
      .filter(([name, { changeImpact }]) => changeImpact === impact && !inPlace.includes(name))
      .map(([name]) => name);
  const will = causing(ResourceImpact.WILL_REPLACE);
  const may = causing(ResourceImpact.MAY_REPLACE);
  const action = will.length > 0 ? 'replace' : may.length > 0 ? 'may-replace' : 'update';
  return { action, differences, replacedBy: will.length > 0 ? will : may };
}

/**
 * The construct that a resource stands for: the L1 inside it, `Resource` or `Default`, is left out.
 */
export function resourcePath(stack: AssemblyStack, logicalId: string): string {
  const path = stack.template.Resources[logicalId]?.Metadata?.['aws:cdk:path'];
  return typeof path === 'string'
    ? path.replace(/\/(Resource|Default)$/, '')
    : `${stack.path}/${logicalId}`;
}

function section({ template }: AssemblyStack, name: string): unknown {
  const value = (template as unknown as Record<string, unknown>)[name];
  if (name !== 'Parameters' || value === undefined) return value ?? {};
  const { BootstrapVersion, ...own } = value as Record<string, unknown>;
  return own;
}
