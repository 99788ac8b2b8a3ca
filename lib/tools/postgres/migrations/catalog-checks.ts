/**
 * Checks that need the server: whether a table is large or partitioned, a function volatile, a view
 * without a unique index.
 */
import { type InvalidValue, invalidOption } from '../../../model/errors';
import { isWord, type SqlName, type SqlToken } from '../sql';
import type { AlterAction } from './alter-table';
import { type Catalog, type Relation, unqualified } from './catalog';
import { at, notImmutable, throwAll } from './checks';
import type { Migration, MigrationStatement } from './files';
import { asWritten, functionCalls, knownVolatile } from './volatility';

/**
 * The size from which a table is large: 125 MiB, which the smallest gp3 volume of RDS reads in one
 * second ("Amazon RDS DB instance storage", Amazon RDS user guide). A statement that blocks all
 * others while it reads more than that is refused.
 */
export const LARGE_TABLE_BYTES = 125 * 1024 * 1024;

/**
 * What the preceding statements create, which the catalog cannot know yet. Objects are identified
 * by the last part of their name.
 */
class PlannedObjects {
  public readonly partitioned = new Set<string>();
  public readonly uniquelyIndexed = new Set<string>();
  public readonly functions = new Set<string>();
  /** Columns that forbid nulls, as `table.column`. */
  public readonly notNull = new Set<string>();
  /** The columns of checks that forbid nulls, by `table.constraint`. */
  public readonly checks = new Map<string, string>();
  /** Tables with a validated check. */
  public readonly checked = new Set<string>();

  public add(statement: MigrationStatement): void {
    const { command, target, index, tokens } = statement;
    const name = unqualified(target);
    if (
      command === 'CREATE TABLE' &&
      tokens.some((token, i) => isWord(token, 'PARTITION') && isWord(tokens[i + 1], 'BY'))
    ) {
      this.partitioned.add(name);
    }
    if (command === 'CREATE FUNCTION') this.functions.add(name);
    if (index?.unique && index.plain) this.uniquelyIndexed.add(name);
    for (const { addsCheck, validates } of statement.alterTable?.actions ?? []) {
      if (addsCheck?.valid || validates !== undefined) this.checked.add(name);
      if (addsCheck?.notNullOf !== undefined) {
        this.checks.set(`${name}.${addsCheck.name}`, addsCheck.notNullOf);
        if (addsCheck.valid) this.notNull.add(`${name}.${addsCheck.notNullOf}`);
      }
      const column = validates === undefined ? undefined : this.checks.get(`${name}.${validates}`);
      if (column !== undefined) this.notNull.add(`${name}.${column}`);
    }
  }
}

/** A lock on a large table that the transaction keeps until its end. */
interface HeldLock {
  readonly lock: string;
  /** The statement that took it. */
  readonly by: string;
}

/** What a statement is checked against. */
interface Context {
  readonly catalog: Catalog;
  readonly planned: PlannedObjects;
  readonly held: HeldLock[];
  readonly largeTableBytes: number;
}

/**
 * Checks migrations against the catalog of a server.
 *
 * @param migrations the migrations that have not been applied, in order; of a migration that was
 * begun, all statements
 * @param isDone whether a statement has run already; such a statement is not checked
 * @throws IsochroneError with all problems, one paragraph each
 */
