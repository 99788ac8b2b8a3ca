/**
 * What is so after a promotion, as lines of the deployment file. The file does not take `database.primaryInstance` yet, because no stack
 * can take a hub over: the lines are to read, not to deploy.
 *
 * A deployment without them would do harm. CloudFormation knows the hub as a replica: while its template still names the old
 * source, nothing happens until another property of it changes. With only `primaryRegion` changed, the app would create a second, empty
 * primary in the new region and drop the hub from its template. And replicas cannot be given another source: they must be made again, under
 * other names.
 */
import { isMap, isPair, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { IsochroneError } from '../errors';

/** One value of the file. */
export interface FileChange {
  readonly path: readonly string[];
  readonly value: string | number;
  readonly why: string;
}

export interface PromotedRegion {
  /** The region whose hub is the primary now. */
  readonly region: string;
  readonly hub: string;
}

/** The values that a promotion makes true. */
export function promotionChanges(source: string, promoted: PromotedRegion): FileChange[] {
  const document = parseDocument(source);
  const regions = document.get('regions');
  const names = isMap(regions) ? regions.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
  const others = names.filter((name) => name !== promoted.region);
  return [
    { path: ['primaryRegion'], value: promoted.region, why: 'Writes go there.' },
    {
      path: ['database', 'primaryInstance'],
      value: promoted.hub,
      why: 'The hub is the primary. The file does not take this yet: no stack can take it over.',
    },
    ...others.map((name) => ({
      path: ['regions', name, 'replicaGeneration'],
      value: Number(document.getIn(['regions', name, 'replicaGeneration']) ?? 1) + 1,
      why: 'Its replicas follow the old primary, and RDS gives a replica no other source: new ones are made, under new names.',
    })),
  ];
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The file with the changes made, everything else as it was. */
export function changeFile(source: string, changes: readonly FileChange[]): string {
  const document = parseDocument(source);
  if (document.errors.length > 0 || !isMap(document.contents)) {
    throw new IsochroneError(`The deployment file is no YAML map: ${document.errors[0]?.message ?? 'it is empty'}.\nCorrect it first.`);
  }
  const root = document.contents;
  return changes
    .map((change) => edit(source, root as YAMLMap, change))
    .sort((a, b) => b.start - a.start)
    .reduce((text, { start, end, text: put }) => text.slice(0, start) + put + text.slice(end), source);
}

function edit(source: string, root: YAMLMap, { path, value }: FileChange): Edit {
  let map = root;
  for (const [depth, key] of path.entries()) {
    const pair = pairOf(map, key);
    const rest = path.slice(depth);
    if (pair === undefined) return added(source, map, rest, value);
    if (depth === path.length - 1 && isScalar(pair.value) && pair.value.range) {
      const [start, end] = pair.value.range;
      return { start, end, text: String(value) };
    }
    if (!isMap(pair.value)) break;
    map = pair.value;
  }
  throw new IsochroneError(`The deployment file has no place for ${path.join('.')}.\nSet it to ${value} by hand.`);
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === key);
}

/** A key before the first one of a map, where it stands with the same indentation; at the top, at the end of the file. */
function added(source: string, map: YAMLMap, path: readonly string[], value: string | number): Edit {
  const start = map.range?.[0] ?? 0;
  const line = source.lastIndexOf('\n', start - 1) + 1;
  if (path.length > 1) {
    const nested = path.map((key, depth) => `${'  '.repeat(depth)}${key}:`).join('\n');
    return { start: source.length, end: source.length, text: `${source.endsWith('\n') ? '' : '\n'}${nested} ${value}\n` };
  }
  if (map.flow) return { start: start + 1, end: start + 1, text: ` ${path[0]}: ${value},` };
  return { start, end: start, text: `${path[0]}: ${value}\n${' '.repeat(start - line)}` };
}

/** The changes as lines of a diff, each with its reason. */
export function formatChanges(source: string, changes: readonly FileChange[], file: string): string {
  const blocks = changes.map((change) => {
    const before = source.split('\n');
    const after = changeFile(source, [change]).split('\n');
    let same = 0;
    while (same < before.length && before[same] === after[same]) same++;
    let tail = 0;
    while (tail < before.length - same && tail < after.length - same && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
    return {
      line: same,
      text: [
        `@@ ${file}:${same + 1}  ${change.why}`,
        ...before.slice(same, before.length - tail).map((text) => `-${text}`),
        ...after.slice(same, after.length - tail).map((text) => `+${text}`),
      ].join('\n'),
    };
  });
  return blocks
    .sort((a, b) => a.line - b.line)
    .map(({ text }) => text)
    .join('\n');
}
