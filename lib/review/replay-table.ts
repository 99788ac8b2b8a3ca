/** A replay for a terminal of 120 columns: what would be served from where, why not, and what the figures rest on. */
import Table from 'cli-table3';
import type { KeySplitter, Objective, ReplayReport, ReplaySlice, Span, UnsafeMerge } from '../simulation/replay-report';

const COLUMNS = 120;

/** How much of each list is shown; the JSON has all. */
const SHOWN = 8;

export function formatReplay(report: ReplayReport): string {
  return [
    heading(report),
    slices(report),
    misses(report.total),
    ceiling(report),
    section('Key splitters, by the hits that a cache without limits loses', report.keySplitters.map(splitter)),
    section('Unsafe merges: one key, two URLs, no answer in common', report.unsafeMerges.map(merge)),
    section(
      'Edge functions that failed',
      report.functionErrors.map(({ message, count }) => `${whole(count)} × ${message}`),
    ),
    section('Objectives, by the worse end of each span', report.objectives.map(objective)),
    section('Modelled, not measured', report.modelled, report.modelled.length),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function heading({ log, distribution, capacityBytes }: ReplayReport): string {
  const time = log.from === undefined ? '' : `, ${minute(log.from)} to ${minute(log.to ?? log.from)} UTC`;
  const broken = log.brokenExamples.map(({ line, reason, text }) => bounded(`  line ${line}: ${reason}: ${text}`));
  return [
    `${whole(log.replayed)} requests of ${log.file} (${log.format})${time}`,
    `through ${distribution}, with ${capacityBytes.map((bytes) => (bytes === null ? 'no limit' : size(bytes))).join(', ')} for each edge location`,
    ...(log.broken === 0
      ? []
      : [`${whole(log.broken)} of ${whole(log.lines)} lines are broken and were left out, the first of them:`, ...broken]),
  ].join('\n');
}

function slices({ total, behaviors, cells }: ReplayReport): string {
  const table = new Table({
    head: ['Behaviour', 'Viewers', 'Requests', 'Hits %', 'No origin %', 'p50 ms', 'p95 ms', 'p99 ms'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    colWidths: [28, 15, 12, 13, 13, 10, 10, 10],
    style: { head: [], border: [] },
  });
  for (const behavior of behaviors) {
    const parts = cells.filter(({ pathPattern }) => pathPattern === behavior.pathPattern);
    const [only] = parts;
    table.push([behavior.pathPattern, parts.length === 1 && only ? only.continent : 'all', ...figures(behavior)]);
    if (parts.length > 1) for (const part of parts) table.push(['', part.continent, ...figures(part)]);
  }
  table.push(['total', '', ...figures(total)]);
  return withoutRules(table.toString());
}

function figures({ requests, hitPercent, offloadPercent, latencyMs }: ReplaySlice): string[] {
  const ms = (of: Span) => range(of, (value) => value.toFixed(0));
  return [
    whole(requests),
    range(hitPercent, percent),
    range(offloadPercent, percent),
    ms(latencyMs.p50),
    ms(latencyMs.p95),
    ms(latencyMs.p99),
  ];
}

function misses({ misses: reasons, originRequests, originBytes, bytes }: ReplaySlice): string {
  const named = Object.entries(reasons)
    .filter(([, { high }]) => high > 0)
    .sort(([, a], [, b]) => b.high - a.high)
    .map(([reason, count]) => `${range(count, whole)} ${reason}`);
  return [
    `Misses: ${named.length > 0 ? named.join(', ') : 'none'}.`,
    `Origins: ${range(originRequests, whole)} requests, ${range(originBytes, size)} of the ${size(bytes)} that viewers were sent.`,
  ].join('\n');
}

function ceiling({ ceiling: { rawUrlHitPercent, keyHitPercent } }: ReplayReport): string {
  return `Ceiling: a cache without limits that never expires would hit ${percent(rawUrlHitPercent)} % by URL, ${percent(keyHitPercent)} % by this deployment's key.`;
}

function splitter({ kind, name, pathPattern, requests, hitsLost, inKey }: KeySplitter): string {
  const effect = inKey ? 'lost, for it is in the key' : 'kept, for it is not in the key';
  return `${kind} ${JSON.stringify(name)}: ${whole(hitsLost)} hits of ${whole(requests)} requests with it, most in ${pathPattern}: ${effect}`;
}

function merge({ pathPattern, first, second, requests }: UnsafeMerge): string {
  const answered = ({ url, status, bytes }: UnsafeMerge['first']) => bounded(`    ${status}, ${whole(bytes)} bytes: ${url}`);
  return `${whole(requests)} requests in ${pathPattern}\n${answered(first)}\n${answered(second)}`;
}

function objective({ name, target, actual, met }: Objective): string {
  const [wanted, got] =
    name === 'cacheHitPercent'
      ? [`at least ${target} %`, `${range(actual, percent)} %`]
      : [`at most ${target} ms`, `${range(actual, (ms) => ms.toFixed(0))} ms`];
  return `${met ? 'met   ' : 'MISSED'}  ${name}: ${wanted}, and it is ${got}`;
}

function section(title: string, items: readonly string[], shown = SHOWN): string {
  if (items.length === 0) return '';
  const rest = items.length > shown ? [`  and ${whole(items.length - shown)} more: --json has them all`] : [];
  return [`${title}:`, ...items.slice(0, shown).flatMap((item) => item.split('\n').flatMap(wrapped)), ...rest].join('\n');
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

/** Only the rule under the head and those around the table: one between all rows would double its length. */
function withoutRules(table: string): string {
  return table
    .split('\n')
    .filter((line, i) => i === 2 || !line.startsWith('├'))
    .join('\n');
}

/** Names and URLs come from whoever sent a request: nothing that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e×·–…]/g, '·');
}

function bounded(text: string): string {
  const clean = printable(text);
  return clean.length > COLUMNS - 4 ? `${clean.slice(0, COLUMNS - 5)}…` : clean;
}

function range({ low, high }: Span, format: (value: number) => string): string {
  const [from, to] = [format(low), format(high)];
  return from === to ? from : `${from}–${to}`;
}

function percent(value: number): string {
  return value.toFixed(1);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power]}`;
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
