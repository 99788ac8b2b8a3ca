/** A review for a terminal. */
import { visible } from '../../../model/visible';
import type { Finding, StatefulLoss } from '../findings';
import { counted } from '../terminal';
import type { TrafficChange, TrafficSlice } from '../traffic';
import type { ChangeReview, ReviewedResource, ReviewedStack } from './review';
import * as wording from './wording';

/** Colors a text. Without a terminal, it returns the text as it is. */
export type Paint = (style: 'red' | 'yellow' | 'green' | 'bold', text: string) => string;

/** The most narrowings that are listed; the others are counted. */
const SHOWN_NARROWINGS = 5;

/**
 * Formats the review as text for a terminal.
 *
 * @param paint colors a part of the text; by default nothing is colored
 */
export function formatChangeText(
  review: ChangeReview,
  paint: Paint = (_style, text) => text,
): string {
  const sections: readonly (readonly Line[])[] = [
    [`${review.base} → ${review.head}`, styled('bold', wording.summaryLine(review))],
    section(
      styled('bold', 'Stateful losses'),
      wording.groupedLosses(review.losses).flatMap(lossLines),
    ),
    section(styled('bold', 'Safety'), findingLines(review)),
    review.traffic === undefined ? [] : trafficLines(review.traffic),
    ...review.stacks.map(stackLines),
    review.unusedAcknowledgements.map(({ path }) =>
      styled('yellow', `The acknowledgement of ${path} matches no loss of this change.`),
    ),
    (review.ignoredAcknowledgements ?? []).map(({ by, reason }) =>
      styled('yellow', `An acknowledgement of ${by} does not count: ${reason}.`),
    ),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => printed(line, paint)).join('\n'))
    .join('\n\n');
}

/** A line, colored if it has a style. */
type Line = string | { readonly style: Parameters<Paint>[0]; readonly text: string };

function styled(style: Parameters<Paint>[0], text: string): Line {
  return { style, text };
}

/** The only place where a line is written, so that no value can add escapes of its own. */
function printed(line: Line, paint: Paint): string {
  return typeof line === 'string' ? visible(line) : paint(line.style, visible(line.text));
}

function section(title: Line, lines: readonly Line[]): readonly Line[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

function lossLines(losses: readonly [StatefulLoss, ...StatefulLoss[]]): Line[] {
  const [first] = losses;
  const accepted = first.acknowledged !== undefined;
  return [
    styled(
      accepted ? 'yellow' : 'red',
      `  ● ${losses.map(({ path }) => path).join(', ')}: ${wording.lossTitle(first)}`,
    ),
    `    ${first.message}`,
    ...(accepted
      ? [`    Acknowledged: ${first.acknowledged}`]
      : losses.map(({ path }) => `    If this is intended: --acknowledge "${path}=REASON"`)),
  ];
}

function findingLines(review: ChangeReview): Line[] {
  const { major, ofNewStacks, narrowings } = wording.sortedFindings(review);
  const line = ({ path, message }: Finding) => `${path}: ${message}`;
  const rest = narrowings.length - SHOWN_NARROWINGS;
  return [
    ...major.map((finding) =>
      styled(finding.severity === 'high' ? 'red' : 'yellow', `  ! ${line(finding)}`),
    ),
    ...(ofNewStacks.length > 0
      ? [
          `    ${counted(ofNewStacks.length, 'grant')} of new stacks: ` +
            'listed in the Markdown and in the JSON',
        ]
      : []),
    ...narrowings.slice(0, SHOWN_NARROWINGS).map((finding) => `    ${line(finding)}`),
    ...(rest > 0 ? [`    and ${counted(rest, 'more narrowing')}`] : []),
  ];
}

function trafficLines({ log, replayed, total, slices, warnings }: TrafficChange): Line[] {
  const lines = ({ name, requests, figures }: TrafficSlice): Line[] => [
    `  ${name} (${counted(requests, 'request')})`,
    ...figures.map((figure) => {
      const line = `    ${figure.name.padEnd(16)} ${wording.figureText(figure)}`;
      return figure.verdict === 'same'
        ? line
        : styled(figure.verdict === 'worse' ? 'red' : 'green', `${line}  ${figure.verdict}`);
    }),
  ];
  return [
    styled('bold', `Traffic: ${log} over both, ${counted(replayed, 'request')}`),
    ...[total, ...slices].flatMap(lines),
    ...warnings.map((warning) => styled('red', `  ! ${warning}`)),
  ];
}

function stackLines(stack: ReviewedStack): Line[] {
  const { listed, counts } = wording.listedResources(stack);
  return [
    styled('bold', wording.stackTitle(stack)),
    ...listed.flatMap((resource) => resourceLines(stack, resource)),
    ...(counts ? [`  ${stack.action === 'add' ? '+' : '-'} ${counts}`] : []),
  ];
}

function resourceLines(stack: ReviewedStack, resource: ReviewedResource): Line[] {
  const mark = wording.ACTION_MARKS[resource.action];
  const title = `  ${mark} ${wording.resourceTitle(stack, resource)}`;
  const loses = resource.stateful && !['add', 'update', 'code'].includes(resource.action);
  const { shown, rest } = wording.shownDifferences(resource);
  return [
    loses ? styled('red', title) : title,
    ...shown.map(({ name, before, after }) => {
      if (before === undefined) return `      + ${name}: ${after}`;
      return after === undefined
        ? `      - ${name}: ${before}`
        : `      ${name}: ${before} → ${after}`;
    }),
    ...(rest > 0 ? [`      and ${counted(rest, 'more difference')}`] : []),
  ];
}
