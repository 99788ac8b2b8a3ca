/**
 * What only the server knows: whether a table is large or partitioned, a function volatile, a view
 * without a unique index.
 */
import type { InvalidValue } from '../../../model/errors';
import { isWord, type SqlName, type SqlToken } from '../sql';
import type { AlterAction } from './alter-table';
import type { Catalog, Relation } from './catalog';
import { at, notImmutable, throwAll } from './checks';
import { type Migration, type MigrationStatement, refused } from './files';
import { asWritten, functionCalls, knownVolatile } from './volatility';

/**
 * From here on a table is large: 125 MiB, what the smallest gp3 volume of RDS reads in one second
 * ("Amazon RDS DB instance storage", Amazon RDS user guide). A statement that holds up all others
 * while it reads more than that is refused.
 */
export const LARGE_TABLE_BYTES = 125 * 1024 * 1024;

/**
 * What the statements before make, which the catalog cannot know yet. By the last part of the name.
 */
class Planned {
  public readonly partitioned = new Set<string>();
  public readonly uniquelyIndexed = new Set<string>();
  public readonly functions = new Set<string>();
  /** `table.column`, and the columns of checks by `table.constraint`. */
  public readonly notNull = new Set<string>();
  public readonly checks = new Map<string, string>();
  /** Tables with a validated check. */
  public readonly checked = new Set<string>();

