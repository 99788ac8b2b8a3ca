/**
 * A review as a comment on a pull request: the summary first, then what needs a decision, then the
 * stacks, folded.
 */
import type { Finding, StatefulLoss } from '../findings';
import { block, cell, code, folded, htmlCode, prose } from '../markdown';
import { counted } from '../terminal';
import type { TrafficChange } from '../traffic';
import type { ChangeReview, ReviewedResource, ReviewedStack } from './review';
import * as wording from './wording';

/**
 * The most characters of a comment. GitHub refuses more: "body is too long (maximum is 65536
 * characters)".
 */
export const COMMENT_LIMIT = 65_536;

/** Characters reserved for the note about sections left out. */
const NOTE_CHARACTERS = 300;

/** The most characters of one section, so that a large stack leaves room for the others. */
const SECTION_LIMIT = 12_000;

/** The first line of each comment. The workflow finds the comment to replace by it. */
export const COMMENT_MARK = '<!-- isochrone review -->';

const HOW_TO_ACKNOWLEDGE =
  '\nTo accept a loss, somebody with write access other than the author submits a review of this ' +
  'commit, with this line in it. A push ends all acknowledgements.\n';

/**
 * Formats the review as Markdown of at most `limit` characters. Sections that do not fit are left
 * out, and a note counts them.
 */
export function formatChangeMarkdown(review: ChangeReview, limit: number = COMMENT_LIMIT): string {
  const { losses, stacks, traffic } = review;
  const { major, ofNewStacks, narrowings } = wording.sortedFindings(review);
  const blocks: readonly string[] = [
    `${COMMENT_MARK}\n### ${review.needsDecision ? '🔴 ' : ''}${wording.summaryLine(review)}\n`,
    ...(review.commit === undefined ? [] : [`Commit ${code(review.commit)}\n`]),
    ...wording.groupedLosses(losses).map((group) => lossBlock(group, review)),
    ...(review.needsDecision && review.commit !== undefined ? [HOW_TO_ACKNOWLEDGE] : []),
    ...major.map(findingBlock),
    ...(traffic === undefined ? [] : [trafficBlock(traffic)]),
    ...stacks.map(stackBlock),
    ...listBlock('grant of new stacks', 'grants of new stacks', ofNewStacks),
    ...listBlock('narrowing', 'narrowings', narrowings),
    ...review.unusedAcknowledgements.map(
      ({ path }) => `- An acknowledgement matches no loss of this change: ${code(path)}`,
    ),
    ...(review.ignoredAcknowledgements ?? []).map(
      ({ by, reason }) => `- An acknowledgement of ${code(by)} does not count: ${prose(reason)}`,
    ),
  ];
  return bounded(blocks, limit);
}

function bounded(blocks: readonly string[], limit: number): string {
  const whole = blocks.join('\n');
  if (whole.length <= limit) return whole;
  const kept: string[] = [];
  let length = NOTE_CHARACTERS;
  for (const block of blocks) {
    if (length + block.length + 1 > limit) continue;
    kept.push(block);
    length += block.length + 1;
  }
  const note =
    `\n> ${counted(blocks.length - kept.length, 'section')} of ${blocks.length} did not fit into ` +
    `a comment of ${limit} characters. The output and the JSON of the command have all of them.`;
  return [...kept, note].join('\n');
}

function lossBlock(
  losses: readonly [StatefulLoss, ...StatefulLoss[]],
  { commit }: ChangeReview,
): string {
  const [{ acknowledged, message }] = losses;
  const accept = commit === undefined ? '--acknowledge' : 'Acknowledge:';
  const decisions =
    acknowledged === undefined
      ? losses.map(({ path }) => `If this is intended: ${code(`${accept} ${path}=REASON`)}`)
      : [`Acknowledged: ${prose(acknowledged)}`];
  const paths = losses.map(({ path }) => code(path)).join(', ');
  const mark = acknowledged === undefined ? '🔴' : '⚪';
  const title = `- ${mark} **${paths}: ${prose(wording.lossTitle(losses[0]))}.** ${prose(message)}`;
  return `${title}\n  ${decisions.join('<br>\n  ')}`;
}

function findingBlock({ severity, path, message }: Finding): string {
  const mark = { high: '🔴 ', medium: '🟡 ', low: '' }[severity];
  return `- ${mark}${code(path)}: ${prose(message)}`;
}

function listBlock(noun: string, plural: string, findings: readonly Finding[]): string[] {
  return findings.length === 0
    ? []
    : [folded(counted(findings.length, noun, plural), cut(findings.map(findingBlock)).join('\n'))];
}

const VERDICT_MARKS = { better: '🟢 ', worse: '🔴 ', same: '' } as const;

function trafficBlock({ log, replayed, total, slices, warnings }: TrafficChange): string {
  const head = ['', ...total.figures.map(({ name }) => name)];
  const rows = [total, ...slices].map(({ name, figures }) => [
    cell(name),
    ...figures.map((figure) => VERDICT_MARKS[figure.verdict] + wording.figureText(figure)),
  ]);
  const table = [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
  return [
    `\n**Traffic**: ${code(log)} replayed over both, ${counted(replayed, 'request')}`,
    `\n${table}\n`,
    ...warnings.map((warning) => `- 🔴 ${prose(warning)}`),
  ].join('\n');
}

function stackBlock(stack: ReviewedStack): string {
  const { listed, counts } = wording.listedResources(stack);
  const lines = [
    ...listed.flatMap((resource) => resourceLines(stack, resource)),
    ...(counts ? [`${stack.action === 'add' ? '+' : '-'} ${counts}`] : []),
  ];
  return folded(htmlCode(wording.stackTitle(stack)), block('diff', cut(lines)));
}

/** Keeps the lines that fit into one section, and counts the others. */
function cut(lines: readonly string[]): readonly string[] {
  let length = 0;
  const kept = lines.filter((line) => {
    length += line.length + 1;
    return length <= SECTION_LIMIT;
  });
  return kept.length === lines.length
    ? lines
    : [...kept, `and ${counted(lines.length - kept.length, 'more line')}`];
}

/** Written as a diff, so that GitHub colors removed and added lines. */
function resourceLines(stack: ReviewedStack, resource: ReviewedResource): string[] {
  const mark =
    { '±': '!', '~': '#', '>': '!' }[wording.ACTION_MARKS[resource.action]] ??
    wording.ACTION_MARKS[resource.action];
  const { shown, rest } = wording.shownDifferences(resource);
  return [
    `${mark} ${wording.resourceTitle(stack, resource)}`,
    ...shown.flatMap(({ name, before, after }) => [
      ...(before === undefined ? [] : [`-   ${name}: ${before}`]),
      ...(after === undefined ? [] : [`+   ${name}: ${after}`]),
    ]),
    ...(rest > 0 ? [`    and ${counted(rest, 'more difference')}`] : []),
  ];
}