export async function checkAgainstCatalog(
  migrations: readonly Migration[],
  catalog: Catalog,
  largeTableBytes = LARGE_TABLE_BYTES,
  isDone: (migration: Migration, statement: MigrationStatement) => boolean = () => false,
): Promise<void> {
  const planned = new PlannedObjects();
  const problems: Error[] = [];
  for (const migration of migrations) {
    const context: Context = { catalog, planned, held: [], largeTableBytes };
    let step = 0;
    for (const statement of migration.statements) {
      // A step that has ended has released its locks.
      if (statement.step !== step) context.held.length = 0;
      step = statement.step;
      const path = searchPath(statement);
      if (path !== undefined) await catalog.applySearchPath(path);
      if (isDone(migration, statement)) continue;
      for (const each of [
        statement,
        ...statement.nested.map((inner) => ({ ...statement, ...inner })),
      ]) {
        const found = await problemOf(each, context);
        if (found) problems.push(invalidOption(at(migration, statement), found));
      }
      planned.add(statement);
      for (const { validates } of statement.alterTable?.actions ?? []) {
        if (validates === undefined || !statement.target) continue;
        const column = await catalog.columnOfCheck(statement.target, validates);
        if (column !== undefined) planned.notNull.add(`${unqualified(statement.target)}.${column}`);
      }
    }
    await catalog.applySearchPath('RESET search_path');
  }
  throwAll(problems);
}

/**
 * A statement that sets the search path, rewritten for the session: SET LOCAL holds until the end
 * of the transaction, which is the end of the file.
 */
function searchPath({ text, tokens }: MigrationStatement): string | undefined {
  const [first] = tokens;
  if (!isWord(first, 'SET') && !isWord(first, 'RESET')) return undefined;
  if (isWord(first, 'RESET') && isWord(tokens[1], 'ALL')) return 'RESET search_path';
  const named = tokens
    .slice(1, 3)
    .find((token) => isWord(token, 'SEARCH_PATH') || isWord(token, 'SCHEMA'));
  return named && `${first?.value} ${text.slice(named.start)}`;
}

async function problemOf(
  statement: MigrationStatement,
  context: Context,
): Promise<InvalidValue | undefined> {
  const { command, target, index } = statement;
  const { catalog, planned } = context;
  if (index) {
    const found = await callsOf(
      index.definition,
      context,
      (volatilities) => !volatilities.includes('i'),
    );
    if (found.length > 0) return notImmutable(found);
  }
  if (!target) return undefined;
  const relation = await catalog.relation(target);
  const partitioned = relation
    ? relation.kind === 'p'
    : planned.partitioned.has(unqualified(target));
  if (index?.concurrently && partitioned && !statement.perPartition)
    return { value: target.text, ...CONCURRENTLY_ON_PARENT };
  if (statement.perPartition && !partitioned) return { value: target.text, ...NOT_PARTITIONED };
  const foreign = statement.perPartition ? await catalog.foreignPartition(target) : undefined;
  if (foreign !== undefined) return { value: foreign, ...FOREIGN_PARTITION };
  if (/^REINDEX (?:TABLE|INDEX)$/.test(command) && /^[pI]$/.test(relation?.kind ?? ''))
    return { value: target.text, ...REINDEX_OF_PARENT };
  if (relation && index && !index.plain) {
    const reason = await catalog.refusesIndex(
      target,
      statement.text.slice(index.definition[0]?.start),
    );
    if (reason !== undefined) return notImmutable([reason]);
  }
  if (command === 'REFRESH MATERIALIZED VIEW CONCURRENTLY') {
    if (
      !planned.uniquelyIndexed.has(unqualified(target)) &&
      !(await catalog.hasUniqueIndex(target))
    )
      return { value: target.text, ...NO_UNIQUE_INDEX };
    return undefined;
  }
  return blockedTraffic(statement, target, relation, context);
}

