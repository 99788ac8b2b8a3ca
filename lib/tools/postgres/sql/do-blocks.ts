/**
 * The statements of a DO block, as far as they stand there as they run: an ALTER TABLE behind IF
 * locks what it locks outside.
 */
import { isWord, type SqlStatement, splitStatements } from './statements';
import { SqlScanError, type SqlToken } from './tokens';

/** What the checks know something of. */
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
/** What a statement stands behind, if it is not behind a semicolon. */
const BEFORE = new Set(['BEGIN', 'THEN', 'ELSE', 'LOOP']);

/**
 * Of those that are run by EXECUTE, what is one literal: nobody knows before what is put together
 * when it runs.
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

/** A body that this scanner cannot split is the server's to judge. */
function split({ value }: SqlToken): SqlStatement[] {
  const quoted = /^(\$[^$]*\$)([\s\S]*)\1$/.exec(value)?.[2];
  try {
    return splitStatements(quoted ?? value.slice(1, -1).replaceAll("''", "'"));
  } catch (error) {
    if (error instanceof SqlScanError) return [];
    throw error;
  }
}
