/**
 * Checks that need the server: what a statement will do to tables of their size, and whether the
 * server will refuse it.
 */
import { type InvalidValue, invalidOption } from '../../../model/errors';
import {
  asNode,
  kindOf,
  type NodeKind,
  type NodeOf,
  statementFacts as namedBy,
  nodesOf,
  type ParsedStatement,
  qualifiedName,
  type SqlName,
  statementBody,
} from '../../../model/sql';
import { type AlterAction, constraintsOf } from './alter-table';
import { alternativeTo, foreignKey, quotedIfNeeded, uniqueKey } from './alternatives';
import type { Catalog } from './catalog';
import { at, notImmutable, throwAll } from './checks';
import type { Migration, MigrationStatement } from './files';
import type { StepState } from './history';
import { LOCKS, type Lock, stopsWriters, strongest } from './locks';
import { shown } from './names';
import type { Found, Outcome, Rehearsal, Rehearsed, Step } from './rehearsal';
import type { StatementFacts } from './statement-facts';
import { MOST_PARTITIONS } from './table-copy';

/**
 * The size from which a table is large: 125 MiB, which the smallest gp3 volume of RDS reads in one
 * second ("Amazon RDS DB instance storage", Amazon RDS user guide). A statement that blocks all
 * others while it reads more than that is refused.
 */
export const LARGE_TABLE_BYTES = 125 * 1024 * 1024;

/**
 * Checks migrations against the catalog of a server.
 *
 * @param migrations the migrations that have not been applied, in order; of a migration that was
 * begun, all statements
 * @param stateOf the state of a statement in the history; one that is done is not checked
 * @throws IsochroneError with all problems, one paragraph each
 */
export async function checkAgainstCatalog(
  migrations: readonly Migration[],
  catalog: Catalog,
  largeTableBytes = LARGE_TABLE_BYTES,
  stateOf: (migration: Migration, statement: MigrationStatement) => StepState | undefined = () =>
    undefined,
): Promise<void> {
  const problems: Error[] = [];
  const rehearsal = await catalog.rehearse();
  try {
    const checks = new CatalogChecks(catalog, rehearsal, largeTableBytes, await catalog.version());
    for (const migration of migrations) {
      await rehearsal?.reset();
      let step = 0;
      checks.endTransaction();
      for (const statement of migration.statements) {
        // A step that has ended has released its locks.
        if (statement.step !== step) checks.endTransaction();
        step = statement.step;
        const state = stateOf(migration, statement);
        if (state === 'done') {
          if (statement.runs === 'session') await rehearsal?.run(statement);
          continue;
        }
        for await (const problem of checks.problemsOf(statement, state !== undefined))
          problems.push(invalidOption(at(migration, statement), problem));
      }
    }
  } finally {
    await rehearsal?.end();
  }
  throwAll(problems);
}

/** A table, view or index, whatever the run has renamed it to. */
interface Subject {
  /** The oid that it had before the run, or has in the rehearsal. */
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly bytes: number;
  /** Whether the run creates it, so that nobody waits for it. */
  readonly isNew: boolean;
  /** Where the rehearsal has it. */
  readonly place?: string;
  readonly populated: boolean;
}

/** A lock that the transaction keeps until its end. */
interface HeldLock {
  readonly id: string;
  readonly lock: Lock;
  /** The statement that took it. */
  readonly by: string;
  /** Whether its own comment allows it. */
  readonly allowed: boolean;
}

/** Long work of a statement under a lock. */
interface Work {
  readonly statement: string;
  /** The work as the end of "it …". */
  readonly work: string;
  readonly subject: Subject;
  readonly lock: Lock;
  readonly alternative: string;
}

type Checked = ParsedStatement & StatementFacts;

interface Options {
  readonly perPartition: boolean;
  /** Whether a comment allows what the statement does. */
  readonly allowed: boolean;
  /** Whether it stands in a DO block, maybe behind a condition. */
  readonly isNested: boolean;
  /** Whether the block has a loop, so that it may run many times. */
  readonly isRepeated?: boolean;
  /** Whether an earlier run began it. */
  readonly begun: boolean;
}

