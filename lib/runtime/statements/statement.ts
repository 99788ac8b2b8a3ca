import {
  BEFORE_PARENTHESES,
  CATALOG_TYPES,
  PURE_FUNCTIONS,
  VOLATILE_FUNCTIONS,
  VOLATILE_WORDS,
} from './functions';
import { type QueryTable, queryTables } from './tables';
import { isNaming, isSymbol, isWord, type QueryToken, queryTokens } from './tokens';

/** Why the result of a statement is not cached. */
export type UncachedStatement =
  /** It changes rows, or may change them. */
  | 'write'
  /** It locks rows: FOR UPDATE, FOR SHARE. */
  | 'locking'
  /** The result depends on the time, chance, the session or the server. */
  | 'volatile'
  /** It calls a function that is not known to depend on its arguments alone. */
  | 'unknown-function'
  /** It reads the system catalogs, which change without a visible write. */
  | 'catalog'
  | 'several-statements'
  /** It is not a query: SET, SHOW, EXPLAIN, BEGIN and others. */
  | 'not-a-query'
  /** It could not be divided into tokens with certainty. */
  | 'unreadable';

/** The properties of a statement that its text shows. */
export interface StatementAnalysis {
  /** The statement with one space between tokens, words in lower case, and without comments. */
  readonly normalForm: string;
  /** Why its result is not cached; absent if it may be. */
  readonly uncached?: UncachedStatement;
  /** Whether the statement is known only to read. If so, a replica may run it. */
  readonly onlyReads: boolean;
  readonly reads: readonly QueryTable[];
  /** The tables that it changes; empty if it does not name them, such as a CALL. */
  readonly writes: readonly QueryTable[];
  /** Functions other than PostgreSQL's own, in lower case, with their schema if it is written. */
  readonly functions: readonly string[];
}

/** Options of `analyzeStatement`. */
export interface AnalysisOptions {
  /**
   * Functions, by their names in the catalog, that change nothing and depend only on their
   * arguments and on tables.
   *
   * @default - none
   */
  readonly stableFunctions?: ReadonlySet<string>;
}

/** A literal that depends on the clock when PostgreSQL casts it to a date or a time. */
const CLOCK_LITERAL = /^\s*(?:now|today|tomorrow|yesterday)\b/i;

/** Whether a string depends on the clock when it is cast to a date or a time. */
export function isClockText(text: string): boolean {
  return CLOCK_LITERAL.test(text);
}

/**
 * Analyzes a statement, conservatively: it counts as harmless only if that is certain. Never
 * throws.
 */
export function analyzeStatement(
  sql: string,
  { stableFunctions = new Set() }: AnalysisOptions = {},
): StatementAnalysis {
  const { tokens: all, unreadable } = queryTokens(sql);
  const tokens = withoutLastSemicolon(all);
  const normalForm = tokens.map(({ text }) => text).join(' ');
  const nothing = { normalForm, onlyReads: false, reads: [], writes: [], functions: [] };
  // The readable part may still show which tables it changes.
  if (unreadable !== undefined)
    return { ...nothing, uncached: 'unreadable', writes: writesOfEach(tokens) };
  if (tokens.some((token) => isSymbol(token, ';')))
    return { ...nothing, uncached: 'several-statements', writes: writesOfEach(tokens) };

  const { reads, writes, expressionsAt } = queryTables(tokens);
  const called = calls(tokens, expressionsAt);
  const functions = called.filter((name) => !isOwn(name));
  const analysis = { normalForm, reads, writes, functions };

  const first = tokens.find((token) => !isSymbol(token, '('));
  const refuse = (uncached: UncachedStatement): StatementAnalysis => ({
    ...analysis,
    onlyReads: false,
    uncached,
  });
  if (tokens.some((_, i) => changesRows(tokens, i))) return refuse('write');
  if (!isWord(first, 'select', 'with', 'values', 'table'))
    return refuse(isWord(first, ...OTHER_WRITES) ? 'write' : 'not-a-query');
  if (tokens.some((_, i) => isLock(tokens, i))) return refuse('locking');
  if (functions.some((name) => !stableFunctions.has(name))) return refuse('unknown-function');
  if (called.some((name) => VOLATILE_FUNCTIONS.has(unqualified(name))) || tokens.some(isVolatile)) {
    return { ...analysis, onlyReads: true, uncached: 'volatile' };
  }
  const isCatalog = reads.some(
    ({ schema, name }) =>
      schema === 'information_schema' || schema === 'pg_catalog' || name.startsWith('pg_'),
  );
  if (isCatalog || tokens.some((token) => isNaming(token) && CATALOG_TYPES.has(token.value))) {
    return { ...analysis, onlyReads: true, uncached: 'catalog' };
  }
  return { ...analysis, onlyReads: true };
}

