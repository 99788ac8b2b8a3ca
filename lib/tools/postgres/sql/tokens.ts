/**
 * Splits SQL into tokens as PostgreSQL's own scanner does ("Lexical Structure", PostgreSQL
 * documentation), with `standard_conforming_strings` on. The tokens tell where a statement ends and
 * what it does, not whether it is correct; the server checks that.
 */

export interface SqlToken {
  /** A `name` is a quoted identifier; `parameter` is `$1`. */
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'parameter' | 'symbol';
  /**
   * A word with its ASCII letters in upper case, a name without its quotes, anything else
   * unchanged.
   */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

export interface SqlComment {
  readonly text: string;
  readonly start: number;
}

export interface SqlTokens {
  readonly tokens: readonly SqlToken[];
  readonly comments: readonly SqlComment[];
}

/** An error at a place where the scanner cannot continue. */
export class SqlScanError extends Error {
  constructor(
    message: string,
    public readonly offset: number,
  ) {
    super(message);
  }
}

const SPACE = /[ \t\n\r\f\v]+/y;
const LINE_COMMENT = /--[^\n\r]*/y;
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER =
  /(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y;
const PARAMETER = /\$\d+/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const QUOTED_NAME = /(?:[uU]&)?"((?:[^"]|"")*)"/y;
const STRING_PREFIX = /(?:[eEbBxXnN]|[uU]&)?'/y;
const PLAIN_STRING_REST = /(?:[^']|'')*'/y;
const ESCAPED_STRING_REST = /(?:[^'\\]|''|\\[\s\S])*'/y;
/** String literals separated by a line break form one literal, with the syntax of the first. */
const CONTINUATION = /[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;

/**
 * @throws SqlScanError for a string, comment or quoted name without an end, and for psql commands
 */
export function tokenize(sql: string): SqlTokens {
  const tokens: SqlToken[] = [];
  const comments: SqlComment[] = [];
  let at = 0;

  const match = (pattern: RegExp, from = at): RegExpExecArray | null => {
    pattern.lastIndex = from;
    return pattern.exec(sql);
  };
  const push = (kind: SqlToken['kind'], value: string, end: number): void => {
    tokens.push({ kind, value, start: at, end });
    at = end;
  };

  while (at < sql.length) {
    const space = match(SPACE);
    if (space) {
      at += space[0].length;
      continue;
    }
    const line = match(LINE_COMMENT);
    if (line) {
      comments.push({ text: line[0].slice(2).trim(), start: at });
      at += line[0].length;
      continue;
    }
    if (sql.startsWith('/*', at)) {
      const end = endOfComment(sql, at);
      comments.push({ text: sql.slice(at + 2, end - 2).trim(), start: at });
      at = end;
      continue;
    }
    const prefix = match(STRING_PREFIX);
    if (prefix) {
      const rest = /^e/i.test(prefix[0]) ? ESCAPED_STRING_REST : PLAIN_STRING_REST;
      let end = endOf(match(rest, at + prefix[0].length), 'A string', at);
      for (let more = match(CONTINUATION, end); more; more = match(CONTINUATION, end)) {
        end = endOf(match(rest, end + more[0].length), 'A string', at);
      }
      push('string', sql.slice(at, end), end);
      continue;
    }
    const name = match(QUOTED_NAME);
    if (name) {
      push('name', String(name[1]).replaceAll('""', '"'), at + name[0].length);
      continue;
    }
    if (sql[at] === '"') throw new SqlScanError('A quoted name has no end.', at);
    const dollar = match(DOLLAR_QUOTE);
    if (dollar) {
      const end = sql.indexOf(dollar[0], at + dollar[0].length);
      if (end < 0) throw new SqlScanError(`A string quoted with ${dollar[0]} has no end.`, at);
      push('string', sql.slice(at, end + dollar[0].length), end + dollar[0].length);
      continue;
    }
    const word = match(WORD);
    if (word) {
      push(
        'word',
        word[0].replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
        at + word[0].length,
      );
      continue;
    }
    const number = match(NUMBER);
    if (number) {
      push('number', number[0], at + number[0].length);
      continue;
    }
    const parameter = match(PARAMETER);
    if (parameter) {
      push('parameter', parameter[0], at + parameter[0].length);
      continue;
    }
    if (sql[at] === '\\')
      throw new SqlScanError(
        'A backslash begins a psql command, which the server does not understand.',
        at,
      );
    push('symbol', String(sql[at]), at + 1);
  }
  return { tokens, comments };
}

/**
 * The identifier of a token. PostgreSQL folds an unquoted identifier to lower case; in a UTF-8
 * database it folds only ASCII letters.
 */
export function identifierOf({ kind, value }: SqlToken): string {
  return kind === 'word' ? value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : value;
}

function endOf(rest: RegExpExecArray | null, what: string, start: number): number {
  if (!rest) throw new SqlScanError(`${what} has no end.`, start);
  return rest.index + rest[0].length;
}

/** PostgreSQL comments nest, unlike those of C. */
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let found = mark.exec(sql); found; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return found.index + 2;
  }
  throw new SqlScanError('A comment has no end.', start);
}

/** The line of an offset, counted from 1. */
export function lineOf(sql: string, offset: number): number {
  return sql.slice(0, offset).split('\n').length;
}