class CatalogChecks {
  private held: HeldLock[] = [];
  /** The tables that the run has emptied, and the bytes that it has put into tables. */
  private readonly emptied = new Set<string>();
  private readonly filled = new Map<string, number>();
  /** Materialized views that the run creates WITH NO DATA. */
  private readonly unpopulated = new Set<string>();

  constructor(
    private readonly catalog: Catalog,
    private readonly rehearsal: Rehearsal | undefined,
    private readonly largeTableBytes: number,
    private readonly version: number,
  ) {}

  public endTransaction(): void {
    this.held = [];
  }

  /** The problems of a statement and of those in its DO block. Then the statement counts as run. */
  public async *problemsOf(
    statement: MigrationStatement,
    begun: boolean,
  ): AsyncGenerator<InvalidValue> {
    const allowed = statement.allowedReason !== undefined;
    const { perPartition } = statement;
    const found = await this.check(statement, { perPartition, allowed, begun, isNested: false });
    const isRepeated = statement.nested.length > 0 && statementBody(statement)?.hasLoop === true;
    for (const inner of statement.nested) {
      const options = { perPartition: false, allowed, begun, isNested: true, isRepeated };
      found.push(...(await this.check(inner, options)));
      // A block that commits keeps no lock from one round to the next.
      if (statement.runs === 'outside') this.endTransaction();
    }
    if (!allowed) yield* found;
  }

  private async check(statement: Checked, options: Options): Promise<InvalidValue[]> {
    const problems: InvalidValue[] = [];
    const { target } = statement;
    const subject = target && (await this.subject(target));
    const before = await this.before(statement, subject, options);
    problems.push(...before);
    // A statement may rename what it locks.
    const locked = await this.locked(statement);
    const works = await this.staticWork(statement, subject);
    const rowWork = await this.rowWork(statement);
    works.push(...rowWork);
    const outcome = (await this.rehearsal?.run(statement)) ?? 'untried';
    if (before.length === 0) works.push(...(await this.rehearsedWork(statement, subject, outcome)));
    if (!options.isNested) problems.push(...this.refusals(statement, subject, outcome));
    for (const work of works) {
      const problem = this.problemOf(work);
      if (problem) problems.push(problem);
    }
    this.held.push(...locked.map((lock) => ({ ...lock, allowed: options.allowed })));
    const read = rowWork.reduce((bytes, work) => bytes + work.subject.bytes, 0);
    await this.remember(
      statement,
      options.isRepeated ? Math.max(read, this.largeTableBytes) : read,
    );
    return problems;
  }

  /** What a name stands for in the state that the run will have. */
  private async subject(name: SqlName): Promise<Subject | undefined> {
    if (!this.rehearsal) {
      const relation = await this.catalog.relation(name);
      if (!relation) return undefined;
      const { oid: id, bytes } = relation;
      return { ...relation, id, name: shown(name), isNew: false, bytes: this.bytes(id, bytes) };
    }
    const found = await this.rehearsal.find(name);
    return found && this.subjectOf(found, shown(name));
  }

  private async subjectOf(found: Found, name: string): Promise<Subject> {
    const id = found.copyOf?.oid ?? found.oid;
    const base = { id, kind: found.kind, name, isNew: !found.existed, place: found.oid };
    if (found.existed && !found.copyOf) {
      const relation = await this.catalog.relationOf(found.oid);
      const bytes = this.bytes(id, relation?.bytes ?? 0);
      return { ...base, bytes, populated: relation?.populated !== false };
    }
    const original = found.copyOf && (await this.catalog.relationOf(found.copyOf.oid));
    if (original && 'iI'.includes(found.kind))
      return { ...base, bytes: this.bytes(id, original.bytes), populated: true };
    const tree = (await this.rehearsal?.treeOf(found)) ?? [];
    let bytes = 0;
    for (const member of tree)
      bytes += this.bytes(member.copyOf?.oid ?? member.oid, member.copyOf?.bytes ?? 0);
    // Of many partitions, only some have a copy.
    if (tree.length >= MOST_PARTITIONS) bytes = Math.max(bytes, original?.bytes ?? 0);
    return {
      ...base,
      kind: original?.kind ?? found.kind,
      bytes,
      populated: original?.populated !== false,
    };
  }

