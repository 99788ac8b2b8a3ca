/**
 * A replay for a terminal of 120 columns: what is served from where, the reasons of misses, and the
 * assumptions of the model.
 */
import Table from 'cli-table3';
import { visible } from '../../../model/visible';
import type {
  KeySplitter,
  Objective,
  ReplayReport,
  ReplaySlice,
  UnsafeMerge,
} from '../../simulation';
import { withoutRowRules } from '../terminal';
import { milliseconds, minute, percent, bytes as size, span, count as whole } from './figures';

const COLUMNS = 120;

/** A non-breaking space between the parts of a figure. It keeps a line from ending there. */
const UNBROKEN = '\u00a0';

/** The most entries of each list; the JSON has all of them. */
const SHOWN = 8;

/**
 * Formats the report as text.
 *
 * @param options.cells whether to add a row for each behavior on each continent
 */
export function formatReplay(
  report: ReplayReport,
  { cells = false }: { readonly cells?: boolean } = {},
): string {
  return [
    heading(report),
    slices(report, cells),
    misses(report.total),
    ceiling(report),
    section(
      'Key splitters, by the hits that an unlimited cache loses',
      report.keySplitters.map(splitter),
    ),
    section(
      'Unsafe merges: two URLs with one cache key and different responses',
      report.unsafeMerges.map(merge),
    ),
    section(
      'Edge functions that failed',
      report.functionErrors.map(({ message, count }) => `${whole(count)} × ${message}`),
    ),
    section('Objectives, by the worse end of each span', report.objectives.map(objective)),
    section('Modeled, not measured', report.modelled, report.modelled.length),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .replaceAll(UNBROKEN, ' ');
}

function heading({ log, distribution, capacityBytes }: ReplayReport): string {
  const time =
    log.from === undefined ? '' : `, ${minute(log.from)} to ${minute(log.to ?? log.from)} UTC`;
  const capacities = capacityBytes.map((bytes) => (bytes === null ? 'no limit' : size(bytes)));
  const broken = log.brokenExamples.map(({ line, reason, text }) =>
    oneLine(`  line ${line}: ${reason}: ${text}`),
  );
  return [
    `${whole(log.replayed)} requests of ${visible(log.file)} (${log.format})${time}`,
    `through ${visible(distribution)}, with ${capacities.join(', ')} for each edge location`,
    ...(log.broken === 0
      ? []
      : [
          `${whole(log.broken)} of ${whole(log.lines)} lines could not be read and were skipped; ` +
            'the first of them:',
          ...broken,
        ]),
  ].join('\n');
}

function slices({ total, behaviors, continents, cells }: ReplayReport, withCells: boolean): string {
  const table = new Table({
    head: ['Behavior', 'Viewers', 'Requests', 'Hits', 'No origin', 'p50', 'p95'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
    colWidths: [23, 15, 11, 14, 14, 17, 17],
    style: { head: [], border: [] },
  });
  for (const behavior of behaviors) {
    const parts = cells.filter(({ pathPattern }) => pathPattern === behavior.pathPattern);
    const [only] = parts;
    table.push([
      visible(behavior.pathPattern),
      parts.length === 1 && only ? only.continent : 'all',
      ...figures(behavior),
    ]);
    if (withCells && parts.length > 1)
      for (const part of parts) table.push(['', part.continent, ...figures(part)]);
  }
  table.push(['total', 'all', ...figures(total)]);
  if (continents.length > 1)
    for (const part of continents) table.push(['', part.continent, ...figures(part)]);
  return withoutRowRules(table.toString());
}

function figures({ requests, hitPercent, offloadPercent, latencyMs }: ReplaySlice): string[] {
  const [p50, p95] = [span(latencyMs.p50, milliseconds), span(latencyMs.p95, milliseconds)];
  return [whole(requests), span(hitPercent, percent), span(offloadPercent, percent), p50, p95];
}

function misses({ misses: reasons, originRequests, originBytes, bytes }: ReplaySlice): string {
  const named = Object.entries(reasons)
    .filter(([, { high }]) => high > 0)
    .sort(([, a], [, b]) => b.high - a.high)
    .map(([reason, count]) => `${span(count, whole)} ${reason}`);
  return [
    `Misses: ${named.length > 0 ? named.join(', ') : 'none'}.`,
    `Origins: ${span(originRequests, whole)} requests, ${span(originBytes, size)} of the ` +
      `${size(bytes)} sent to viewers.`,
  ].join('\n');
}

function ceiling({ ceiling: { rawUrlHitPercent, keyHitPercent } }: ReplayReport): string {
  return (
    'Ceiling: an unlimited cache that never expires would hit ' +
    `${percent(rawUrlHitPercent)} by URL, ${percent(keyHitPercent)} by this deployment's key.`
  );
}

function splitter({ kind, name, pathPattern, requests, hitsLost, inKey }: KeySplitter): string {
  const effect = inKey ? 'lost: it is in the key' : 'saved: it is not in the key';
  const hits = `${whole(hitsLost)} hits of ${whole(requests)} requests with it`;
  return `${kind} ${JSON.stringify(name)}: ${hits}, most in ${pathPattern}: ${effect}`;
}

function merge({ pathPattern, first, second, requests }: UnsafeMerge): string {
  const answered = ({ url, status, bytes }: UnsafeMerge['first']) =>
    oneLine(`    ${status}, ${whole(bytes)} bytes: ${url}`);
  return `${whole(requests)} requests in ${visible(pathPattern)}\n${answered(first)}\n${answered(second)}`;
}

function objective({ name, target, actual, met }: Objective): string {
  const [wanted, got] =
    name === 'cacheHitPercent'
      ? [`at least ${target} %`, span(actual, percent)]
      : [`at most ${target} ms`, span(actual, milliseconds)];
  return `${met ? 'met   ' : 'MISSED'}  ${name}: ${wanted}, got ${got}`;
}

function section(title: string, items: readonly string[], shown = SHOWN): string {
  if (items.length === 0) return '';
  const rest =
    items.length > shown ? [`  and ${whole(items.length - shown)} more: --json has them all`] : [];
  return [
    `${title}:`,
    ...items.slice(0, shown).flatMap((item) => item.split('\n').flatMap(wrapped)),
    ...rest,
  ].join('\n');
}

/** Wraps a text at blanks, and indents the continuation lines. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of visible(text).split(/(?<=\S) /)) {
    if (line.length + 1 + word.length > COLUMNS && line.trim() !== '') {
      lines.push(line);
      line = '   ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].map((each) => each.slice(0, COLUMNS));
}

/** A text on one line that fits into the terminal. */
function oneLine(text: string): string {
  const characters = [...visible(text)];
  return characters.length > COLUMNS - 4
    ? `${characters.slice(0, COLUMNS - 5).join('')}…`
    : characters.join('');
}
