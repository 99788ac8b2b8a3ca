import { asNode, type Node, type NodeOf, relationName, type SqlName } from '../../../model/sql';
import type { Lock, TableLock } from './locks';

/** One action of ALTER TABLE. */
export interface AlterAction {
  readonly command: string;
  /** The kind that PostgreSQL's parser gives to it, such as `AT_SetNotNull`. */
  readonly kind: string;
  readonly lock: Lock;
  /** The column or constraint that it names. */
  readonly name?: string;
  /** The new column or constraint. */
  readonly column?: NodeOf<'ColumnDef'>;
  readonly constraint?: NodeOf<'Constraint'>;
  /** The partition that it attaches or detaches. */
  readonly partition?: SqlName;
  readonly concurrently?: boolean;
}

const SHARE_UPDATE: Lock = 'SHARE UPDATE EXCLUSIVE';
const SHARE_ROW: Lock = 'SHARE ROW EXCLUSIVE';
const EXCLUSIVE: Lock = 'ACCESS EXCLUSIVE';

/** The locks of actions, where it is not ACCESS EXCLUSIVE ("ALTER TABLE", PostgreSQL). */
const WEAKER: Readonly<Record<string, Lock>> = {
  AT_SetStatistics: SHARE_UPDATE,
  AT_ClusterOn: SHARE_UPDATE,
  AT_DropCluster: SHARE_UPDATE,
  AT_SetOptions: SHARE_UPDATE,
  AT_ResetOptions: SHARE_UPDATE,
  AT_SetRelOptions: SHARE_UPDATE,
  AT_ResetRelOptions: SHARE_UPDATE,
  AT_ValidateConstraint: SHARE_UPDATE,
  AT_AttachPartition: SHARE_UPDATE,
  AT_DetachPartitionFinalize: SHARE_UPDATE,
  AT_EnableTrig: SHARE_ROW,
  AT_EnableAlwaysTrig: SHARE_ROW,
  AT_EnableReplicaTrig: SHARE_ROW,
  AT_EnableTrigAll: SHARE_ROW,
  AT_EnableTrigUser: SHARE_ROW,
  AT_DisableTrig: SHARE_ROW,
  AT_DisableTrigAll: SHARE_ROW,
  AT_DisableTrigUser: SHARE_ROW,
};

const COMMANDS: Readonly<Record<string, string>> = {
  AT_AddColumn: 'ADD COLUMN',
  AT_AlterColumnType: 'ALTER COLUMN TYPE',
  AT_ColumnDefault: 'ALTER COLUMN',
  AT_SetNotNull: 'SET NOT NULL',
  AT_SetExpression: 'SET EXPRESSION',
  AT_ValidateConstraint: 'VALIDATE CONSTRAINT',
  AT_SetTableSpace: 'SET TABLESPACE',
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
  AT_SetAccessMethod: 'SET ACCESS METHOD',
  AT_SetRelOptions: 'SET',
  AT_ResetRelOptions: 'RESET',
  AT_ClusterOn: 'CLUSTER ON',
  AT_DropColumn: 'DROP COLUMN',
  AT_DropConstraint: 'DROP CONSTRAINT',
  AT_AddInherit: 'INHERIT',
  AT_DropInherit: 'NO INHERIT',
  AT_ChangeOwner: 'OWNER TO',
  AT_AttachPartition: 'ATTACH PARTITION',
  AT_DetachPartition: 'DETACH PARTITION',
  AT_DetachPartitionFinalize: 'DETACH PARTITION FINALIZE',
  AT_EnableTrig: 'ENABLE TRIGGER',
  AT_DisableTrig: 'DISABLE TRIGGER',
};

const CONSTRAINTS: Readonly<Record<string, string>> = {
  CONSTR_CHECK: 'CHECK',
  CONSTR_FOREIGN: 'FOREIGN KEY',
  CONSTR_PRIMARY: 'PRIMARY KEY',
  CONSTR_UNIQUE: 'UNIQUE',
  CONSTR_EXCLUSION: 'EXCLUDE',
  CONSTR_NOTNULL: 'NOT NULL',
};

/** The actions of ALTER TABLE. */
export function alterActions({ cmds = [] }: NodeOf<'AlterTableStmt'>): AlterAction[] {
  return cmds.flatMap((node) => asNode(node, 'AlterTableCmd') ?? []).map(action);
}

function action({ subtype = 'AT_AddColumn', name, def }: NodeOf<'AlterTableCmd'>): AlterAction {
  const constraint = asNode(def, 'Constraint');
  if (subtype === 'AT_AddConstraint' && constraint) {
    const kind = CONSTRAINTS[constraint.contype ?? ''] ?? 'CONSTRAINT';
    return {
      command: constraint.indexname === undefined ? `ADD ${kind}` : `ADD ${kind} USING INDEX`,
      kind: subtype,
      lock: constraint.contype === 'CONSTR_FOREIGN' ? SHARE_ROW : EXCLUSIVE,
      name: constraint.conname,
      constraint,
    };
  }
  const { name: partition, concurrent } = asNode(def, 'PartitionCmd') ?? {};
  const command =
    COMMANDS[subtype] ??
    subtype
      .replace('AT_', '')
      .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
      .toUpperCase();
  return {
    command: concurrent ? `${command} CONCURRENTLY` : command,
    kind: subtype,
    lock: concurrent ? SHARE_UPDATE : (WEAKER[subtype] ?? EXCLUSIVE),
    name,
    column: asNode(def, 'ColumnDef'),
    partition: partition && relationName(partition),
    concurrently: concurrent === true,
  };
}

/** The locks of the statement: on its table, and on those that a key or partition brings in. */
export function alterLocks(table: SqlName, actions: readonly AlterAction[]): TableLock[] {
  return actions.flatMap(({ lock, constraint, column, partition, concurrently }) => [
    { table, lock },
    ...[constraint, ...constraintsOf(column)].flatMap((each) =>
      each?.pktable ? [{ table: relationName(each.pktable), lock: SHARE_ROW }] : [],
    ),
    ...(partition ? [{ table: partition, lock: concurrently ? SHARE_UPDATE : EXCLUSIVE }] : []),
  ]);
}

/** The constraints that are written beside a column. */
export function constraintsOf(column: NodeOf<'ColumnDef'> | undefined): NodeOf<'Constraint'>[] {
  return (column?.constraints ?? []).flatMap((node: Node) => asNode(node, 'Constraint') ?? []);
}
