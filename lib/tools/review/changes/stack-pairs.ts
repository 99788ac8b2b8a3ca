/** Which stack of the one assembly is which of the other. */

import { IsochroneError } from '../../../model/errors';
import type { Assembly, AssemblyStack } from '../../assembly';

/** A stack before and after; one of them is missing if the stack is new or gone. */
export type StackPair =
  | { readonly before: AssemblyStack; readonly after: AssemblyStack }
  | { readonly before: AssemblyStack; readonly after?: undefined }
  | { readonly before?: undefined; readonly after: AssemblyStack };

/**
 * Pairs the stacks as CloudFormation does, by name and region; the path only tells two accounts
 * apart. The stacks of the head come in its order, then those that are gone.
 *
 * @throws IsochroneError if both have stacks, and none in common
 */
export function pairStacks(base: Assembly, head: Assembly): StackPair[] {
  const same = (a: AssemblyStack, b: AssemblyStack) =>
    a.stackName === b.stackName && a.region === b.region;
  const left = new Set(base.stacks);
  const partner = new Map<AssemblyStack, AssemblyStack>();
  for (const isPartner of [
    (a: AssemblyStack, b: AssemblyStack) => same(a, b) && a.path === b.path,
    same,
  ]) {
    for (const after of head.stacks.filter((stack) => !partner.has(stack))) {
      const before = [...left].find((candidate) => isPartner(candidate, after));
      if (before === undefined) continue;
      left.delete(before);
      partner.set(after, before);
    }
  }
  if (partner.size === 0 && base.stacks.length > 0 && head.stacks.length > 0) {
    throw new IsochroneError(
      `${base.directory} and ${head.directory} have no stack in common: ${someNames(base)} against ${someNames(head)}.\n` +
        'CloudFormation knows a stack by its name and region. Name two assemblies of one app, synthesized from the same deployment file.',
    );
  }
  return [
    ...head.stacks.map((after): StackPair => ({ before: partner.get(after), after })),
    ...[...left].map((before) => ({ before })),
  ];
}

function someNames({ stacks }: Assembly): string {
  const names = stacks
    .slice(0, 3)
    .map(({ stackName, region }) => `${stackName}${region === undefined ? '' : ` in ${region}`}`);
  return names.join(', ') + (stacks.length > names.length ? ', …' : '');
}