  private bytes(id: string, before: number): number {
    return (this.emptied.has(id) ? 0 : before) + (this.filled.get(id) ?? 0);
  }

  private isLarge({ bytes }: { readonly bytes: number }): boolean {
    return bytes >= this.largeTableBytes;
  }

  /** Work is a problem if somebody waits for it: for the statement's lock, or for an earlier one. */
  private problemOf(work: Work): InvalidValue | undefined {
    const { subject, lock } = work;
    if (!this.isLarge(subject)) return undefined;
    const leave = this.held.some(
      (held) =>
        held.allowed && held.id === subject.id && LOCKS.indexOf(held.lock) >= LOCKS.indexOf(lock),
    );
    if (leave) return undefined;
    if (stopsWriters(lock) && !subject.isNew) return this.blocks(work);
    if (stopsWriters(lock) && subject.isNew && work.work === LINKS) return this.blocks(work);
    const before = this.held.find(({ allowed }) => !allowed);
    if (!before) return undefined;
    return this.blocks({
      ...work,
      statement: `${work.statement} after ${before.by}`,
      lock: before.lock,
      alternative: 'Put it into a file of its own.',
    });
  }

  private blocks({ statement, work, subject, lock, alternative }: Work): InvalidValue {
    return {
      property: statement,
      value: `${mebibytes(subject.bytes)} MiB`,
      allowed: `of less than ${mebibytes(this.largeTableBytes)} MiB`,
      rule: `It ${work}, and holds ${lock} meanwhile: every statement with a conflicting lock waits.`,
      fix:
        `${alternative} Or, if the wait is acceptable, ` +
        'put `-- isochrone: allow access-exclusive, because …` above it.',
    };
  }

  /** What the kinds of the objects rule out. */
  private async before(
    statement: Checked,
    subject: Subject | undefined,
    { perPartition, ...options }: Options,
  ): Promise<InvalidValue[]> {
    const { command, index, actions, target } = statement;
    const problems: InvalidValue[] = [];
    if (!target || !subject) return problems;
    const value = shown(target);
    const partitioned = subject.kind === 'p' || subject.kind === 'I';
    if (index?.concurrently && partitioned && !perPartition)
      problems.push({ value, ...CONCURRENTLY_ON_PARENT });
    if (perPartition && !partitioned) problems.push({ value, ...NOT_PARTITIONED });
    const foreign = perPartition ? await this.catalog.foreignPartition(target) : undefined;
    if (foreign !== undefined) problems.push({ value: foreign, ...FOREIGN_PARTITION });
    if (/^(?:REINDEX (?:TABLE|INDEX)|CLUSTER)$/.test(command) && partitioned)
      problems.push({ value, ...IN_TRANSACTIONS });
    if (command === 'DROP INDEX CONCURRENTLY' && subject.kind === 'I')
      problems.push({ value, ...DROP_PARTITIONED });
    if (command === 'REFRESH MATERIALIZED VIEW CONCURRENTLY') {
      if (!(await this.catalog.hasUniqueIndex(subject.place ?? subject.id)))
        problems.push({ value, ...NO_UNIQUE_INDEX });
      if (!subject.populated || this.unpopulated.has(subject.id))
        problems.push({ value, ...NOT_POPULATED });
    }
    for (const action of actions ?? [])
      problems.push(...(await this.beforeAction(action, subject)));
    const holder = index && (await this.rehearsal?.holderOfName(statement));
    if (!index || !holder) return problems;
    if (!holder.ofTable || (!index.ifNotExists && !options.begun && !perPartition))
      problems.push(nameTaken(index.name, holder.ofTable));
    // What an earlier run has built of a statement that was corrected since is dropped.
    else if (holder.other !== undefined && !(perPartition && options.begun))
      problems.push(otherIndex(index.name, holder.other));
    return problems;
  }

