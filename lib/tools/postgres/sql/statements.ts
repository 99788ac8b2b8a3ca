import { lineOf, type SqlComment, SqlScanError, type SqlToken, tokenize } from './tokens';

/** One statement of a file, without the semicolon. */
export interface SqlStatement {
  readonly text: string;
  /** The line at which it begins in its file, counted from 1. */
  readonly line: number;
  /** The tokens. Their offsets are relative to `text`. */
  readonly tokens: readonly SqlToken[];
  /** The directives in the comments above and inside the statement: the text after `isochrone:`. */
  readonly directives: readonly string[];
}

const DIRECTIVE = /^isochrone:\s*(.*)$/i;

/**
 * Splits a file into statements, in order.
 *
 * @throws SqlScanError if the text cannot be split
 */
export function splitStatements(sql: string): SqlStatement[] {
  const { tokens, comments } = tokenize(sql);
  const statements: SqlStatement[] = [];
  let current: SqlToken[] = [];
  let after = 0;
  let parentheses = 0;
  let body = 0;

  const finish = (end: number): void => {
    const said = comments.filter(({ start }) => start >= after && start < end);
    after = end;
    parentheses = 0;
    body = 0;
    const first = current[0];
    const last = current.at(-1);
    if (first === undefined || last === undefined) {
      const lost = said.find(({ text }) => DIRECTIVE.test(text));
      if (lost)
        throw new SqlScanError('A comment for isochrone is not above a statement.', lost.start);
      return;
    }
    statements.push({
      text: sql.slice(first.start, last.end),
      line: lineOf(sql, first.start),
      tokens: current.map((token) => ({
        ...token,
        start: token.start - first.start,
        end: token.end - first.start,
      })),
      directives: directives(said),
    });
    current = [];
  };

  for (const token of tokens) {
    if (token.kind === 'symbol') {
      if (token.value === ';' && parentheses === 0 && body === 0) {
        finish(token.end);
        continue;
      }
      if (token.value === '(') parentheses += 1;
      if (token.value === ')') parentheses -= 1;
      if (parentheses < 0)
        throw new SqlScanError('A closing parenthesis has no opening one.', token.start);
    }
    if (token.kind === 'word') body = bodyDepth(body, token, current);
    current.push(token);
  }
  const open = current[0];
  if (open && (parentheses > 0 || body > 0)) {
    throw new SqlScanError(
      `A ${parentheses > 0 ? 'parenthesis' : 'function body (BEGIN ATOMIC)'} has no end.`,
      open.start,
    );
  }
  finish(sql.length);
  return statements;
}

/**
 * How many blocks are open after this token. A function body in standard SQL contains statements
 * with semicolons; inside it, only CASE has an END of its own.
 */
function bodyDepth(depth: number, token: SqlToken, before: readonly SqlToken[]): number {
  if (depth === 0)
    return token.value === 'ATOMIC' && isWord(before.at(-1), 'BEGIN') && createsRoutine(before)
      ? 1
      : 0;
  if (token.value === 'CASE') return depth + 1;
  return token.value === 'END' ? depth - 1 : depth;
}

function createsRoutine(tokens: readonly SqlToken[]): boolean {
  const words = tokens.slice(0, 4).map((token) => (token.kind === 'word' ? token.value : ''));
  const what = words[1] === 'OR' && words[2] === 'REPLACE' ? words[3] : words[1];
  return words[0] === 'CREATE' && (what === 'FUNCTION' || what === 'PROCEDURE');
}

export function isWord(token: SqlToken | undefined, value: string): boolean {
  return token?.kind === 'word' && token.value === value;
}

function directives(comments: readonly SqlComment[]): string[] {
  return comments.flatMap(({ text }) => {
    const said = DIRECTIVE.exec(text)?.[1];
    return said === undefined ? [] : [said.trim()];
  });
}
