/**
 * An index of a partitioned table without holding up writes: one ON ONLY the parent, which is empty
 * and INVALID; one CONCURRENTLY on each partition; ATTACH makes the parent's valid with the last of
 * them ("Table Partitioning", PostgreSQL documentation).
 *
 * Each part is looked up before it is made, so it can be run again from anywhere. Partitions that
 * are created meanwhile get their index from the parent's.
 */
import { createHash } from 'node:crypto';
import { IsochroneError } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';
import { quoteName } from '../sql';
import type { Catalog, FoundIndex } from './catalog';
import { setLockTimeout } from './session';

export interface PartitionedIndex {
  readonly connection: PostgresConnection;
  readonly catalog: Catalog;
  /** The parent, quoted. */
  readonly table: string;
  readonly name: string;
  readonly unique: boolean;
  /** What follows the table in CREATE INDEX: method, columns, predicate. */
  readonly definition: string;
  /** For the short locks on the parent. */
  readonly lockTimeoutMs: number;
  readonly log: (message: string) => void;
}

/** "Identifiers and Key Words", PostgreSQL documentation: bytes of a name. */
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
    throw new IsochroneError(`${index.table} is no partitioned table of this database any more.`);
  await build(index, root, index.name);
  const parent = quoteName(root.schema, index.name);
  const found = await index.catalog.index(index.table, index.name);
  if (found?.valid) return;
  throw new IsochroneError(
    `${parent} is still INVALID, though each partition has its index.\nA partition was attached meanwhile that has none. Run the migrations again.`,
  );
}

/** Builds it for a table and all below it, and returns its name, quoted. */
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
      log(`drops ${quoted}, which is INVALID: its building was interrupted`);
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
    await briefly(index, `${create} ${quoteName(name)} ON ONLY ${on} ${index.definition}`);
  for (const partition of await withoutIndex(connection, on, quoted)) {
    const child = await build(index, partition, partitionIndexName(partition.relation, index.name));
    await briefly(index, `ALTER INDEX ${quoted} ATTACH PARTITION ${child}`);
  }
  return quoted;
}

/**
 * What there is of it: on the parent if that is not valid, and on partitions, attached or not;
 * parents before what is below them.
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
     FROM pg_partition_tree(to_regclass($1)) JOIN pg_class c ON c.oid = relid JOIN pg_namespace n ON n.oid = relnamespace ORDER BY level, 1, 2`,
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

/** A step that holds up writes for a moment, and for as long as it waits. */
async function briefly(
  { connection, lockTimeoutMs }: PartitionedIndex,
  text: string,
): Promise<void> {
  await setLockTimeout(connection, lockTimeoutMs);
  await connection.query(text);
  await setLockTimeout(connection, 0);
}

/**
 * The partitions of a table that have no index attached to this one, in the order of their names.
 */
async function withoutIndex(
  connection: PostgresConnection,
  table: string,
  index: string,
): Promise<Table[]> {
  return rowsOf<Table>(
    connection,
    `SELECT nspname AS schema, relname AS relation, relkind = 'p' AS partitioned
     FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_namespace n ON n.oid = relnamespace
     WHERE inhparent = to_regclass($1) AND NOT EXISTS (
       SELECT 1 FROM pg_index i JOIN pg_inherits a ON a.inhrelid = i.indexrelid
       WHERE i.indrelid = c.oid AND a.inhparent = to_regclass($2))
     ORDER BY 1, 2`,
    [table, index],
  );
}

/** The same for every run: partition and index, cut with a hash where that is too long. */
export function partitionIndexName(partition: string, index: string): string {
  const name = `${partition}_${index}`;
  if (Buffer.byteLength(name) <= NAME_BYTES) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  // Cutting bytes may cut a character in two, which becomes U+FFFD: it is left out.
  const cut = Buffer.from(name)
    .subarray(0, NAME_BYTES - 9)
    .toString()
    .replace(/\uFFFD/g, '');
  return `${cut}_${hash}`;
}
