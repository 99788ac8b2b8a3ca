import type { LRUCache } from 'lru-cache';
import {
  isSqlParserLoaded,
  kindOf,
  loadSqlParser,
  type ParsedStatement,
  parseSql,
  type SqlName,
  SqlSyntaxError,
  type StatementFacts,
  scanSql,
  statementFacts,
} from '../../model/sql';
import { lruCache } from '../shared';
import { isClockText } from './clock-text';
import { CATALOG_TYPES, PURE_FUNCTIONS, VOLATILE_FUNCTIONS } from './functions';
import { sessionState } from './session-state';

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
  /** PostgreSQL's parser does not accept it, or a setting decides how a server reads it. */
  | 'unreadable';

/** The properties of a statement that its text shows. */
export interface StatementAnalysis {
  /**
   * The statement as PostgreSQL's parser understands it: statements that differ in comments, space
   * and the case of words have the same.
   */
  readonly normalForm: string;
  /** Why its result is not cached, the strongest reason first; empty if it may be. */
  readonly obstacles: readonly UncachedStatement[];
  /** Whether the statement is known only to read. If so, a replica may run it. */
  readonly onlyReads: boolean;
  readonly reads: readonly SqlName[];
  /** The tables that it names and changes. */
  readonly writes: readonly SqlName[];
  /** Whether it may change tables that it does not name, such as a CALL. */
  readonly writesUnknown: boolean;
  /**
   * Whether a part of it may stay committed when it fails: a procedure or several statements can
   * end transactions on the way.
   */
  readonly mayCommitInPart: boolean;
  /**
   * What it leaves behind in its session for whoever uses the connection next, such as `SET` or
   * `a temporary table`. What a function or a procedure does is not seen.
   *
   * @default - nothing that lasts longer than a transaction
   */
  readonly sessionState?: string;
  /** Functions other than PostgreSQL's own, with their schema if it is written. */
  readonly functions: readonly string[];
}

/** The most statements that are remembered, and the longest one in UTF-16 code units. */
const MAX_STATEMENTS = 2_000;
const MAX_LENGTH = 20_000;

/** Statements in a program's text are few and come often; those with values in them are many. */
let known: LRUCache<string, StatementAnalysis> | undefined;

/**
 * The analysis of a statement; a promise only until PostgreSQL's parser is loaded. It is
 * conservative: a statement counts as harmless only if that is certain.
 *
 * @throws IsochroneError if the parser cannot be loaded
 */
export function analysisOf(sql: string): StatementAnalysis | Promise<StatementAnalysis> {
  const analysis = known?.get(sql);
  if (analysis !== undefined) return analysis;
  return isSqlParserLoaded() ? newAnalysis(sql) : loadSqlParser().then(() => newAnalysis(sql));
}

function newAnalysis(sql: string): StatementAnalysis {
  const analysis = analyzeStatement(sql);
  known ??= new (lruCache().LRUCache)({ max: MAX_STATEMENTS });
  if (sql.length <= MAX_LENGTH) known.set(sql, analysis);
  return analysis;
}

/** Analyzes a statement. `loadSqlParser` has finished. */
export function analyzeStatement(sql: string): StatementAnalysis {
  let statements: ParsedStatement[];
  try {
    statements = parseSql(sql);
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error;
    return unreadable(sql);
  }
  const facts = statements.map(({ node }) => statementFacts(node));
  const functions = facts.flatMap((one) => one.functions).filter((name) => !isOwn(name));
  const obstacles = dependsOnSetting(sql)
    ? (['unreadable'] as const)
    : obstaclesOf(statements, facts, functions);
  return {
    normalForm: normalForm(statements),
    obstacles,
    onlyReads: obstacles.every((obstacle) => obstacle === 'volatile' || obstacle === 'catalog'),
    reads: facts.flatMap(({ reads }) => reads),
    writes: facts.flatMap(({ writes }) => writes),
    writesUnknown: facts.some(({ writesUnknown }) => writesUnknown),
    mayCommitInPart:
      statements.some(({ node }) => 'CallStmt' in node || 'DoStmt' in node) ||
      (statements.length > 1 && statements.some(({ node }) => 'TransactionStmt' in node)),
    functions: [...new Set(functions.map(textOf))],
    ...sessionStateOf(statements),
  };
}

function unreadable(sql: string): StatementAnalysis {
  return {
    normalForm: sql,
    obstacles: ['unreadable'],
    onlyReads: false,
    reads: [],
    writes: [],
    writesUnknown: true,
    mayCommitInPart: true,
    functions: [],
  };
}

function obstaclesOf(
  statements: readonly ParsedStatement[],
  facts: readonly StatementFacts[],
  functions: readonly SqlName[],
): UncachedStatement[] {
  const [statement] = statements;
  const [fact] = facts;
  if (!statement || !fact) return ['not-a-query'];
  if (statements.length > 1) return ['several-statements'];
  if (fact.writes.length > 0 || fact.writesUnknown) return ['write'];
  if (kindOf(statement.node) !== 'SelectStmt') return ['not-a-query'];
  const obstacles: UncachedStatement[] = [];
  if (fact.locksRows) obstacles.push('locking');
  if (functions.length > 0) obstacles.push('unknown-function');
  if (
    fact.usesSession ||
    fact.literals.some(isClockText) ||
    fact.functions.some((name) => isOwn(name) && VOLATILE_FUNCTIONS.has(name.name))
  )
    obstacles.push('volatile');
  if (fact.reads.some(isInCatalog) || fact.types.some(({ name }) => CATALOG_TYPES.has(name)))
    obstacles.push('catalog');
  return obstacles;
}

function sessionStateOf(
  statements: readonly ParsedStatement[],
): Pick<StatementAnalysis, 'sessionState'> {
  const kept = statements.flatMap((statement) => sessionState(statement) ?? [])[0];
  return kept === undefined ? {} : { sessionState: kept };
}

/**
 * Whether `standard_conforming_strings` decides where a string ends: with it off, a backslash before
 * a quote keeps a plain string open.
 */
function dependsOnSetting(sql: string): boolean {
  return (
    sql.includes("\\'") &&
    scanSql(sql).some(
      ({ kind, text }) => kind === 'string' && text.startsWith("'") && text.includes("\\'"),
    )
  );
}

/** Whether a function is PostgreSQL's, unless a type of the user's has one of the same name. */
function isOwn({ schema = 'pg_catalog', name }: SqlName): boolean {
  return schema === 'pg_catalog' && (PURE_FUNCTIONS.has(name) || VOLATILE_FUNCTIONS.has(name));
}

function isInCatalog({ schema, name }: SqlName): boolean {
  return schema === 'information_schema' || schema === 'pg_catalog' || name.startsWith('pg_');
}

function textOf({ schema, name }: SqlName): string {
  return schema === undefined ? name : `${schema}.${name}`;
}

/** Where a part of a statement lies in its text. Within a string of JSON, quotes are escaped. */
const LOCATIONS = /"(?:location|\w+_(?:location|start|end))":-?\d+,?/g;

function normalForm(statements: readonly ParsedStatement[]): string {
  return JSON.stringify(statements.map(({ node }) => node)).replace(LOCATIONS, '');
}