  private async beforeAction(action: AlterAction, subject: Subject): Promise<InvalidValue[]> {
    if (action.concurrently && (await this.catalog.defaultPartition(subject.place ?? subject.id)))
      return [{ value: subject.name, ...DETACH_BESIDE_DEFAULT }];
    const { column } = action;
    if (action.kind !== 'AT_AddColumn' || !column || subject.kind === 'v') return [];
    const kinds = constraintsOf(column).map(({ contype }) => contype);
    const forbidsNull = kinds.includes('CONSTR_NOTNULL') || kinds.includes('CONSTR_PRIMARY');
    const type = qualifiedName(column.typeName?.names);
    const hasValue =
      kinds.some((kind) => FILLS.has(kind ?? '')) || /^(?:small|big)?serial[248]?$/.test(type.name);
    if (!forbidsNull || hasValue || (await this.catalog.hasDefault(type))) return [];
    if (await this.catalog.hasColumn(subject.place ?? subject.id, column.colname ?? '')) return [];
    const hasRows =
      (this.filled.get(subject.id) ?? 0) > 0 ||
      (!subject.isNew && !this.emptied.has(subject.id) && (await this.catalog.hasRows(subject.id)));
    return hasRows ? [noValue(column.colname ?? '', subject)] : [];
  }

  /** Long work that no rehearsal shows, because it depends on the rows alone. */
  private async staticWork(statement: Checked, subject: Subject | undefined): Promise<Work[]> {
    const { command, node, actions, locks } = statement;
    const works: Work[] = [];
    const whole = WHOLE_TABLE[command];
    if (whole && subject && (command !== 'REFRESH MATERIALIZED VIEW' || !this.isUnread(subject))) {
      const [work, alternative] = whole;
      const lock = strongest(locks.map((each) => each.lock));
      works.push({
        statement: `${command} on ${subject.name}`,
        work,
        subject: await this.withSources(command, subject),
        lock,
        alternative,
      });
    }
    for (const { kind, name = '', command: action } of actions ?? []) {
      if (kind !== 'AT_SetTableSpace' || !subject) continue;
      if (await this.catalog.liesIn(subject.id, name)) continue;
      works.push({
        statement: `${action} on ${subject.name}`,
        work: 'copies the table',
        subject,
        lock: 'ACCESS EXCLUSIVE',
        alternative: 'Do it in a window without traffic.',
      });
    }
    const domain = asNode(node, 'AlterDomainStmt');
    if (domain) works.push(...(await this.domainWork(statement, domain)));
    return works;
  }

  private isUnread({ id, isNew, populated }: Subject): boolean {
    return isNew || !populated || this.unpopulated.has(id);
  }

  /** A materialized view takes as long as the tables behind it. */
  private async withSources(command: string, subject: Subject): Promise<Subject> {
    if (!command.startsWith('REFRESH')) return subject;
    return {
      ...subject,
      bytes: Math.max(subject.bytes, await this.catalog.bytesBehind(subject.id)),
    };
  }

  /** ALTER DOMAIN reads the tables that use it, and stops their writers meanwhile. */
  private async domainWork(
    { target }: Checked,
    domain: { subtype?: string; def?: Checked['node'] },
  ): Promise<Work[]> {
    const constraint = asNode(domain.def, 'Constraint');
    const adds = domain.subtype === 'C' && constraint?.skip_validation !== true;
    // Since PostgreSQL 18, VALIDATE CONSTRAINT lets writers pass.
    const validates = domain.subtype === 'V' && this.version < 180000;
    if (!target || !(adds || validates || domain.subtype === 'O')) return [];
    const works: Work[] = [];
    for (const table of await this.catalog.tablesWithDomain(target)) {
      works.push({
        statement: `ALTER DOMAIN ${shown(target)}, which ${table.name} uses,`,
        work: `reads ${table.name}`,
        subject: {
          id: table.oid,
          isNew: false,
          ...table,
          bytes: this.bytes(table.oid, table.bytes),
        },
        lock: 'SHARE',
        alternative: adds
          ? 'Add it NOT VALID: new values are checked from then on.'
          : 'Forbid the values by a check of the table instead, NOT VALID first.',
      });
    }
    return works;
  }

  /** What statements about rows read as a whole. */
  private async rowWork(statement: Checked): Promise<Work[]> {
    const { node, command } = statement;
    const table = asNode(node, 'CreateTableAsStmt');
    const explain = asNode(node, 'ExplainStmt');
    const query = table ? table.query : isAnalyzed(explain) ? explain?.query : node;
    if (table?.into?.skipData || !query || !ROWS.has(kindOf(query))) return [];
    const copies = asNode(node, 'CopyStmt') !== undefined;
    const names =
      (!copies && (await this.rehearsal?.tablesReadWhole(statement))) || this.namedTables(query);
    const works: Work[] = [];
    for (const name of names) {
      const subject = await this.subject(name);
      if (!subject) continue;
      works.push({
        statement: `${command} of ${name.name}`,
        work: 'may read and write the whole table',
        subject,
        lock: 'ACCESS SHARE',
        alternative: '',
      });
    }
    return works;
  }

