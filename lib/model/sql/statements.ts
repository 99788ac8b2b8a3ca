import { LineNumbers, type ParsedStatement, parseSql, type SqlToken, scanSql } from './parser';

/** A statement of a file, up to its last word, with the comments that belong to it. */
export interface FileStatement extends ParsedStatement {
  /** The comments since the statement before and inside this one, without their marks. */
  readonly comments: readonly SqlComment[];
}

/** A comment of a file. */
export interface SqlComment {
  /** What it says, without its marks and the space around. */
  readonly text: string;
  /** The line at which it begins, counted from 1. */
  readonly line: number;
  /** Where it begins in the file, in UTF-16 code units. */
  readonly start: number;
}

/** The statements of a file, in order, and the comments behind the last of them. */
export interface SqlFile {
  readonly statements: readonly FileStatement[];
  readonly rest: readonly SqlComment[];
}

/**
 * Splits a file into its statements where PostgreSQL's grammar does. A comment belongs to the
 * statement that ends after it; one behind the semicolon belongs to the next.
 *
 * @throws SqlSyntaxError if PostgreSQL's grammar refuses the file
 */
export function splitSql(sql: string): SqlFile {
  const statements = parseSql(sql);
  const tokens = scanSql(sql);
  const lines = new LineNumbers(sql);
  const comments = tokens
    .filter(({ kind }) => kind === 'comment')
    .map((token) => commentOf(token, lines));
  const words = tokens.filter(({ kind }) => kind !== 'comment');
  let last = 0;
  let next = 0;
  const until = (end: number): SqlComment[] => {
    const from = next;
    while (next < comments.length && (comments[next] as SqlComment).start < end) next += 1;
    return comments.slice(from, next);
  };
  return {
    statements: statements.map((statement) => {
      while ((words[last + 1]?.end ?? Number.POSITIVE_INFINITY) <= statement.end) last += 1;
      const end = words[last]?.end ?? statement.end;
      const text = sql.slice(statement.start, end);
      return { ...statement, text, end, comments: until(statement.end) };
    }),
    rest: until(sql.length),
  };
}

function commentOf({ text, start }: SqlToken, lines: LineNumbers): SqlComment {
  const said = text.startsWith('--') ? text.slice(2) : text.slice(2, -2);
  return { text: said.trim(), line: lines.at(start), start };
}
