/**
 * Resources whose logical id or stack changes, and nothing else. CloudFormation has no move: it
 * creates the new resource and removes the old one. The review shows both as one rename, and says
 * that it is a replacement.
 */
import type { TemplateResource } from '../../assembly';
import { text } from '../template-values';
import type { ResourceChange, StackChange } from './changes';

interface Candidate {
  readonly stack: string;
  /** Part of the match, because a rename never crosses regions. */
  readonly region: string | undefined;
  readonly change: ResourceChange;
}

/**
 * Joins each removal and addition of equal resources into one rename, first within each stack, then
 * across stacks. A resource with two candidates is left as it is.
 */
export function joinRenames(changes: readonly StackChange[]): StackChange[] {
  const candidates = (action: string, of: StackChange) =>
    of.resources
      .filter((change) => change.action === action)
      .map((change): Candidate => ({ stack: of.path, region: of.region, change }));
  const within = changes.flatMap((stack) =>
    match(candidates('remove', stack), candidates('add', stack)),
  );
  const joined = new Set(within.flat().map(({ change }) => change));
  const unjoined = (action: string) =>
    changes
      .flatMap((stack) => candidates(action, stack))
      .filter(({ change }) => !joined.has(change));
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

function renamed(change: ResourceChange, from: Candidate | undefined): ResourceChange {
  if (from === undefined) return change;
  const { logicalId, path, oldResource } = from.change;
  return { ...change, action: 'rename', oldResource, from: { stack: from.stack, logicalId, path } };
}

/**
 * Pairs equal resources, repeatedly: once a security group is known to be renamed, the resources
 * that refer to it are equal too.
 */
function match(
  removed: readonly Candidate[],
  added: readonly Candidate[],
): [Candidate, Candidate][] {
  const pairs: [Candidate, Candidate][] = [];
  const ids = new Map<string, string>();
  for (;;) {
    const unpaired = (all: readonly Candidate[], side: 0 | 1) =>
      all.filter((candidate) => !pairs.some((pair) => pair[side] === candidate));
    const additions = grouped(unpaired(added, 1), ({ region, change }) =>
      fingerprint(region, change.newResource, new Map()),
    );
    const found = [
      ...grouped(unpaired(removed, 0), ({ region, change }) =>
        fingerprint(region, change.oldResource, ids),
      ),
    ].flatMap(([key, from]) => {
      const to = additions.get(key) ?? [];
      return from.length === 1 && to.length === 1
        ? [[from[0], to[0]] as [Candidate, Candidate]]
        : [];
    });
    if (found.length === 0) return pairs;
    pairs.push(...found);
    for (const [from, to] of found) ids.set(from.change.logicalId, to.change.logicalId);
  }
}

/**
 * Equal for equal resources of one region. References to renamed resources are translated by `ids`.
 */
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

function grouped(
  candidates: readonly Candidate[],
  key: (candidate: Candidate) => string,
): Map<string, Candidate[]> {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates)
    groups.set(key(candidate), [...(groups.get(key(candidate)) ?? []), candidate]);
  return groups;
}
