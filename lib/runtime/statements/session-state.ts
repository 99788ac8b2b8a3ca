import { isNaming, isSymbol, isWord, type QueryToken, queryTokens } from './tokens';

/**
 * Functions of PostgreSQL and its extensions whose effect lasts until the session ends. The locks
 * and settings of a transaction (`pg_advisory_xact_lock`) end with it.
 */
const SESSION_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['pg_advisory_lock', 'an advisory lock of the session'],
  ['pg_advisory_lock_shared', 'an advisory lock of the session'],
  ['pg_try_advisory_lock', 'an advisory lock of the session'],
  ['pg_try_advisory_lock_shared', 'an advisory lock of the session'],
  ['setseed', 'setseed'],
  ['set_limit', 'set_limit'],
  ['dblink_connect', 'dblink_connect'],
  ['dblink_connect_u', 'dblink_connect'],
  ['pg_backup_start', 'pg_backup_start'],
  ['pg_replication_origin_session_setup', 'a replication origin of the session'],
]);

/** Texts that PostgreSQL reads as the boolean true ("Boolean Type", PostgreSQL documentation). */
const TRUE_TEXT = /^'\s*(?:t|tr|tru|true|y|ye|yes|on|1)\s*'$/i;

/**
 * What a text of one or more statements leaves behind in its session for whoever uses the
 * connection next, such as `SET` or `a temporary table`; undefined if it leaves nothing. Settings
 * and locks that end with the transaction are nothing. A text that is not certain counts as keeping
 * state: `set_config('x', $1, $2)`. What a function or a procedure does is not seen.
 */
export function keepsSessionState(sql: string): string | undefined {
  for (const statement of statementsOf(queryTokens(sql).tokens)) {
    const kept = keptBy(statement);
    if (kept !== undefined) return kept;
  }
  return undefined;
}

function keptBy(tokens: readonly QueryToken[]): string | undefined {
  const [first, second] = tokens;
  if (isWord(first, 'set')) return keptBySet(tokens);
  if (isWord(first, 'listen', 'load')) return first?.value.toUpperCase();
  if (isWord(first, 'prepare')) return isWord(second, 'transaction') ? undefined : 'PREPARE';
  // The driver believes that its named statements are still prepared.
  if (isWord(first, 'deallocate')) return 'DEALLOCATE';
  if (isWord(first, 'discard')) return isWord(second, 'all') ? 'DISCARD ALL' : undefined;
  if (isWord(first, 'declare'))
    return has(tokens, 'with', 'hold') ? 'a cursor WITH HOLD' : undefined;
  if (isWord(first, 'create') && isTemporary(tokens))
    return has(tokens, 'on', 'commit', 'drop') ? undefined : 'a temporary table';
  if (tokens.some((_, i) => isTemporaryInto(tokens, i))) return 'a temporary table';
  if (isWord(first, 'do')) return keptByBlock(tokens);
  return isDefinition(tokens) ? undefined : keptByCall(tokens);
}

/** SET. Of its forms, LOCAL, TRANSACTION and CONSTRAINTS end with the transaction. */
function keptBySet([, second, third, fourth]: readonly QueryToken[]): string | undefined {
  if (isWord(second, 'local', 'constraints', 'transaction')) return undefined;
  const name = isWord(second, 'session') ? third : second;
  if (isWord(name, 'role')) return 'SET ROLE';
  if (isWord(name, 'authorization')) return 'SET SESSION AUTHORIZATION';
  if (isWord(name, 'characteristics') && isWord(fourth, 'as')) return 'SET SESSION CHARACTERISTICS';
  return 'SET';
}

/** Whether CREATE makes something temporary: by its word, or in the schema `pg_temp`. */
function isTemporary(tokens: readonly QueryToken[]): boolean {
  let at = 1;
  while (isWord(tokens[at], 'or', 'replace', 'local', 'global')) at += 1;
  if (isWord(tokens[at], 'temporary', 'temp')) return true;
  // The name comes before the columns, the parameters and the query.
  const end = tokens.findIndex((token) => isSymbol(token, '(') || isWord(token, 'as', 'on'));
  const named = end < 0 ? tokens : tokens.slice(0, end);
  return named.some((_, i) => isInPgTemp(tokens, i));
}

function isInPgTemp(tokens: readonly QueryToken[], at: number): boolean {
  const token = tokens[at];
  return isNaming(token) && token.value === 'pg_temp' && isSymbol(tokens[at + 1], '.');
}

