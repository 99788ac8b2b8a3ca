/** The sentences and titles that the text and the Markdown of a review share. */

import type { LeafDifference } from '../changes';
import type { Finding, StatefulLoss } from '../findings';
import { counted } from '../terminal';
import { spanText, type TrafficFigure } from '../traffic';
import type { ChangeReview, ReviewedResource, ReviewedStack } from './review';

/** The most differences of one resource that are shown; the JSON has all of them. */
const SHOWN_DIFFERENCES = 12;

/** The character before each changed resource. */
export const ACTION_MARKS: Readonly<Record<ReviewedResource['action'], string>> = {
  add: '+',
  update: '~',
  code: '~',
  replace: '±',
  'may-replace': '±',
  remove: '-',
  rename: '>',
};

const ACTION_VERBS: Readonly<Record<ReviewedResource['action'], string>> = {
  add: 'added',
  update: 'changed',
  code: 'code changed',
  replace: 'REPLACED',
  'may-replace': 'may be REPLACED',
  remove: 'removed',
  rename: 'renamed, which replaces it',
};

const LOSS_VERBS: Readonly<Record<StatefulLoss['kind'], string>> = {
  removed: 'is removed',
  replaced: 'is REPLACED',
  'may-be-replaced': 'may be REPLACED',
  renamed: 'is renamed, which REPLACES it',
};

/** The review in one line, as a heading or a notification. */
export function summaryLine({ stacks, losses, findings }: ChangeReview): string {
  if (stacks.length === 0) return 'No changes.';
  const resources = stacks.flatMap((stack) => stack.resources);
  const actions = Object.keys(ACTION_VERBS) as ReviewedResource['action'][];
  const counts = actions.flatMap((action) => {
    const count = resources.filter((each) => each.action === action).length;
    return count === 0 ? [] : [`${count} ${ACTION_VERBS[action].split(',')[0]}`];
  });
  const unacknowledged = losses.filter(({ acknowledged }) => acknowledged === undefined).length;
  const { major, ofNewStacks } = sortedFindings({ stacks, findings });
  return [
    `${counted(stacks.length, 'stack')} with changes: ${counts.join(', ') || 'no resources'}`,
    ...(losses.length === 0
      ? []
      : [
          `${counted(losses.length, 'stateful loss', 'stateful losses')}, ` +
            `${unacknowledged} not acknowledged`,
        ]),
    ...(major.length === 0 ? [] : [`${counted(major.length, 'finding')} on safety`]),
    ...(ofNewStacks.length === 0 ? [] : [`${counted(ofNewStacks.length, 'grant')} of new stacks`]),
  ]
    .join('; ')
    .concat('.');
}

/**
 * Groups the findings: `major` for the reviewer to see, `ofNewStacks` for the grants of new stacks,
 * which are many in a large stack, and `narrowings` for changes that only restrict.
 */
export function sortedFindings({ stacks, findings }: Pick<ChangeReview, 'stacks' | 'findings'>) {
  const isNew = ({ stack }: Finding) =>
    stacks.some(({ path, action }) => path === stack && action === 'add');
  return {
    major: findings.filter(
      (finding) =>
        finding.severity === 'high' || (finding.severity === 'medium' && !isNew(finding)),
    ),
    ofNewStacks: findings.filter((finding) => finding.severity === 'medium' && isNew(finding)),
    narrowings: findings.filter(({ severity }) => severity === 'low'),
  };
}

/**
 * Groups losses of one stack that differ in nothing but the resource. A removed region has many.
 */
export function groupedLosses(
  losses: readonly StatefulLoss[],
): readonly (readonly [StatefulLoss, ...StatefulLoss[]])[] {
  const groups = new Map<string, [StatefulLoss, ...StatefulLoss[]]>();
  for (const loss of losses) {
    const key = JSON.stringify([loss.stack, loss.type, loss.kind, loss.message, loss.acknowledged]);
    const group = groups.get(key);
    if (group) group.push(loss);
    else groups.set(key, [loss]);
  }
  return [...groups.values()];
}

/** The type of the lost resource, with what happens to it. */
export function lossTitle({ type, kind }: StatefulLoss): string {
  return `${type} ${LOSS_VERBS[kind]}`;
}

/** The path and region of a stack, with how much of it changes. */
export function stackTitle({ action, path, region, resources, sections }: ReviewedStack): string {
  const state = { add: ', a new stack', remove: ', no longer in the app', update: '', none: '' }[
    action
  ];
  const also = sections.length > 0 ? `; also ${sections.join(', ')}` : '';
  const place = region === undefined ? '' : ` (${region})`;
  return `${path}${place}${state}: ${counted(resources.length, 'resource')}${also}`;
}

/** The path of a resource inside its stack, with what happens to it. */
export function resourceTitle(
  { path: stack }: ReviewedStack,
  { action, path, type, from, replacedBy }: ReviewedResource,
): string {
  const name = path.startsWith(`${stack}/`) ? path.slice(stack.length + 1) : path;
  const origin =
    from === undefined ? '' : ` from ${from.stack === stack ? from.logicalId : from.path}`;
  const cause = replacedBy.length > 0 ? `, because of ${replacedBy.join(', ')}` : '';
  return `${type.replace(/^AWS::/, '')} ${name} ${ACTION_VERBS[action]}${origin}${cause}`;
}

/**
 * The resources to list. In an added or removed stack only the stateful ones are listed; the others
 * are counted by type.
 */
export function listedResources({ action, resources }: ReviewedStack): {
  readonly listed: readonly ReviewedResource[];
  readonly counts?: string;
} {
  if (action === 'update' || action === 'none') return { listed: resources };
  const kinds = new Map<string, number>();
  for (const { type, stateful } of resources)
    if (!stateful) kinds.set(type, (kinds.get(type) ?? 0) + 1);
  const counts = [...kinds]
    .sort(([, a], [, b]) => b - a)
    .map(([type, count]) => `${count} ${type.replace(/^AWS::/, '')}`);
  return { listed: resources.filter(({ stateful }) => stateful), counts: counts.join(', ') };
}

/** The differences to show, and how many are left out. */
export function shownDifferences({ differences }: ReviewedResource): {
  readonly shown: readonly LeafDifference[];
  readonly rest: number;
} {
  return {
    shown: differences.slice(0, SHOWN_DIFFERENCES),
    rest: Math.max(0, differences.length - SHOWN_DIFFERENCES),
  };
}

/** A figure before and after, with its unit. */
export function figureText({ before, after, unit }: TrafficFigure): string {
  return `${quantity(before, unit)} → ${quantity(after, unit)}`;
}

function quantity({ low, high }: TrafficFigure['before'], unit: TrafficFigure['unit']): string {
  if (unit !== 'bytes')
    return `${spanText({ low, high })}${unit === '%' ? ' %' : unit === 'ms' ? ' ms' : ''}`;
  const [size, name] = high >= 1e9 ? [1e9, 'GB'] : high >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB'];
  return `${spanText({ low: low / size, high: high / size }, 2)} ${name}`;
}
