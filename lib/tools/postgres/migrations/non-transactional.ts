/**
 * Statements that run outside a transaction, made repeatable: before such a statement runs again,
 * the catalog tells how far it came.
 *
 * An interrupted statement leaves an INVALID index, which slows every write, and which IF NOT
 * EXISTS takes for the wanted one ("Building Indexes Concurrently" and "Rebuilding Indexes
 * Concurrently", PostgreSQL documentation).
 */
import { invalidOption } from '../../../model/errors';
import type { SqlName } from '../../../model/sql';
import type { PostgresConnection } from '../connection';
import type { Catalog, FoundIndex } from './catalog';
import type { MigrationStatement } from './files';
import { quoted } from './names';
import { buildPerPartition, partitionIndexes } from './partitioned-index';
import { setLockTimeout } from './session';

export interface NonTransactionalStep {
  readonly connection: PostgresConnection;
  readonly catalog: Catalog;
  readonly statement: MigrationStatement;
  /** The file and line, for messages. */
  readonly where: string;
  /** Whether an earlier run began the statement, according to the history. */
  readonly begun: boolean;
  readonly lockTimeoutMs: number;
  readonly log: (message: string) => void;
}

/**
 * Refuses an index whose name is taken. It runs before the step is recorded, so that a refused step
 * leaves no trace.
 *
 * @throws IsochroneError if another object has the name of the index
 */
export async function checkBeforeStep(step: NonTransactionalStep): Promise<void> {
  const { catalog, statement, where, begun } = step;
  const { index, target } = statement;
  if (!index?.name || !target) return;
  const found = await catalog.index(quoted(target), index.name);
  if (
    found === undefined ||
    (found.ofTable && (!found.valid || begun || index.ifNotExists) && !found.building)
  )
    return;
  throw invalidOption(where, {
    property: 'the name of the index',
    value: index.name,
    allowed: 'free',
    rule: found.building
      ? 'Another session is building it at this moment.'
      : `There is already ${found.ofTable ? 'a valid index' : 'another object'} of this name.`,
    fix: found.building
      ? 'Wait for it, and run the migrations again.'
      : 'Choose another name, or drop the other object in an earlier migration.',
  });
}

/** Runs the statement, or the rest of it. */
export async function runNonTransactional(step: NonTransactionalStep): Promise<void> {
  const { connection, catalog, statement, begun, log } = step;
  const { index, target, command } = statement;
  if (index?.name && target) {
    const table = quoted(target);
    const found = await catalog.index(table, index.name);
    if (found?.valid && begun) return log('is valid: it was built before the interruption');
    if (statement.perPartition) {
      if (found?.valid) return log('is valid already');
      const { name, definition } = index;
      return buildPerPartition({
        ...step,
        table,
        name,
        unique: index.unique,
        definition,
      });
    }
    if (found && !found.valid) await dropInvalid(connection, found, log);
    await connection.query(statement.text);
    return;
  }
  if (command === 'DROP INDEX CONCURRENTLY' && begun && target && !(await catalog.exists(target))) {
    return log('was dropped before the interruption');
  }
  if (command.startsWith('REINDEX') && target) {
    for (const name of await catalog.reindexRemains(target)) {
      log(`drops ${name}, which an interrupted REINDEX left`);
      await connection.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
    }
  }
  const partition = statement.actions?.find(({ concurrently }) => concurrently)?.partition;
  if (partition && target) return detach(step, target, partition);
  await connection.query(statement.text);
}

/**
 * Drops the INVALID index that a failed statement leaves, such as a unique index over duplicates.
 */
export async function clearAfterFailure(step: NonTransactionalStep): Promise<void> {
  const { connection, catalog, statement, log } = step;
  const { index, target } = statement;
  if (!index?.name || !target) return;
  if (statement.perPartition) {
    for (const { found, partitioned } of await partitionIndexes(
      connection,
      catalog,
      quoted(target),
      index.name,
    )) {
      if (!found.valid && !partitioned && !found.building)
        await dropInvalid(connection, found, log);
    }
    return;
  }
  const found = await catalog.index(quoted(target), index.name);
  if (found?.ofTable && !found.valid && !found.building) await dropInvalid(connection, found, log);
}

/**
 * Drops the indexes of partitions that were built by the old text of a corrected statement. They
 * cannot be attached to an index of the new text.
 */
export async function clearBeforeCorrected(step: NonTransactionalStep): Promise<void> {
  const { connection, catalog, statement, lockTimeoutMs, log } = step;
  const { index, target, perPartition } = statement;
  if (!perPartition || !index?.name || !target) return;
  const found = await partitionIndexes(connection, catalog, quoted(target), index.name);
  for (const {
    found: { name },
    partitioned,
  } of found) {
    log(`drops ${name}, which has the text that failed`);
    await setLockTimeout(connection, partitioned ? lockTimeoutMs : 0);
    // Dropping an index of a parent also drops the indexes attached to it.
    await connection.query(`DROP INDEX ${partitioned ? '' : 'CONCURRENTLY '}IF EXISTS ${name}`);
  }
  await setLockTimeout(connection, 0);
}

async function detach(
  { connection, catalog, statement, begun, log }: NonTransactionalStep,
  parent: SqlName,
  partition: SqlName,
): Promise<void> {
  const state = await catalog.attachment(parent, partition);
  if (state === 'none' && begun) return log('was detached before the interruption');
  if (state !== 'pending') {
    await connection.query(statement.text);
    return;
  }
  log('is half detached by an interrupted or failed statement: finishes it');
  await connection.query(
    `ALTER TABLE ${quoted(parent)} DETACH PARTITION ${quoted(partition)} FINALIZE`,
  );
}

async function dropInvalid(
  connection: PostgresConnection,
  { name }: FoundIndex,
  log: (message: string) => void,
): Promise<void> {
  log(`drops ${name}, which is INVALID: its build was interrupted or failed`);
  await connection.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
}
