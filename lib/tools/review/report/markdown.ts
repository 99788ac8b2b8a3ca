/**
 * A review as a comment on a pull request: the summary first, what needs a decision next, the
 * stacks folded.
 */

import type { Finding, StatefulLoss } from '../findings';
import type { TrafficChange } from '../traffic';
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

/** GitHub refuses a longer comment: "body is too long (maximum is 65536 characters)". */
export const COMMENT_LIMIT = 65_536;

/** Room for the note on what was cut. */
const NOTE = 300;

/** Characters of one stack. */
const STACK_LIMIT = 12_000;

/** The first line of each comment, by which the workflow finds the one it has to replace. */
export const COMMENT_MARK = '<!-- isochrone review -->';

/**
 * The Markdown, at most `limit` characters long. What does not fit is cut from the end, block by
 * block, and counted.
 */
export function formatChangeMarkdown(review: ChangeReview, limit: number = COMMENT_LIMIT): string {
  const { losses, stacks, traffic } = review;
  const { grave, ofNewStacks, narrowings } = sortedFindings(review);
  const blocks: readonly string[] = [
    `${COMMENT_MARK}\n### ${review.needsDecision ? '🔴 ' : ''}${summaryLine(review)}\n`,
    ...groupedLosses(losses).map(lossBlock),
    ...grave.map(findingBlock),
    ...(traffic === undefined ? [] : [trafficBlock(traffic)]),
    ...stacks.map(stackBlock),
    ...listBlock('grant of new stacks', 'grants of new stacks', ofNewStacks),
    ...listBlock('narrowing', 'narrowings', narrowings),
    ...review.unusedAcknowledgements.map(
      ({ path }) => `- An acknowledgement names nothing that this change loses: ${code(path)}`,
    ),
  ];
  return bounded(blocks, limit);
}

function bounded(blocks: readonly string[], limit: number): string {
  const whole = blocks.join('\n');
  if (whole.length <= limit) return whole;
  const kept: string[] = [];
  let length = NOTE;
  for (const block of blocks) {
    if (length + block.length + 1 > limit) continue;
    kept.push(block);
    length += block.length + 1;
  }
  const note = `\n> ${counted(blocks.length - kept.length, 'section')} of ${blocks.length} did not fit into a comment of ${limit} characters. The whole is in the output of the command, and in its JSON.`;
  return [...kept, note].join('\n');
}

function lossBlock(losses: readonly [StatefulLoss, ...StatefulLoss[]]): string {
  const [{ acknowledged, message }] = losses;
  const decisions =
    acknowledged === undefined
      ? losses.map(({ path }) => `If it is meant: ${code(`Acknowledge: ${path}=REASON`)}`)
      : [`Acknowledged: ${plain(acknowledged)}`];
  const paths = losses.map(({ path }) => code(path)).join(', ');
  return `- ${acknowledged === undefined ? '🔴' : '⚪'} **${paths}: ${lossTitle(losses[0])}.** ${plain(message)}\n  ${decisions.join('<br>\n  ')}`;
}

function findingBlock({ severity, path, message }: Finding): string {
  return `- ${{ high: '🔴 ', medium: '🟡 ', low: '' }[severity]}${code(path)}: ${plain(message)}`;
}

function listBlock(noun: string, plural: string, findings: readonly Finding[]): string[] {
  return findings.length === 0
    ? []
    : [folded(counted(findings.length, noun, plural), cut(findings.map(findingBlock)).join('\n'))];
}

function trafficBlock({ log, replayed, total, slices, warnings }: TrafficChange): string {
  const head = ['', ...total.figures.map(({ name }) => name)];
  const rows = [total, ...slices].map(({ name, figures }) => [
    code(name),
    ...figures.map(
      (figure) =>
        `${{ better: '🟢 ', worse: '🔴 ', same: '' }[figure.verdict]}${figureText(figure)}`,
    ),
  ]);
  const table = [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
  return [
    `\n**Traffic**: ${code(log)} replayed over both, ${counted(replayed, 'request')}\n\n${table}\n`,
    ...warnings.map((warning) => `- 🔴 ${plain(warning)}`),
  ].join('\n');
}

function stackBlock(stack: ReviewedStack): string {
  const { listed, counts } = listedResources(stack);
  const lines = [
    ...listed.flatMap((resource) => resourceLines(stack, resource)),
    ...(counts ? [`${stack.action === 'add' ? '+' : '-'} ${counts}`] : []),
  ];
  return folded(stackTitle(stack), fenced(cut(lines)));
}

/** One stack alone may not take the comment from the others. */
function cut(lines: readonly string[]): readonly string[] {
  let length = 0;
  const kept = lines.filter((line) => {
    length += line.length + 1;
    return length <= STACK_LIMIT;
  });
  return kept.length === lines.length
    ? lines
    : [...kept, `and ${counted(lines.length - kept.length, 'more line')}`];
}

/** In the language of a diff, so that GitHub colours what goes and what comes. */
function resourceLines(stack: ReviewedStack, resource: ReviewedResource): string[] {
  const mark = { '±': '!', '~': '#', '>': '!' }[MARKS[resource.action]] ?? MARKS[resource.action];
  const { shown, rest } = shownDifferences(resource);
  return [
    `${mark} ${resourceTitle(stack, resource)}`,
    ...shown.flatMap(({ name, before, after }) => [
      ...(before === undefined ? [] : [`-   ${name}: ${before}`]),
      ...(after === undefined ? [] : [`+   ${name}: ${after}`]),
    ]),
    ...(rest > 0 ? [`    and ${counted(rest, 'more difference')}`] : []),
  ];
}

function folded(title: string, content: string): string {
  return `<details><summary>${html(title)}</summary>\n\n${content}\n\n</details>`;
}

/** Nothing in a value may end the fence. */
function fenced(lines: readonly string[]): string {
  return `\`\`\`diff\n${lines.join('\n').replace(/```/g, "'''")}\n\`\`\``;
}

function code(value: string): string {
  return `\`${value.replace(/`/g, "'").replace(/\|/g, '\\|')}\``;
}

/** As text, whatever the value holds: no tags, no mentions, no links, no emphasis. */
function plain(value: string): string {
  return html(value).replace(/[\\`*_[\]@#|~]/g, '\\$&');
}

function html(value: string): string {
  return value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
