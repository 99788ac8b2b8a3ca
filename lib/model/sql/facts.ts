import type { Node } from '@pgsql/types';
import {
  kindOf,
  type NodeKind,
  type NodeOf,
  qualifiedName,
  relationName,
  type SqlName,
} from './tree';

/** What the text of a statement shows. Views, triggers, rules and functions hide the rest. */
export interface StatementFacts {
  /** The tables and views that it names as sources. */
  readonly reads: readonly SqlName[];
  /** The tables and views whose rows it changes, also inside a common table expression. */
  readonly writes: readonly SqlName[];
  /**
   * Whether it may change rows of tables that it does not name: a CALL, a DO, DDL, or what the
   * session has prepared.
   */
  readonly writesUnknown: boolean;
  /** The functions that it calls; those that the grammar stands for are in `pg_catalog`. */
  readonly functions: readonly SqlName[];
  /** The types of its casts. */
  readonly types: readonly SqlName[];
  /** The text of its string literals. */
  readonly literals: readonly string[];
  /** Whether it locks the rows that it reads: FOR UPDATE, FOR SHARE. */
  readonly locksRows: boolean;
  /** Whether it uses the clock, the session or chance by a keyword: CURRENT_USER, TABLESAMPLE. */
  readonly usesSession: boolean;
}

type Value = unknown;
type Fields = Readonly<Record<string, Value>>;

/** Statements that change no answer of a query: neither rows nor what a name stands for. */
const CHANGES_NOTHING: ReadonlySet<NodeKind> = new Set<NodeKind>([
  'SelectStmt',
  'ExplainStmt',
  'VariableShowStmt',
  'VariableSetStmt',
  'ListenStmt',
  'UnlistenStmt',
  'NotifyStmt',
  'DeclareCursorStmt',
  'FetchStmt',
  'ClosePortalStmt',
  'PrepareStmt',
  'DeallocateStmt',
  'DiscardStmt',
  'ConstraintsSetStmt',
  'LockStmt',
  'CheckPointStmt',
  'LoadStmt',
  'VacuumStmt',
  'ClusterStmt',
  'ReindexStmt',
  'IndexStmt',
  'CommentStmt',
  'CreateStatsStmt',
]);

/** Statements whose changed tables are all in their text. */
const NAMES_ITS_TABLES: ReadonlySet<NodeKind> = new Set<NodeKind>([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
  'RefreshMatViewStmt',
  'CreateStmt',
  'CreateTableAsStmt',
]);

/** What the tree of a statement shows. */
export function statementFacts(statement: Node): StatementFacts {
  const facts = new Collector();
  facts.collect(statement);
  return {
    reads: distinct(facts.reads),
    writes: distinct(facts.writes),
    writesUnknown: writesUnknown(statement),
    functions: distinct(facts.functions),
    types: distinct(facts.types),
    literals: facts.literals,
    locksRows: facts.locksRows,
    usesSession: facts.usesSession,
  };
}

function writesUnknown(statement: Node): boolean {
  const kind = kindOf(statement);
  if (CHANGES_NOTHING.has(kind) || NAMES_ITS_TABLES.has(kind)) return false;
  if ('TransactionStmt' in statement)
    return statement.TransactionStmt.kind === 'TRANS_STMT_COMMIT_PREPARED';
  // The tables that refer to a truncated one are truncated with it.
  if ('TruncateStmt' in statement) return statement.TruncateStmt.behavior === 'DROP_CASCADE';
  return true;
}

/** Walks a tree without recursion, so that no depth of nesting ends it. */
class Collector {
  public readonly reads: SqlName[] = [];
  public readonly writes: SqlName[] = [];
  public readonly functions: SqlName[] = [];
  public readonly types: SqlName[] = [];
  public readonly literals: string[] = [];
  public locksRows = false;
  public usesSession = false;
  /** What is left to visit, with the common table expressions that hide tables there. */
  private readonly left: { readonly value: Value; readonly hidden: ReadonlySet<string> }[] = [];

  public collect(statement: Node): void {
    this.left.push({ value: statement, hidden: new Set() });
    for (let next = this.left.pop(); next; next = this.left.pop()) {
      const { value, hidden } = next;
      if (Array.isArray(value)) for (const one of value) this.visit(one, hidden);
      else this.fields(value as Fields, hidden);
    }
  }

