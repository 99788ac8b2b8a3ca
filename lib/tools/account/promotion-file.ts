/**
 * The changes of the deployment file that a promotion requires, so that the stacks match what RDS
 * has.
 *
 * A deployment without them would do harm. With only `primaryRegion` changed, the app would create
 * a second, empty primary in the new region and drop the hub from its template. RDS cannot give a
 * replica another source, so replicas must be created again under other names.
 */
import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { IsochroneError } from '../../model/errors';

/** A change of one value of the file. */
export interface FileChange {
  readonly path: readonly string[];
  /** The value as YAML: a scalar or a flow collection. */
  readonly value: string | number;
  /**
   * Whether the value is added to the list at the path, which is created if it is missing.
   *
   * @default false
   */
  readonly added?: boolean;
  /** The reason, as a sentence. */
  readonly why: string;
}

/** A region whose hub became the primary. */
export interface PromotedRegion {
  readonly region: string;
  /** The name of the hub's instance. */
  readonly hub: string;
}

/** The changes that a promotion requires. */
export function promotionChanges(source: string, promoted: PromotedRegion): FileChange[] {
  const document = parseDocument(source);
  const regions = document.get('regions');
  const names = isMap(regions)
    ? regions.items.map(({ key }) => String(isScalar(key) ? key.value : key))
    : [];
  const others = names.filter((name) => name !== promoted.region);
  return [
    { path: ['primaryRegion'], value: promoted.region, why: 'Writes go to this region now.' },
    {
      path: ['database', 'promotions'],
      value: `{ instance: ${promoted.hub}, from: ${document.get('primaryRegion')} }`,
      added: true,
      why: 'The hub is the primary now.',
    },
    ...others.map((name) => ({
      path: ['regions', name, 'replicaGeneration'],
      value: Number(document.getIn(['regions', name, 'replicaGeneration']) ?? 1) + 1,
      why:
        'Its replicas follow the old primary, and RDS cannot change the source of a replica: ' +
        'new replicas are created under new names.',
    })),
  ];
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The file with the changes; all other text stays as it was.
 *
 * @throws IsochroneError if the file is not a YAML map, or has no place for a change
 */
export function changeFile(source: string, changes: readonly FileChange[]): string {
  const document = parseDocument(source);
  if (document.errors.length > 0 || !isMap(document.contents)) {
    throw new IsochroneError(
      'The deployment file is not a YAML map: ' +
        `${document.errors[0]?.message ?? 'it is empty'}.\nCorrect it first.`,
    );
  }
  const root = document.contents;
  return changes
    .map((change) => edit(source, root as YAMLMap, change))
    .sort((a, b) => b.start - a.start)
    .reduce(
      (text, { start, end, text: put }) => text.slice(0, start) + put + text.slice(end),
      source,
    );
}

function edit(source: string, root: YAMLMap, { path, value, added: isAdded }: FileChange): Edit {
  let map = root;
  for (const [depth, key] of path.entries()) {
    const pair = pairOf(map, key);
    const rest = path.slice(depth);
    if (pair === undefined) return addKey(source, map, rest, isAdded ? `[${value}]` : value);
    if (depth === path.length - 1 && isAdded && isSeq(pair.value))
      return addItem(source, pair.value, value);
    if (depth === path.length - 1 && !isAdded && isScalar(pair.value) && pair.value.range) {
      const [start, end] = pair.value.range;
      return { start, end, text: String(value) };
    }
    if (!isMap(pair.value)) break;
    map = pair.value;
  }
  throw new IsochroneError(
    `The deployment file has no place for ${path.join('.')}.\nSet it to ${value} by hand.`,
  );
}

/** Adds an item after the last one of a list, with the same indentation. */
function addItem(source: string, list: YAMLSeq, value: string | number): Edit {
  const last = list.items.at(-1) as { readonly range?: readonly number[] } | undefined;
  const end = last?.range?.[1];
  if (end === undefined) {
    const start = (list.range?.[0] ?? 0) + 1;
    return { start, end: start, text: String(value) };
  }
  if (list.flow) return { start: end, end, text: `, ${value}` };
  const dash = list.range?.[0] ?? 0;
  // The range of a block map ends after its line break.
  const start = end - (source[end - 1] === '\n' ? 1 : 0);
  return {
    start,
    end: start,
    text: `\n${' '.repeat(dash - source.lastIndexOf('\n', dash - 1) - 1)}- ${value}`,
  };
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find(
    (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === key,
  );
}

/**
 * Adds a key before the first key of a map, with the same indentation. A key whose parents are
 * missing goes to the end of the file.
 */
function addKey(
  source: string,
  map: YAMLMap,
  path: readonly string[],
  value: string | number,
): Edit {
  const start = map.range?.[0] ?? 0;
  const line = source.lastIndexOf('\n', start - 1) + 1;
  if (path.length > 1) {
    const nested = path.map((key, depth) => `${'  '.repeat(depth)}${key}:`).join('\n');
    return {
      start: source.length,
      end: source.length,
      text: `${source.endsWith('\n') ? '' : '\n'}${nested} ${value}\n`,
    };
  }
  if (map.flow) return { start: start + 1, end: start + 1, text: ` ${path[0]}: ${value},` };
  return { start, end: start, text: `${path[0]}: ${value}\n${' '.repeat(start - line)}` };
}

/** The changes as a diff in the order of the file, each with its reason. */
export function formatChanges(
  source: string,
  changes: readonly FileChange[],
  file: string,
): string {
  const blocks = changes.map((change) => {
    const before = source.split('\n');
    const after = changeFile(source, [change]).split('\n');
    let same = 0;
    while (same < before.length && before[same] === after[same]) same++;
    let tail = 0;
    while (
      tail < before.length - same &&
      tail < after.length - same &&
      before.at(-1 - tail) === after.at(-1 - tail)
    )
      tail++;
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