  private namedTables(query: Checked['node']): SqlName[] {
    const { reads, writes } = namedBy(query);
    return kindOf(query) === 'InsertStmt' ? [...reads] : [...reads, ...writes];
  }

  /** The long steps that the server took in the rehearsal, or may take if there was none. */
  private async rehearsedWork(
    statement: Checked,
    subject: Subject | undefined,
    outcome: Outcome,
  ): Promise<Work[]> {
    const { actions, locks, index } = statement;
    if (statement.parent && !actions && outcome !== 'untried')
      return outcome.some((each) => each.sparesDefault) ? [] : this.defaultWork(statement.parent);
    if (!subject || index?.concurrently) return [];
    const ofTarget = strongest(
      locks.filter(({ table }) => shown(table) === subject.name).map(({ lock }) => lock),
    );
    const works: Work[] = [];
    const failed = outcome !== 'untried' && outcome.some(({ error }) => error);
    if (outcome === 'untried' || failed) {
      if (this.rehearsal && outcome === 'untried') return [];
      for (const action of actions ?? []) {
        const work = PRESUMED[action.kind]?.(action);
        if (work) works.push(this.work(statement, action, { work }, subject, ofTarget));
      }
      if (index) works.push(this.indexWork(statement, subject));
      return works;
    }
    for (const [i, { steps }] of outcome.entries()) {
      // If the actions were not tried one by one, the steps are those of all of them.
      const performed =
        outcome.length === actions?.length ? [actions[i]] : (actions ?? [undefined]);
      for (const work of worksOf(steps)) {
        const worked = await this.worked(
          steps.filter((step) => step.work === work),
          subject,
        );
        const action =
          performed.length > 1
            ? performed.find((each) => each && PRESUMED[each.kind]?.(each) === work)
            : performed[0];
        if (action) {
          const attaches = action.kind === 'AT_AttachPartition';
          const lock = attaches ? 'ACCESS EXCLUSIVE' : ofTarget;
          works.push(this.work(statement, action, { work }, worked, lock));
        } else if (index) works.push(this.indexWork(statement, worked));
      }
    }
    return works;
  }

  /** The tables that steps work through, as one. */
  private async worked(steps: readonly Step[], subject: Subject): Promise<Subject> {
    let bytes = 0;
    let isNew = true;
    for (const name of new Set(steps.map(({ table }) => table))) {
      if (name === undefined) return subject;
      const tables = (await this.rehearsal?.named(name)) ?? [];
      for (const { copyOf, oid, existed } of tables) {
        bytes += this.bytes(copyOf?.oid ?? oid, copyOf?.bytes ?? 0);
        if (existed) isNew = false;
      }
    }
    // Of many partitions, only some have a copy.
    const tree =
      subject.place === undefined
        ? []
        : ((await this.rehearsal?.treeOf({ oid: subject.place } as Found)) ?? []);
    if (tree.length >= MOST_PARTITIONS) bytes = Math.max(bytes, subject.bytes);
    return { ...subject, bytes, isNew };
  }

  private work(
    statement: Checked,
    action: AlterAction,
    { work }: Step,
    subject: Subject,
    lock: Lock,
  ): Work {
    const partitioned = subject.kind === 'p';
    return {
      statement: `${action.command} on ${subject.name}`,
      work: WORDS[work],
      subject,
      lock,
      alternative: alternativeTo(statement, action, work, { partitioned, version: this.version }),
    };
  }

  private indexWork({ command }: Checked, subject: Subject): Work {
    return {
      statement: `${command} on ${subject.name}`,
      work: 'reads and sorts the whole table',
      subject,
      lock: 'SHARE',
      alternative:
        subject.kind === 'p'
          ? `Write ${command} CONCURRENTLY, with \`-- isochrone: per partition\` above it.`
          : `Write ${command} CONCURRENTLY.`,
    };
  }