/** The problem if a statement would hold a lock on a large table while it works on the table. */
async function blockedTraffic(
  statement: MigrationStatement,
  target: SqlName,
  relation: Relation | undefined,
  context: Context,
): Promise<InvalidValue | undefined> {
  const { command, lock, parent, alterTable } = statement;
  const { catalog, planned, held, largeTableBytes } = context;
  const isLarge = (each: Relation | undefined): each is Relation =>
    each !== undefined && each.bytes >= largeTableBytes;
  const onTarget = `${command} on ${target.text}`;
  const before = held[0];
  if (isLarge(relation) && /^(?:ACCESS|SHARE ROW) EXCLUSIVE$/.test(lock)) {
    held.push({ lock, by: onTarget });
  }
  if (statement.allowedReason !== undefined) return undefined;
  if (before && isLarge(relation) && /^UPDATE$|^DELETE$|VALIDATE CONSTRAINT/.test(command)) {
    return blocks(largeTableBytes, {
      statement: `${onTarget} after ${before.by}`,
      relation,
      lock: before.lock,
      work: 'may read and write the whole table',
      alternative: 'Put it into a file of its own.',
    });
  }
  for (const action of alterTable?.actions ?? []) {
    const other = action.references && (await catalog.relation(action.references));
    const large = [relation, other].find(isLarge);
    if (large === undefined) continue;
    const work = await longWork(action, target, lock, context);
    if (work)
      return blocks(largeTableBytes, {
        statement: `${action.command} on ${target.text}`,
        relation: large,
        lock,
        work,
        alternative: action.alternative ?? '',
      });
  }
  const defaultPartition = parent && (await catalog.defaultPartition(parent));
  if (isLarge(defaultPartition)) {
    return blocks(largeTableBytes, {
      statement: `the default partition of ${parent?.text}`,
      relation: defaultPartition,
      lock: EXCLUSIVE_ON_PARTITION,
      work: 'reads all of it',
      alternative:
        'Detach the default partition CONCURRENTLY first, move its rows, and attach it again.',
    });
  }
  const attaches = alterTable?.attaches;
  const attached = attaches && (await catalog.relation(attaches));
  if (
    attaches &&
    isLarge(attached) &&
    !(await catalog.hasCheck(attaches)) &&
    !planned.checked.has(unqualified(attaches))
  ) {
    return blocks(largeTableBytes, {
      statement: `the partition ${attaches.text}`,
      relation: attached,
      lock: EXCLUSIVE_ON_PARTITION,
      work: 'reads all of it',
      alternative:
        'Add a CHECK of its bounds NOT VALID and VALIDATE it first: then it is not read.',
    });
  }
  const whole = WHOLE_TABLE[command];
  if (!whole || !isLarge(relation)) return undefined;
  const [work, alternative] = whole;
  return blocks(largeTableBytes, { statement: onTarget, relation, lock, work, alternative });
}

const EXCLUSIVE_ON_PARTITION = 'ACCESS EXCLUSIVE on it';

/** Commands that work on the whole table under their lock, with an alternative that does not. */
const WHOLE_TABLE: Readonly<Record<string, readonly [work: string, alternative: string]>> = {
  'CREATE INDEX': ['reads and sorts the whole table', 'Write CREATE INDEX CONCURRENTLY.'],
  'CREATE UNIQUE INDEX': [
    'reads and sorts the whole table',
    'Write CREATE UNIQUE INDEX CONCURRENTLY.',
  ],
  'REINDEX TABLE': ['rebuilds its indexes', 'Write REINDEX TABLE CONCURRENTLY.'],
  'REINDEX INDEX': ['rebuilds the index', 'Write REINDEX INDEX CONCURRENTLY.'],
  'REFRESH MATERIALIZED VIEW': [
    'rebuilds the view',
    'Give it a unique index, and write REFRESH MATERIALIZED VIEW CONCURRENTLY.',
  ],
  CLUSTER: ['copies the table', 'Do it in a window without traffic.'],
  'VACUUM FULL': ['copies the table', 'Write VACUUM, or do it in a window without traffic.'],
};

