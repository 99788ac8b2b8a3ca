import { isNaming, isSymbol, isWord, type QueryToken } from './tokens';

/** A table as a statement names it; an unquoted name is in lower case, as PostgreSQL folds it. */
export interface QueryTable {
  /** Absent if the statement names none. */
  readonly schema?: string;
  readonly name: string;
}

/** The tables of a statement. */
export interface QueryTables {
  readonly reads: readonly QueryTable[];
  readonly writes: readonly QueryTable[];
  /**
   * The positions of the names of common table expressions. Parentheses after such a name contain
   * its columns.
   */
  readonly expressionsAt: ReadonlySet<number>;
}

/** One level of parentheses. */
interface Level {
  /** Whether this is the list of a FROM clause, in which a table follows each comma. */
  inFrom: boolean;
  /** Whether a table, a function or a parenthesis comes next. */
  expectsTable: boolean;
  /** Names of common table expressions that hide tables from this point. */
  readonly hidden: Set<string>;
  /**
   * The common table expression whose body this level is. It hides its name after the body; inside
   * the body only if it is recursive.
   */
  readonly body?: string;
}

/** Reserved words that end the list of a FROM clause. */
const AFTER_FROM = new Set(
  'where group having window order limit offset fetch for union intersect except returning'.split(
    ' ',
  ),
);
/** Functions with a FROM of their own between their parentheses. */
const FROM_INSIDE = new Set(['extract', 'substring', 'trim', 'overlay', 'position', 'normalize']);

/**
 * The tables of one statement. A word that might be a table counts as a table: an unnecessary tag
 * costs little, while a missing tag serves old rows. Tables behind views, functions, triggers and
 * foreign keys are not found.
 */
export function queryTables(tokens: readonly QueryToken[]): QueryTables {
  const reads: QueryTable[] = [];
  const writes: QueryTable[] = [];
  const expressionsAt = new Set<number>();
  const bodies = new Map<number, { readonly name: string; readonly recursive: boolean }>();
  const levels: Level[] = [];
  let level: Level = { inFrom: false, expectsTable: false, hidden: new Set() };
  let calls: string[] = [];
  let recursive = false;

  const expectExpression = (at: number): void => {
    const found = expressionAt(tokens, at);
    if (!found) return;
    expressionsAt.add(at);
    bodies.set(found.body, { name: found.name, recursive });
  };
  const isHidden = ({ schema, name }: QueryTable): boolean =>
    schema === undefined &&
    (level.hidden.has(name) || levels.some(({ hidden }) => hidden.has(name)));

  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i] as QueryToken;
    if (isSymbol(token, '(')) {
      const body = bodies.get(i);
      const isList = level.expectsTable;
      level.expectsTable = false;
      if (body?.recursive) level.hidden.add(body.name);
      levels.push(level);
      level = { inFrom: isList, expectsTable: isList, hidden: new Set(), body: body?.name };
      calls.push(tokens[i - 1]?.value ?? '');
      continue;
    }
    if (isSymbol(token, ')')) {
      const { body } = level;
      level = levels.pop() ?? level;
      calls = calls.slice(0, -1);
      if (body !== undefined) {
        level.hidden.add(body);
        if (isSymbol(tokens[i + 1], ',')) expectExpression(i + 2);
      }
      continue;
    }
    if (isSymbol(token, ',')) {
      level.expectsTable = level.inFrom;
      continue;
    }
    // Any word after a dot is a name.
    if (isSymbol(tokens[i - 1], '.')) continue;
    if (isWord(token, 'with')) {
      recursive = isWord(tokens[i + 1], 'recursive');
      expectExpression(i + (recursive ? 2 : 1));
    }
    const target = writeTarget(tokens, i);
    if (target !== undefined) for (const table of tablesFrom(tokens, target)) writes.push(table);

    if (level.expectsTable && isWord(token, 'only', 'lateral')) continue;
    const isSubquery = level.expectsTable && isWord(token, 'select', 'values', 'with');
    if (isSubquery || (token.kind === 'word' && AFTER_FROM.has(token.value))) {
      level.inFrom = false;
      level.expectsTable = false;
    } else if (isWord(token, 'from') && !isFromOfExpression(tokens, i, calls.at(-1))) {
      level.inFrom = true;
      level.expectsTable = true;
    } else if (isWord(token, 'join')) {
      level.inFrom = true;
      level.expectsTable = true;
    } else if (isWord(token, 'table') && isNaming(tokens[i + 1])) {
      reads.push(nameAt(tokens, i + 1).table);
    } else if (level.expectsTable && isNaming(token)) {
      level.expectsTable = false;
      const { table, next } = nameAt(tokens, i);
      if (!isSymbol(tokens[next], '(') && !isHidden(table)) reads.push(table);
      i = next - 1;
    }
  }
  return { reads: distinct(reads), writes: distinct(writes), expressionsAt };
}

