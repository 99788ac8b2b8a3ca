import {
  BEFORE_PARENTHESES,
  CATALOG_TYPES,
  PURE_FUNCTIONS,
  VOLATILE_FUNCTIONS,
  VOLATILE_WORDS,
} from './functions';
import { type QueryTable, queryTables } from './tables';
import { isNaming, isSymbol, isWord, type QueryToken, queryTokens } from './tokens';

/** Why the answer to a statement is not kept. */
export type UncachedStatement =
  /** It changes rows, or may. */
  | 'write'
  /** It locks rows: FOR UPDATE, FOR SHARE. */
  | 'locking'
  /** Time, chance, the session or the server is in the answer. */
  | 'volatile'
  /** It calls what is not known to answer by its arguments alone. */
  | 'unknown-function'
  /** It reads the system catalogs, which change without a write that could be seen. */
  | 'catalog'
  | 'several-statements'
  /** SET, SHOW, EXPLAIN, BEGIN, and all else that is no query. */
  | 'not-a-query'
  /** It could not be cut into tokens for certain. */
  | 'unreadable';

/** What is known of a statement without a server. */
export interface QueryReading {
  /** The statement with one space between tokens, words in lower case, and without comments. */
  readonly normalForm: string;
  readonly uncached?: UncachedStatement;
  /**
   * A query that is not known to do anything but read: a replica may answer it. Where in doubt,
   * false.
   */
  readonly onlyReads: boolean;
  readonly reads: readonly QueryTable[];
  /** Of a statement that changes rows; empty if it does not say which, such as a CALL. */
  readonly writes: readonly QueryTable[];
  /** Functions that are not PostgreSQL's own, folded, with their schema where it is written. */
  readonly functions: readonly string[];
}

export interface QueryReadingOptions {
  /**
   * Functions, as the catalog has them, that change nothing and answer by their arguments and by
   * tables alone.
   */
  readonly stableFunctions?: ReadonlySet<string>;
}

/** A literal that PostgreSQL reads by the clock when it is cast to a date or a time. */
const CLOCK_LITERAL = /^\s*(?:now|today|tomorrow|yesterday)\b/i;

/** Whether a string that becomes a date would be read by the clock. */
export function isClockText(text: string): boolean {
  return CLOCK_LITERAL.test(text);
}

/** Reads a statement, conservatively: what is not known to be harmless is not. Never throws. */
export function readQuery(
  sql: string,
  { stableFunctions = new Set() }: QueryReadingOptions = {},
): QueryReading {
  const { tokens: all, unreadable } = queryTokens(sql);
  const tokens = withoutLastSemicolon(all);
  const normalForm = tokens.map(({ text }) => text).join(' ');
  const nothing = { normalForm, onlyReads: false, reads: [], writes: [], functions: [] };
  // What could be read of it may still say what it changes.
  if (unreadable !== undefined)
    return { ...nothing, uncached: 'unreadable', writes: writesOfEach(tokens) };
  if (tokens.some((token) => isSymbol(token, ';')))
    return { ...nothing, uncached: 'several-statements', writes: writesOfEach(tokens) };

  const { reads, writes, expressionsAt } = queryTables(tokens);
  const called = calls(tokens, expressionsAt);
  const functions = called.filter((name) => !isOwn(name));
  const reading = { normalForm, reads, writes, functions };

  const first = tokens.find((token) => !isSymbol(token, '('));
  const refuse = (uncached: UncachedStatement): QueryReading => ({
    ...reading,
    onlyReads: false,
    uncached,
  });
  if (tokens.some((_, i) => changesRows(tokens, i))) return refuse('write');
  if (!isWord(first, 'select', 'with', 'values', 'table'))
    return refuse(isWord(first, ...OTHER_WRITES) ? 'write' : 'not-a-query');
  if (tokens.some((_, i) => isLock(tokens, i))) return refuse('locking');
  if (functions.some((name) => !stableFunctions.has(name))) return refuse('unknown-function');
  if (called.some((name) => VOLATILE_FUNCTIONS.has(unqualified(name))) || tokens.some(isVolatile)) {
    return { ...reading, onlyReads: true, uncached: 'volatile' };
  }
  const isCatalog = reads.some(
    ({ schema, name }) =>
      schema === 'information_schema' || schema === 'pg_catalog' || name.startsWith('pg_'),
  );
  if (isCatalog || tokens.some((token) => isNaming(token) && CATALOG_TYPES.has(token.value))) {
    return { ...reading, onlyReads: true, uncached: 'catalog' };
  }
  return { ...reading, onlyReads: true };
}

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

/** Words that appear in no plain query, but as the name of a column: then the writer answers. */
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

/** Whatever is followed by a parenthesis and is no syntax. */
function calls(tokens: readonly QueryToken[], expressionsAt: ReadonlySet<number>): string[] {
  return tokens.flatMap((token, i) => {
    if (!isNaming(token) || !isSymbol(tokens[i + 1], '(') || expressionsAt.has(i)) return [];
    const schema = isSymbol(tokens[i - 1], '.') ? tokens[i - 2] : undefined;
    if (isNaming(schema)) return [`${schema.value}.${token.value}`];
    if (token.kind === 'word' && BEFORE_PARENTHESES.has(token.value)) return [];
    // The columns of an alias.
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
