/** How to reach the same result without the long work: the end of a refusal. */
import { namesOf } from '../../../model/sql';
import type { AlterAction } from './alter-table';
import { quoteName, shown } from './names';
import type { Step } from './rehearsal';
import type { StatementFacts } from './statement-facts';

export interface Circumstances {
  readonly partitioned: boolean;
  /** The version of the server, such as 150018. */
  readonly version: number;
}

const OWN_STATEMENT = 'then VALIDATE CONSTRAINT in a statement of its own';
const WINDOW = 'Do it in a window without traffic.';
const IN_BATCHES = 'fill it in batches';

/** The first version with NOT VALID foreign keys on partitioned tables. */
const KEYS_OF_PARENTS = 180000;

/** What to write instead of an action of ALTER TABLE. */
export function alternativeTo(
  facts: StatementFacts,
  action: AlterAction,
  work: Step['work'],
  { partitioned, version }: Circumstances,
): string {
  switch (action.kind) {
    case 'AT_AlterColumnType':
      return work === 'index'
        ? 'Drop the index first, and build it CONCURRENTLY afterwards.'
        : otherType(action);
    case 'AT_SetNotNull':
      return (
        `Add CHECK (${quotedIfNeeded(action.name)} IS NOT NULL) NOT VALID, ${OWN_STATEMENT}, ` +
        'then SET NOT NULL and DROP CONSTRAINT.'
      );
    case 'AT_AddColumn':
      return newColumn(action, work, { partitioned, version });
    case 'AT_AddConstraint':
      return constraint(facts, action, { partitioned, version });
    case 'AT_ValidateConstraint':
      return 'Write it as a statement of its own.';
    case 'AT_AttachPartition':
      return attach(facts, action, work);
    case 'AT_SetExpression':
      return 'Add a column with the new expression in a window without traffic.';
    default:
      return WINDOW;
  }
}

/** A new length needs no new type: a check limits it too. */
function otherType({ name, column }: AlterAction): string {
  const [type] = namesOf(column?.typeName?.names).slice(-1);
  const length = JSON.stringify(column?.typeName?.typmods ?? []).match(
    /"ival":\{"ival":(\d+)\}/,
  )?.[1];
  const swap = `Add a column of the new type, ${IN_BATCHES}, and swap the two.`;
  if (length === undefined || (type !== 'varchar' && type !== 'bpchar')) return swap;
  return (
    `${swap} To shorten a text, CHECK (char_length(${quotedIfNeeded(name)}) <= ${length}) NOT VALID, ` +
    `${OWN_STATEMENT}, is enough.`
  );
}

function newColumn({ column }: AlterAction, work: Step['work'], where: Circumstances): string {
  const name = quotedIfNeeded(column?.colname);
  if (work === 'rewrite')
    return `Add ${name} without a default, SET DEFAULT in an action behind it, and ${IN_BATCHES}.`;
  if (work === 'index')
    return `Add ${name} alone first. ${uniqueKey('the table', where.partitioned, 'UNIQUE')}`;
  if (work === 'foreign key')
    return `Add ${name} alone first, with its default. For the key: ${foreignKey(where)}`;
  return `Add ${name} alone first, then the check NOT VALID, ${OWN_STATEMENT}.`;
}

function constraint(
  { target }: StatementFacts,
  { constraint: added }: AlterAction,
  where: Circumstances,
): string {
  switch (added?.contype) {
    case 'CONSTR_FOREIGN':
      return foreignKey(where);
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      if (added.indexname !== undefined)
        return (
          'Forbid nulls in its columns first: ' +
          `CHECK (… IS NOT NULL) NOT VALID, ${OWN_STATEMENT}, SET NOT NULL, DROP CONSTRAINT.`
        );
      return uniqueKey(
        target ? shown(target) : 'the table',
        where.partitioned,
        added.contype === 'CONSTR_PRIMARY' ? 'PRIMARY KEY' : 'UNIQUE',
      );
    case 'CONSTR_EXCLUSION':
      return `PostgreSQL builds the index of EXCLUDE under this lock only. ${WINDOW}`;
    default:
      return `Add it NOT VALID, ${OWN_STATEMENT}.`;
  }
}

/** A foreign key without reading a large table under its lock. */
export function foreignKey({ partitioned, version }: Circumstances): string {
  if (!partitioned || version >= KEYS_OF_PARENTS) return `Add it NOT VALID, ${OWN_STATEMENT}.`;
  return (
    `Add it to each partition NOT VALID, ${OWN_STATEMENT}, then to the partitioned table, ` +
    'which takes over the keys of its partitions without reading them.'
  );
}

/** A unique or primary key whose index is built without stopping writers. */
export function uniqueKey(table: string, partitioned: boolean, kind: string): string {
  const forbidNulls =
    kind === 'PRIMARY KEY'
      ? 'Where its columns may be NULL, forbid that first: ' +
        `CHECK (… IS NOT NULL) NOT VALID, ${OWN_STATEMENT}, SET NOT NULL, DROP CONSTRAINT. `
      : '';
  if (!partitioned)
    return (
      `${forbidNulls}Build the index with CREATE UNIQUE INDEX CONCURRENTLY, ` +
      `then ADD CONSTRAINT … ${kind} USING INDEX.`
    );
  return (
    `${forbidNulls}Write ALTER TABLE ONLY ${table} ADD CONSTRAINT … ${kind} (…); ` +
    'on each partition CREATE UNIQUE INDEX CONCURRENTLY and ' +
    `ADD CONSTRAINT … ${kind} USING INDEX; then ALTER INDEX … ATTACH PARTITION for each.`
  );
}

function attach(
  { target }: StatementFacts,
  { partition }: AlterAction,
  work: Step['work'],
): string {
  const name = partition ? shown(partition) : 'the partition';
  if (work === 'index')
    return `Build the indexes of ${target ? shown(target) : 'the table'} on ${name} CONCURRENTLY first.`;
  if (work === 'foreign key')
    return `Add the foreign keys of the table to ${name} NOT VALID first, ${OWN_STATEMENT}.`;
  return (
    `Add a CHECK of its bounds to ${name} NOT VALID, with IS NOT NULL for each column of the key, ` +
    `${OWN_STATEMENT}: then it is not read.`
  );
}

export function quotedIfNeeded(name = 'the column'): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteName(name);
}
