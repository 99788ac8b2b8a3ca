/**
 * The statements of a file, and its steps if it does not run as a whole. A step is one statement, or
 * the statements of a `BEGIN … COMMIT`: one transaction, with its record.
 */
import { type InvalidValue, invalidOption } from '../../../model/errors';
import {
  asNode,
  type FileStatement,
  type Node,
  type NodeOf,
  type ParsedStatement,
} from '../../../model/sql';
import type { Batch } from './batch';
import type { Runs, StatementFacts } from './statement-facts';

/** A statement of a file. */
export interface MigrationStatement extends FileStatement, StatementFacts {
  /** The position in the file, counted from 1. */
  readonly number: number;
  readonly checksum: string;
  /** How it runs. */
  readonly runs: Runs;
  /** The number of the step that it belongs to; 0 if the file runs as a whole. */
  readonly step: number;
  /**
   * Whether the index of a partitioned table is built partition by partition: `-- isochrone: per
   * partition`.
   */
  readonly perPartition: boolean;
  /** The reason given by `-- isochrone: allow access-exclusive, because …`. */
  readonly allowedReason: string | undefined;
  /** Set if it runs for one range of keys after the other. */
  readonly batch: Batch | undefined;
  /** Whether it runs outside of the transaction of its file: `-- isochrone: no transaction`. */
  readonly isAlone: boolean;
  /** The statements of a DO block. */
  readonly nested: readonly (ParsedStatement & StatementFacts)[];
}

/** What runs, and is recorded, at once. */
export interface MigrationStep {
  /** The number of its first statement in the file. */
  readonly number: number;
  readonly statements: readonly MigrationStatement[];
  /** The statement that opens its transaction; undefined for a statement without BEGIN. */
  readonly opening: MigrationStatement | undefined;
  /** The text from the first statement to the last. */
  readonly text: string;
}

export interface Steps {
  readonly steps: readonly MigrationStep[];
  /** Whether the whole file is one transaction. */
  readonly transactional: boolean;
  readonly problems: readonly Error[];
}

type Control = NodeOf<'TransactionStmt'>;

/** The statement as one that controls transactions, if it is one. */
export function controlOf({ node }: { readonly node: Node }): Control | undefined {
  return asNode(node, 'TransactionStmt');
}

const OPENS: ReadonlySet<string> = new Set(['TRANS_STMT_BEGIN', 'TRANS_STMT_START']);
const SAVEPOINTS: ReadonlySet<string> = new Set([
  'TRANS_STMT_SAVEPOINT',
  'TRANS_STMT_RELEASE',
  'TRANS_STMT_ROLLBACK_TO',
]);

/** Whether the statement opens or ends a transaction, which the run does itself. */
export function opensOrEnds(node: Node): boolean {
  const kind = String(asNode(node, 'TransactionStmt')?.kind);
  return OPENS.has(kind) || kind === 'TRANS_STMT_COMMIT';
}

/**
 * Divides the statements of a file into steps.
 *
 * @param sql the file, for the texts of the steps
 */
