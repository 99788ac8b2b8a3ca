/**
 * The statements of a DO block whose text is fixed. An ALTER TABLE behind IF takes the same locks
 * as outside of the block.
 */
import { isWord, type SqlStatement, splitStatements } from './statements';
import { SqlScanError, type SqlToken } from './tokens';

/** The commands that the checks examine. */
const KNOWN = new Set([
  'ALTER',
  'CREATE',
  'DROP',
  'REINDEX',
  'REFRESH',
  'VACUUM',
  'CLUSTER',
  'TRUNCATE',
  'UPDATE',
  'DELETE',
  'EXECUTE',
]);
/** The keywords after which a statement begins, other than after a semicolon. */
const BEFORE = new Set(['BEGIN', 'THEN', 'ELSE', 'LOOP']);

/**
 * The statements inside a DO block. A statement of EXECUTE is included only if it is one literal; a
 * concatenated text is not known before it runs.
 */
export function statementsWithin({ tokens }: SqlStatement): SqlStatement[] {
  const body = isWord(tokens[0], 'DO') ? tokens.find(({ kind }) => kind === 'string') : undefined;
  return body ? split(body).flatMap(inBody) : [];
}

function inBody(statement: SqlStatement): SqlStatement[] {
  const { text, tokens } = statement;
  const at = tokens.findIndex(({ kind, value }, i) => {
    const before = tokens[i - 1];
    return (
      kind === 'word' &&
      KNOWN.has(value) &&
      (!before || (before.kind === 'word' && BEFORE.has(before.value)))
    );
  });
  const first = tokens[at];
  if (first === undefined) return [];
  if (first.value === 'EXECUTE') {
    const [literal, more] = tokens.slice(at + 1);
    return literal?.kind === 'string' && more?.kind !== 'symbol' ? split(literal) : [];
  }
  const moved = tokens
    .slice(at)
    .map((token) => ({ ...token, start: token.start - first.start, end: token.end - first.start }));
  return [{ ...statement, text: text.slice(first.start), tokens: moved }];
}

/** Splits a body; empty if the scanner cannot, because the server then reports the error. */
function split({ value }: SqlToken): SqlStatement[] {
  const quoted = /^(\$[^$]*\$)([\s\S]*)\1$/.exec(value)?.[2];
  try {
    return splitStatements(quoted ?? value.slice(1, -1).replaceAll("''", "'"));
  } catch (error) {
    if (error instanceof SqlScanError) return [];
    throw error;
  }
}
