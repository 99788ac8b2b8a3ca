/**
 * What the catalogue and the statistics say without any statement: indexes that cost more than they
 * give, and tables left uncleaned.
 */
import type { ClientBase } from 'pg';

export interface CatalogueFinding {
  readonly kind: 'invalid-index' | 'duplicate-index' | 'unused-index' | 'vacuum-overdue';
  readonly subject: string;
  readonly message: string;
  /** What would mend it. */
  readonly fix?: string;
  readonly sizeBytes?: number;
}

/** Smaller ones cost next to nothing. */
const UNUSED_FROM_BYTES = 1024 * 1024;
/**
 * The share of dead rows at which autovacuum's default begins; past it and untouched for days,
 * something holds it up.
 */
const DEAD_PART = 0.2;
const DEAD_ROWS = 10_000;
const VACUUM_DAYS = 7;

const NAME = `format('%I.%I', n.nspname, i.relname)`;

/**
 * A failed CREATE INDEX CONCURRENTLY leaves one behind; one that is still being built is none of
 * it.
 */
const INVALID = `
  SELECT ${NAME} AS name, pg_relation_size(i.oid)::float8 AS bytes
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_namespace AS n ON n.oid = i.relnamespace
   WHERE NOT x.indisvalid AND i.relkind = 'i'
     AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = x.indexrelid)
   ORDER BY 1`;

/**
 * The same in everything that makes an index what it is. The one that a constraint needs stays,
 * then the older one.
 */
const DUPLICATE = `
  WITH indexes AS (
    SELECT x.*, i.relam, ${NAME} AS name, pg_relation_size(i.oid)::float8 AS bytes,
           EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = x.indexrelid) AS needed
      FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_namespace AS n ON n.oid = i.relnamespace
     WHERE x.indisvalid AND n.nspname NOT IN ('pg_catalog', 'pg_toast'))
  SELECT DISTINCT ON (b.name) b.name, a.name AS kept, b.bytes
    FROM indexes AS a JOIN indexes AS b ON a.indrelid = b.indrelid AND a.relam = b.relam AND a.indexrelid <> b.indexrelid
   WHERE a.indkey::text = b.indkey::text AND a.indclass::text = b.indclass::text AND a.indcollation::text = b.indcollation::text
     AND a.indoption::text = b.indoption::text AND a.indnkeyatts = b.indnkeyatts
     AND coalesce(pg_get_expr(a.indexprs, a.indrelid), '') = coalesce(pg_get_expr(b.indexprs, b.indrelid), '')
     AND coalesce(pg_get_expr(a.indpred, a.indrelid), '') = coalesce(pg_get_expr(b.indpred, b.indrelid), '')
     AND NOT b.needed AND (a.indisunique OR NOT b.indisunique)
     AND (a.needed, a.indisunique, b.indexrelid) > (b.needed, b.indisunique, a.indexrelid)
   ORDER BY b.name, a.name`;

const UNUSED = `
  SELECT format('%I.%I', s.schemaname, s.indexrelname) AS name, pg_relation_size(s.indexrelid)::float8 AS bytes,
         to_char((SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()), 'YYYY-MM-DD') AS since
    FROM pg_stat_user_indexes AS s JOIN pg_index AS x ON x.indexrelid = s.indexrelid
   WHERE s.idx_scan = 0 AND x.indisvalid AND NOT x.indisunique AND pg_relation_size(s.indexrelid) >= $1::bigint
     AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = s.indexrelid)
   ORDER BY 2 DESC, 1`;

const VACUUM = `
  SELECT format('%I.%I', schemaname, relname) AS name, n_dead_tup::float8 AS dead, n_live_tup::float8 AS live,
         to_char(greatest(last_vacuum, last_autovacuum), 'YYYY-MM-DD') AS last
    FROM pg_stat_user_tables
   WHERE n_dead_tup >= $1::float8 AND n_dead_tup >= $2::float8 * (n_live_tup + n_dead_tup)
     AND coalesce(greatest(last_vacuum, last_autovacuum), '-infinity') < now() - make_interval(days => $3::int)
   ORDER BY 2 DESC, 1`;

/**
 * All findings that need no statement. On a standby, the statistics are those of its own readers.
 */
export async function catalogueFindings(client: ClientBase): Promise<CatalogueFinding[]> {
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
  }>(VACUUM, [DEAD_ROWS, DEAD_PART, VACUUM_DAYS]);
  const named = new Set([...invalid.rows, ...duplicate.rows].map(({ name }) => name));
  return [
    ...invalid.rows.map(
      ({ name, bytes }): CatalogueFinding => ({
        kind: 'invalid-index',
        subject: name,
        message: `${name} is invalid: no query uses it, and every write keeps it up.`,
        fix: `DROP INDEX CONCURRENTLY ${name};`,
        sizeBytes: bytes,
      }),
    ),
    ...duplicate.rows.map(
      ({ name, kept, bytes }): CatalogueFinding => ({
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
        ({ name, bytes, since }): CatalogueFinding => ({
          kind: 'unused-index',
          subject: name,
          message: `${name} has not been used here since ${since ?? 'statistics began'}. Every server counts for itself: ask the replicas too before it goes.`,
          sizeBytes: bytes,
        }),
      ),
    ...vacuum.rows.map(
      ({ name, dead, live, last }): CatalogueFinding => ({
        kind: 'vacuum-overdue',
        subject: name,
        message: `${name} has ${dead} dead rows beside ${live} living ones, and its last vacuum was ${last ?? 'never'}. A long transaction or an idle slot may hold it up.`,
        fix: `VACUUM (VERBOSE) ${name};`,
      }),
    ),
  ];
}