  /** A new partition makes PostgreSQL read the default one. */
  private async defaultWork(parent: SqlName): Promise<Work[]> {
    const found = await this.rehearsal?.find(parent);
    const oid = found && (await this.catalog.defaultPartition(found.oid));
    if (!found || oid === undefined || !this.rehearsal) return [];
    const [partition] = await this.rehearsal.treeOf({ ...found, oid });
    const id = partition?.copyOf?.oid ?? oid;
    const bytes = this.bytes(id, partition?.copyOf?.bytes ?? 0);
    const name = `the default partition of ${shown(parent)}`;
    return [
      {
        statement: name,
        work: 'is read as a whole',
        subject: {
          id,
          kind: 'r',
          name,
          bytes,
          isNew: partition?.copyOf === undefined,
          populated: true,
        },
        lock: 'ACCESS EXCLUSIVE',
        alternative:
          'Add a CHECK to it, NOT VALID and then VALIDATE CONSTRAINT, that leaves out the new bounds. ' +
          'If it has rows of them, detach it CONCURRENTLY, move its rows, and attach it again.',
      },
    ];
  }

  /** What the server refused, although the tables were empty. */
  private refusals(
    statement: Checked,
    subject: Subject | undefined,
    outcome: Outcome,
  ): InvalidValue[] {
    if (outcome === 'untried') return [];
    return outcome.flatMap(({ error }: Rehearsed) => {
      if (!error || !REFUSED.has(error.state)) return [];
      if (statement.index && error.state === '42P17') return [notImmutable([error.message])];
      return [
        {
          property: statement.command,
          value: `${error.message} (SQLSTATE ${error.state})`,
          allowed: 'a statement that this server accepts',
          rule: 'The server refused it on empty copies of the tables, before anything had run.',
          fix: this.fixOf(statement, subject),
        },
      ];
    });
  }

  private fixOf({ actions = [] }: Checked, subject: Subject | undefined): string {
    if (subject?.kind === 'p') {
      for (const { constraint } of actions) {
        const circumstances = { partitioned: true, version: this.version };
        if (constraint?.contype === 'CONSTR_FOREIGN') return foreignKey(circumstances);
        if (constraint?.indexname !== undefined)
          return uniqueKey(
            subject.name,
            true,
            constraint.contype === 'CONSTR_PRIMARY' ? 'PRIMARY KEY' : 'UNIQUE',
          );
      }
    }
    return 'Correct it.';
  }

  /** The locks of a statement that stop others until the end of the transaction. */
  private async locked({ command, locks }: Checked): Promise<Omit<HeldLock, 'allowed'>[]> {
    const found: Omit<HeldLock, 'allowed'>[] = [];
    for (const { table, lock } of locks) {
      const subject = stopsWriters(lock) ? await this.subject(table) : undefined;
      if (!subject || subject.isNew) continue;
      found.push({ id: subject.id, lock, by: `${command} on ${subject.name}` });
    }
    return found;
  }

  /** What the statement leaves behind: tables that are fuller or empty. */
  private async remember(statement: Checked, read: number): Promise<void> {
    const { node, locks, target } = statement;
    if ('TruncateStmt' in node || isWholeDelete(node)) {
      for (const { table } of locks) {
        const subject = await this.subject(table);
        if (!subject) continue;
        const tree =
          subject.place === undefined
            ? []
            : ((await this.rehearsal?.treeOf({ oid: subject.place } as Found)) ?? []);
        for (const id of [subject.id, ...tree.map(({ oid, copyOf }) => copyOf?.oid ?? oid)]) {
          this.filled.delete(id);
          if ('TruncateStmt' in node) this.emptied.add(id);
        }
      }
    }
    const view = asNode(node, 'CreateTableAsStmt');
    const subject = target && (await this.subject(target));
    if (subject && view?.objtype === 'OBJECT_MATVIEW' && view.into?.skipData)
      this.unpopulated.add(subject.id);
    if (subject && 'RefreshMatViewStmt' in node) this.unpopulated.delete(subject.id);
    await this.fill(statement, read);
  }

