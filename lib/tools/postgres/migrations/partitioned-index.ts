/**
 * Builds an index of a partitioned table without blocking writes: one ON ONLY the parent, which is
 * empty and INVALID, and one CONCURRENTLY on each partition. Attaching the last of them makes the
 * index of the parent valid ("Table Partitioning", PostgreSQL documentation).
 *
 * Each part is looked up before it is created, so the build can be resumed at any point. A
 * partition that is created meanwhile gets its index from the parent.
 */
import { createHash } from 'node:crypto';
import { IsochroneError } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';
import type { Catalog, FoundIndex } from './catalog';
import { quoteName } from './names';
import { setLockTimeout } from './session';

export interface PartitionedIndex {
  readonly connection: PostgresConnection;
  readonly catalog: Catalog;
  /** The parent, quoted. */
  readonly table: string;
  readonly name: string;
  readonly unique: boolean;
  /** The text after the table in CREATE INDEX: method, columns, predicate. */
  readonly definition: string;
  /** How long the short steps wait for a lock on the parent, in milliseconds. */
  readonly lockTimeoutMs: number;
  readonly log: (message: string) => void;
}

/** The most bytes of a name ("Identifiers and Key Words", PostgreSQL documentation). */
const NAME_BYTES = 63;

interface Table {
  readonly schema: string;
  readonly relation: string;
  readonly partitioned: boolean;
}

export async function buildPerPartition(index: PartitionedIndex): Promise<void> {
  const [root] = await rowsOf<Table>(
    index.connection,
    `SELECT nspname AS schema, relname AS relation, relkind = 'p' AS partitioned
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = to_regclass($1)`,
    [index.table],
  );
  if (!root?.partitioned)
    throw new IsochroneError(`${index.table} is no longer a partitioned table of this database.`);
  await build(index, root, index.name);
  const parent = quoteName(root.schema, index.name);
  const found = await index.catalog.index(index.table, index.name);
  if (found?.valid) return;
  throw new IsochroneError(
    `${parent} is still INVALID, although each partition had its index.\n` +
      'A partition without the index was attached meanwhile. Run the migrations again.',
  );
}

/** Builds the index for a table and all its partitions, and returns its quoted name. */
async function build(index: PartitionedIndex, table: Table, name: string): Promise<string> {
  const { connection, catalog, log } = index;
  const on = quoteName(table.schema, table.relation);
  const create = `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX`;
  const quoted = quoteName(table.schema, name);
  let found = await catalog.index(on, name);
  if (found && !found.ofTable)
    throw new IsochroneError(
      `${quoted} is not an index of ${on}.\nRename it, or choose another name for the index.`,
    );
  if (!table.partitioned) {
    if (found && !found.valid) {
      log(`drops ${quoted}, which is INVALID: its build was interrupted`);
      await connection.query(`DROP INDEX CONCURRENTLY ${quoted}`);
      found = undefined;
    }
    if (!found) {
      log(`builds ${quoted}`);
      await connection.query(
        `${create} CONCURRENTLY ${quoteName(name)} ON ${on} ${index.definition}`,
      );
    }
    return quoted;
  }
  if (!found)
    await shortStep(index, `${create} ${quoteName(name)} ON ONLY ${on} ${index.definition}`);
  for (const partition of await withoutIndex(connection, on, quoted)) {
    const child = await build(index, partition, partitionIndexName(partition.relation, index.name));
    await shortStep(index, `ALTER INDEX ${quoted} ATTACH PARTITION ${child}`);
  }
  return quoted;
}

/**
 * The existing parts of the index: on the parent if it is not valid, and on partitions, attached or
 * not; parents before their partitions.
 */
export async function partitionIndexes(
  connection: PostgresConnection,
  catalog: Catalog,
  table: string,
  name: string,
) {
  const tables = await rowsOf<Table & { level: number }>(
    connection,
    `SELECT nspname AS schema, relname AS relation, relkind = 'p' AS partitioned, level
     FROM pg_partition_tree(to_regclass($1)) JOIN pg_class c ON c.oid = relid
     JOIN pg_namespace n ON n.oid = relnamespace ORDER BY level, 1, 2`,
    [table],
  );
  const indexes: { readonly found: FoundIndex; readonly partitioned: boolean }[] = [];
  for (const { schema, relation, partitioned, level } of tables) {
    const found = await catalog.index(
      quoteName(schema, relation),
      level === 0 ? name : partitionIndexName(relation, name),
    );
    if (level === 0 && found?.valid) return [];
    if (found?.ofTable) indexes.push({ found, partitioned });
  }
  return indexes;
}

/** Runs a short step that blocks writes, for as long as it waits for its lock and runs. */
async function shortStep(
  { connection, lockTimeoutMs }: PartitionedIndex,
  text: string,
): Promise<void> {
  await setLockTimeout(connection, lockTimeoutMs);
  await connection.query(text);
  await setLockTimeout(connection, 0);
}

/** The partitions of a table without an index attached to this one, in the order of their names. */
async function withoutIndex(
  connection: PostgresConnection,
  table: string,
  index: string,
): Promise<Table[]> {
  return rowsOf<Table>(
    connection,
    `SELECT nspname AS schema, relname AS relation, relkind = 'p' AS partitioned
     FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
     JOIN pg_namespace n ON n.oid = relnamespace
     WHERE inhparent = to_regclass($1) AND NOT EXISTS (
       SELECT 1 FROM pg_index i JOIN pg_inherits a ON a.inhrelid = i.indexrelid
       WHERE i.indrelid = c.oid AND a.inhparent = to_regclass($2))
     ORDER BY 1, 2`,
    [table, index],
  );
}

/**
 * The name of the index of a partition, the same in every run: the names of partition and index,
 * shortened with a hash if they are too long.
 */
export function partitionIndexName(partition: string, index: string): string {
  const name = `${partition}_${index}`;
  if (Buffer.byteLength(name) <= NAME_BYTES) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  // Cutting bytes may split a character, which becomes U+FFFD and is removed.
  const cut = Buffer.from(name)
    .subarray(0, NAME_BYTES - 9)
    .toString()
    .replace(/\uFFFD/g, '');
  return `${cut}_${hash}`;
}
