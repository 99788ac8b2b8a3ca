import type { QueryArrayConfig, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { IsochroneError, invalidOption } from '../../model/errors';
import type { ReplicaTransactionOptions, TransactionClient, WriteToken } from '../replicas';
import { keyPart, wholeNumber } from '../shared';
import type { UncachedStatement } from '../statements';
import type { CacheStrategy } from '../tiered-cache';

// biome-ignore lint/suspicious/noExplicitAny: the statement determines the rows, as in pg.
export type Row = any;
/** A statement as `pg` accepts it. */
export type QueryStatement = string | QueryConfig | QueryArrayConfig;

/**
 * The methods that `QueryCache` calls on its pool: a `pg` pool, or a `ReplicaPool`, which has the
 * optional ones too.
 */
export interface QueryPool {
  query(statement: string | QueryConfig, values?: unknown[]): Promise<QueryResult>;
  read?(
    statement: string | QueryConfig,
    values?: readonly unknown[],
    options?: { after?: WriteToken },
  ): Promise<QueryResult>;
  write?(
    statement: string | QueryConfig,
    values?: readonly unknown[],
  ): Promise<QueryResult & { readonly token: WriteToken }>;
  transaction?<T>(
    work: (client: TransactionClient) => Promise<T>,
    options?: ReplicaTransactionOptions,
  ): Promise<{ readonly value: T; readonly token?: WriteToken }>;
}

/** The methods that `QueryCache` calls on its cache. `TieredCache` has them. */
export interface QueryCacheStore {
  getOrLoad<T>(
    key: string,
    loader: () => Promise<T>,
    options: {
      readonly strategy: CacheStrategy;
      /** @default - the strategy's */
      readonly ttlSeconds?: number;
      readonly tags: readonly string[];
      readonly cacheError: () => boolean;
    },
  ): Promise<T>;
  invalidateTags(...tags: string[]): Promise<{ readonly reached: boolean }>;
}

/** Why a result was not cached. */
export type UncachedQuery =
  | UncachedStatement
  /** A parameter cannot be compared, or may depend on the clock (`'today'`). */
  | 'parameter'
  /** The result contains a value that would not survive serialization, such as an interval. */
  | 'result'
  /** The call asked for it: `cache: false`, parsers of its own, or a cursor. */
  | 'asked';

/** The counters of a `QueryCache`. */
export type QueryCacheCounter =
  | 'cache_query_lookups_total'
  | 'cache_query_bypasses_total'
  | 'cache_query_writes_total';

/** Options of `QueryCache`. */
export interface QueryCacheOptions {
  readonly pool: QueryPool;
  readonly cache: QueryCacheStore;
  /**
   * A name for the database and the user, unique within the cache, such as `market-eu/reader`.
   */
  readonly database: string;
  /**
   * The version of the tables, the types and the parsers of `pg`. Change it with them: results of
   * another version are never served.
   *
   * @default '0'
   */
  readonly schemaVersion?: string;
  /**
   * How results are cached. No other kind of value may have its prefix.
   *
   * @default - `CACHE_STRATEGIES.query`, for 60 seconds
   */
  readonly strategy?: CacheStrategy;
  /**
   * The tables that views and functions read: `{ latest_prices: ['ticks'], 'market.vwap':
   * ['ticks'] }`. A function named here, as statements call it, must change nothing and depend only
   * on its arguments and those tables.
   *
   * @default - views depend on their own name only; queries with functions that are not
   * PostgreSQL's are not cached
   */
  readonly readThrough?: Readonly<Record<string, readonly string[]>>;
  /**
   * The tables that change with a written table, because of triggers, cascading foreign keys,
   * partitions or materialized views.
   *
   * @default - none
   */
  readonly writeThrough?: Readonly<Record<string, readonly string[]>>;
  /**
   * The longest lag of replicas, in milliseconds, 0 to 600,000. After a write, a replica may answer
   * another process with old rows. Therefore the written tables are invalidated once more, one to
   * two lags later; until then, the process that wrote does not share results of these tables. Use
   * 0 for pools without replicas.
   *
   * @default - 1,000 if the pool has replicas (`read` and `write`), else 0
   */
  readonly replicaLagMs?: number;
  /**
   * Whether each query must have a `scope`. With `required`, a query without one is refused, so
   * that a missing tenant shares no results. A query with `cache: false` needs none.
   *
   * @default 'optional'
   */
  readonly scope?: 'optional' | 'required';
  /**
   * Receives the counts `cache_query_lookups_total`, `cache_query_bypasses_total` by reason, and
   * `cache_query_writes_total`. A `CacheMetrics` fits.
   *
   * @default - only `counts()`
   */
  readonly metrics?: {
    count(name: QueryCacheCounter, labels?: Readonly<Record<string, string>>): void;
  };
}

/** Options of one query. */
export interface QueryCallOptions {
  /**
   * The tables that the query reads, instead of those found in it. Naming them also asserts that
   * the query changes nothing.
   *
   * @default - the tables that the statement names
   */
  readonly tables?: readonly string[];
  /**
   * The tables that the statement changes, instead of those found in it.
   *
   * @default - the tables that the statement names
   */
  readonly changes?: readonly string[];
  /** How long the result is fresh, in seconds. @default - the strategy's */
  readonly ttlSeconds?: number;
  /**
   * The caller or tenant of the result, if row-level security or a setting shows each caller
   * different rows. A string that is not empty; a query with anything else is refused.
   *
   * @default - all callers share results, unless the cache has `scope: 'required'`
   */
  readonly scope?: string;
  /** Whether the cache is used. @default true */
  readonly cache?: boolean;
}

/** @throws IsochroneError for an invalid option */
export function checkQueryCacheOptions(
  { database, schemaVersion, scope, readThrough = {}, writeThrough = {} }: QueryCacheOptions,
  replicaLagMs: number,
): void {
  if (schemaVersion !== undefined) keyPart('schemaVersion', schemaVersion, { owner: 'QueryCache' });
  if (scope !== undefined && scope !== 'optional' && scope !== 'required') {
    throw invalidOption('QueryCache', {
      property: 'scope',
      value: scope,
      mayBeSecret: true,
      allowed: "'optional' or 'required'",
      rule: 'It is a rule for every query. The scope of one query is an option of the query.',
      fix: "Set `scope: 'required'`, and a scope with each query.",
    });
  }
  for (const [property, tables] of Object.entries({ readThrough, writeThrough }))
    for (const names of Object.values(tables)) checkTables(property, names);
  if (typeof database !== 'string' || database === '') {
    throw invalidOption('QueryCache', {
      property: 'database',
      value: database,
      mayBeSecret: true,
      allowed: 'a name',
      rule: 'Two databases without names would be served each other’s rows.',
      fix: 'Name the database and the user, such as `market-eu/reader`.',
    });
  }
  keyPart('database', database, { owner: 'QueryCache' });
  wholeNumber('replicaLagMs', replicaLagMs, {
    owner: 'QueryCache',
    min: 0,
    max: 600_000,
    rule: 'It is a time after a write.',
    fix: 'Take a little more than your replicas usually lag.',
  });
}

/** @throws IsochroneError unless the tables are a list of names */
export function checkTables(property: string, tables: unknown): void {
  const rule = { owner: 'QueryCache', fix: 'Give a list of names of tables.' };
  if (!Array.isArray(tables)) keyPart(property, typeof tables === 'string' ? [] : tables, rule);
  for (const table of tables as unknown[]) keyPart(property, table, rule);
}

/**
 * @param required whether the cache has `scope: 'required'`
 * @throws IsochroneError for a scope that is not a string, or a missing one
 */
export function checkScope({ scope, cache }: QueryCallOptions, required: boolean): void {
  if (scope === undefined && (!required || cache === false)) return;
  keyPart('scope', scope, {
    owner: 'QueryCache',
    fix: 'Give the name or the id of the tenant as a string.',
  });
}

/**
 * The connection of a transaction. `changes` names the tables that a statement changes without
 * naming them, such as a call of a procedure.
 */
export interface CachedTransactionClient {
  query<R extends QueryResultRow = Row>(
    statement: string | QueryConfig,
    values?: readonly unknown[],
    options?: { readonly changes?: readonly string[] },
  ): Promise<QueryResult<R>>;
}

/** The error for a transaction on a pool that has none. */
export function noTransactions(): IsochroneError {
  return new IsochroneError(
    'QueryCache: pool must be one with `transaction`, got one without.\n' +
      'With a `pg` pool, a transaction runs on a client that the cache does not see. ' +
      'Give it a `ReplicaPool` (which needs no readers), or call `invalidate` after COMMIT.',
  );
}
