import type { SqlName } from '../../../model/sql';
import { type PostgresConnection, rowsOf } from '../connection';
import { quoted, quoteName } from './names';
import { Rehearsal } from './rehearsal';

export interface Relation {
  /**
   * The `relkind` of pg_class: r table, p partitioned table, m materialized view, i index, I
   * partitioned index.
   */
  readonly kind: string;
  readonly oid: string;
  readonly name: string;
  /**
   * The size of the table with its TOAST and all its partitions or children; for an index or a
   * view, the size of its tables.
   */
  readonly bytes: number;
  /** Whether a materialized view has been filled. */
  readonly populated: boolean;
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

  /** Begins a rehearsal on this connection; undefined if this role or server allows none. */
  public async rehearse(): Promise<Rehearsal | undefined> {
    return Rehearsal.begin(this.connection);
  }

  /** The number of the server's version, such as 150018. */
  public async version(): Promise<number> {
    const [row] = await rowsOf<{ version: number }>(
      this.connection,
      "SELECT current_setting('server_version_num')::int AS version",
    );
    return row?.version ?? 0;
  }

  /** What a name stands for on the search path of the session. */
  public async relation(name: SqlName): Promise<Relation | undefined> {
    const [row] = await rowsOf<{ oid: string }>(
      this.connection,
      'SELECT to_regclass($1)::oid::text AS oid WHERE to_regclass($1) IS NOT NULL',
      [quoted(name)],
    );
    return row && this.relationOf(row.oid);
  }

  public async relationOf(oid: string): Promise<Relation | undefined> {
    const [row] = await rowsOf<Relation>(
      this.connection,
      `WITH RECURSIVE tree AS (
         SELECT coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = $1::oid), $1::oid) AS relid
         UNION SELECT below FROM tree JOIN LATERAL (
           SELECT inhrelid AS below FROM pg_inherits WHERE inhparent = relid
           -- The tables behind a view, but not those that a materialized view was made from.
           UNION SELECT refobjid FROM pg_class v JOIN pg_rewrite r ON ev_class = v.oid
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
             WHERE v.oid = relid AND v.relkind = 'v'
               AND refclassid = 'pg_class'::regclass AND refobjid <> relid) next ON true)
       SELECT c.oid::text, c.relkind AS kind, c.relname AS name, c.relispopulated AS populated,
         (SELECT coalesce(sum(pg_table_size(t.oid)), 0) FROM tree JOIN pg_class t ON t.oid = relid
          WHERE t.relkind IN ('r', 'm', 't'))::float8 AS bytes
       FROM pg_class c WHERE c.oid = $1`,
      [oid],
    );
    return row;
  }

  /** The size of the tables that a materialized view is made from. */
  public async bytesBehind(view: string): Promise<number> {
    const rows = await rowsOf<{ oid: string }>(
      this.connection,
      `SELECT DISTINCT refobjid::text AS oid FROM pg_rewrite r
       JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
       WHERE ev_class = $1 AND refclassid = 'pg_class'::regclass AND refobjid <> $1`,
      [view],
    );
    let bytes = 0;
    for (const { oid } of rows) bytes += (await this.relationOf(oid))?.bytes ?? 0;
    return bytes;
  }

  public async defaultPartition(parent: string): Promise<string | undefined> {
    const [row] = await rowsOf<{ oid: string }>(
      this.connection,
      'SELECT partdefid::text AS oid FROM pg_partitioned_table WHERE partrelid = $1 AND partdefid <> 0',
      [parent],
    );
    return row?.oid;
  }

  /**
   * Whether REFRESH … CONCURRENTLY can identify the rows of the view: it needs a valid unique index
   * on plain columns and all rows.
   */
  public async hasUniqueIndex(view: string): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      `SELECT 1 FROM pg_index
       WHERE indrelid = $1 AND indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL`,
      [view],
    );
    return rows.length > 0;
  }

  public async hasColumn(table: string, column: string): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      'SELECT 1 FROM pg_attribute WHERE attrelid = $1 AND attname = $2 AND NOT attisdropped',
      [table, column],
    );
    return rows.length > 0;
  }

  /** Whether a table, its partitions or heirs have a row. */
  public async hasRows(table: string): Promise<boolean> {
    const [row] = await rowsOf<{ name: string }>(
      this.connection,
      'SELECT $1::oid::regclass::text AS name',
      [table],
    );
    const [found] = await rowsOf<{ found: boolean }>(
      this.connection,
      `SELECT EXISTS (SELECT FROM ${row?.name}) AS found`,
    );
    return found?.found === true;
  }

  /** Whether a type is a domain with a default, or is based on one. */
  public async hasDefault(type: SqlName): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      'SELECT 1 FROM pg_type WHERE oid = to_regtype($1) AND typdefault IS NOT NULL',
      [quoted(type)],
    );
    return rows.length > 0;
  }

  /** The tables with a column of a domain, of one based on it, or of an array of it. */
  public async tablesWithDomain(domain: SqlName): Promise<Relation[]> {
    const rows = await rowsOf<{ oid: string }>(
      this.connection,
      `WITH RECURSIVE types AS (
         SELECT to_regtype($1)::oid AS oid
         UNION SELECT above FROM types JOIN LATERAL (
           SELECT t.oid AS above FROM pg_type t WHERE t.typbasetype = types.oid
             OR t.typelem = types.oid AND t.typcategory = 'A'
           UNION SELECT reltype FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
             WHERE atttypid = types.oid AND relkind = 'c') next ON true)
       SELECT DISTINCT c.oid::text FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
       JOIN types ON atttypid = types.oid
       WHERE relkind IN ('r', 'm') AND NOT attisdropped`,
      [quoted(domain)],
    );
    const tables: Relation[] = [];
    for (const { oid } of rows) {
      const relation = await this.relationOf(oid);
      if (relation) tables.push(relation);
    }
    return tables;
  }

  /** Whether a table lies in this tablespace already. */
  public async liesIn(table: string, tablespace: string): Promise<boolean> {
    const rows = await rowsOf(
      this.connection,
      `SELECT 1 FROM pg_class JOIN pg_database ON datname = current_database()
       JOIN pg_tablespace s ON s.oid = coalesce(nullif(reltablespace, 0), dattablespace)
       WHERE pg_class.oid = $1 AND spcname = $2`,
      [table, tablespace],
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

  /** A partition on another server. Beside it, an index of the parent cannot become valid. */
  public async foreignPartition(table: SqlName): Promise<string | undefined> {
    const [row] = await rowsOf<{ name: string }>(
      this.connection,
      `SELECT relid::regclass::text AS name
       FROM pg_partition_tree(to_regclass($1)) JOIN pg_class ON oid = relid
       WHERE relkind = 'f' ORDER BY 1 LIMIT 1`,
      [quoted(table)],
    );
    return row?.name;
  }

  public async exists(name: SqlName): Promise<boolean> {
    const [row] = await rowsOf<{ there: boolean }>(
      this.connection,
      'SELECT to_regclass($1) IS NOT NULL AS there',
      [quoted(name)],
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
      [quoted(name)],
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
      [quoted(parent), quoted(partition)],
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
