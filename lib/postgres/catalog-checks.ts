/** What only the server knows: whether a table is large or partitioned, a function volatile, a view without a unique index. */
import type { InvalidValue } from '../errors';
import type { AlterAction } from './alter-table';
import type { Catalog, Relation } from './catalog';
import { at, notImmutable, throwAll } from './migration-checks';
import { type Migration, type MigrationStatement, refused } from './migration-files';
import type { SqlName } from './sql-cursor';
import { isWord } from './sql-statements';
import type { SqlToken } from './sql-tokens';
import { asWritten, functionCalls, knownVolatile } from './volatile-functions';

/**
 * From here on a table is large: 125 MiB, what the smallest gp3 volume of RDS reads in one second ("Amazon RDS DB instance storage",
 * Amazon RDS user guide). A statement that holds up all others while it reads more than that is refused.
 */
export const LARGE_TABLE_BYTES = 125 * 1024 * 1024;

/** What the statements before make, which the catalog cannot know yet. By the last part of the name. */
class Planned {
  public readonly partitioned = new Set<string>();
  public readonly uniquelyIndexed = new Set<string>();
  public readonly functions = new Set<string>();
  /** `table.column`, and the columns of checks by `table.constraint`. */
  public readonly notNull = new Set<string>();
  public readonly checks = new Map<string, string>();

  public note(statement: MigrationStatement): void {
    const { what, target, index, tokens } = statement;
    const name = last(target);
    if (what === 'CREATE TABLE' && tokens.some((token, i) => isWord(token, 'PARTITION') && isWord(tokens[i + 1], 'BY'))) {
      this.partitioned.add(name);
    }
    if (what === 'CREATE FUNCTION') this.functions.add(name);
    if (index?.unique && index.plain) this.uniquelyIndexed.add(name);
    for (const { addsCheck, validates } of statement.alterTable?.actions ?? []) {
      if (addsCheck?.notNullOf !== undefined) {
        this.checks.set(`${name}.${addsCheck.name}`, addsCheck.notNullOf);
        if (addsCheck.valid) this.notNull.add(`${name}.${addsCheck.notNullOf}`);
      }
      const column = validates === undefined ? undefined : this.checks.get(`${name}.${validates}`);
      if (column !== undefined) this.notNull.add(`${name}.${column}`);
    }
  }
}

/**
 * @param migrations those that have not been applied, in order; of a file that was begun, all statements
 * @throws IsochroneError with all that is refused, one paragraph for each
 */
export async function checkAgainstCatalog(
  migrations: readonly Migration[],
  catalog: Catalog,
  largeTableBytes = LARGE_TABLE_BYTES,
  isDone: (migration: Migration, statement: MigrationStatement) => boolean = () => false,
): Promise<void> {
  const planned = new Planned();
  const problems: Error[] = [];
  for (const migration of migrations) {
    for (const statement of migration.statements) {
      if (isDone(migration, statement)) continue;
      const found = await problemOf(statement, catalog, planned, largeTableBytes);
      if (found) problems.push(refused(at(migration, statement), found));
      planned.note(statement);
      for (const { validates } of statement.alterTable?.actions ?? []) {
        if (validates === undefined || !statement.target) continue;
        const column = await catalog.columnOfCheck(statement.target, validates);
        if (column !== undefined) planned.notNull.add(`${last(statement.target)}.${column}`);
      }
    }
  }
  throwAll(problems);
}

async function problemOf(
  statement: MigrationStatement,
  catalog: Catalog,
  planned: Planned,
  largeTableBytes: number,
): Promise<InvalidValue | undefined> {
  const { what, target, index } = statement;
  if (index) {
    const found = await callsOf(index.definition, catalog, planned, (volatilities) => !volatilities.includes('i'));
    if (found.length > 0) return notImmutable(found);
  }
  if (!target) return undefined;
  const relation = await catalog.relation(target);
  const partitioned = relation ? relation.kind === 'p' : planned.partitioned.has(last(target));
  if (index?.concurrently && partitioned && !statement.perPartition) return concurrentlyOnParent(target);
  if (statement.perPartition && !partitioned) return notPartitioned(target);
  if (what === 'REFRESH MATERIALIZED VIEW CONCURRENTLY') {
    if (!planned.uniquelyIndexed.has(last(target)) && !(await catalog.hasUniqueIndex(target))) return noUniqueIndex(target);
    return undefined;
  }
  if (statement.allowed !== undefined) return undefined;
  const isLarge = (each: Relation | undefined): each is Relation => each !== undefined && each.bytes >= largeTableBytes;
  for (const action of statement.alterTable?.actions ?? []) {
    const other = action.references && (await catalog.relation(action.references));
    const large = [relation, other].find(isLarge);
    if (large === undefined) continue;
    const long = await whyLong(action, target, catalog, planned);
    if (long) return stopsTraffic(`${action.what} on ${target.text}`, large, action.lock, long, action.instead ?? '', largeTableBytes);
  }
  const whole = WHOLE[what];
  if (!whole || !isLarge(relation)) return undefined;
  return stopsTraffic(`${what} on ${target.text}`, relation, statement.lock, whole[0], whole[1], largeTableBytes);
}