/** The long work of an action of ALTER TABLE, as the end of "it …"; undefined if it is quick. */
async function longWork(
  action: AlterAction,
  table: SqlName,
  lock: string,
  context: Context,
): Promise<string | undefined> {
  const { catalog, planned } = context;
  // The strongest lock of all actions of the statement is held while the constraint is validated.
  if (action.validates !== undefined && lock !== action.lock) return 'reads the whole table';
  const { notNull, columnDefault, columnType, primaryKey } = action;
  const isNullable = async (column: string) =>
    !planned.notNull.has(`${unqualified(table)}.${column}`) &&
    !(await catalog.forbidsNull(table, column));
  if (notNull !== undefined) return (await isNullable(notNull)) ? action.work : undefined;
  if (primaryKey !== undefined) {
    for (const column of await catalog.columnsOfIndex(table, unqualified(primaryKey))) {
      if (await isNullable(column)) return `reads the whole table, because ${column} may be NULL`;
    }
  }
  if (columnDefault === undefined) return action.work;
  if (columnType && (await catalog.isCheckedDomain(columnType)))
    return `rewrites every row, because ${columnType.text} is a domain with checks`;
  const volatile = [
    ...knownVolatile(columnDefault),
    ...(await callsOf(columnDefault, context, (volatilities) => volatilities.includes('v'))),
  ];
  return volatile.length > 0 ? `rewrites every row, because ${volatile[0]} is VOLATILE` : undefined;
}

/**
 * The calls whose volatilities on the server match. Functions that the server does not know, or
 * that a preceding statement creates, are left out.
 */
async function callsOf(
  tokens: readonly SqlToken[],
  { catalog, planned }: Context,
  matches: (volatilities: string[]) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (const call of functionCalls(tokens)) {
    if (planned.functions.has(call.name)) continue;
    const volatilities = await catalog.volatilities(call);
    if (volatilities.length > 0 && matches(volatilities)) found.push(asWritten(call));
  }
  return found;
}

/** The problem of a statement that blocks the traffic of a large table. */
function blocks(
  largeTableBytes: number,
  {
    statement,
    relation,
    lock,
    work,
    alternative,
  }: {
    readonly statement: string;
    readonly relation: Relation;
    readonly lock: string;
    readonly work: string;
    readonly alternative: string;
  },
): InvalidValue {
  return {
    property: statement,
    value: `${mebibytes(relation.bytes)} MiB`,
    allowed: `of less than ${mebibytes(largeTableBytes)} MiB`,
    rule: `It ${work}, and holds ${lock} meanwhile: every statement with a conflicting lock waits.`,
    fix:
      `${alternative} Or, if the wait is acceptable, ` +
      'put `-- isochrone: allow access-exclusive, because …` above it.',
  };
}

type Problem = Omit<InvalidValue, 'value'>;

const CONCURRENTLY_ON_PARENT: Problem = {
  property: 'the table of CREATE INDEX CONCURRENTLY',
  allowed: 'not partitioned',
  rule: 'PostgreSQL builds an index CONCURRENTLY on one partition at a time only.',
  fix:
    'Put `-- isochrone: per partition` above it: ' +
    'the index is then built on each partition, and attached to an index of the parent.',
};

const NOT_PARTITIONED: Problem = {
  property: 'the table of `per partition`',
  allowed: 'partitioned',
  rule: 'Only a partitioned table has an index to build partition by partition.',
  fix: 'Remove the comment.',
};

const FOREIGN_PARTITION: Problem = {
  property: 'the partitions of `per partition`',
  allowed: 'tables of this server',
  rule: 'A foreign table has no index here, and the index of the parent would stay INVALID.',
  fix: 'Index the other partitions one by one.',
};

const REINDEX_OF_PARENT: Problem = {
  property: 'the target of REINDEX',
  allowed: 'not partitioned',
  rule:
    'PostgreSQL reindexes each partition in a transaction of its own, ' +
    'and refuses to do so inside another transaction.',
  fix: 'Write CONCURRENTLY.',
};

const NO_UNIQUE_INDEX: Problem = {
  property: 'the view of REFRESH MATERIALIZED VIEW CONCURRENTLY',
  allowed: 'one with a unique index on plain columns and all rows',
  rule: 'PostgreSQL compares the new rows with the old ones by it.',
  fix: 'Create such an index first, or refresh without CONCURRENTLY.',
};

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024);
}
