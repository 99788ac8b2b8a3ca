import {
  asNode,
  kindOf,
  type Node,
  type NodeKind,
  type NodeOf,
  statementFacts as namedBy,
  namesOf,
  type ParsedStatement,
  parseSql,
  qualifiedName,
  relationName,
  type SqlName,
  scanSql,
  statementBody,
} from '../../../model/sql';
import { type AlterAction, alterActions, alterLocks } from './alter-table';
import { LOCKS, type Lock, strongest, type TableLock } from './locks';

/**
 * How a statement runs: `transaction`, together with its neighbors; `alone`, in a transaction of
 * its own; `outside` any transaction, because the server refuses it inside one, or because it
 * commits by itself; `session`, a setting that a resumed run repeats; `batches`, in a transaction for
 * each range of keys.
 */
export type Runs = 'transaction' | 'alone' | 'outside' | 'session' | 'batches';

export interface IndexFacts {
  /** Absent if PostgreSQL chooses one. */
  readonly name: string | undefined;
  readonly unique: boolean;
  readonly concurrently: boolean;
  /** Whether it is ON ONLY the parent of a partitioned table. */
  readonly only: boolean;
  readonly ifNotExists: boolean;
  /** The text behind the table: the method, columns, expressions and the predicate. */
  readonly definition: string;
}

/** The properties of a statement that are known without a server. */
export interface StatementFacts {
  /** Its first words, such as `CREATE INDEX CONCURRENTLY`. */
  readonly command: string;
  readonly runs: Runs;
  /** The locks on existing tables that its transaction keeps, one by one. */
  readonly locks: readonly TableLock[];
  /** The strongest of them, or the reason why there is none, for the plan. */
  readonly lock: string;
  /** The table, view or index that it acts on. */
  readonly target?: SqlName;
  readonly index?: IndexFacts;
  readonly actions?: readonly AlterAction[];
  /** The table that gets a new partition. */
  readonly parent?: SqlName;
}

const NO_LOCK = 'none on a table';
const EXCLUSIVE: Lock = 'ACCESS EXCLUSIVE';
const SHARE_UPDATE: Lock = 'SHARE UPDATE EXCLUSIVE';

interface Found extends Omit<StatementFacts, 'runs' | 'locks' | 'lock'> {
  readonly runs?: Runs;
  readonly locks?: readonly TableLock[];
  readonly lock?: string;
}

type Readers = { readonly [K in NodeKind]?: (node: NodeOf<K>, text: string) => Found };

/**
 * What the tree of a statement says about how it runs and what it locks. A statement that is not
 * known here runs in a transaction; the server refuses it if it cannot.
 */
export function statementFacts(statement: ParsedStatement): StatementFacts {
  const { node, text } = statement;
  const kind = kindOf(node);
  const reader = READERS[kind] as ((node: unknown, text: string) => Found) | undefined;
  const found = reader?.(asNode(node, kind), text) ?? rowLocks(node, text);
  const locks = found.locks ?? [];
  return {
    runs: 'transaction',
    ...found,
    locks,
    lock: found.lock ?? (locks.length > 0 ? strongest(locks.map(({ lock }) => lock)) : NO_LOCK),
  };
}

function locked(
  command: string,
  lock: Lock,
  ...relations: (NodeOf<'RangeVar'> | undefined)[]
): Found {
  const tables = relations.flatMap((relation) => (relation ? [relationName(relation)] : []));
  return { command, target: tables[0], locks: tables.map((table) => ({ table, lock })) };
}

function outside(command: string): Found {
  return { command, runs: 'outside' };
}

function concurrently(command: string, is: boolean | undefined): string {
  return is ? `${command} CONCURRENTLY` : command;
}

function hasOption(options: readonly Node[] | undefined, name: string): boolean {
  return (options ?? []).some((node) => {
    const option = asNode(node, 'DefElem');
    return option?.defname === name && asNode(option.arg, 'String')?.sval !== 'off';
  });
}

