/**
 * Checks that need no server. They refuse statements that would fail or stop the traffic before the
 * database is touched.
 */
import { type InvalidValue, IsochroneError, invalidOption } from '../../../model/errors';
import { asNode, type Node, statementFacts as namedBy } from '../../../model/sql';
import { COPY_OF_CLIENT, type Migration, type MigrationStatement } from './files';
import { mayCommit } from './steps';
import { knownNotImmutable } from './volatility';

/** A pattern of commands, each a regular expression of the whole command. */
function commands(...patterns: readonly string[]): RegExp {
  return new RegExp(`^(?:${patterns.join('|')})$`);
}

const BEYOND_SCHEMA = commands(
  '(?:CREATE|DROP) (?:DATABASE|TABLESPACE|SUBSCRIPTION)',
  'ALTER SYSTEM',
  'DISCARD.*',
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
      ...migration.statements.flatMap((statement) =>
        [...problemsOf(migration, statement)].map((problem) =>
          invalidOption(at(migration, statement), problem),
        ),
      ),
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

function* problemsOf(migration: Migration, statement: MigrationStatement): Generator<InvalidValue> {
  const { command, index, nested } = statement;
  if (BEYOND_SCHEMA.test(command) || (command === 'CLUSTER' && statement.runs === 'outside')) {
    yield {
      property: 'a statement',
      value: command,
      allowed: 'about objects of this database, named one by one',
      rule:
        'It acts on more than the schema and cannot run in a transaction, ' +
        'so an interrupted run could not tell how far it came.',
      fix: 'Run it by hand, or name the table.',
    };
  }
  const copy = asNode(statement.node, 'CopyStmt');
  if (copy && copy.filename === undefined) yield COPY_OF_CLIENT;
  for (const { node } of [statement, ...nested]) yield* forbiddenCalls(node);
  for (const inner of nested) {
    if (inner.runs !== 'outside' || mayCommit(inner)) continue;
    yield {
      property: inner.command,
      value: 'DO before it',
      allowed: 'outside of a DO block',
      rule: 'PostgreSQL runs a block in one transaction, and refuses the statement there.',
      fix: 'Write it as a statement of the file.',
    };
  }
  // The statements of a block share its transaction.
  const isStep = statement.step === statement.number;
  if (!migration.transactional && isStep && TEMPORARY.test(command)) {
    yield {
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
    yield {
      property: '`per partition`',
      value: command,
      allowed: 'above CREATE INDEX CONCURRENTLY on a partitioned table',
      rule:
        'The index is then built CONCURRENTLY on each partition and attached, ' +
        'which PostgreSQL does not do by itself.',
      fix: 'Write CONCURRENTLY, without ONLY, or remove the comment.',
    };
  }
  if (index?.concurrently && index.name === undefined) {
    yield {
      property: 'the name of the index',
      value: undefined,
      allowed: 'given',
      rule:
        'A resumed run finds the index by its name; ' +
        'without a name, PostgreSQL would start a second index.',
      fix: 'Give it a name.',
    };
  }
  for (const { node } of [statement, ...nested]) {
    const definition = asNode(node, 'IndexStmt');
    const volatile = definition ? knownNotImmutable(definition) : [];
    if (volatile.length > 0) yield notImmutable(volatile);
  }
}

function* forbiddenCalls(node: Node): Generator<InvalidValue> {
  const { functions, literals } = namedBy(node);
  const calls = new Set(functions.map(({ name }) => name));
  if (calls.has('pg_advisory_unlock_all')) {
    yield {
      property: 'a function',
      value: 'pg_advisory_unlock_all()',
      allowed: 'one that keeps the locks of the session',
      rule: 'A run holds an advisory lock of its session, so that no other run starts meanwhile.',
      fix: 'Release the locks of the file by key, or lock with pg_advisory_xact_lock.',
    };
  }
  if (calls.has('set_config') && literals.some((text) => text.toLowerCase() === 'search_path')) {
    yield {
      property: 'a function',
      value: 'set_config()',
      allowed: 'without search_path',
      rule: 'The checks before a run look tables up along the path that SET has set.',
      fix: 'Write SET search_path.',
    };
  }
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
