import { isConnectionLost, type PostgresConnection, rowsOf, sqlState } from '../connection';
import { quoteName, type SqlName } from '../sql';
import type { FunctionCall } from './volatility';

export interface Relation {
  /**
   * The `relkind` of pg_class: r table, p partitioned table, m materialized view, i index, I
   * partitioned index.
   */
  readonly kind: string;
  /**
   * The size of the table with its TOAST and all its partitions or children; for an index, the size
   * of its table. 0 for a relation without storage.
   */
  readonly bytes: number;
}

export interface FoundIndex {
  /** The quoted name with its schema. */
  readonly name: string;
  readonly valid: boolean;
  /** Whether it is an index of the given table. */
  readonly ofTable: boolean;
  /** Whether another session is building it, as far as this role may see. */
  readonly building: boolean;
}

/** The questions that the checks and the runner ask the server. */
export class Catalog {
  constructor(private readonly connection: PostgresConnection) {}

  /**
   * Applies a setting of the search path, so that names are looked up as the statements after it
   * do.
   */
  public async applySearchPath(setting: string): Promise<void> {
    await this.connection.query(setting);
  }

  public async relation(name: SqlName): Promise<Relation | undefined> {
    const [row] = await rowsOf<{ kind: string; bytes: string }>(
      this.connection,
      `SELECT relkind AS kind,
         CASE
           WHEN relkind = 'i'
             THEN (SELECT pg_table_size(indrelid) FROM pg_index WHERE indexrelid = oid)
           WHEN relkind IN ('v', 'I', 'f', 'c') THEN 0
           ELSE (
             WITH RECURSIVE tree AS (
               SELECT pg_class.oid AS relid
               UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = relid)
             SELECT sum(pg_table_size(relid)) FROM tree)
         END::text AS bytes
       FROM pg_class WHERE oid = to_regclass($1)`,
      [quoteName(...name.parts)],
    );
    return row && { kind: row.kind, bytes: Number(row.bytes) };
  }

  public async defaultPartition(parent: SqlName): Promise<Relation | undefined> {
    const [row] = await rowsOf<{ schema: string; name: string }>(
      this.connection,
      `SELECT nspname AS schema, relname AS name
       FROM pg_partitioned_table JOIN pg_class c ON c.oid = partdefid
       JOIN pg_namespace n ON n.oid = relnamespace WHERE partrelid = to_regclass($1)`,
      [quoteName(...parent.parts)],
    );
    return row && this.relation({ text: row.name, parts: [row.schema, row.name] });
  }