/** Statements that hold their lock for as long as the table is large, and what does not. */
const WHOLE: Readonly<Record<string, readonly [long: string, instead: string]>> = {
  'CREATE INDEX': ['reads and sorts the whole table', 'Write CREATE INDEX CONCURRENTLY.'],
  'CREATE UNIQUE INDEX': ['reads and sorts the whole table', 'Write CREATE UNIQUE INDEX CONCURRENTLY.'],
  'REINDEX TABLE': ['builds its indexes anew', 'Write REINDEX TABLE CONCURRENTLY.'],
  'REINDEX INDEX': ['builds it anew', 'Write REINDEX INDEX CONCURRENTLY.'],
  'REFRESH MATERIALIZED VIEW': ['fills the view anew', 'Give it a unique index, and write REFRESH MATERIALIZED VIEW CONCURRENTLY.'],
  CLUSTER: ['copies the table', 'Do it in a window without traffic.'],
  'VACUUM FULL': ['copies the table', 'Write VACUUM, or do it in a window without traffic.'],
};

async function whyLong(action: AlterAction, table: SqlName, catalog: Catalog, planned: Planned): Promise<string | undefined> {
  const { notNull, columnDefault } = action;
  if (notNull !== undefined) {
    const checked = planned.notNull.has(`${last(table)}.${notNull}`) || (await catalog.forbidsNull(table, notNull));
    return checked ? undefined : action.long;
  }
  if (columnDefault === undefined) return action.long;
  const volatile = [
    ...knownVolatile(columnDefault),
    ...(await callsOf(columnDefault, catalog, planned, (volatilities) => volatilities.includes('v'))),
  ];
  return volatile.length > 0 ? `writes every row anew, because ${volatile[0]} is VOLATILE` : undefined;
}

/** The calls of which the server says what is asked for; those that it does not know, or that the plan replaces, are left out. */
async function callsOf(tokens: readonly SqlToken[], catalog: Catalog, planned: Planned, is: (volatilities: string[]) => boolean) {
  const found: string[] = [];
  for (const call of functionCalls(tokens)) {
    if (planned.functions.has(call.name)) continue;
    const volatilities = await catalog.volatilities(call);
    if (volatilities.length > 0 && is(volatilities)) found.push(asWritten(call));
  }
  return found;
}

function stopsTraffic(what: string, relation: Relation, lock: string, long: string, instead: string, limit: number): InvalidValue {
  return {
    property: what,
    value: `${mebibytes(relation.bytes)} MiB`,
    allowed: `of less than ${mebibytes(limit)} MiB`,
    rule: `It ${long}, and holds ${lock} meanwhile: whatever conflicts with that waits.`,
    fix: `${instead} Or, if the wait is acceptable, put \`-- isochrone: allow access-exclusive, because …\` above it.`,
  };
}

function concurrentlyOnParent(target: SqlName): InvalidValue {
  return {
    property: 'the table of CREATE INDEX CONCURRENTLY',
    value: target.text,
    allowed: 'not partitioned',
    rule: 'PostgreSQL builds an index CONCURRENTLY on one partition at a time only.',
    fix: 'Put `-- isochrone: per partition` above it: the index is then built on each partition, and attached to one of the parent.',
  };
}

function notPartitioned(target: SqlName): InvalidValue {
  return {
    property: 'the table of `per partition`',
    value: target.text,
    allowed: 'partitioned',
    rule: 'There is nothing to build one by one.',
    fix: 'Leave the comment out.',
  };
}

function noUniqueIndex(target: SqlName): InvalidValue {
  return {
    property: 'the view of REFRESH MATERIALIZED VIEW CONCURRENTLY',
    value: target.text,
    allowed: 'one with a unique index on plain columns and all rows',
    rule: 'PostgreSQL compares the new rows with the old ones by it.',
    fix: 'Create such an index first, or refresh without CONCURRENTLY.',
  };
}

function last(name: SqlName | undefined): string {
  return name?.parts.at(-1) ?? '';
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024);
}