export function stepsOf(
  file: string,
  sql: string,
  statements: readonly MigrationStatement[],
): Steps {
  const steps: MigrationStep[] = [];
  const problems: Error[] = [];
  const refuse = (statement: MigrationStatement, problem: InvalidValue) =>
    problems.push(invalidOption(`${file}:${statement.line}`, problem));
  let open: MigrationStatement | undefined;
  let inside: MigrationStatement[] = [];
  for (const statement of statements) {
    const control = controlOf(statement);
    const kind = String(control?.kind);
    if (readsOnly(statement.node)) refuse(statement, READ_ONLY);
    if (OPENS.has(kind)) {
      if (open) refuse(statement, nested(statement));
      else open = statement;
    } else if (kind === 'TRANS_STMT_COMMIT' && open && control?.chain !== true) {
      steps.push({
        number: open.number,
        statements: inside,
        opening: open,
        text: sql.slice(open.start, statement.end),
      });
      open = undefined;
      inside = [];
    } else if (control && !SAVEPOINTS.has(kind)) {
      refuse(statement, refusedControl(statement, kind, open !== undefined));
      if (kind === 'TRANS_STMT_ROLLBACK') {
        open = undefined;
        inside = [];
      }
    } else if (open) {
      // Whether a procedure commits is not known here.
      if (statement.runs === 'outside' && !('CallStmt' in statement.node))
        refuse(statement, insideBegin(statement));
      if (statement.batch || statement.isAlone) refuse(statement, ALONE_IN_BEGIN);
      inside.push(statement);
    } else {
      if (statement.runs === 'session') continue;
      steps.push({
        number: statement.number,
        statements: [statement],
        opening: undefined,
        text: statement.text,
      });
    }
  }
  if (open) refuse(open, WITHOUT_END);
  for (const { statement, name } of temporaryTables(steps)) refuse(statement, usedLater(name));
  const transactional = isWhole(steps);
  for (const step of transactional ? [{ statements, opening: statements[0] }] : steps)
    for (const { statement, problem } of misplaced(step)) refuse(statement, problem);
  return { steps, transactional, problems };
}

/** Whether a file of these steps is one transaction. */
function isWhole(steps: readonly MigrationStep[]): boolean {
  if (steps.some(({ opening }) => opening !== undefined)) return steps.length === 1;
  return steps.every(({ statements }) =>
    statements.every(({ runs, perPartition }) => runs === 'transaction' && !perPartition),
  );
}

/** Statements that need a transaction around them, or need to be the first of theirs. */
function misplaced({ statements, opening }: Pick<MigrationStep, 'statements' | 'opening'>): {
  statement: MigrationStatement;
  problem: InvalidValue;
}[] {
  let isFirst = true;
  return statements.flatMap((statement) => {
    const setsMode = asNode(statement.node, 'VariableSetStmt')?.name === 'TRANSACTION';
    const isControl = controlOf(statement) !== undefined;
    const needsTransaction = setsMode || SAVEPOINTS.has(String(controlOf(statement)?.kind));
    if (needsTransaction && opening === undefined)
      return [{ statement, problem: outsideOfBegin(statement) }];
    if (setsMode && !isFirst && setsIsolation(statement.node))
      return [{ statement, problem: NOT_FIRST }];
    if (!setsMode && !isControl && statement.runs !== 'session') isFirst = false;
    return [];
  });
}

function setsIsolation(node: Node): boolean {
  return (asNode(node, 'VariableSetStmt')?.args ?? []).some(
    (mode) => asNode(mode, 'DefElem')?.defname === 'transaction_isolation',
  );
}

/** Statements that run outside of a transaction because they commit, or may do so. */
export function mayCommit({ node }: { readonly node: Node }): boolean {
  return 'CallStmt' in node || 'DoStmt' in node;
}

/** `BEGIN READ ONLY`, and `SET TRANSACTION READ ONLY`. */
function readsOnly(node: Node): boolean {
  const set = asNode(node, 'VariableSetStmt');
  const modes =
    asNode(node, 'TransactionStmt')?.options ?? (set?.name === 'TRANSACTION' ? set.args : []);
  return (modes ?? []).some((mode) => {
    const { defname, arg } = asNode(mode, 'DefElem') ?? {};
    return defname === 'transaction_read_only' && asNode(arg, 'A_Const')?.ival?.ival === 1;
  });
}

/**
 * Temporary tables that one step creates and a later one names: a resumed run has another session,
 * without the table.
 */
function temporaryTables(
  steps: readonly MigrationStep[],
): { statement: MigrationStatement; name: string }[] {
  return steps.flatMap((step, i) =>
    step.statements.flatMap((statement) => {
      const created = asNode(statement.node, 'CreateStmt');
      const into = asNode(statement.node, 'CreateTableAsStmt')?.into;
      const relation = created?.relation ?? into?.rel;
      const name = relation?.relname;
      if (name === undefined || relation?.relpersistence !== 't' || step.opening === undefined)
        return [];
      if ((created?.oncommit ?? into?.onCommit) === 'ONCOMMIT_DROP') return [];
      return steps.slice(i + 1).some(({ text }) => text.includes(name))
        ? [{ statement, name }]
        : [];
    }),
  );
}