/** Statements that read and change rows: the locks that PostgreSQL takes for them. */
function rowLocks(node: Node, text: string): Found {
  const command = ROWS[kindOf(node)];
  if (command === undefined) return { command: firstWords(text) };
  const { reads, writes, locksRows } = namedBy(node);
  const read: Lock = locksRows ? 'ROW SHARE' : 'ACCESS SHARE';
  return {
    command,
    target: writes[0],
    locks: [
      ...writes.map((table) => ({ table, lock: 'ROW EXCLUSIVE' as Lock })),
      ...reads.map((table) => ({ table, lock: read })),
    ],
  };
}

const ROWS: { readonly [K in NodeKind]?: string } = {
  SelectStmt: 'SELECT',
  InsertStmt: 'INSERT',
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
  CopyStmt: 'COPY',
};

const TRANSACTIONS: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: 'BEGIN',
  TRANS_STMT_START: 'START TRANSACTION',
  TRANS_STMT_COMMIT: 'COMMIT',
  TRANS_STMT_ROLLBACK: 'ROLLBACK',
  TRANS_STMT_SAVEPOINT: 'SAVEPOINT',
  TRANS_STMT_RELEASE: 'RELEASE',
  TRANS_STMT_ROLLBACK_TO: 'ROLLBACK TO',
  TRANS_STMT_PREPARE: 'PREPARE TRANSACTION',
  TRANS_STMT_COMMIT_PREPARED: 'COMMIT PREPARED',
  TRANS_STMT_ROLLBACK_PREPARED: 'ROLLBACK PREPARED',
};

