/**
 * Resources that only go by another logical id, or stand in another stack. CloudFormation knows no
 * move: it makes the new one and removes the old one. A reader of the change should see one thing,
 * and that it costs a replacement.
 */
import type { TemplateResource } from '../../assembly';
import type { ResourceChange, StackChange } from './changes';
import { text } from './readable';

interface Half {
  readonly stack: string;
  /** Nothing moves from one region to another. */
  readonly region: string | undefined;
  readonly change: ResourceChange;
}

/**
 * The changes with each removal and addition of equal resources made one rename. What has two
 * candidates is left as it is.
 */
export function joinRenames(changes: readonly StackChange[]): StackChange[] {
  const halves = (action: string, of: StackChange) =>
    of.resources
      .filter((change) => change.action === action)
      .map((change): Half => ({ stack: of.path, region: of.region, change }));
  const within = changes.flatMap((stack) => match(halves('remove', stack), halves('add', stack)));
  const joined = new Set(within.flat().map(({ change }) => change));
  const unjoined = (action: string) =>
    changes.flatMap((stack) => halves(action, stack)).filter(({ change }) => !joined.has(change));
  const pairs = [...within, ...match(unjoined('remove'), unjoined('add'))];

  const gone = new Set(pairs.map(([from]) => from.change));
  const origin = new Map(pairs.map(([from, to]) => [to.change, from]));
  return changes.map((stack) => ({
    ...stack,
    resources: stack.resources
      .filter((change) => !gone.has(change))
      .map((change) => renamed(change, origin.get(change))),
  }));
}

function renamed(change: ResourceChange, from: Half | undefined): ResourceChange {
  if (from === undefined) return change;
  const { logicalId, path, oldResource } = from.change;
  return { ...change, action: 'rename', oldResource, from: { stack: from.stack, logicalId, path } };
}

/**
 * Pairs what is equal, again and again: once a security group is known as renamed, what refers to
 * it is equal too.
 */
function match(removed: readonly Half[], added: readonly Half[]): [Half, Half][] {
  const pairs: [Half, Half][] = [];
  const ids = new Map<string, string>();
  for (;;) {
    const free = (halves: readonly Half[], side: 0 | 1) =>
      halves.filter((half) => !pairs.some((pair) => pair[side] === half));
    const candidates = grouped(free(added, 1), ({ region, change }) =>
      fingerprint(region, change.newResource, new Map()),
    );
    const found = [
      ...grouped(free(removed, 0), ({ region, change }) =>
        fingerprint(region, change.oldResource, ids),
      ),
    ].flatMap(([key, from]) => {
      const to = candidates.get(key) ?? [];
      return from.length === 1 && to.length === 1 ? [[from[0], to[0]] as [Half, Half]] : [];
    });
    if (found.length === 0) return pairs;
    pairs.push(...found);
    for (const [from, to] of found) ids.set(from.change.logicalId, to.change.logicalId);
  }
}

function fingerprint(
  region: string | undefined,
  resource: TemplateResource | undefined,
  ids: ReadonlyMap<string, string>,
): string {
  const whole = `${region} ${resource?.Type} ${text(resource?.Properties ?? {})}`;
  return whole.replace(/\$\{(\w+)/g, (reference, id: string) =>
    ids.has(id) ? `\${${ids.get(id)}` : reference,
  );
}

function grouped(halves: readonly Half[], key: (half: Half) => string): Map<string, Half[]> {
  const groups = new Map<string, Half[]>();
  for (const half of halves) groups.set(key(half), [...(groups.get(key(half)) ?? []), half]);
  return groups;
}