  /** A table that the run has filled is as large as what was read for it. */
  private async fill({ node }: Checked, read: number): Promise<void> {
    const table = asNode(node, 'CreateTableAsStmt');
    const into = table?.into ?? asNode(node, 'SelectStmt')?.intoClause;
    const copy = asNode(node, 'CopyStmt');
    const puts = PUTS.some((kind) => !nodesOf(node, kind).next().done);
    if (into?.skipData || !(into || puts || copy?.is_from)) return;
    const { reads, functions, writes } = namedBy(node);
    let bytes = 1 + read;
    // A file, or a function such as generate_series, may yield any number of rows.
    if (copy || (reads.length === 0 && functions.length > 0 && !isValues(table?.query ?? node)))
      bytes = Math.max(bytes, this.largeTableBytes);
    for (const name of writes) {
      const subject = await this.subject(name);
      if (subject) this.filled.set(subject.id, (this.filled.get(subject.id) ?? 0) + bytes);
    }
  }
}

/** What puts rows into a table, also inside a common table expression. */
const PUTS: readonly ('InsertStmt' | 'MergeStmt')[] = ['InsertStmt', 'MergeStmt'];

/** The kinds of steps. Who rewrites a table reads it and builds its indexes on the way. */
function worksOf(steps: readonly Step[]): Step['work'][] {
  const works = [...new Set(steps.map(({ work }) => work))];
  return works.includes('rewrite') ? ['rewrite'] : works;
}

const ROWS: ReadonlySet<NodeKind> = new Set<NodeKind>([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
]);

/** The constraints of a new column that give it a value. */
const FILLS = new Set(['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED']);

/**
 * What the server refuses whatever rows there are: the syntax of a newer version,
 * feature_not_supported, wrong_object_type, an invalid definition, key or type.
 */
const REFUSED = new Set(['42601', '0A000', '42809', '42P16', '42P17', '42830', '42804', '42846']);

const LINKS = 'looks up each row in the other table';

const WORDS: Readonly<Record<Step['work'], string>> = {
  rewrite: 'rewrites every row and its indexes',
  verify: 'reads the whole table',
  index: 'builds an index',
  'foreign key': LINKS,
};

/** The long steps of actions on a server that allows no rehearsal. */
const PRESUMED: Readonly<Record<string, (action: AlterAction) => Step['work'] | undefined>> = {
  AT_AlterColumnType: () => 'rewrite',
  AT_SetExpression: () => 'rewrite',
  AT_SetLogged: () => 'rewrite',
  AT_SetUnLogged: () => 'rewrite',
  AT_SetAccessMethod: () => 'rewrite',
  AT_SetNotNull: () => 'verify',
  AT_AttachPartition: () => 'verify',
  AT_ValidateConstraint: () => 'verify',
  AT_AddColumn: ({ column }) => {
    const kinds = new Set(constraintsOf(column).map(({ contype }) => contype));
    if (kinds.has('CONSTR_IDENTITY') || kinds.has('CONSTR_GENERATED')) return 'rewrite';
    if (kinds.has('CONSTR_UNIQUE') || kinds.has('CONSTR_PRIMARY')) return 'index';
    if (kinds.has('CONSTR_CHECK')) return 'verify';
    if (kinds.has('CONSTR_FOREIGN')) return 'foreign key';
    return kinds.has('CONSTR_DEFAULT') ? 'rewrite' : undefined;
  },
  AT_AddConstraint: ({ constraint }) => {
    if (constraint?.indexname !== undefined || constraint?.skip_validation) return undefined;
    if (constraint?.contype === 'CONSTR_FOREIGN') return 'foreign key';
    return constraint?.contype === 'CONSTR_CHECK' || constraint?.contype === 'CONSTR_NOTNULL'
      ? 'verify'
      : 'index';
  },
};

/** Commands that work on the whole table under their lock, with an alternative that does not. */
const WHOLE_TABLE: Readonly<Record<string, readonly [work: string, alternative: string]>> = {
  'REINDEX TABLE': ['rebuilds its indexes', 'Write REINDEX TABLE CONCURRENTLY.'],
  'REINDEX INDEX': ['rebuilds the index', 'Write REINDEX INDEX CONCURRENTLY.'],
  'REFRESH MATERIALIZED VIEW': [
    'rebuilds the view',
    'Give it a unique index, and write REFRESH MATERIALIZED VIEW CONCURRENTLY.',
  ],
  CLUSTER: ['copies the table', 'Do it in a window without traffic.'],
  'VACUUM FULL': ['copies the table', 'Write VACUUM, or do it in a window without traffic.'],
};

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