const READERS: Readers = {
  TransactionStmt: ({ kind = '' }) => ({ command: TRANSACTIONS[kind] ?? 'a transaction' }),

  IndexStmt: (index, text) => {
    const found = locked(
      concurrently(`CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX`, index.concurrent),
      index.concurrent ? SHARE_UPDATE : 'SHARE',
      index.relation,
    );
    return {
      ...found,
      runs: index.concurrent ? 'outside' : 'transaction',
      index: {
        name: index.idxname,
        unique: index.unique === true,
        concurrently: index.concurrent === true,
        only: index.relation?.inh !== true,
        ifNotExists: index.if_not_exists === true,
        definition: behindTable(text),
      },
    };
  },

  AlterTableStmt: (alter) => {
    const table = alter.relation && relationName(alter.relation);
    if (alter.objtype !== 'OBJECT_TABLE' || !table) return alterOther(alter, table);
    const actions = alterActions(alter);
    const attaches = actions.some(({ kind }) => kind === 'AT_AttachPartition');
    return {
      command: `ALTER TABLE ${actions.map(({ command }) => command).join(', ')}`,
      runs: actions.some((each) => each.concurrently)
        ? 'outside'
        : // In one transaction with ADD … NOT VALID, the lock of ADD would be held while the whole
          // table is read.
          actions.every(({ kind }) => kind === 'AT_ValidateConstraint')
          ? 'alone'
          : 'transaction',
      target: table,
      locks: alterLocks(table, actions),
      actions,
      parent: attaches ? table : undefined,
    };
  },

  RenameStmt: ({ renameType = 'OBJECT_TABLE', relationType, relation }) => {
    const kind = TABLE_PARTS.has(renameType) ? relationType : renameType;
    if (!relation || kind === 'OBJECT_TYPE') return { command: `ALTER ${objectWord(kind)} RENAME` };
    const index = renameType === 'OBJECT_INDEX';
    const command = `ALTER ${objectWord(kind === 'OBJECT_ACCESS_METHOD' ? 'OBJECT_TABLE' : kind)} RENAME`;
    const found = locked(command, index ? SHARE_UPDATE : EXCLUSIVE, relation);
    return index ? { ...found, locks: [], lock: `${SHARE_UPDATE} on the index` } : found;
  },
  AlterObjectSchemaStmt: ({ objectType, relation }) =>
    relation
      ? locked(`ALTER ${objectWord(objectType)} SET SCHEMA`, EXCLUSIVE, relation)
      : { command: `ALTER ${objectWord(objectType)} SET SCHEMA` },

  CreateStmt: (table) => {
    const { partbound, inhRelations = [], relation } = table;
    const parents = inhRelations
      .flatMap((node) => asNode(node, 'RangeVar') ?? [])
      .map(relationName);
    const keys = [...columnConstraints(table), ...tableConstraints(table)];
    return {
      command: `CREATE ${temporary(relation)}TABLE`,
      target: relation && relationName(relation),
      locks: [
        ...parents.map((parent) => ({ table: parent, lock: partbound ? EXCLUSIVE : SHARE_UPDATE })),
        ...keys.flatMap(({ pktable }) =>
          pktable ? [{ table: relationName(pktable), lock: 'SHARE ROW EXCLUSIVE' as Lock }] : [],
        ),
      ],
      ...(partbound && { lock: `${EXCLUSIVE} on the parent`, parent: parents[0] }),
    };
  },
  CreateTableAsStmt: ({ into, objtype, query }) => ({
    command: `CREATE ${temporary(into?.rel)}${objectWord(objtype)}`,
    target: into?.rel && relationName(into.rel),
    locks: query ? namedBy(query).reads.map((table) => ({ table, lock: 'ACCESS SHARE' })) : [],
  }),
  ViewStmt: ({ view, query }) => ({
    command: `CREATE ${temporary(view)}VIEW`,
    target: view && relationName(view),
    locks: query ? namedBy(query).reads.map((table) => ({ table, lock: 'ACCESS SHARE' })) : [],
    lock: NO_LOCK,
  }),
  CreateFunctionStmt: ({ funcname, is_procedure }) => ({
    command: is_procedure ? 'CREATE PROCEDURE' : 'CREATE FUNCTION',
    target: qualifiedName(funcname),
  }),
  CreateEnumStmt: ({ typeName }) => ({ command: 'CREATE TYPE', target: qualifiedName(typeName) }),
  CreateRangeStmt: ({ typeName }) => ({ command: 'CREATE TYPE', target: qualifiedName(typeName) }),
  CompositeTypeStmt: ({ typevar }) => ({
    command: 'CREATE TYPE',
    target: typevar && relationName(typevar),
  }),
  CreateDomainStmt: ({ domainname }) => ({
    command: 'CREATE DOMAIN',
    target: qualifiedName(domainname),
  }),
  CreateTrigStmt: ({ relation }) => locked('CREATE TRIGGER', 'SHARE ROW EXCLUSIVE', relation),
  CreatePolicyStmt: ({ table }) => locked('CREATE POLICY', EXCLUSIVE, table),
  AlterPolicyStmt: ({ table }) => locked('ALTER POLICY', EXCLUSIVE, table),
  RuleStmt: ({ relation }) => locked('CREATE RULE', EXCLUSIVE, relation),
  CreateStatsStmt: ({ relations = [] }) =>
    locked(
      'CREATE STATISTICS',
      SHARE_UPDATE,
      ...relations.flatMap((node) => asNode(node, 'RangeVar') ?? []),
    ),

  DropStmt: ({ objects = [], removeType, concurrent }) => {
    const names = objects.map((node) => qualifiedName(asNode(node, 'List')?.items));
    const command = concurrently(`DROP ${objectWord(removeType)}`, concurrent);
    if (TABLE_PARTS.has(removeType ?? '')) {
      const table = qualifiedName(namesOfList(objects[0]).slice(0, -1));
      return { command, target: table, locks: [{ table, lock: EXCLUSIVE }] };
    }
    const onTable = TABLES.has(removeType ?? '');
    const index = removeType === 'OBJECT_INDEX';
    return {
      command,
      runs: concurrent ? 'outside' : 'transaction',
      target: names[0],
      locks:
        onTable || index
          ? names.map((table) => ({ table, lock: concurrent ? SHARE_UPDATE : EXCLUSIVE }))
          : [],
    };
  },
  TruncateStmt: ({ relations = [] }) =>
    locked('TRUNCATE', EXCLUSIVE, ...relations.flatMap((node) => asNode(node, 'RangeVar') ?? [])),
  LockStmt: ({ relations = [], mode = LOCKS.length }) =>
    locked(
      'LOCK',
      LOCKS[mode - 1] ?? EXCLUSIVE,
      ...relations.flatMap((node) => asNode(node, 'RangeVar') ?? []),
    ),
  CommentStmt: ({ objtype, object }) => {
    const names = namesOfList(object);
    const part = objtype === 'OBJECT_COLUMN' || TABLE_PARTS.has(objtype ?? '');
    if (!part && !TABLES.has(objtype ?? '')) return { command: 'COMMENT' };
    const table = qualifiedName(part ? names.slice(0, -1) : names);
    return { command: 'COMMENT', target: table, locks: [{ table, lock: SHARE_UPDATE }] };
  },

  RefreshMatViewStmt: ({ relation, concurrent }) => ({
    ...locked(
      concurrently('REFRESH MATERIALIZED VIEW', concurrent),
      concurrent ? 'EXCLUSIVE' : EXCLUSIVE,
      relation,
    ),
    runs: concurrent ? 'alone' : 'transaction',
  }),
  ReindexStmt: ({ kind, relation, params }) => {
    const concurrent = hasOption(params, 'concurrently');
    const single = kind === 'REINDEX_OBJECT_INDEX' || kind === 'REINDEX_OBJECT_TABLE';
    return {
      ...locked(
        concurrently(`REINDEX ${(kind ?? '').replace('REINDEX_OBJECT_', '')}`, concurrent),
        concurrent ? SHARE_UPDATE : 'SHARE',
        relation,
      ),
      runs: concurrent || !single ? 'outside' : 'transaction',
      ...(!concurrent && { lock: `SHARE, and ${EXCLUSIVE} on the index` }),
    };
  },
  VacuumStmt: ({ is_vacuumcmd, options, rels = [] }) => {
    const full = hasOption(options, 'full');
    const tables = rels.flatMap((node) => asNode(node, 'VacuumRelation')?.relation ?? []);
    const command = is_vacuumcmd ? (full ? 'VACUUM FULL' : 'VACUUM') : 'ANALYZE';
    return {
      ...locked(command, full ? EXCLUSIVE : SHARE_UPDATE, ...tables),
      lock: full ? EXCLUSIVE : SHARE_UPDATE,
      runs: is_vacuumcmd ? 'outside' : 'transaction',
    };
  },
  ClusterStmt: ({ relation }) => ({
    ...locked('CLUSTER', EXCLUSIVE, relation),
    lock: EXCLUSIVE,
    runs: relation ? 'transaction' : 'outside',
  }),

  VariableSetStmt: (set) => {
    if (set.kind === 'VAR_RESET_ALL') return { command: 'RESET ALL', runs: 'session' };
    const name = set.name?.toUpperCase() ?? '';
    if (set.kind === 'VAR_SET_MULTI' && name.startsWith('TRANSACTION'))
      return { command: 'SET TRANSACTION' };
    if (set.is_local) return { command: 'SET LOCAL' };
    return { command: set.kind === 'VAR_RESET' ? 'RESET' : 'SET', runs: 'session' };
  },
  ConstraintsSetStmt: () => ({ command: 'SET CONSTRAINTS' }),

  // Since PostgreSQL 12 it may run in a transaction, but no statement of that transaction may use
  // the value.
  AlterEnumStmt: ({ typeName, oldVal }) => ({
    command: oldVal === undefined ? 'ALTER TYPE ADD VALUE' : 'ALTER TYPE RENAME VALUE',
    runs: oldVal === undefined ? 'alone' : 'transaction',
    target: qualifiedName(typeName),
  }),
  AlterDomainStmt: ({ typeName }) => ({
    command: 'ALTER DOMAIN',
    target: qualifiedName(typeName),
    lock: 'SHARE on the tables that use it',
  }),

  DoStmt: (_, text) => ({ command: 'DO', runs: commits(text) ? 'outside' : 'transaction' }),
  // A procedure may commit, which the server refuses inside a transaction.
  CallStmt: () => outside('CALL'),

  CreatedbStmt: () => outside('CREATE DATABASE'),
  DropdbStmt: () => outside('DROP DATABASE'),
  CreateTableSpaceStmt: () => outside('CREATE TABLESPACE'),
  DropTableSpaceStmt: () => outside('DROP TABLESPACE'),
  CreateSubscriptionStmt: () => outside('CREATE SUBSCRIPTION'),
  DropSubscriptionStmt: () => outside('DROP SUBSCRIPTION'),
  AlterSystemStmt: () => outside('ALTER SYSTEM'),
};

