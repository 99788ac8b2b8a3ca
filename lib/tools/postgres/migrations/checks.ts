/** What would fail, or would stop the traffic, is refused before the database is touched. */
import { type InvalidValue, IsochroneError } from '../../../model/errors';
import { type Migration, type MigrationStatement, refused } from './files';
import { knownNotImmutable } from './volatility';

const TRANSACTION_CONTROL =
  /^(?:BEGIN\b.*|START TRANSACTION|COMMIT\b.*|END|ROLLBACK\b.*|ABORT|SAVEPOINT|RELEASE|PREPARE TRANSACTION|SET TRANSACTION)$/;
const OPENS = /^(?:BEGIN\b.*|START TRANSACTION)$/;
const CLOSES = /^(?:COMMIT\b.*|END|ROLLBACK\b.*|ABORT)$/;
const NOT_OF_A_SCHEMA =
  /^(?:(?:CREATE|DROP) (?:DATABASE|TABLESPACE|SUBSCRIPTION)|ALTER SYSTEM|DISCARD\b.*|REINDEX (?:SCHEMA|DATABASE|SYSTEM)\b.*)$/;
/**
 * What lasts as long as a transaction or a session, and would be gone when a run is resumed behind
 * it.
 */
const FORGOTTEN =
  /^(?:CREATE TEMPORARY .*|SET LOCAL|SET CONSTRAINTS|PREPARE\b.*|EXECUTE|DEALLOCATE|DECLARE|FETCH|MOVE|CLOSE|LOCK|LISTEN)$/;

/**
 * @throws IsochroneError with all that can be seen without a server: the message has one paragraph
 * for each
 */
export function checkStatements(migrations: readonly Migration[]): void {
  throwAll(
    migrations.flatMap((migration) => {
      let begun = false;
      return migration.statements.flatMap((statement) => {
        if (OPENS.test(statement.what)) begun = true;
        const problem =
          begun && statement.runs === 'outside'
            ? insideBegin(statement)
            : problemOf(migration, statement);
        if (CLOSES.test(statement.what)) begun = false;
        return problem ? [refused(at(migration, statement), problem)] : [];
      });
    }),
  );
}

export function at(migration: Migration, statement: MigrationStatement): string {
  return `${migration.file}:${statement.line}`;
}

export function throwAll(problems: readonly Error[]): void {
  if (problems.length > 0)
    throw new IsochroneError(problems.map(({ message }) => message).join('\n\n'));
}

function insideBegin(statement: MigrationStatement): InvalidValue {
  return {
    property: statement.what,
    value: 'BEGIN before it',
    allowed: 'outside of BEGIN … COMMIT',
    rule: 'PostgreSQL runs it in transactions of its own, and refuses it inside another one.',
    fix: 'Leave BEGIN and COMMIT out: it then runs by itself, and its file goes statement by statement.',
  };
}

function problemOf(migration: Migration, statement: MigrationStatement): InvalidValue | undefined {
  const { what, index } = statement;
  if (TRANSACTION_CONTROL.test(what)) {
    return {
      property: 'a statement',
      value: what,
      allowed: 'one that leaves the transaction alone',
      rule: 'A file is one transaction with the record of it; in a file with statements that cannot be in one, each statement is.',
      fix: 'Leave it out, and put what belongs together into a file of its own.',
    };
  }
  if (NOT_OF_A_SCHEMA.test(what) || (what === 'CLUSTER' && statement.runs === 'outside')) {
    return {
      property: 'a statement',
      value: what,
      allowed: 'about objects of this database, named one by one',
      rule: 'It acts on more than the schema, cannot run in a transaction, and nobody can tell afterwards how far it came.',
      fix: 'Run it by hand, or name the table.',
    };
  }
  if (
    what === 'COPY' &&
    statement.tokens.some(
      ({ kind, value }) => kind === 'word' && (value === 'STDIN' || value === 'STDOUT'),
    )
  ) {
    return {
      property: 'COPY',
      value: 'STDIN or STDOUT',
      allowed: 'from or to a file of the server',
      rule: 'What follows such a statement in a file is read by psql, not by the server.',
      fix: 'Write INSERT, or load the data by another way.',
    };
  }
  const calls = new Set(
    statement.tokens.flatMap(({ kind, value }) => (kind === 'word' ? [value.toUpperCase()] : [])),
  );
  if (calls.has('PG_ADVISORY_UNLOCK_ALL')) {
    return {
      property: 'a function',
      value: 'pg_advisory_unlock_all()',
      allowed: 'one that leaves the locks of the session alone',
      rule: 'A run holds an advisory lock of its session, so that no other begins beside it.',
      fix: 'Unlock by key what the file has locked, or lock with pg_advisory_xact_lock.',
    };
  }
  if (calls.has('SET_CONFIG') && statement.text.includes('search_path')) {
    return {
      property: 'a function',
      value: 'set_config()',
      allowed: 'without search_path',
      rule: 'What is checked beforehand looks tables up along the path that SET has set.',
      fix: 'Write SET search_path.',
    };
  }
  const outside = statement.within.find(({ runs }) => runs === 'outside');
  if (outside) {
    return {
      property: outside.what,
      value: 'DO before it',
      allowed: 'outside of a DO block',
      rule: 'PostgreSQL runs a block in one transaction, and refuses it there.',
      fix: 'Write it as a statement of the file.',
    };
  }
  if (!migration.transactional && FORGOTTEN.test(what)) {
    return {
      property: 'a statement',
      value: what,
      allowed: 'one that still holds when the run goes on in another session',
      rule: `${migration.file} goes statement by statement, because not all of it can run in one transaction.`,
      fix: 'Put it, with the statements that need it, into a file of their own; for a setting, write SET: it is repeated.',
    };
  }
  if (statement.perPartition && !(index?.concurrently && !index.only)) {
    return {
      property: '`per partition`',
      value: what,
      allowed: 'above CREATE INDEX CONCURRENTLY on a partitioned table',
      rule: 'It says that the index is built CONCURRENTLY on each partition and attached, which PostgreSQL does not do by itself.',
      fix: 'Write CONCURRENTLY, without ONLY, or leave the comment out.',
    };
  }
  if (!index) return undefined;
  if (index.concurrently && index.name === undefined) {
    return {
      property: 'the name of the index',
      value: undefined,
      allowed: 'given',
      rule: 'A run that was interrupted finds by its name what became of it; PostgreSQL would begin a second one.',
      fix: 'Give it a name.',
    };
  }
  const volatile = knownNotImmutable(index.definition);
  return volatile.length > 0 ? notImmutable(volatile) : undefined;
}

export function notImmutable(found: readonly string[]): InvalidValue {
  return {
    property: 'an index expression or predicate',
    value: found.join(', '),
    allowed: 'made of IMMUTABLE functions',
    rule: 'PostgreSQL decides once, when a row is written, whether and where it stands in an index; that must not change with time or session.',
    fix: "Write a constant, such as a date, or a condition on a column, such as status = 'active'; give functions of time AT TIME ZONE 'UTC'.",
  };
}