/**
 * Parses `name [(columns)] AS [[NOT] MATERIALIZED] (`. `body` is the position of its parenthesis.
 */
function expressionAt(
  tokens: readonly QueryToken[],
  at: number,
): { readonly name: string; readonly body: number } | undefined {
  const name = tokens[at];
  if (!isNaming(name)) return undefined;
  let next = at + 1;
  if (isSymbol(tokens[next], '(')) {
    while (next < tokens.length && !isSymbol(tokens[next], ')')) next += 1;
    next += 1;
  }
  if (!isWord(tokens[next], 'as')) return undefined;
  next += 1;
  if (isWord(tokens[next], 'not')) next += 1;
  if (isWord(tokens[next], 'materialized')) next += 1;
  return isSymbol(tokens[next], '(') ? { name: name.value, body: next } : undefined;
}

/** Whether a FROM belongs to `IS DISTINCT FROM`, or to `extract(… FROM …)` and similar calls. */
function isFromOfExpression(
  tokens: readonly QueryToken[],
  at: number,
  call: string | undefined,
): boolean {
  if (isWord(tokens[at - 1], 'distinct') && isWord(tokens[at - 2], 'is', 'not')) return true;
  return call !== undefined && FROM_INSIDE.has(call);
}

/** The position of the first table that the word at this position writes to. */
function writeTarget(tokens: readonly QueryToken[], at: number): number | undefined {
  const skip = (from: number, ...words: readonly string[]): number => {
    let next = from;
    while (isWord(tokens[next], ...words)) next += 1;
    return next;
  };
  const token = tokens[at];
  // INSERT INTO, MERGE INTO, SELECT … INTO.
  if (isWord(token, 'into')) return skip(at + 1, 'temporary', 'temp', 'unlogged', 'table', 'only');
  if (isWord(token, 'delete') && isWord(tokens[at + 1], 'from')) return skip(at + 2, 'only');
  if (isWord(token, 'update') && !isWord(tokens[at - 1], 'for', 'key', 'do', 'then'))
    return skip(at + 1, 'only');
  if (at > 0) return undefined;
  if (isWord(token, 'truncate')) return skip(1, 'table', 'only');
  if (isWord(token, 'copy')) return 1;
  if (isWord(token, 'refresh')) return skip(1, 'materialized', 'view', 'concurrently');
  if (isWord(token, 'alter', 'drop', 'create')) {
    const kind = tokens.findIndex((word, i) => i > 0 && isWord(word, 'table', 'view'));
    return kind < 0 || kind > 6 ? undefined : skip(kind + 1, 'if', 'not', 'exists', 'only');
  }
  return undefined;
}

/** One table, and after TRUNCATE or DROP also the tables after commas. */
function tablesFrom(tokens: readonly QueryToken[], from: number): QueryTable[] {
  const tables: QueryTable[] = [];
  const several = isWord(tokens[0], 'truncate', 'drop');
  for (let at = from; isNaming(tokens[at]); ) {
    const { table, next } = nameAt(tokens, at);
    tables.push(table);
    at = isSymbol(tokens[next], '*') ? next + 1 : next;
    if (!several || !isSymbol(tokens[at], ',')) break;
    at += isWord(tokens[at + 1], 'only') ? 2 : 1;
  }
  return tables;
}

/** Parses `[[catalog.]schema.]name`. `next` is the position after it. */
function nameAt(
  tokens: readonly QueryToken[],
  from: number,
): { readonly table: QueryTable; readonly next: number } {
  const parts = [(tokens[from] as QueryToken).value];
  let next = from + 1;
  while (isSymbol(tokens[next], '.') && isNaming(tokens[next + 1])) {
    parts.push((tokens[next + 1] as QueryToken).value);
    next += 2;
  }
  const name = parts.at(-1) as string;
  const schema = parts.at(-2);
  return { table: schema === undefined ? { name } : { schema, name }, next };
}

function distinct(tables: readonly QueryTable[]): QueryTable[] {
  return [
    ...new Map(tables.map((table) => [JSON.stringify([table.schema, table.name]), table])).values(),
  ];
}
