/**
 * A token of SQL, by the rules of PostgreSQL's scanner ("Lexical Structure", PostgreSQL
 * documentation). The scanner never guesses. Text that it cannot divide with certainty is reported
 * as unreadable; such a statement is neither cached nor sent to a reader.
 */
export interface QueryToken {
  /** A `word` is a keyword or an unquoted name; a `name` is a quoted one. */
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'parameter' | 'symbol';
  /** A `word` in lower case, as PostgreSQL folds it; a `name` without its quotes. */
  readonly value: string;
  /** The text in the normal form: a word in lower case, anything else as it was written. */
  readonly text: string;
}

/** The tokens of a statement, as far as it is readable. */
export interface QueryTokens {
  readonly tokens: readonly QueryToken[];
  /** Why the text could not be divided with certainty. */
  readonly unreadable?: string;
}

/** Space in every version. A vertical tab is space only since PostgreSQL 16. */
const IGNORED = /(?:[ \t\n\r\f]+|--[^\n\r]*)+/y;
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER = new RegExp(
  '0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|' +
    '(?:\\d[\\d_]*(?:\\.(?!\\.)[\\d_]*)?|\\.\\d[\\d_]*)(?:[eE][+-]?\\d[\\d_]*)?',
  'y',
);
const PARAMETER = /\$\d+/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const NAME = /(?:[uU]&)?"(?:[^"]|"")*"/y;
const STRING_START = /(?:[eEbBxXnN]|[uU]&)?'/y;
const PLAIN_REST = /(?:[^']|'')*'/y;
const ESCAPED_REST = /(?:[^'\\]|''|\\[\s\S])*'/y;
/** Literals with a line break between them are one literal, of the kind of the first one. */
const CONTINUED = /[ \t\f]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f]|--[^\n\r]*[\n\r])*'/y;
const OPERATOR = /[-+*/<>=~!@#%^&|`?]/;
const OTHER_SYMBOL = /::|:=|\.\.|[()[\],;:.]/y;
const NAME_START = /[A-Za-z_\u0080-\uffff]/;

/** Divides a statement into tokens, without comments and space. Never throws. */
export function queryTokens(sql: string): QueryTokens {
  const tokens: QueryToken[] = [];
  let at = 0;
  const match = (pattern: RegExp, from = at): string | undefined => {
    pattern.lastIndex = from;
    return pattern.exec(sql)?.[0];
  };
  const push = (kind: QueryToken['kind'], text: string, value = text): void => {
    tokens.push({ kind, value, text });
    at += text.length;
  };

  while (at < sql.length) {
    const ignored = match(IGNORED);
    if (ignored !== undefined) {
      at += ignored.length;
      continue;
    }
    if (sql.startsWith('/*', at)) {
      const end = endOfComment(sql, at);
      if (end === undefined) return { tokens, unreadable: 'a comment without an end' };
      at = end;
      continue;
    }
    const start = match(STRING_START);
    if (start !== undefined) {
      const end = endOfString(sql, at + start.length, /^e/i.test(start), match);
      if (end === undefined) return { tokens, unreadable: 'a string without an end' };
      const text = sql.slice(at, end);
      // With standard_conforming_strings off, the string would continue after such a quote.
      if (!/^e/i.test(start) && text.includes("\\'"))
        return { tokens, unreadable: 'a backslash before a quote in a plain string' };
      push('string', text);
      continue;
    }
    const name = match(NAME);
    if (name !== undefined) {
      if (/^u/i.test(name)) return { tokens, unreadable: 'a name with Unicode escapes' };
      push('name', name, name.slice(1, -1).replaceAll('""', '"'));
      continue;
    }
    const dollar = match(DOLLAR_QUOTE);
    if (dollar !== undefined) {
      const end = sql.indexOf(dollar, at + dollar.length);
      if (end < 0) return { tokens, unreadable: 'a dollar-quoted string without an end' };
      push('string', sql.slice(at, end + dollar.length));
      continue;
    }
    const word = match(WORD);
    if (word !== undefined) {
      const folded = foldWord(word);
      push('word', folded, folded);
      continue;
    }
    const number = match(PARAMETER) ?? match(NUMBER);
    if (number !== undefined) {
      push(number.startsWith('$') ? 'parameter' : 'number', number);
      // Two tokens before PostgreSQL 15, an error since.
      if (at < sql.length && NAME_START.test(sql.charAt(at)))
        return { tokens, unreadable: 'a number that runs into a word' };
      continue;
    }
    const symbol = operatorAt(sql, at) || match(OTHER_SYMBOL);
    if (!symbol) return { tokens, unreadable: `the character ${JSON.stringify(sql.charAt(at))}` };
    push('symbol', symbol);
  }
  return { tokens };
}

/** Folds a word to lower case. PostgreSQL folds only ASCII letters, in every locale. */
function foldWord(word: string): string {
  return word.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}

/**
 * The adjacent operator characters from a position, up to a comment. Separated characters may be
 * different operators, so only adjacent ones are joined.
 */
function operatorAt(sql: string, start: number): string {
  let end = start;
  while (
    end < sql.length &&
    OPERATOR.test(sql.charAt(end)) &&
    !sql.startsWith('--', end) &&
    !sql.startsWith('/*', end)
  )
    end += 1;
  return sql.slice(start, end);
}

function endOfString(
  sql: string,
  from: number,
  escaped: boolean,
  match: (pattern: RegExp, from: number) => string | undefined,
): number | undefined {
  const rest = escaped ? ESCAPED_REST : PLAIN_REST;
  let end = from;
  for (let more: string | undefined = ''; more !== undefined; more = match(CONTINUED, end)) {
    const part = match(rest, end + more.length);
    if (part === undefined) return undefined;
    end += more.length + part.length;
  }
  return end <= sql.length ? end : undefined;
}

/** The end of a block comment. Comments nest in PostgreSQL, unlike in C. */
function endOfComment(sql: string, start: number): number | undefined {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let found = mark.exec(sql); found; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return found.index + 2;
  }
  return undefined;
}

/** Whether a token is one of these unquoted words. */
export function isWord(token: QueryToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.value);
}

/** Whether a token is this symbol. */
export function isSymbol(token: QueryToken | undefined, value: string): boolean {
  return token?.kind === 'symbol' && token.value === value;
}

/** Whether a token may be a name: unquoted words may, including keywords. */
export function isNaming(token: QueryToken | undefined): token is QueryToken {
  return token?.kind === 'word' || token?.kind === 'name';
}
