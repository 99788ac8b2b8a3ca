import {
  asNode,
  kindOf,
  type Node,
  type NodeOf,
  nodesOf,
  type ParsedStatement,
  qualifiedName,
  statementBody,
} from '../../model/sql';

/**
 * Functions of PostgreSQL and its extensions whose effect lasts until the session ends. The locks
 * and settings of a transaction (`pg_advisory_xact_lock`) end with it.
 */
const SESSION_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['pg_advisory_lock', 'an advisory lock of the session'],
  ['pg_advisory_lock_shared', 'an advisory lock of the session'],
  ['pg_try_advisory_lock', 'an advisory lock of the session'],
  ['pg_try_advisory_lock_shared', 'an advisory lock of the session'],
  ['setseed', 'setseed'],
  ['set_limit', 'set_limit'],
  ['dblink_connect', 'dblink_connect'],
  ['dblink_connect_u', 'dblink_connect'],
  ['pg_backup_start', 'pg_backup_start'],
  ['pg_replication_origin_session_setup', 'a replication origin of the session'],
]);

const TEMPORARY = 'a temporary table';
/** CURSOR_OPT_HOLD of PostgreSQL's parsenodes.h. */
const WITH_HOLD = 0x20;
/** Texts that PostgreSQL reads as the boolean true ("Boolean Type", PostgreSQL documentation). */
const TRUE_TEXT = /^\s*(?:t|tr|tru|true|y|ye|yes|on|1)\s*$/i;

/**
 * What a statement leaves behind in its session. Settings and locks that end with the transaction
 * are nothing. A text that is not certain counts as keeping state: `set_config('x', $1, $2)`.
 */
export function sessionState(statement: ParsedStatement): string | undefined {
  const { node } = statement;
  switch (kindOf(node)) {
    case 'VariableSetStmt':
      return keptBySet(node);
    case 'ListenStmt':
      return 'LISTEN';
    case 'LoadStmt':
      return 'LOAD';
    case 'PrepareStmt':
      return 'PREPARE';
    // The driver believes that its named statements are still prepared.
    case 'DeallocateStmt':
      return 'DEALLOCATE';
    case 'DiscardStmt':
      return asNode(node, 'DiscardStmt')?.target === 'DISCARD_ALL' ? 'DISCARD ALL' : undefined;
    case 'DeclareCursorStmt': {
      const { options = 0 } = asNode(node, 'DeclareCursorStmt') ?? {};
      return options & WITH_HOLD ? 'a cursor WITH HOLD' : keptByCalls(node);
    }
    case 'DoStmt':
      return (statementBody(statement)?.statements ?? []).flatMap(
        (one) => sessionState(one) ?? [],
      )[0];
    // These define what other statements will run.
    case 'CreateFunctionStmt':
      return isInPgTemp(asNode(node, 'CreateFunctionStmt')?.funcname) ? TEMPORARY : undefined;
    case 'ViewStmt':
      return isTemporary(asNode(node, 'ViewStmt')?.view) ? TEMPORARY : undefined;
    case 'CreateTrigStmt':
    case 'RuleStmt':
    case 'CreatePolicyStmt':
      return undefined;
    default:
      return makesTemporary(node) ? TEMPORARY : keptByCalls(node);
  }
}

/** SET. Of its forms, LOCAL, TRANSACTION and CONSTRAINTS end with the transaction. */
function keptBySet(node: Node): string | undefined {
  const { kind, name, is_local } = asNode(node, 'VariableSetStmt') ?? {};
  if (is_local || kind === 'VAR_RESET' || kind === 'VAR_RESET_ALL') return undefined;
  if (kind === 'VAR_SET_MULTI')
    return name === 'SESSION CHARACTERISTICS' ? 'SET SESSION CHARACTERISTICS' : undefined;
  if (name === 'role') return 'SET ROLE';
  return name === 'session_authorization' ? 'SET SESSION AUTHORIZATION' : 'SET';
}

function makesTemporary(node: Node): boolean {
  const table = asNode(node, 'CreateStmt');
  if (table?.oncommit === 'ONCOMMIT_DROP') return false;
  const into = asNode(node, 'CreateTableAsStmt')?.into ?? asNode(node, 'SelectStmt')?.intoClause;
  if (into?.onCommit === 'ONCOMMIT_DROP') return false;
  return (
    isTemporary(table?.relation) ||
    isTemporary(into?.rel) ||
    isTemporary(asNode(node, 'CreateSeqStmt')?.sequence)
  );
}

function isTemporary(relation: NodeOf<'RangeVar'> | undefined): boolean {
  return relation?.relpersistence === 't' || relation?.schemaname === 'pg_temp';
}

function isInPgTemp(name: readonly Node[] | undefined): boolean {
  return qualifiedName(name).schema === 'pg_temp';
}

function keptByCalls(node: Node): string | undefined {
  for (const { funcname, args = [] } of nodesOf(node, 'FuncCall')) {
    const { schema = 'pg_catalog', name } = qualifiedName(funcname);
    if (name === 'set_config' && schema === 'pg_catalog') {
      if (!isTrue(args[2])) return name;
    } else if (schema === 'pg_catalog' || schema === 'public') {
      const kept = SESSION_FUNCTIONS.get(name);
      if (kept !== undefined) return kept;
    }
  }
  return undefined;
}

/** Whether an argument is certainly true. */
function isTrue(argument: Node | undefined): boolean {
  const value = asNode(argument, 'NamedArgExpr')?.arg ?? argument;
  const cast = asNode(value, 'TypeCast');
  const constant = asNode(cast?.arg ?? value, 'A_Const');
  if (cast && qualifiedName(cast.typeName?.names).name !== 'bool') return false;
  return constant?.boolval?.boolval === true || TRUE_TEXT.test(constant?.sval?.sval ?? '');
}
