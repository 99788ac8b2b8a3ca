/** A review for a terminal. */
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
  const sections = [
    [`${review.base} → ${review.head}`, paint('bold', wording.summaryLine(review))],
    section(
      paint('bold', 'Stateful losses'),
      wording.groupedLosses(review.losses).flatMap((losses) => lossLines(losses, paint)),
    ),
    section(paint('bold', 'Safety'), findingLines(review, paint)),
    review.traffic === undefined ? [] : trafficLines(review.traffic, paint),
    ...review.stacks.map((stack) => stackLines(stack, paint)),
    review.unusedAcknowledgements.map(({ path }) =>
      paint('yellow', `--acknowledge ${path} matches no loss of this change.`),
    ),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

function lossLines(losses: readonly [StatefulLoss, ...StatefulLoss[]], paint: Paint): string[] {
  const [first] = losses;
  const accepted = first.acknowledged !== undefined;
  return [
    paint(
      accepted ? 'yellow' : 'red',
      `  ● ${losses.map(({ path }) => path).join(', ')}: ${wording.lossTitle(first)}`,
    ),
    `    ${first.message}`,
    ...(accepted
      ? [`    Acknowledged: ${first.acknowledged}`]
      : losses.map(({ path }) => `    If this is intended: --acknowledge "${path}=REASON"`)),
  ];
}

function findingLines(review: ChangeReview, paint: Paint): string[] {
  const { major, ofNewStacks, narrowings } = wording.sortedFindings(review);
  const line = ({ path, message }: Finding) => `${path}: ${message}`;
  const rest = narrowings.length - SHOWN_NARROWINGS;
  return [
    ...major.map((finding) =>
      paint(finding.severity === 'high' ? 'red' : 'yellow', `  ! ${line(finding)}`),
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

function trafficLines(
  { log, replayed, total, slices, warnings }: TrafficChange,
  paint: Paint,
): string[] {
  const lines = ({ name, requests, figures }: TrafficSlice) => [
    `  ${name} (${counted(requests, 'request')})`,
    ...figures.map((figure) => {
      const line = `    ${figure.name.padEnd(16)} ${wording.figureText(figure)}`;
      return figure.verdict === 'same'
        ? line
        : paint(figure.verdict === 'worse' ? 'red' : 'green', `${line}  ${figure.verdict}`);
    }),
  ];
  return [
    paint('bold', `Traffic: ${log} over both, ${counted(replayed, 'request')}`),
    ...[total, ...slices].flatMap(lines),
    ...warnings.map((warning) => paint('red', `  ! ${warning}`)),
  ];
}

function stackLines(stack: ReviewedStack, paint: Paint): string[] {
  const { listed, counts } = wording.listedResources(stack);
  return [
    paint('bold', wording.stackTitle(stack)),
    ...listed.flatMap((resource) => resourceLines(stack, resource, paint)),
    ...(counts ? [`  ${stack.action === 'add' ? '+' : '-'} ${counts}`] : []),
  ];
}

function resourceLines(stack: ReviewedStack, resource: ReviewedResource, paint: Paint): string[] {
  const mark = wording.ACTION_MARKS[resource.action];
  const title = `  ${mark} ${wording.resourceTitle(stack, resource)}`;
  const loses = resource.stateful && !['add', 'update', 'code'].includes(resource.action);
  const { shown, rest } = wording.shownDifferences(resource);
  return [
    loses ? paint('red', title) : title,
    ...shown.map(({ name, before, after }) => {
      if (before === undefined) return `      + ${name}: ${after}`;
      return after === undefined
        ? `      - ${name}: ${before}`
        : `      ${name}: ${before} → ${after}`;
    }),
    ...(rest > 0 ? [`      and ${counted(rest, 'more difference')}`] : []),
  ];
}
