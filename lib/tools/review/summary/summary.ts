/** What an assembly deploys, stack by stack. `npm start` ends with this table. */
import Table from 'cli-table3';
import { STATEFUL_RESOURCE_TYPES } from '../../../model/aws';
import { visible } from '../../../model/visible';
import type { Assembly, AssemblyStack } from '../../assembly';
import { counted, withoutRowRules } from '../terminal';

export interface StackSummary {
  /** The region, or `any` if the stack is not bound to one. */
  readonly region: string;
  /** The last part of the path. */
  readonly stack: string;
  /** The path in the construct tree. */
  readonly path: string;
  /** Resources by kind, such as `RDS::DBInstance`, the most frequent first. */
  readonly kinds: readonly KindCount[];
  /** How many resources the stack has. */
  readonly resources: number;
  /** The stateful kinds, whose data a deployment cannot create again. */
  readonly stateful: readonly KindCount[];
}

export interface KindCount {
  readonly kind: string;
  readonly count: number;
}

/** One summary per stack, in the order of deployment. */
export function summarize(assembly: Assembly): StackSummary[] {
  return deploymentOrder(assembly.stacks).map((stack) => {
    const types = Object.values(stack.template.Resources).map(({ Type }) => Type);
    return {
      region: stack.region ?? 'any',
      stack: stack.path.split('/').at(-1) ?? stack.path,
      path: stack.path,
      resources: types.length,
      kinds: countKinds(types),
      stateful: countKinds(types.filter((type) => STATEFUL_RESOURCE_TYPES.includes(type))),
    };
  });
}

/**
 * The stacks in an order in which each one follows the stacks that it depends on; otherwise in the
 * order of the assembly.
 */
export function deploymentOrder(stacks: readonly AssemblyStack[]): AssemblyStack[] {
  const ordered = new Set<AssemblyStack>();
  const visit = (stack: AssemblyStack, dependents: readonly AssemblyStack[]) => {
    if (ordered.has(stack) || dependents.includes(stack)) return;
    for (const path of stack.dependsOn) {
      const dependency = stacks.find((other) => other.path === path);
      if (dependency) visit(dependency, [...dependents, stack]);
    }
    ordered.add(stack);
  };
  for (const stack of stacks) visit(stack, []);
  return [...ordered];
}

function countKinds(types: readonly string[]): KindCount[] {
  const counts = new Map<string, number>();
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts]
    .map(([type, count]) => ({ kind: type.replace(/^AWS::/, ''), count }))
    .sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1));
}

/** The most kinds that the table names; the others are counted. */
const SHOWN_KINDS = 3;

/** Formats the summary as a table for a terminal of 120 columns. */
export function formatSummary(summaries: readonly StackSummary[]): string {
  const table = new Table({
    head: ['Region', 'Stack', 'Resources', 'Kinds', '● Stateful'],
    colAligns: ['left', 'left', 'right', 'left', 'left'],
    colWidths: [16, 15, 11, 48, 24],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  summaries.forEach(({ region, stack, resources, kinds, stateful }, i) => {
    const rest =
      kinds.length > SHOWN_KINDS ? ` and ${counted(kinds.length - SHOWN_KINDS, 'more kind')}` : '';
    table.push([
      summaries[i - 1]?.region === region ? '' : visible(region),
      visible(stack),
      resources,
      formatKinds(kinds.slice(0, SHOWN_KINDS)) + rest,
      stateful.length > 0 ? `● ${formatKinds(stateful)}` : '',
    ]);
  });
  const total = summaries.reduce((sum, { resources }) => sum + resources, 0);
  const stateful = summaries
    .flatMap((summary) => summary.stateful)
    .reduce((sum, { count }) => sum + count, 0);
  const regions = new Set(summaries.map(({ region }) => region)).size;
  const totals =
    `${counted(summaries.length, 'stack')} in ${counted(regions, 'region')}: ` +
    `${counted(total, 'resource')}, ${stateful} of them stateful (●).`;
  return `${withoutRowRules(table.toString())}\n${totals}`;
}

function formatKinds(kinds: readonly KindCount[]): string {
  return kinds
    .map(({ kind, count }) => `${count} ${visible(kind.split('::').at(-1) ?? kind)}`)
    .join(', ');
}
