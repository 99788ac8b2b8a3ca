/**
 * Findings from the catalog and the statistics, without any statement: indexes that are not worth
 * their cost, and tables that need a vacuum.
 */
import type { ClientBase } from 'pg';

export interface CatalogFinding {
  readonly kind: 'invalid-index' | 'duplicate-index' | 'unused-index' | 'vacuum-overdue';
  readonly subject: string;
  readonly message: string;
  /** The statement that would solve the problem. */
  readonly fix?: string;
  readonly sizeBytes?: number;
}

/** The size from which an unused index is a finding. Smaller ones cost next to nothing. */
const UNUSED_FROM_BYTES = 1024 * 1024;
/**
 * The share of dead rows at which autovacuum starts by default. If it has not run for days beyond
 * it, something blocks it.
 */
const DEAD_SHARE = 0.2;
const DEAD_ROWS = 10_000;
const VACUUM_DAYS = 7;

/** The name of an index, and the relations that it comes from. */
const NAME = `format('%I.%I', n.nspname, i.relname)`;
const INDEXES = `pg_index AS x
         JOIN pg_class AS i ON i.oid = x.indexrelid
         JOIN pg_namespace AS n ON n.oid = i.relnamespace`;

/**
 * Indexes that a failed CREATE INDEX CONCURRENTLY left. An index that is still being built is not
 * one of them.
 */
const INVALID = `
  SELECT ${NAME} AS name, pg_relation_size(i.oid)::float8 AS bytes
    FROM ${INDEXES}
   WHERE NOT x.indisvalid AND i.relkind = 'i'
     AND NOT EXISTS (
       SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = x.indexrelid)
   ORDER BY 1`;

/**
 * Indexes with an equal definition. The index that a constraint needs is kept, otherwise the older
 * one.
 */
const DUPLICATE = `
  WITH indexes AS (
    SELECT x.*, i.relam, ${NAME} AS name, pg_relation_size(i.oid)::float8 AS bytes,
           EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = x.indexrelid) AS needed
      FROM ${INDEXES}
     WHERE x.indisvalid AND n.nspname NOT IN ('pg_catalog', 'pg_toast'))
  SELECT DISTINCT ON (b.name) b.name, a.name AS kept, b.bytes
    FROM indexes AS a JOIN indexes AS b
      ON a.indrelid = b.indrelid AND a.relam = b.relam AND a.indexrelid <> b.indexrelid
   WHERE a.indkey::text = b.indkey::text AND a.indclass::text = b.indclass::text
     AND a.indcollation::text = b.indcollation::text
     AND a.indoption::text = b.indoption::text AND a.indnkeyatts = b.indnkeyatts
     AND coalesce(pg_get_expr(a.indexprs, a.indrelid), '')
       = coalesce(pg_get_expr(b.indexprs, b.indrelid), '')
     AND coalesce(pg_get_expr(a.indpred, a.indrelid), '')
       = coalesce(pg_get_expr(b.indpred, b.indrelid), '')
     AND NOT b.needed AND (a.indisunique OR NOT b.indisunique)
     AND (a.needed, a.indisunique, b.indexrelid) > (b.needed, b.indisunique, a.indexrelid)
   ORDER BY b.name, a.name`;

const UNUSED = `
  SELECT format('%I.%I', s.schemaname, s.indexrelname) AS name,
         pg_relation_size(s.indexrelid)::float8 AS bytes,
         to_char(
           (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
           'YYYY-MM-DD') AS since
    FROM pg_stat_user_indexes AS s JOIN pg_index AS x ON x.indexrelid = s.indexrelid
   WHERE s.idx_scan = 0 AND x.indisvalid AND NOT x.indisunique
     AND pg_relation_size(s.indexrelid) >= $1::bigint
     AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = s.indexrelid)
   ORDER BY 2 DESC, 1`;

const VACUUM = `
  SELECT format('%I.%I', schemaname, relname) AS name,
         n_dead_tup::float8 AS dead, n_live_tup::float8 AS live,
         to_char(greatest(last_vacuum, last_autovacuum), 'YYYY-MM-DD') AS last
    FROM pg_stat_user_tables
   WHERE n_dead_tup >= $1::float8 AND n_dead_tup >= $2::float8 * (n_live_tup + n_dead_tup)
     AND coalesce(greatest(last_vacuum, last_autovacuum), '-infinity')
       < now() - make_interval(days => $3::int)
   ORDER BY 2 DESC, 1`;

/** All findings that need no statement. On a standby, the statistics cover its own readers only. */
export async function catalogFindings(client: ClientBase): Promise<CatalogFinding[]> {
  const invalid = await client.query<{ name: string; bytes: number }>(INVALID);
  const duplicate = await client.query<{ name: string; kept: string; bytes: number }>(DUPLICATE);
  const unused = await client.query<{ name: string; bytes: number; since: string | null }>(UNUSED, [
    UNUSED_FROM_BYTES,
  ]);
  const vacuum = await client.query<{
    name: string;
    dead: number;
    live: number;
    last: string | null;
  }>(VACUUM, [DEAD_ROWS, DEAD_SHARE, VACUUM_DAYS]);
  const named = new Set([...invalid.rows, ...duplicate.rows].map(({ name }) => name));
  return [
    ...invalid.rows.map(
      ({ name, bytes }): CatalogFinding => ({
        kind: 'invalid-index',
        subject: name,
        message: `${name} is invalid: no query uses it, and every write maintains it.`,
        fix: `DROP INDEX CONCURRENTLY ${name};`,
        sizeBytes: bytes,
      }),
    ),
    ...duplicate.rows.map(
      ({ name, kept, bytes }): CatalogFinding => ({
        kind: 'duplicate-index',
        subject: name,
        message: `${name} is the same as ${kept}.`,
        fix: `DROP INDEX CONCURRENTLY ${name};`,
        sizeBytes: bytes,
      }),
    ),
    ...unused.rows
      .filter(({ name }) => !named.has(name))
      .map(
        ({ name, bytes, since }): CatalogFinding => ({
          kind: 'unused-index',
          subject: name,
          message:
            `${name} has not been used on this server since ${since ?? 'its statistics began'}. ` +
            'Each server has its own statistics: check the replicas too before you drop it.',
          sizeBytes: bytes,
        }),
      ),
    ...vacuum.rows.map(
      ({ name, dead, live, last }): CatalogFinding => ({
        kind: 'vacuum-overdue',
        subject: name,
        message:
          `${name} has ${dead} dead and ${live} live rows, ` +
          `and its last vacuum was ${last ?? 'never'}. ` +
          'A long transaction or an idle replication slot may prevent it.',
        fix: `VACUUM (VERBOSE) ${name};`,
      }),
    ),
  ];
}
