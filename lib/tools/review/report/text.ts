/** A review for a terminal. */

import type { Finding, StatefulLoss } from '../findings';
import type { TrafficChange, TrafficSlice } from '../traffic';
import type { ChangeReview, ReviewedResource, ReviewedStack } from './change-review';
import {
  counted,
  figureText,
  groupedLosses,
  listedResources,
  lossTitle,
  MARKS,
  resourceTitle,
  shownDifferences,
  sortedFindings,
  stackTitle,
  summaryLine,
} from './words';

/** Colours a text; without a terminal, it returns it as it is. */
export type Paint = (style: 'red' | 'yellow' | 'green' | 'bold', text: string) => string;

/** Narrowings that are named; the others are counted. */
const NARROWINGS_SHOWN = 5;

export function formatChangeText(
  review: ChangeReview,
  paint: Paint = (_style, text) => text,
): string {
  const sections = [
    [`${review.base} → ${review.head}`, paint('bold', summaryLine(review))],
    section(
      paint('bold', 'Stateful losses'),
      groupedLosses(review.losses).flatMap((losses) => lossLines(losses, paint)),
    ),
    section(paint('bold', 'Safety'), findingLines(review, paint)),
    review.traffic === undefined ? [] : trafficLines(review.traffic, paint),
    ...review.stacks.map((stack) => stackLines(stack, paint)),
    review.unusedAcknowledgements.map(({ path }) =>
      paint('yellow', `--acknowledge ${path} names nothing that this change loses.`),
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
      `  ● ${losses.map(({ path }) => path).join(', ')}: ${lossTitle(first)}`,
    ),
    `    ${first.message}`,
    ...(accepted
      ? [`    Acknowledged: ${first.acknowledged}`]
      : losses.map(({ path }) => `    If it is meant: --acknowledge "${path}=REASON"`)),
  ];
}

function findingLines(review: ChangeReview, paint: Paint): string[] {
  const { grave, ofNewStacks, narrowings } = sortedFindings(review);
  const line = ({ path, message }: Finding) => `${path}: ${message}`;
  const rest = narrowings.length - NARROWINGS_SHOWN;
  return [
    ...grave.map((finding) =>
      paint(finding.severity === 'high' ? 'red' : 'yellow', `  ! ${line(finding)}`),
    ),
    ...(ofNewStacks.length > 0
      ? [
          `    ${counted(ofNewStacks.length, 'grant')} of new stacks: in the Markdown and in the JSON`,
        ]
      : []),
    ...narrowings.slice(0, NARROWINGS_SHOWN).map((finding) => `    ${line(finding)}`),
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
      const line = `    ${figure.name.padEnd(16)} ${figureText(figure)}`;
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
  const { listed, counts } = listedResources(stack);
  return [
    paint('bold', stackTitle(stack)),
    ...listed.flatMap((resource) => resourceLines(stack, resource, paint)),
    ...(counts ? [`  ${stack.action === 'add' ? '+' : '-'} ${counts}`] : []),
  ];
}

function resourceLines(stack: ReviewedStack, resource: ReviewedResource, paint: Paint): string[] {
  const title = `  ${MARKS[resource.action]} ${resourceTitle(stack, resource)}`;
  const loses = resource.stateful && !['add', 'update', 'code'].includes(resource.action);
  const { shown, rest } = shownDifferences(resource);
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