function alterOther(alter: NodeOf<'AlterTableStmt'>, target: SqlName | undefined): Found {
  const command = `ALTER ${objectWord(alter.objtype)}`;
  if (alter.objtype === 'OBJECT_INDEX') {
    const attaches = alterActions(alter).some(({ kind }) => kind === 'AT_AttachPartition');
    return {
      command: attaches ? `${command} ATTACH PARTITION` : command,
      target,
      lock: `${EXCLUSIVE} on the index`,
    };
  }
  const locks =
    target && alter.objtype !== 'OBJECT_TYPE' ? [{ table: target, lock: EXCLUSIVE }] : [];
  return { command, target, locks };
}

/** Whether a block ends its transaction by itself, which it may only outside of another one. */
function commits(text: string): boolean {
  const [statement] = parseSql(text);
  return statement !== undefined && statementBody(statement)?.endsTransaction === true;
}

/** The text behind the table of CREATE INDEX. */
function behindTable(text: string): string {
  const [statement] = parseSql(text);
  const location = asNode(statement?.node, 'IndexStmt')?.relation?.location ?? 0;
  const start = Buffer.from(text).subarray(0, location).toString().length;
  return text.slice(endOfName(text, start)).trim();
}

/**
 * Where a name ends that begins there, such as `market."Ticks"`. The tree has the place where a name
 * begins alone; its end is that of its last token in PostgreSQL's scanner.
 */