  private visit(value: Value, hidden: ReadonlySet<string>): void {
    if (typeof value === 'object' && value !== null) this.left.push({ value, hidden });
  }

  /** Visits the fields of an object: a node with its kind as the only field, or its contents. */
  private fields(fields: Fields, outside: ReadonlySet<string>): void {
    let hidden = outside;
    const expressions = fields.withClause as NodeOf<'WithClause'> | undefined;
    if (expressions) hidden = this.commonTableExpressions(expressions, outside);
    for (const [name, value] of Object.entries(fields)) {
      if (name === 'withClause' || typeof value !== 'object' || value === null) continue;
      if (/^[A-Z]/.test(name)) this.node(name as NodeKind, value as Fields, hidden);
      else if (name === 'larg' || name === 'rarg') this.node('SelectStmt', value as Fields, hidden);
      else if (name === 'typeName') this.node('TypeName', value as Fields, hidden);
      else if (name === 'funccall') this.node('FuncCall', value as Fields, hidden);
      else this.visit(value, hidden);
    }
  }

  /** Visits the expressions of a WITH. @returns what the statement behind it sees hidden */
  private commonTableExpressions(
    { ctes = [], recursive = false }: NodeOf<'WithClause'>,
    outside: ReadonlySet<string>,
  ): ReadonlySet<string> {
    const expressions = ctes.flatMap((node) =>
      'CommonTableExpr' in node ? [node.CommonTableExpr] : [],
    );
    const names = expressions.map(({ ctename = '' }) => ctename);
    const all = new Set([...outside, ...names]);
    expressions.forEach((expression, i) => {
      const seen = recursive ? all : new Set([...outside, ...names.slice(0, i)]);
      this.visit(expression, seen);
    });
    return all;
  }

  private node(kind: NodeKind, fields: Fields, hidden: ReadonlySet<string>): void {
    let rest = fields;
    switch (kind) {
      case 'RangeVar': {
        const table = relationName(fields);
        if (table.schema !== undefined || !hidden.has(table.name)) this.reads.push(table);
        return;
      }
      case 'A_Const': {
        const text = (fields.sval as NodeOf<'String'> | undefined)?.sval;
        if (text !== undefined) this.literals.push(text);
        return;
      }
      case 'TruncateStmt':
        for (const table of fields.relations as { RangeVar: NodeOf<'RangeVar'> }[])
          this.changes(table.RangeVar);
        return;
      case 'InsertStmt':
      case 'UpdateStmt':
      case 'DeleteStmt':
      case 'MergeStmt':
      case 'RefreshMatViewStmt':
      case 'CreateStmt':
      case 'AlterTableStmt':
      case 'RenameStmt':
        this.changes(fields.relation);
        rest = { ...fields, relation: undefined };
        break;
      case 'CopyStmt':
        if (fields.is_from === true) this.changes(fields.relation);
        else if (fields.relation) this.node('RangeVar', fields.relation as Fields, hidden);
        rest = { ...fields, relation: undefined };
        break;
      case 'CreateTableAsStmt':
        this.changes((fields.into as NodeOf<'IntoClause'> | undefined)?.rel);
        rest = { ...fields, into: undefined };
        break;
      case 'SelectStmt':
        this.changes((fields.intoClause as NodeOf<'IntoClause'> | undefined)?.rel);
        this.locksRows ||= fields.lockingClause !== undefined;
        // The tables that a lock names are names of the FROM clause.
        rest = { ...fields, intoClause: undefined, lockingClause: undefined };
        break;
      case 'FuncCall':
        this.functions.push(qualifiedName(fields.funcname as Node[]));
        rest = { ...fields, funcname: undefined };
        break;
      case 'TypeName':
        this.types.push(qualifiedName(fields.names as Node[]));
        rest = { ...fields, names: undefined };
        break;
      case 'SQLValueFunction':
      case 'RangeTableSample':
        this.usesSession = true;
    }
    this.visit(rest, hidden);
  }

  private changes(relation: Value): void {
    if (relation) this.writes.push(relationName(relation as NodeOf<'RangeVar'>));
  }
}

function distinct(names: readonly SqlName[]): SqlName[] {
  return [
    ...new Map(names.map((name) => [JSON.stringify([name.schema, name.name]), name])).values(),
  ];
}