/** The most statements that are remembered, and the longest one in characters. */
const MAX_STATEMENTS = 2_000;
const MAX_LENGTH = 20_000;

/**
 * Analyzes statements, and remembers the most recent analyses. The statements in a program's text
 * are few and come often. Statements that contain their values are many; they push each other out.
 */
export class StatementAnalyzer {
  private readonly known = new Map<string, StatementAnalysis>();

  constructor(private readonly options: AnalysisOptions = {}) {}

  public analyze(text: string): StatementAnalysis {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const analysis = analyzeStatement(text, this.options);
    if (text.length > MAX_LENGTH) return analysis;
    const [oldest] = this.known.keys();
    if (this.known.size >= MAX_STATEMENTS && oldest !== undefined) this.known.delete(oldest);
    this.known.set(text, analysis);
    return analysis;
  }
}

/** First words of further statements that write. */
const OTHER_WRITES = [
  'call',
  'do',
  'copy',
  'truncate',
  'create',
  'alter',
  'drop',
  'refresh',
  'execute',
  'grant',
  'revoke',
  'import',
  'lock',
];

/**
 * Whether a word changes rows. In a plain query such a word can only be the name of a column; the
 * query then runs on the writer.
 */
function changesRows(tokens: readonly QueryToken[], at: number): boolean {
  if (isWord(tokens[at], 'update') && isWord(tokens[at - 1], 'for', 'key')) return false;
  return isWord(tokens[at], 'insert', 'update', 'delete', 'merge', 'into');
}

/** FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE. */
function isLock(tokens: readonly QueryToken[], at: number): boolean {
  return isWord(tokens[at], 'for') && isWord(tokens[at + 1], 'share', 'key', 'no', 'update');
}

function isVolatile(token: QueryToken): boolean {
  if (token.kind === 'word') return VOLATILE_WORDS.has(token.value);
  return token.kind === 'string' && isClockText(token.value.replace(/^[a-z&]*'|^\$[^$]*\$/i, ''));
}

/** The called functions: names before a parenthesis that are not syntax. */
function calls(tokens: readonly QueryToken[], expressionsAt: ReadonlySet<number>): string[] {
  return tokens.flatMap((token, i) => {
    if (!isNaming(token) || !isSymbol(tokens[i + 1], '(') || expressionsAt.has(i)) return [];
    const schema = isSymbol(tokens[i - 1], '.') ? tokens[i - 2] : undefined;
    if (isNaming(schema)) return [`${schema.value}.${token.value}`];
    if (token.kind === 'word' && BEFORE_PARENTHESES.has(token.value)) return [];
    // A column list of an alias.
    if (isWord(tokens[i - 1], 'as')) return [];
    return [token.value];
  });
}

function isOwn(name: string): boolean {
  const plain = unqualified(name);
  return PURE_FUNCTIONS.has(plain) || VOLATILE_FUNCTIONS.has(plain);
}

function unqualified(name: string): string {
  return name.startsWith('pg_catalog.') ? name.slice('pg_catalog.'.length) : name;
}

function withoutLastSemicolon(tokens: readonly QueryToken[]): readonly QueryToken[] {
  let end = tokens.length;
  while (isSymbol(tokens[end - 1], ';')) end -= 1;
  return tokens.slice(0, end);
}

function writesOfEach(tokens: readonly QueryToken[]): QueryTable[] {
  const writes: QueryTable[] = [];
  let from = 0;
  for (let i = 0; i <= tokens.length; i += 1) {
    if (i < tokens.length && !isSymbol(tokens[i], ';')) continue;
    writes.push(...queryTables(tokens.slice(from, i)).writes);
    from = i + 1;
  }
  return writes;
}
