/**
 * Findings from a plan of PostgreSQL, without a server: where it reads too much, and which columns
 * an index could have.
 */

/** A node of `EXPLAIN (FORMAT JSON, VERBOSE)`, with the properties that are used here. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Total Cost': number;
  readonly 'Plan Rows': number;
  readonly 'Plan Width': number;
  readonly Schema?: string;
  readonly 'Relation Name'?: string;
  readonly Alias?: string;
  readonly Filter?: string;
  readonly 'Hash Cond'?: string;
  readonly 'Merge Cond'?: string;
  readonly 'Join Filter'?: string;
  readonly 'Sort Key'?: readonly string[];
  readonly Plans?: readonly PlanNode[];
}

/** The statistics of a table. */
export interface TableFacts {
  /** The estimated number of rows. */
  readonly rows: number;
}

export interface PlanFinding {
  readonly kind: 'sequential-scan' | 'sort-spill' | 'join-without-index';
  /** The table as `schema.name`, or the sort key. */
  readonly subject: string;
  readonly message: string;
}

/** An index that may help, with table and columns as SQL spells them. */
export interface IndexCandidate {
  readonly table: string;
  readonly columns: readonly string[];
}

/**
 * The rows from which a table is large. A smaller table is read faster as a whole than by an index.
 */
export const LARGE_TABLE_ROWS = 10_000;
/** The largest share of rows that a filter may keep to be worth an index. */
export const SELECTIVE_SHARE = 0.1;

/** The most candidates per table. Each one costs a plan for each slow statement. */
const CANDIDATES_PER_TABLE = 4;

const NAME = '(?:"(?:[^"]|"")+"|[A-Za-z_][\\w$]*)';
const COLUMN = `(${NAME})\\.(${NAME})`;
/**
 * A plain column in a comparison. A column inside a function or expression needs an index on that
 * expression, which is not derived here.
 */
const COMPARED = new RegExp(
  `(?:^|[\\s(])(?:\\(${COLUMN}\\)::[\\w ]+(?:\\[\\])?|${COLUMN})\\s(=|<=|>=|<|>)\\s`,
  'g',
);
const EQUATED = new RegExp(`${COLUMN}\\)?(?:::[\\w ]+)? = \\(?${COLUMN}`, 'g');
const SORTED = new RegExp(`^${COLUMN}(?: DESC| ASC)?(?: NULLS (?:FIRST|LAST))?$`);

export function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** The table of a node as `schema.name`, as SQL spells it. */
export function tableOf({ Schema, 'Relation Name': relation }: PlanNode): string | undefined {
  return relation === undefined ? undefined : `${quoted(Schema ?? 'public')}.${quoted(relation)}`;
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** The joined columns of a plan, by alias: each is equated with a column of another alias. */
function joinedColumns(nodes: readonly PlanNode[]): Map<string, Set<string>> {
  const joined = new Map<string, Set<string>>();
  for (const node of nodes) {
    for (const text of [node['Hash Cond'], node['Merge Cond'], node['Join Filter']]) {
      for (const [, a = '', x = '', b = '', y = ''] of (text ?? '').matchAll(EQUATED)) {
        if (a === b) continue;
        add(joined, a, x);
        add(joined, b, y);
      }
    }
  }
  return joined;
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set()).add(value));
}

/**
 * The findings of a plan.
 *
 * @param tables the tables by `schema.name`
 * @param workMemBytes `work_mem`, the memory of one sort; a larger sort uses the disk
 */