/** SELECT … INTO TEMPORARY. */
function isTemporaryInto(tokens: readonly QueryToken[], into: number): boolean {
  if (!isWord(tokens[into], 'into') || isWord(tokens[into - 1], 'insert', 'merge')) return false;
  let at = into + 1;
  while (isWord(tokens[at], 'local', 'global')) at += 1;
  if (isInPgTemp(tokens, at)) return true;
  // Without a name behind it, `temp` is the name of the table.
  const next = isWord(tokens[at + 1], 'table') ? at + 2 : at + 1;
  return (
    isWord(tokens[at], 'temporary', 'temp') &&
    isNaming(tokens[next]) &&
    !isWord(tokens[next], ...AFTER_INTO)
  );
}

const AFTER_INTO = ['from', 'where', 'group', 'having', 'order', 'limit', 'union', 'window'];

/** Whether the statement only defines what other statements will run. */
function isDefinition(tokens: readonly QueryToken[]): boolean {
  let at = 1;
  while (isWord(tokens[at], 'or', 'replace', 'recursive', 'constraint')) at += 1;
  return (
    isWord(tokens[0], 'create') &&
    isWord(tokens[at], 'function', 'procedure', 'view', 'trigger', 'rule', 'policy')
  );
}

/** A DO block in PL/pgSQL: each piece that begins a statement, as far as its text shows. */
function keptByBlock(tokens: readonly QueryToken[]): string | undefined {
  const body = tokens.find(({ kind }) => kind === 'string')?.value ?? '';
  const text = body.replace(/^\$[^$]*\$|\$[^$]*\$$|^'|'$/g, '');
  for (const statement of statementsOf(queryTokens(text).tokens)) {
    const start = statement.findLastIndex((token) =>
      isWord(token, 'begin', 'then', 'else', 'loop'),
    );
    const kept = isWord(statement[0], 'declare') ? undefined : keptBy(statement.slice(start + 1));
    if (kept !== undefined) return kept;
  }
  return undefined;
}

function keptByCall(tokens: readonly QueryToken[]): string | undefined {
  for (const [i, token] of tokens.entries()) {
    if (!isNaming(token) || !isSymbol(tokens[i + 1], '(')) continue;
    const schema = isSymbol(tokens[i - 1], '.') ? tokens[i - 2]?.value : undefined;
    if (token.value === 'set_config' && (schema ?? 'pg_catalog') === 'pg_catalog') {
      if (!isLocal(argumentsAt(tokens, i + 1)[2])) return 'set_config';
    } else if (schema === undefined || schema === 'pg_catalog' || schema === 'public') {
      const kept = SESSION_FUNCTIONS.get(token.value);
      if (kept !== undefined) return kept;
    }
  }
  return undefined;
}

/** Whether the third argument of `set_config` is certainly true. */
function isLocal(argument: readonly QueryToken[] = []): boolean {
  const [only, cast, type] = isSymbol(argument[1], '=>') ? argument.slice(2) : argument;
  const isTrue = isWord(only, 'true') || (only?.kind === 'string' && TRUE_TEXT.test(only.value));
  return (
    isTrue && (cast === undefined || (isSymbol(cast, '::') && isWord(type, 'bool', 'boolean')))
  );
}

/** The arguments of a call, of which `open` is the position of the parenthesis. */
function argumentsAt(tokens: readonly QueryToken[], open: number): QueryToken[][] {
  const found: QueryToken[][] = [[]];
  let depth = 0;
  for (const token of tokens.slice(open + 1)) {
    if (depth === 0 && isSymbol(token, ')')) break;
    if (depth === 0 && isSymbol(token, ',')) {
      found.push([]);
      continue;
    }
    if (isSymbol(token, '(') || isSymbol(token, '[')) depth += 1;
    if (isSymbol(token, ')') || isSymbol(token, ']')) depth -= 1;
    found.at(-1)?.push(token);
  }
  return found;
}

/** The statements of a text. The body of a function in standard SQL belongs to its definition. */
function statementsOf(tokens: readonly QueryToken[]): QueryToken[][] {
  const statements: QueryToken[][] = [[]];
  let isInBody = false;
  for (const [i, token] of tokens.entries()) {
    const statement = statements.at(-1) as QueryToken[];
    if (isWord(token, 'atomic') && isWord(tokens[i - 1], 'begin')) isInBody = true;
    if (isWord(token, 'end') && isSymbol(tokens[i - 1], ';')) isInBody = false;
    if (isSymbol(token, ';') && !isInBody) statements.push([]);
    else statement.push(token);
  }
  return statements.filter(({ length }) => length > 0);
}

function has(tokens: readonly QueryToken[], ...words: readonly string[]): boolean {
  return tokens.some((_, i) => words.every((word, j) => isWord(tokens[i + j], word)));
}