const READ_ONLY: InvalidValue = {
  property: 'the mode of a transaction',
  value: 'READ ONLY',
  allowed: 'READ WRITE',
  rule: 'A step writes its record in the same transaction.',
  fix: 'Remove READ ONLY.',
};

const NOT_FIRST: InvalidValue = {
  property: 'SET TRANSACTION ISOLATION LEVEL',
  value: 'a query before it',
  allowed: 'the first statement of its transaction',
  rule: 'A transaction takes its snapshot at its first query.',
  fix: 'Move it up.',
};

const WITHOUT_END: InvalidValue = {
  property: 'BEGIN',
  value: 'no COMMIT after it',
  allowed: 'closed by COMMIT',
  rule: 'psql undoes at the end of a file what was not committed.',
  fix: 'Add COMMIT, or remove BEGIN: the file is then one transaction.',
};

const ALONE_IN_BEGIN: InvalidValue = {
  property: '`no transaction` or `batch`',
  value: 'BEGIN before it',
  allowed: 'outside of BEGIN … COMMIT',
  rule: 'The statement then has transactions of its own.',
  fix: 'Move it out of the block, or remove the comment.',
};

function nested({ command }: MigrationStatement): InvalidValue {
  return {
    property: 'a statement',
    value: `${command} after BEGIN`,
    allowed: 'one BEGIN for each COMMIT',
    rule:
      'PostgreSQL ignores a second BEGIN with a warning, ' +
      'and the first COMMIT ends the transaction.',
    fix: 'Remove it, or close the block before it.',
  };
}

function insideBegin({ command }: MigrationStatement): InvalidValue {
  return {
    property: command,
    value: 'BEGIN before it',
    allowed: 'outside of BEGIN … COMMIT',
    rule: 'PostgreSQL runs it in transactions of its own, and refuses it inside another one.',
    fix: 'Remove BEGIN and COMMIT: each statement of the file then runs on its own.',
  };
}

function outsideOfBegin({ command }: MigrationStatement): InvalidValue {
  return {
    property: 'a statement',
    value: `${command} outside of BEGIN … COMMIT`,
    allowed: 'inside',
    rule: 'Each other statement of the file is a transaction of its own, where it has no effect.',
    fix: 'Move it into a block, or remove it.',
  };
}

function refusedControl(
  { command }: MigrationStatement,
  kind: string,
  isOpen: boolean,
): InvalidValue {
  if (kind === 'TRANS_STMT_ROLLBACK' && isOpen) {
    return {
      property: 'the end of BEGIN',
      value: command,
      allowed: 'COMMIT',
      rule: 'The file would be recorded as applied, although the block has no effect.',
      fix: 'Write COMMIT, or remove the block.',
    };
  }
  if (kind === 'TRANS_STMT_COMMIT' || kind === 'TRANS_STMT_ROLLBACK') {
    return {
      property: 'a statement',
      value: command,
      allowed: isOpen ? 'COMMIT without AND CHAIN' : 'the end of a BEGIN of the same file',
      rule: 'Each transaction of a file is a step, from its BEGIN to its COMMIT, with one record.',
      fix: isOpen ? 'Write COMMIT; BEGIN.' : 'Remove it.',
    };
  }
  return {
    property: 'a statement',
    value: command,
    allowed: 'one that does not control transactions in two phases',
    rule: 'A prepared transaction outlives the run, and its record could not be part of it.',
    fix: 'Write BEGIN and COMMIT.',
  };
}

function usedLater(name: string): InvalidValue {
  return {
    property: 'a temporary table',
    value: name,
    allowed: 'used in its own BEGIN … COMMIT only',
    rule: 'Each block of the file is a step, and a run resumed between them has another session.',
    fix: 'Put the statements that need it into one block, or create a table and drop it at the end.',
  };
}