export function endOfName(text: string, start: number): number {
  const tokens = scanSql(text).filter(({ kind }) => kind !== 'comment');
  let at = tokens.findIndex((token) => token.start === start);
  while (tokens[at + 1]?.text === '.') at += 2;
  return tokens[at]?.end ?? text.length;
}

const TABLE_PARTS: ReadonlySet<string> = new Set([
  'OBJECT_COLUMN',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_TRIGGER',
  'OBJECT_POLICY',
  'OBJECT_RULE',
]);
const TABLES: ReadonlySet<string> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
]);

const WORDS: Readonly<Record<string, string>> = {
  OBJECT_MATVIEW: 'MATERIALIZED VIEW',
  OBJECT_TABCONSTRAINT: 'TABLE',
  OBJECT_COLUMN: 'TABLE',
};

function objectWord(kind: string | undefined): string {
  return WORDS[kind ?? ''] ?? (kind ?? 'OBJECT').replace('OBJECT_', '').replaceAll('_', ' ');
}

function temporary(relation: NodeOf<'RangeVar'> | undefined): string {
  return relation?.relpersistence === 't' ? 'TEMPORARY ' : '';
}

function namesOfList(node: Node | undefined): Node[] {
  return (asNode(node, 'List')?.items ?? []).filter((item) => namesOf([item]).length > 0);
}

/** The constraints of a new table, with those of its columns. */
function tableConstraints({ tableElts = [], constraints = [] }: NodeOf<'CreateStmt'>) {
  return [...tableElts, ...constraints].flatMap((node) => asNode(node, 'Constraint') ?? []);
}

function columnConstraints({ tableElts = [] }: NodeOf<'CreateStmt'>) {
  return tableElts
    .flatMap((node) => asNode(node, 'ColumnDef')?.constraints ?? [])
    .flatMap((node) => asNode(node, 'Constraint') ?? []);
}

const TWO_WORDS: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP', 'PREPARE', 'DISCARD']);

/** The first words of a statement that has no name here. */
function firstWords(text: string): string {
  const words = scanSql(text).filter(({ kind }) => kind !== 'comment');
  const [first, second] = words
    .filter(({ text: word }) => !/^(?:or|replace)$/i.test(word))
    .map(({ text: word }) => word.toUpperCase());
  return (TWO_WORDS.has(first ?? '') && second ? `${first} ${second}` : first) ?? 'a statement';
}