export function planFindings(
  plan: PlanNode,
  tables: ReadonlyMap<string, TableFacts>,
  workMemBytes: number,
): PlanFinding[] {
  const nodes = nodesOf(plan);
  const joined = joinedColumns(nodes);
  return nodes.flatMap((node): PlanFinding[] => {
    if (/^(Incremental )?Sort$/.test(node['Node Type'])) {
      const bytes = node['Plan Rows'] * node['Plan Width'];
      if (bytes <= workMemBytes) return [];
      const key = (node['Sort Key'] ?? []).join(', ');
      return [
        {
          kind: 'sort-spill',
          subject: key,
          message:
            `The sort by ${key} is estimated at ${mebibytes(bytes)} MiB, ` +
            `and work_mem is ${mebibytes(workMemBytes)} MiB: it spills to disk.`,
        },
      ];
    }
    const table = tableOf(node);
    if (table === undefined || !node['Node Type'].endsWith('Seq Scan')) return [];
    const rows = tables.get(table)?.rows ?? 0;
    if (rows < LARGE_TABLE_ROWS) return [];
    const all = `All ${Math.round(rows)} rows of ${table}`;
    if (node.Filter !== undefined && node['Plan Rows'] <= rows * SELECTIVE_SHARE) {
      return [
        {
          kind: 'sequential-scan',
          subject: table,
          message: `${all} are read for about ${node['Plan Rows']} of them.`,
        },
      ];
    }
    const columns = [...(joined.get(quoted(node.Alias ?? '')) ?? [])];
    if (node.Filter !== undefined || columns.length === 0) return [];
    return [
      {
        kind: 'join-without-index',
        subject: table,
        message: `${all} are read for a join by ${columns.join(', ')}.`,
      },
    ];
  });
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

/**
 * The indexes worth trying for a plan: columns compared for equality first, then a column compared
 * by range, or the columns of the sort order.
 */
export function indexCandidates(
  plan: PlanNode,
  tables: ReadonlyMap<string, TableFacts>,
): IndexCandidate[] {
  const nodes = nodesOf(plan);
  const joined = joinedColumns(nodes);
  const candidates = nodes.flatMap((node): IndexCandidate[] => {
    const table = tableOf(node);
    if (table === undefined || (tables.get(table)?.rows ?? 0) < LARGE_TABLE_ROWS) return [];
    const alias = quoted(node.Alias ?? '');
    const { equal, ranged } = compared(node.Filter ?? '', alias);
    const order = sortOrder(nodes, alias);
    const joins = [...(joined.get(alias) ?? [])];
    const lists = [
      [...equal, ...order],
      [...equal, ...ranged.slice(0, 1)],
      ...joins.map((column) => [column, ...equal]),
      ...equal.map((column) => [column]),
      ...ranged.map((column) => [column]),
    ]
      .map((columns) => [...new Set(columns)])
      .filter((columns) => columns.length > 0);
    return unique(lists.map((columns) => ({ table, columns }))).slice(0, CANDIDATES_PER_TABLE);
  });
  return unique(candidates);
}

function compared(filter: string, alias: string): { equal: string[]; ranged: string[] } {
  const equal = new Set<string>();
  const ranged = new Set<string>();
  // A condition on one side of an OR does not narrow what is read.
  if (!/ OR /.test(filter)) {
    for (const [, aliasOfCast, cast, plainAlias, plain, operator] of filter.matchAll(COMPARED)) {
      if ((aliasOfCast ?? plainAlias) !== alias) continue;
      (operator === '=' ? equal : ranged).add((cast ?? plain) as string);
    }
  }
  return { equal: [...equal], ranged: [...ranged].filter((column) => !equal.has(column)) };
}

/**
 * The columns that the statement is ordered by, if all belong to one alias and have one direction,
 * because a B-tree can be read both ways.
 */
function sortOrder(nodes: readonly PlanNode[], alias: string): string[] {
  const key = nodes.find((node) => node['Sort Key'] !== undefined)?.['Sort Key'] ?? [];
  const columns = key.map((part) => SORTED.exec(part));
  if (columns.some((match) => match === null || match[1] !== alias)) return [];
  const descending = key.filter((part) => / DESC/.test(part)).length;
  return descending === 0 || descending === key.length
    ? columns.map((match) => match?.[2] ?? '')
    : [];
}

function unique(candidates: readonly IndexCandidate[]): IndexCandidate[] {
  return [...new Map(candidates.map((each) => [JSON.stringify(each), each])).values()];
}