  public note(statement: MigrationStatement): void {
    const { what, target, index, tokens } = statement;
    const name = last(target);
    if (
      what === 'CREATE TABLE' &&
      tokens.some((token, i) => isWord(token, 'PARTITION') && isWord(tokens[i + 1], 'BY'))
    ) {
      this.partitioned.add(name);
    }
    if (what === 'CREATE FUNCTION') this.functions.add(name);
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

/**
 * @param migrations those that have not been applied, in order; of a file that was begun, all
 * statements
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
    const held: Held[] = [];
    for (const statement of migration.statements) {
      const path = searchPath(statement);
      if (path !== undefined) await catalog.follow(path);
      if (isDone(migration, statement)) continue;
      for (const each of [
        statement,
        ...statement.within.map((inner) => ({ ...statement, ...inner })),
      ]) {
        const found = await problemOf(each, catalog, planned, held, largeTableBytes);
        if (found) problems.push(refused(at(migration, statement), found));
      }
      planned.note(statement);
      for (const { validates } of statement.alterTable?.actions ?? []) {
        if (validates === undefined || !statement.target) continue;
        const column = await catalog.columnOfCheck(statement.target, validates);
        if (column !== undefined) planned.notNull.add(`${last(statement.target)}.${column}`);
      }
      if (!migration.transactional) held.length = 0;
    }
    await catalog.follow('RESET search_path');
  }
  throwAll(problems);
}

/**
 * A setting of the search path, as one of the session: what is true until the end of a transaction
 * is true until that of its file.
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

/** A lock on a large table that a transaction takes, and has until its end. */
interface Held {
  readonly lock: string;
  readonly what: string;
}

async function problemOf(
  statement: MigrationStatement,
  catalog: Catalog,
  planned: Planned,
  held: Held[],
  largeTableBytes: number,
): Promise<InvalidValue | undefined> {
  const { what, target, index } = statement;
  if (index) {
    const found = await callsOf(
      index.definition,
      catalog,
      planned,
      (volatilities) => !volatilities.includes('i'),
    );
    if (found.length > 0) return notImmutable(found);
  }
  if (!target) return undefined;
  const relation = await catalog.relation(target);
  const partitioned = relation ? relation.kind === 'p' : planned.partitioned.has(last(target));
  if (index?.concurrently && partitioned && !statement.perPartition)
    return concurrentlyOnParent(target);
  if (statement.perPartition && !partitioned) return notPartitioned(target);
  const foreign = statement.perPartition ? await catalog.foreignPartition(target) : undefined;
  if (foreign !== undefined) return besideForeign(foreign);
  if (/^REINDEX (?:TABLE|INDEX)$/.test(what) && /^[pI]$/.test(relation?.kind ?? ''))
    return reindexOfParent(target);
  if (relation && index && !index.plain) {
    const reason = await catalog.refusesIndex(
      target,
      statement.text.slice(index.definition[0]?.start),
    );
    if (reason !== undefined) return notImmutable([reason]);
  }
  if (what === 'REFRESH MATERIALIZED VIEW CONCURRENTLY') {
    if (!planned.uniquelyIndexed.has(last(target)) && !(await catalog.hasUniqueIndex(target)))
      return noUniqueIndex(target);
    return undefined;
  }
  const isLarge = (each: Relation | undefined): each is Relation =>
    each !== undefined && each.bytes >= largeTableBytes;
  const before = held[0];
  if (isLarge(relation) && /^(?:ACCESS|SHARE ROW) EXCLUSIVE$/.test(statement.lock)) {
    held.push({ lock: statement.lock, what: `${what} on ${target.text}` });
  }
  if (statement.allowed !== undefined) return undefined;
  if (before && isLarge(relation) && /^UPDATE$|^DELETE$|VALIDATE CONSTRAINT/.test(what)) {
    const after = `${what} on ${target.text} after ${before.what}`;
    const instead = 'Put it into a file of its own.';
    return stopsTraffic(
      after,
      relation,
      before.lock,
      'may read and write the whole table',
      instead,
      largeTableBytes,
    );
  }
  for (const action of statement.alterTable?.actions ?? []) {
    const other = action.references && (await catalog.relation(action.references));
    const large = [relation, other].find(isLarge);
    if (large === undefined) continue;
    const long = await whyLong(action, target, catalog, planned, statement.lock);
    if (long)
      return stopsTraffic(
        `${action.what} on ${target.text}`,
        large,
        statement.lock,
        long,
        action.instead ?? '',
        largeTableBytes,
      );
  }
  const { parent, alterTable } = statement;
  const rest = parent && (await catalog.defaultPartition(parent));
  if (isLarge(rest)) {
    const instead =
      'Detach the default partition CONCURRENTLY first, move its rows, and attach it again.';
    return stopsTraffic(
      `the default partition of ${parent?.text}`,
      rest,
      EXCLUSIVE,
      'reads all of it',
      instead,
      largeTableBytes,
    );
  }
  const attached = alterTable?.attaches && (await catalog.relation(alterTable.attaches));
  if (
    alterTable?.attaches &&
    isLarge(attached) &&
    !(await catalog.hasCheck(alterTable.attaches)) &&
    !planned.checked.has(last(alterTable.attaches))
  ) {
    const instead =
      'Add a CHECK of its bounds NOT VALID and VALIDATE it first: then it is not read.';
    return stopsTraffic(
      `the partition ${alterTable.attaches.text}`,
      attached,
      EXCLUSIVE,
      'reads all of it',
      instead,
      largeTableBytes,
    );
  }
  const whole = WHOLE[what];
  if (!whole || !isLarge(relation)) return undefined;
  return stopsTraffic(
    `${what} on ${target.text}`,
    relation,
    statement.lock,
    whole[0],
    whole[1],
    largeTableBytes,
  );
}

const EXCLUSIVE = 'ACCESS EXCLUSIVE on it';

/** Statements that hold their lock for as long as the table is large, and what does not. */
const WHOLE: Readonly<Record<string, readonly [long: string, instead: string]>> = {
  'CREATE INDEX': ['reads and sorts the whole table', 'Write CREATE INDEX CONCURRENTLY.'],
  'CREATE UNIQUE INDEX': [
    'reads and sorts the whole table',
    'Write CREATE UNIQUE INDEX CONCURRENTLY.',
  ],
  'REINDEX TABLE': ['builds its indexes anew', 'Write REINDEX TABLE CONCURRENTLY.'],
  'REINDEX INDEX': ['builds it anew', 'Write REINDEX INDEX CONCURRENTLY.'],
  'REFRESH MATERIALIZED VIEW': [
    'fills the view anew',
    'Give it a unique index, and write REFRESH MATERIALIZED VIEW CONCURRENTLY.',
  ],
  CLUSTER: ['copies the table', 'Do it in a window without traffic.'],
  'VACUUM FULL': ['copies the table', 'Write VACUUM, or do it in a window without traffic.'],
};

async function whyLong(
  action: AlterAction,
  table: SqlName,
  catalog: Catalog,
  planned: Planned,
  lock: string,
): Promise<string | undefined> {
  // With other actions in one statement it has their lock, not its own.
  if (action.validates !== undefined && lock !== action.lock) return 'reads the whole table';
  const { notNull, columnDefault, columnType, primaryKey } = action;
  const nullable = async (column: string) =>
    !planned.notNull.has(`${last(table)}.${column}`) && !(await catalog.forbidsNull(table, column));
  if (notNull !== undefined) return (await nullable(notNull)) ? action.long : undefined;
  if (primaryKey !== undefined) {
    for (const column of await catalog.columnsOfIndex(table, last(primaryKey))) {
      if (await nullable(column)) return `reads the whole table, because ${column} may be NULL`;
    }
  }
  if (columnDefault === undefined) return action.long;
  if (columnType && (await catalog.isCheckedDomain(columnType)))
    return `writes every row anew, because ${columnType.text} is a domain with checks`;
  const volatile = [
    ...knownVolatile(columnDefault),
    ...(await callsOf(columnDefault, catalog, planned, (volatilities) =>
      volatilities.includes('v'),
    )),
  ];
  return volatile.length > 0
    ? `writes every row anew, because ${volatile[0]} is VOLATILE`
    : undefined;
}

/**
 * The calls of which the server says what is asked for; those that it does not know, or that the
 * plan replaces, are left out.
 */
async function callsOf(
  tokens: readonly SqlToken[],
  catalog: Catalog,
  planned: Planned,
  is: (volatilities: string[]) => boolean,
) {
  const found: string[] = [];
  for (const call of functionCalls(tokens)) {
    if (planned.functions.has(call.name)) continue;
    const volatilities = await catalog.volatilities(call);
    if (volatilities.length > 0 && is(volatilities)) found.push(asWritten(call));
  }
  return found;
}

function stopsTraffic(
  what: string,
  relation: Relation,
  lock: string,
  long: string,
  instead: string,
  limit: number,
): InvalidValue {
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

function besideForeign(partition: string): InvalidValue {
  return {
    property: 'the partitions of `per partition`',
    value: partition,
    allowed: 'tables of this server',
    rule: 'A foreign table has no index here, and the index of the parent would stay INVALID.',
    fix: 'Index the other partitions one by one.',
  };
}

function reindexOfParent(target: SqlName): InvalidValue {
  return {
    property: 'the target of REINDEX',
    value: target.text,
    allowed: 'not partitioned',
    rule: 'PostgreSQL does its partitions in transactions of their own, and refuses it in another one.',
    fix: 'Write CONCURRENTLY.',
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
