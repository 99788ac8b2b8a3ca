/**
 * Statements that run in no transaction, made repeatable: before one runs again, the catalog is
 * asked what became of it.
 *
 * "Building Indexes Concurrently" and "Rebuilding Indexes Concurrently", PostgreSQL documentation:
 * what is interrupted leaves an INVALID index, which costs every write and which IF NOT EXISTS
 * takes for the one that is wanted.
 */

import type { PostgresConnection } from '../connection';
import { quoteName, type SqlName } from '../sql';
import type { Catalog, FoundIndex } from './catalog';
import { type MigrationStatement, refused } from './files';
import { buildPerPartition, partitionIndexes } from './partitioned-index';
import { setLockTimeout } from './session';

export interface OutsideStep {
  readonly connection: PostgresConnection;
  readonly catalog: Catalog;
  readonly statement: MigrationStatement;
  /** The file and line, for messages. */
  readonly where: string;
  /** Whether the history says that an earlier run began it. */
  readonly begun: boolean;
  readonly lockTimeoutMs: number;
  readonly log: (message: string) => void;
}

/**
 * What an earlier run may have left. Before the step is recorded, so that a refusal leaves no trace
 * of a step that never began.
 */
export async function checkBeforeStep({
  catalog,
  statement,
  where,
  begun,
}: OutsideStep): Promise<void> {
  const { index, target } = statement;
  if (!index?.name || !target) return;
  const found = await catalog.index(quoteName(...target.parts), indexName(index.name));
  if (
    found === undefined ||
    (found.ofTable && (!found.valid || begun || index.ifNotExists) && !found.building)
  )
    return;
  throw refused(where, {
    property: 'the name of the index',
    value: index.name.text,
    allowed: 'free',
    rule: found.building
      ? 'Another session is building it at this moment.'
      : `There is ${found.ofTable ? 'a valid index' : 'something else'} of this name already.`,
    fix: found.building
      ? 'Wait for it, and run the migrations again.'
      : 'Choose another name, or drop what has it in a migration before.',
  });
}

/** Runs it, or what is left of it. */
export async function runOutside(step: OutsideStep): Promise<void> {
  const { connection, catalog, statement, begun, log } = step;
  const { index, target, what } = statement;
  if (index?.name && target) {
    const table = quoteName(...target.parts);
    const found = await catalog.index(table, indexName(index.name));
    if (found?.valid && begun)
      return log('is there and valid: it was built before the interruption');
    if (statement.perPartition) {
      if (found?.valid) return log('is there and valid already');
      const { name, definition } = index;
      const text = statement.text.slice(definition[0]?.start ?? statement.text.length);
      return buildPerPartition({
        ...step,
        table,
        name: indexName(name),
        unique: index.unique,
        definition: text,
      });
    }
    if (found && !found.valid) await dropInvalid(connection, found, log);
    await connection.query(statement.text);
    return;
  }
  if (what === 'DROP INDEX CONCURRENTLY' && begun && target && !(await catalog.exists(target))) {
    return log('is gone: it was dropped before the interruption');
  }
  if (what.startsWith('REINDEX') && target) {
    for (const name of await catalog.leftOfReindex(target)) {
      log(`drops ${name}, which an interrupted REINDEX left`);
      await connection.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
    }
  }
  const partition = statement.alterTable?.detaches;
  if (partition && target) return detach(step, target, partition);
  await connection.query(statement.text);
}

/** After a failure: a unique index over duplicates, for one, stays behind INVALID. */
export async function clearAfterFailure({
  connection,
  catalog,
  statement,
  log,
}: OutsideStep): Promise<void> {
  const { index, target } = statement;
  if (!index?.name || !target) return;
  if (statement.perPartition) {
    for (const { found, partitioned } of await partitionIndexes(
      connection,
      catalog,
      quoteName(...target.parts),
      indexName(index.name),
    )) {
      if (!found.valid && !partitioned && !found.building)
        await dropInvalid(connection, found, log);
    }
    return;
  }
  const found = await catalog.index(quoteName(...target.parts), indexName(index.name));
  if (found?.ofTable && !found.valid && !found.building) await dropInvalid(connection, found, log);
}

/**
 * What stands on partitions under the old text cannot be attached to an index under the new one.
 */
export async function clearBeforeCorrected({
  connection,
  catalog,
  statement,
  lockTimeoutMs,
  log,
}: OutsideStep): Promise<void> {
  const { index, target, perPartition } = statement;
  if (!perPartition || !index?.name || !target) return;
  const found = await partitionIndexes(
    connection,
    catalog,
    quoteName(...target.parts),
    indexName(index.name),
  );
  for (const {
    found: { name },
    partitioned,
  } of found) {
    log(`drops ${name}, which is of the text that failed`);
    await setLockTimeout(connection, partitioned ? lockTimeoutMs : 0);
    // With an index of a parent goes what is attached to it.
    await connection.query(`DROP INDEX ${partitioned ? '' : 'CONCURRENTLY '}IF EXISTS ${name}`);
  }
  await setLockTimeout(connection, 0);
}

async function detach(
  { connection, catalog, statement, begun, log }: OutsideStep,
  parent: SqlName,
  partition: SqlName,
): Promise<void> {
  const now = await catalog.attachment(parent, partition);
  if (now === 'none' && begun) return log('is detached: it was before the interruption');
  if (now !== 'pending') {
    await connection.query(statement.text);
    return;
  }
  log('is half detached by one that was interrupted or failed: finishes it');
  await connection.query(`ALTER TABLE ${parent.text} DETACH PARTITION ${partition.text} FINALIZE`);
}

async function dropInvalid(
  connection: PostgresConnection,
  { name }: FoundIndex,
  log: (message: string) => void,
): Promise<void> {
  log(`drops ${name}, which is INVALID: its building was interrupted or failed`);
  await connection.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
}

function indexName(name: SqlName): string {
  return name.parts.at(-1) ?? '';
}
