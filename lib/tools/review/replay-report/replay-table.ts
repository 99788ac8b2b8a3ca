/**
 * A replay for a terminal of 120 columns: what would be served from where, why not, and what the
 * figures rest on.
 */
import Table from 'cli-table3';
import type {
  KeySplitter,
  Objective,
  ReplayReport,
  ReplaySlice,
  UnsafeMerge,
} from '../../simulation';
import { milliseconds, percent, bytes as size, span, count as whole } from './figures';

const COLUMNS = 120;

/** Between the parts of a figure: no line ends there. */
const UNBROKEN = '\u00a0';

/** How much of each list is shown; the JSON has all. */
const SHOWN = 8;

/** @param options.cells also a row for each behaviour in each part of the world */
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
      'Key splitters, by the hits that a cache without limits loses',
      report.keySplitters.map(splitter),
    ),
    section(
      'Unsafe merges: one key, two URLs, no answer in common',
      report.unsafeMerges.map(merge),
    ),
    section(
      'Edge functions that failed',
      report.functionErrors.map(({ message, count }) => `${whole(count)} × ${message}`),
    ),
    section('Objectives, by the worse end of each span', report.objectives.map(objective)),
    section('Modelled, not measured', report.modelled, report.modelled.length),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .replaceAll(UNBROKEN, ' ');
}

function heading({ log, distribution, capacityBytes }: ReplayReport): string {
  const time =
    log.from === undefined ? '' : `, ${minute(log.from)} to ${minute(log.to ?? log.from)} UTC`;
  const broken = log.brokenExamples.map(({ line, reason, text }) =>
    bounded(`  line ${line}: ${reason}: ${text}`),
  );
  return [
    `${whole(log.replayed)} requests of ${log.file} (${log.format})${time}`,
    `through ${distribution}, with ${capacityBytes.map((bytes) => (bytes === null ? 'no limit' : size(bytes))).join(', ')} for each edge location`,
    ...(log.broken === 0
      ? []
      : [
          `${whole(log.broken)} of ${whole(log.lines)} lines are broken and were left out, the first of them:`,
          ...broken,
        ]),
  ].join('\n');
}

function slices({ total, behaviors, continents, cells }: ReplayReport, withCells: boolean): string {
  const table = new Table({
    head: ['Behaviour', 'Viewers', 'Requests', 'Hits', 'No origin', 'p50', 'p95'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
    colWidths: [23, 15, 11, 14, 14, 17, 17],
    style: { head: [], border: [] },
  });
  for (const behavior of behaviors) {
    const parts = cells.filter(({ pathPattern }) => pathPattern === behavior.pathPattern);
    const [only] = parts;
    table.push([
      behavior.pathPattern,
      parts.length === 1 && only ? only.continent : 'all',
      ...figures(behavior),
    ]);
    if (withCells && parts.length > 1)
      for (const part of parts) table.push(['', part.continent, ...figures(part)]);
  }
  table.push(['total', 'all', ...figures(total)]);
  if (continents.length > 1)
    for (const part of continents) table.push(['', part.continent, ...figures(part)]);
  return withoutRules(table.toString());
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
    `Origins: ${span(originRequests, whole)} requests, ${span(originBytes, size)} of the ${size(bytes)} that viewers were sent.`,
  ].join('\n');
}

function ceiling({ ceiling: { rawUrlHitPercent, keyHitPercent } }: ReplayReport): string {
  return `Ceiling: a cache without limits that never expires would hit ${percent(rawUrlHitPercent)} by URL, ${percent(keyHitPercent)} by this deployment's key.`;
}

function splitter({ kind, name, pathPattern, requests, hitsLost, inKey }: KeySplitter): string {
  const effect = inKey ? 'lost: it is in the key' : 'saved: it is not in the key';
  return `${kind} ${JSON.stringify(name)}: ${whole(hitsLost)} hits of ${whole(requests)} requests with it, most in ${pathPattern}: ${effect}`;
}

function merge({ pathPattern, first, second, requests }: UnsafeMerge): string {
  const answered = ({ url, status, bytes }: UnsafeMerge['first']) =>
    bounded(`    ${status}, ${whole(bytes)} bytes: ${url}`);
  return `${whole(requests)} requests in ${pathPattern}\n${answered(first)}\n${answered(second)}`;
}

function objective({ name, target, actual, met }: Objective): string {
  const [wanted, got] =
    name === 'cacheHitPercent'
      ? [`at least ${target} %`, span(actual, percent)]
      : [`at most ${target} ms`, span(actual, milliseconds)];
  return `${met ? 'met   ' : 'MISSED'}  ${name}: ${wanted}, and it is ${got}`;
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

/** At blanks, with what follows further in. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of printable(text).split(/(?<=\S) /)) {
    if (line.length + 1 + word.length > COLUMNS && line.trim() !== '') {
      lines.push(line);
      line = '   ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].map((each) => each.slice(0, COLUMNS));
}

/**
 * Only the rule under the head and those around the table: one between all rows would double its
 * length.
 */
function withoutRules(table: string): string {
  return table
    .split('\n')
    .filter((line, i) => i === 2 || !line.startsWith('├'))
    .join('\n');
}

/** Names and URLs come from whoever sent a request: nothing that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0×·–…]/g, '·');
}

function bounded(text: string): string {
  const clean = printable(text);
  return clean.length > COLUMNS - 4 ? `${clean.slice(0, COLUMNS - 5)}…` : clean;
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
