import type { QueryArrayConfig, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { describeValue, IsochroneError } from '../../model/errors';
import type { ReplicaTransactionOptions, TransactionClient, WriteToken } from '../replicas';
import type { UncachedStatement } from '../statements';
import type { CacheStrategy } from '../tiered-cache';

// biome-ignore lint/suspicious/noExplicitAny: rows are what the statement says, as in pg.
export type Row = any;
export type QueryStatement = string | QueryConfig | QueryArrayConfig;

/**
 * As much of a pool as is needed: one of `pg`, or a `ReplicaPool`, whose further methods are used
 * where it has them.
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

/** As much of a `TieredCache` as is needed. */
export interface QueryCacheStore {
  getOrLoad<T>(
    key: string,
    loader: () => Promise<T>,
    options: {
      readonly strategy: CacheStrategy;
      readonly ttlSeconds?: number;
      readonly tags: readonly string[];
      readonly cacheError: () => boolean;
    },
  ): Promise<T>;
  invalidateTags(...tags: string[]): Promise<{ readonly reached: boolean }>;
}

/** Why an answer was not kept. */
export type UncachedQuery =
  | UncachedStatement
  /**
   * A parameter that has no form to compare, or that PostgreSQL may read by the clock (`'today'`).
   */
  | 'parameter'
  /** The result holds what would come back as something else, such as an interval. */
  | 'result'
  /** By the call: `cache: false`, parsers of its own, a cursor. */
  | 'asked';

export type QueryCacheCounter =
  | 'cache_query_lookups_total'
  | 'cache_query_bypasses_total'
  | 'cache_query_writes_total';

export interface QueryCacheOptions {
  readonly pool: QueryPool;
  readonly cache: QueryCacheStore;
  /**
   * A name for the database and the user that no other has in this cache, such as
   * `market-eu/reader`.
   */
  readonly database: string;
  /**
   * Changes whenever tables, types or the parsers of `pg` change: results that were kept before are
   * then never served.
   *
   * @default '0'
   */
  readonly schemaVersion?: string;
  /**
   * How results are kept. Its prefix must be that of no other kind of value.
   *
   * @default - `CACHE_STRATEGIES.query`, for 60 seconds
   */
  readonly strategy?: CacheStrategy;
  /**
   * What views and functions read: `{ latest_prices: ['ticks'], 'market.vwap': ['ticks'] }`. A
   * function named here, as statements call it, counts as one that changes nothing and answers by
   * its arguments and those tables alone.
   *
   * @default - views depend on nothing but their own name; functions that are not PostgreSQL's are
   * not cached
   */
  readonly readThrough?: Readonly<Record<string, readonly string[]>>;
  /**
   * What else changes when a table is written: by triggers, cascading foreign keys, partitions,
   * materialised views.
   *
   * @default - nothing
   */
  readonly writeThrough?: Readonly<Record<string, readonly string[]>>;
  /**
   * How long replicas lag at most, in milliseconds. A replica may answer another process with old
   * rows after a write: so tables are invalidated once more, one to two lags after it, and until
   * then the process that wrote shares no results of these tables. 0 for pools without replicas.
   *
   * @default - 1,000 if the pool has replicas (`read` and `write`), else 0
   */
  readonly replicaLagMs?: number;
  /**
   * Counts what is done: `cache_query_lookups_total`, `cache_query_bypasses_total` by reason,
   * `cache_query_writes_total`. A `CacheMetrics` can.
   *
   * @default - only `counts()`
   */
  readonly metrics?: {
    count(name: QueryCacheCounter, labels?: Readonly<Record<string, string>>): void;
  };
}

export interface QueryCallOptions {
  /**
   * The tables that a query reads: instead of those found in it. Whoever names them also says that
   * the query changes nothing.
   */
  readonly tables?: readonly string[];
  /** The tables that a statement changes: instead of those found in it. */
  readonly changes?: readonly string[];
  /** Seconds that the result is kept, instead of the strategy's. */
  readonly ttlSeconds?: number;
  /** Whose answer it is, where row-level security or a setting shows each caller other rows. */
  readonly scope?: string;
  /** `false`: the database answers. @default true */
  readonly cache?: boolean;
}

/** @throws IsochroneError without a name for the database, or with a lag that is none */
export function checkQueryCacheOptions(
  { database, ...options }: QueryCacheOptions,
  replicaLagMs: number,
): void {
  if (typeof database !== 'string' || database === '') {
    throw new IsochroneError(
      `QueryCache: database must be a name, got ${describeValue(database)}.\n` +
        'Two databases without names would be served each other’s rows. Name the database and the user, such as `market-eu/reader`.',
    );
  }
  if (!Number.isInteger(replicaLagMs) || replicaLagMs < 0 || replicaLagMs > 600_000) {
    throw new IsochroneError(
      `QueryCache: replicaLagMs must be a whole number from 0 to 600000, got ${describeValue(options.replicaLagMs)}.\n` +
        'It is a time after a write. Take a little more than your replicas usually lag.',
    );
  }
}

/**
 * The connection of a transaction; `changes` names the tables of a statement that does not, such as
 * a call of a procedure.
 */
export interface CachedTransactionClient {
  query<R extends QueryResultRow = Row>(
    statement: string | QueryConfig,
    values?: readonly unknown[],
    options?: { readonly changes?: readonly string[] },
  ): Promise<QueryResult<R>>;
}

export function noTransactions(): IsochroneError {
  return new IsochroneError(
    'QueryCache: pool must be one with `transaction`, got one without.\n' +
      'With a pool of `pg`, a transaction is on a client that the cache does not see. Give it a `ReplicaPool` (which needs no readers), or call `invalidate` after COMMIT.',
  );
}