const IN_TRANSACTIONS: Problem = {
  property: 'the target of REINDEX or CLUSTER',
  allowed: 'not partitioned',
  rule:
    'PostgreSQL treats each partition in a transaction of its own, ' +
    'and refuses to do so inside another transaction.',
  fix: 'Write REINDEX … CONCURRENTLY, or CLUSTER each partition.',
};

const DROP_PARTITIONED: Problem = {
  property: 'the index of DROP INDEX CONCURRENTLY',
  allowed: 'not partitioned',
  rule: 'PostgreSQL drops the index of a partitioned table with those of its partitions at once.',
  fix: 'Write DROP INDEX: it is quick, and waits for the statements that use the table.',
};

const DETACH_BESIDE_DEFAULT: Problem = {
  property: 'the table of DETACH PARTITION CONCURRENTLY',
  allowed: 'without a default partition',
  rule: 'Rows of the detached bounds could reach the default partition meanwhile.',
  fix: 'Write DETACH PARTITION: it is quick, and waits for the statements that use the table.',
};

const NO_UNIQUE_INDEX: Problem = {
  property: 'the view of REFRESH MATERIALIZED VIEW CONCURRENTLY',
  allowed: 'one with a unique index on plain columns and all rows',
  rule: 'PostgreSQL compares the new rows with the old ones by it.',
  fix: 'Create such an index first, or refresh without CONCURRENTLY.',
};

const NOT_POPULATED: Problem = {
  property: 'the view of REFRESH MATERIALIZED VIEW CONCURRENTLY',
  allowed: 'one that has been filled',
  rule: 'There is nothing yet to compare with.',
  fix: 'Refresh it without CONCURRENTLY: nobody can read it before that.',
};

function nameTaken(name: string | undefined, ofTable: boolean): InvalidValue {
  return {
    property: 'the name of the index',
    value: name,
    allowed: 'free',
    rule: `There is already ${ofTable ? 'a valid index' : 'another object'} of this name.`,
    fix: 'Choose another name, or drop the other object in an earlier statement.',
  };
}

function otherIndex(name: string | undefined, definition: string): InvalidValue {
  return {
    property: `the index ${name ?? ''}, which exists,`,
    value: definition,
    allowed: 'the one that the statement describes',
    rule: 'IF NOT EXISTS looks at the name alone, and would leave the other index as it is.',
    fix: 'Choose another name, or drop the old index first.',
  };
}

function noValue(column: string, { name }: Subject): InvalidValue {
  return {
    property: `the new column ${column} of ${name}`,
    value: 'NOT NULL without a value',
    allowed: 'one that the rows of the table can have',
    rule: `${name} has rows, which would be NULL in it.`,
    fix:
      'Give it a DEFAULT. Or add it without NOT NULL, fill it in batches, then ' +
      `CHECK (${quotedIfNeeded(column)} IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT, SET NOT NULL, DROP CONSTRAINT.`,
  };
}

/** Whether EXPLAIN runs its statement. */
function isAnalyzed(explain: NodeOf<'ExplainStmt'> | undefined): boolean {
  return (explain?.options ?? []).some((option) => {
    const { defname, arg } = asNode(option, 'DefElem') ?? {};
    const off = asNode(arg, 'String')?.sval ?? asNode(arg, 'Boolean')?.boolval ?? true;
    return defname === 'analyze' && off !== false && !/^(?:false|off|0)$/i.test(String(off));
  });
}

function isWholeDelete(node: Checked['node']): boolean {
  const deletes = asNode(node, 'DeleteStmt');
  return deletes !== undefined && !deletes.whereClause && !deletes.usingClause;
}

/** Whether an INSERT has its rows in its text. */
function isValues(query: Checked['node']): boolean {
  const select = asNode(asNode(query, 'InsertStmt')?.selectStmt, 'SelectStmt');
  return select?.valuesLists !== undefined || (select !== undefined && !select.fromClause);
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024);
}