  /**
   * Whether a table has a validated check, which can spare ATTACH PARTITION from reading the table.
   */
  public async hasCheck(table: SqlName): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      `SELECT 1 FROM pg_constraint
       WHERE conrelid = to_regclass($1) AND contype = 'c' AND convalidated`,
      [quoteName(...table.parts)],
    );
    return rows.length > 0;
  }

  /**
   * Whether a type is a domain with constraints, or is based on one. A new column of such a type
   * rewrites the table.
   */
  public async isCheckedDomain(type: SqlName): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      `WITH RECURSIVE domains AS (
         SELECT * FROM pg_type WHERE oid = to_regtype($1) AND typtype = 'd'
         UNION ALL SELECT base.* FROM pg_type base JOIN domains ON base.oid = domains.typbasetype
         WHERE base.typtype = 'd')
       SELECT 1 FROM domains
       WHERE typnotnull OR EXISTS (SELECT 1 FROM pg_constraint WHERE contypid = domains.oid)`,
      [quoteName(...type.parts)],
    );
    return rows.length > 0;
  }

  public async columnsOfIndex(table: SqlName, index: string): Promise<string[]> {
    const rows = await rowsOf<{ column: string }>(
      this.connection,
      `SELECT attname AS column FROM pg_index JOIN pg_class c ON c.oid = indexrelid
       JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
       WHERE indrelid = to_regclass($1) AND relname = $2 ORDER BY attnum`,
      [quoteName(...table.parts), index],
    );
    return rows.map(({ column }) => column);
  }

  /**
   * The volatilities (i, s, v) of the functions that the call may refer to; empty if the server
   * knows none.
   */
  public async volatilities(call: FunctionCall): Promise<string[]> {
    const rows = await rowsOf<{ volatility: string }>(
      this.connection,
      `SELECT DISTINCT provolatile AS volatility
       FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
       WHERE proname = $1 AND prokind = 'f'
         AND (nspname = $2 OR $2::text IS NULL AND pg_function_is_visible(p.oid))
         AND $3 >= pronargs - pronargdefaults AND ($3 <= pronargs OR provariadic <> 0)`,
      [call.name, call.schema ?? null, call.arguments],
    );
    return rows.map(({ volatility }) => volatility);
  }

  /** Whether a validated check or the column itself forbids nulls. */
  public async forbidsNull(table: SqlName, column: string): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      `SELECT 1 FROM pg_constraint
       WHERE conrelid = to_regclass($1) AND contype = 'c' AND convalidated
         AND pg_get_constraintdef(oid) = format('CHECK ((%I IS NOT NULL))', $2::text)
       UNION ALL SELECT 1 FROM pg_attribute
       WHERE attrelid = to_regclass($1) AND attname = $2 AND attnotnull`,
      [quoteName(...table.parts), column],
    );
    return rows.length > 0;
  }

  /** The column in which the check of this name forbids nulls; undefined if it does not. */
  public async columnOfCheck(table: SqlName, constraint: string): Promise<string | undefined> {
    const [row] = await rowsOf<{ column: string }>(
      this.connection,
      `SELECT attname AS column
       FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
       WHERE conrelid = to_regclass($1) AND conname = $2 AND contype = 'c'
         AND pg_get_constraintdef(pg_constraint.oid)
           LIKE format('CHECK ((%I IS NOT NULL))%%', attname)`,
      [quoteName(...table.parts), constraint],
    );
    return row?.column;
  }

  /**
   * Whether REFRESH … CONCURRENTLY can identify the rows of the view: it needs a valid unique index
   * on plain columns and all rows.
   */
  public async hasUniqueIndex(view: SqlName): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      `SELECT 1 FROM pg_index
       WHERE indrelid = to_regclass($1) AND indisunique AND indisvalid
         AND indpred IS NULL AND indexprs IS NULL`,
      [quoteName(...view.parts)],
    );
    return rows.length > 0;
  }

  /** The index of this name in the schema of the table, where CREATE INDEX would create it. */
  public async index(table: string, name: string): Promise<FoundIndex | undefined> {
    const [row] = await rowsOf<{
      schema: string;
      valid: boolean;
      ofTable: boolean;
      building: boolean;
    }>(
      this.connection,
      `SELECT n.nspname AS schema, coalesce(indisvalid, false) AS valid,
         coalesce(indrelid = to_regclass($1), false) AS "ofTable",
         EXISTS (
           SELECT 1 FROM pg_stat_progress_create_index b
           WHERE b.index_relid = c.oid AND b.pid <> pg_backend_pid()) AS building
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_index ON indexrelid = c.oid
       WHERE c.relname = $2
         AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1))`,
      [table, name],
    );
    return (
      row && {
        name: quoteName(row.schema, name),
        valid: row.valid,
        ofTable: row.ofTable,
        building: row.building,
      }
    );
  }

  /**
   * Why the server would refuse an index: its message for the same index on an empty table with the
   * same columns, in a transaction that is rolled back. Only messages about functions count,
   * because a preceding statement may add missing columns.
   */
  public async refusesIndex(table: SqlName, definition: string): Promise<string | undefined> {
    try {
      await this.connection.query(
        `BEGIN; SET LOCAL lock_timeout = '1s';
         CREATE TEMPORARY TABLE isochrone_trial (LIKE ${quoteName(...table.parts)});
         CREATE INDEX ON pg_temp.isochrone_trial ${definition}`,
      );
    } catch (error) {
      if (sqlState(error) === '42P17') return (error as Error).message;
      if (isConnectionLost(error)) throw error;
    } finally {
      await this.connection.query('ROLLBACK');
    }
    return undefined;
  }

  /** A partition on another server. Beside it, an index of the parent cannot become valid. */
  public async foreignPartition(table: SqlName): Promise<string | undefined> {
    const [row] = await rowsOf<{ name: string }>(
      this.connection,
      `SELECT relid::regclass::text AS name
       FROM pg_partition_tree(to_regclass($1)) JOIN pg_class ON oid = relid
       WHERE relkind = 'f' ORDER BY 1 LIMIT 1`,
      [quoteName(...table.parts)],
    );
    return row?.name;
  }

  public async exists(name: SqlName): Promise<boolean> {
    const [row] = await rowsOf<{ there: boolean }>(
      this.connection,
      'SELECT to_regclass($1) IS NOT NULL AS there',
      [quoteName(...name.parts)],
    );
    return row?.there === true;
  }

  /**
   * The invalid indexes that an interrupted REINDEX … CONCURRENTLY left on a table with its TOAST,
   * on its partitions, or on the table of an index.
   */
  public async reindexRemains(name: SqlName): Promise<string[]> {
    const rows = await rowsOf<{ schema: string; name: string }>(
      this.connection,
      `SELECT nspname AS schema, c.relname AS name
       FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
       JOIN pg_namespace n ON n.oid = relnamespace
       WHERE NOT indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND EXISTS (
         WITH named AS (
                SELECT to_regclass($1)::oid AS oid
                UNION SELECT relid FROM pg_partition_tree(to_regclass($1))),
              tables AS (
                SELECT oid FROM named
                UNION SELECT indrelid FROM pg_index JOIN named ON oid = indexrelid)
         SELECT 1 FROM pg_class t JOIN tables USING (oid)
         WHERE indrelid IN (t.oid, t.reltoastrelid))
       ORDER BY 1, 2`,
      [quoteName(...name.parts)],
    );
    return rows.map((row) => quoteName(row.schema, row.name));
  }

  /**
   * Whether a partition is attached; `pending` if an interrupted DETACH … CONCURRENTLY left it half
   * detached.
   */
  public async attachment(
    parent: SqlName,
    partition: SqlName,
  ): Promise<'attached' | 'pending' | 'none'> {
    const [row] = await rowsOf<{ pending: boolean }>(
      this.connection,
      `SELECT inhdetachpending AS pending FROM pg_inherits
       WHERE inhparent = to_regclass($1) AND inhrelid = to_regclass($2)`,
      [quoteName(...parent.parts), quoteName(...partition.parts)],
    );
    if (!row) return 'none';
    return row.pending ? 'pending' : 'attached';
  }

  /** Invalid indexes, whose build failed. They slow every write and serve no read. */
  public async invalidIndexes(): Promise<string[]> {
    const rows = await rowsOf<{ name: string }>(
      this.connection,
      `SELECT indexrelid::regclass::text AS name FROM pg_index JOIN pg_class ON oid = indexrelid
       WHERE NOT indisvalid AND relkind = 'i' ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  }
}

/** A warning about the indexes that `invalidIndexes` returns. */
export function invalidIndexesMessage(names: readonly string[]): string {
  return `INVALID indexes, which slow writes and serve no reads: ${names.join(', ')}`;
}

/** The last part of a name: the name without its schema. Empty for a missing name. */
export function unqualified(name: SqlName | undefined): string {
  return name?.parts.at(-1) ?? '';
}
