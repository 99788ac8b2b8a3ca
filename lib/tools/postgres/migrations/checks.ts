/**
 * Checks that need no server. They refuse statements that would fail or stop the traffic before the
 * database is touched.
 */
import { type InvalidValue, IsochroneError, invalidOption } from '../../../model/errors';
import type { Migration, MigrationStatement } from './files';
import { knownNotImmutable } from './volatility';

/** A pattern of commands, each a regular expression of the whole command. */
function commands(...patterns: readonly string[]): RegExp {
  return new RegExp(`^(?:${patterns.join('|')})$`);
}

const BEYOND_SCHEMA = commands(
  '(?:CREATE|DROP) (?:DATABASE|TABLESPACE|SUBSCRIPTION)',
  'ALTER SYSTEM',
  'DISCARD\\b.*',
  'REINDEX (?:SCHEMA|DATABASE|SYSTEM)\\b.*',
);

/**
 * Commands whose effect ends with the transaction or session, and is gone when a run is resumed
 * after them.
 */
const TEMPORARY = commands(
  'CREATE TEMPORARY .*',
  'SET LOCAL',
  'SET CONSTRAINTS',
  'PREPARE\\b.*',
  'EXECUTE',
  'DEALLOCATE',
  'DECLARE',
  'FETCH',
  'MOVE',
  'CLOSE',
  'LOCK',
  'LISTEN',
);

/**
 * Checks the statements of migrations without a server.
 *
 * @throws IsochroneError with all problems, one paragraph each
 */
export function checkStatements(migrations: readonly Migration[]): void {
  throwAll(
    migrations.flatMap((migration) => [
      ...migration.problems,
      ...migration.statements.flatMap((statement) => {
        const problem = problemOf(migration, statement);
        return problem ? [invalidOption(at(migration, statement), problem)] : [];
      }),
    ]),
  );
}

/** The file and line of a statement. */
export function at(migration: Migration, statement: MigrationStatement): string {
  return `${migration.file}:${statement.line}`;
}

/** @throws IsochroneError with the messages of all problems, if there are any */
export function throwAll(problems: readonly Error[]): void {
  if (problems.length > 0)
    throw new IsochroneError(problems.map(({ message }) => message).join('\n\n'));
}

function problemOf(migration: Migration, statement: MigrationStatement): InvalidValue | undefined {
  const { command, index } = statement;
  if (BEYOND_SCHEMA.test(command) || (command === 'CLUSTER' && statement.runs === 'outside')) {
    return {
      property: 'a statement',
      value: command,
      allowed: 'about objects of this database, named one by one',
      rule:
        'It acts on more than the schema and cannot run in a transaction, ' +
        'so an interrupted run could not tell how far it came.',
      fix: 'Run it by hand, or name the table.',
    };
  }
  if (
    command === 'COPY' &&
    statement.tokens.some(
      ({ kind, value }) => kind === 'word' && (value === 'STDIN' || value === 'STDOUT'),
    )
  ) {
    return {
      property: 'COPY',
      value: 'STDIN or STDOUT',
      allowed: 'from or to a file of the server',
      rule: 'psql, not the server, reads the data that follows such a statement in a file.',
      fix: 'Write INSERT, or load the data in another way.',
    };
  }
  const calls = new Set(
    statement.tokens.flatMap(({ kind, value }) => (kind === 'word' ? [value.toUpperCase()] : [])),
  );
  if (calls.has('PG_ADVISORY_UNLOCK_ALL')) {
    return {
      property: 'a function',
      value: 'pg_advisory_unlock_all()',
      allowed: 'one that keeps the locks of the session',
      rule: 'A run holds an advisory lock of its session, so that no other run starts meanwhile.',
      fix: 'Release the locks of the file by key, or lock with pg_advisory_xact_lock.',
    };
  }
  if (calls.has('SET_CONFIG') && statement.text.includes('search_path')) {
    return {
      property: 'a function',
      value: 'set_config()',
      allowed: 'without search_path',
      rule: 'The checks before a run look tables up along the path that SET has set.',
      fix: 'Write SET search_path.',
    };
  }
  const outside = statement.nested.find(({ runs }) => runs === 'outside');
  if (outside) {
    return {
      property: outside.command,
      value: 'DO before it',
      allowed: 'outside of a DO block',
      rule: 'PostgreSQL runs a block in one transaction, and refuses the statement there.',
      fix: 'Write it as a statement of the file.',
    };
  }
  // The statements of a block share its transaction.
  const isStep = statement.step === statement.number;
  if (!migration.transactional && isStep && TEMPORARY.test(command)) {
    return {
      property: 'a statement',
      value: command,
      allowed: 'one whose effect outlasts the session',
      rule:
        `${migration.file} runs statement by statement, because not all of it can run in one ` +
        'transaction, and a resumed run has another session.',
      fix:
        'Put it, with the statements that need it, into a file of their own; ' +
        'for a setting, write SET, which is repeated.',
    };
  }
  if (statement.perPartition && !(index?.concurrently && !index.only)) {
    return {
      property: '`per partition`',
      value: command,
      allowed: 'above CREATE INDEX CONCURRENTLY on a partitioned table',
      rule:
        'The index is then built CONCURRENTLY on each partition and attached, ' +
        'which PostgreSQL does not do by itself.',
      fix: 'Write CONCURRENTLY, without ONLY, or remove the comment.',
    };
  }
  if (!index) return undefined;
  if (index.concurrently && index.name === undefined) {
    return {
      property: 'the name of the index',
      value: undefined,
      allowed: 'given',
      rule:
        'A resumed run finds the index by its name; ' +
        'without a name, PostgreSQL would start a second index.',
      fix: 'Give it a name.',
    };
  }
  const volatile = knownNotImmutable(index.definition);
  return volatile.length > 0 ? notImmutable(volatile) : undefined;
}

/** The problem of an index that uses functions or values that are not immutable. */
export function notImmutable(found: readonly string[]): InvalidValue {
  return {
    property: 'an index expression or predicate',
    value: found.join(', '),
    allowed: 'made of IMMUTABLE functions',
    rule:
      'PostgreSQL decides once, when a row is written, whether and where it is in the index; ' +
      'that must not change with time or session.',
    fix:
      'Write a constant, such as a date, or a condition on a column, such as ' +
      "status = 'active'; give functions of time AT TIME ZONE 'UTC'.",
  };
}
