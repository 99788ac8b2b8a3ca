import type { QueryArrayConfig, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { describeValue, IsochroneError } from '../errors';
import { CACHE_STRATEGIES, type CacheStrategy } from './cache-strategy';
import { LateInvalidations } from './query-invalidation';
import { queryKey } from './query-key';
import { QueryReadings } from './query-readings';
import { type KeptResult, keptResult } from './query-result';
import { isClockText, type QueryReading, type UncachedStatement } from './query-statement';
import { isRefusal } from './replica-errors';
import { laterToken, type WriteToken } from './replica-token';

// biome-ignore lint/suspicious/noExplicitAny: rows are what the statement says, as in pg.
type Row = any;
type Statement = string | QueryConfig | QueryArrayConfig;

/** As much of a pool as is needed: one of `pg`, or a `ReplicaPool`, whose further methods are used where it has them. */
export interface QueryPool {
  query(statement: string | QueryConfig, values?: unknown[]): Promise<QueryResult>;
  read?(statement: string | QueryConfig, values?: readonly unknown[], options?: { after?: WriteToken }): Promise<QueryResult>;
  write?(statement: string | QueryConfig, values?: readonly unknown[]): Promise<QueryResult & { readonly token: WriteToken }>;
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
  /** A parameter that has no form to compare, or that PostgreSQL may read by the clock (`'today'`). */
  | 'parameter'
  /** The result holds what would come back as something else, such as an interval. */
  | 'result'
  /** By the call: `cache: false`, parsers of its own, a cursor. */
  | 'asked';

export interface QueryCacheOptions {
  readonly pool: QueryPool;
  readonly cache: QueryCacheStore;
  /** A name for the database and the user that no other has in this cache, such as `market-eu/reader`. */
  readonly database: string;
  /**
   * Changes whenever tables, types or the parsers of `pg` change: results that were kept before are then never served.
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
   * What views and functions read: `{ latest_prices: ['ticks'], 'market.vwap': ['ticks'] }`. A function named here, as statements call it,
   * counts as one that changes nothing and answers by its arguments and those tables alone.
   *
   * @default - views depend on nothing but their own name; functions that are not PostgreSQL's are not cached
   */
  readonly readThrough?: Readonly<Record<string, readonly string[]>>;
  /**
   * What else changes when a table is written: by triggers, cascading foreign keys, partitions, materialised views.
   *
   * @default - nothing
   */
  readonly writeThrough?: Readonly<Record<string, readonly string[]>>;
  /**
   * Milliseconds after a write when its tables are invalidated once more, because a replica may have answered another process with the
   * old rows. Above the usual lag; 0 for not at all.
   *
   * @default - 1,000 if the pool has replicas (`read` and `write`), else 0
   */
  readonly replicaLagMs?: number;
  /**
   * Counts what is done: `query_cache_lookup`, `query_cache_bypass` by reason, `query_cache_write`. A `CacheMetrics` can.
   *
   * @default - only `counts()`
   */
  readonly metrics?: { count(name: string, labels?: Readonly<Record<string, string>>): void };
}

export interface QueryCallOptions {
  /** The tables that a query reads: instead of those found in it. Whoever names them also says that the query changes nothing. */
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

/** A result that cannot be kept, on its way past the cache. */
class NotKept extends Error {
  constructor(public readonly result: QueryResult) {
    super('The result cannot be kept.');
  }
}

const TOKENS_KEPT_MS = 300_000;

/** Answers queries of `pg` from a cache, and drops the answers when the tables behind them are written through it. */
export class QueryCache {
  private readonly readings: QueryReadings;
  private readonly strategy: CacheStrategy;
  private readonly realm: readonly string[];
  private readonly late: LateInvalidations;
  /** Statements whose result could not be kept: not tried again. */
  private readonly notKept = new WeakSet<QueryReading>();
  private readonly tokens = new Map<string, { readonly token: WriteToken; readonly until: number }>();
  private readonly counted = new Map<string, number>();

  /** @throws IsochroneError without a name for the database, or with a lag that is none */
  constructor(private readonly options: QueryCacheOptions) {
    const { database, schemaVersion = '0', readThrough = {}, pool } = options;
    const replicaLagMs = options.replicaLagMs ?? (pool.read && pool.write ? 1_000 : 0);
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
    this.strategy = options.strategy ?? { ...CACHE_STRATEGIES.query, ttlSeconds: 60 };
    this.readings = new QueryReadings({ stableFunctions: new Set(Object.keys(readThrough)) });
    // pg reads and writes times without a zone in that of the process.
    this.realm = ['1', database, schemaVersion, Intl.DateTimeFormat().resolvedOptions().timeZone];
    this.late = new LateInvalidations(replicaLagMs, (tags) => options.cache.invalidateTags(...tags));
  }

  /** As `query` of a pool of `pg`: with a text and values, or with a config of `pg`. */
  public async query<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    options: QueryCallOptions = {},
  ): Promise<QueryResult<R>> {
    const config = typeof statement === 'string' ? { text: statement } : statement;
    const parameters = values ?? (config.values as readonly unknown[] | undefined) ?? [];
    const reading = this.readings.of(config.text);
    const changed = options.changes ?? (options.tables && reading.uncached !== 'write' ? [] : reading.writes.map(({ name }) => name));
    if (changed.length > 0) return this.change(statement, values, changed);

    const reason = this.reasonAgainst(reading, config, parameters, options);
    const key = reason === undefined && this.keyOf(reading, config, parameters, options.scope);
    if (!key) {
      this.count('query_cache_bypass', { reason: reason ?? 'parameter' });
      return this.options.pool.query(statement, values as unknown[]);
    }
    const tables = options.tables ?? [...reading.reads.map(({ name }) => name), ...reading.functions];
    const tags = this.tagsOf(closure(tables, this.options.readThrough));
    this.count('query_cache_lookup');
    try {
      const kept = await this.options.cache.getOrLoad<KeptResult>(key, () => this.load(statement, values, reading, tags), {
        strategy: this.strategy,
        ttlSeconds: options.ttlSeconds,
        tags,
        cacheError: () => false,
      });
      return kept as unknown as QueryResult<R>;
    } catch (error) {
      if (!(error instanceof NotKept)) throw error;
      this.count('query_cache_bypass', { reason: 'result' });
      return error.result;
    }
  }

  /** Drops what was kept of these tables: after a write that was not seen, or a transaction of your own. */
  public async invalidate(...tables: readonly string[]): Promise<{ readonly reached: boolean }> {
    return this.drop(this.tagsOf(closure(tables, this.options.writeThrough)));
  }

  /**
   * The tables that a statement changes, for transactions: collect them as the statements go, and give them to `invalidate` after COMMIT.
   */
  public changedBy(text: string): string[] {
    return this.readings.of(text).writes.map(({ name }) => name);
  }

  /** How often what was done, such as `query_cache_bypass{reason="volatile"}`. */
  public counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counted);
  }

  /** Invalidates at once what was to be invalidated later. The pool and the cache are the caller's to close, after this. */
  public async close(): Promise<void> {
    await this.late.close();
  }

  private reasonAgainst(
    reading: QueryReading,
    config: Partial<QueryConfig> & { readonly submit?: unknown },
    parameters: readonly unknown[],
    { cache, tables }: QueryCallOptions,
  ): UncachedQuery | undefined {
    if (cache === false || config.types !== undefined || config.submit !== undefined) return 'asked';
    if (reading.uncached !== undefined && !(reading.uncached === 'unknown-function' && tables)) return reading.uncached;
    if (parameters.some((value) => typeof value === 'string' && isClockText(value))) return 'parameter';
    return this.notKept.has(reading) ? 'result' : undefined;
  }

  private keyOf(
    { normalForm }: QueryReading,
    config: Statement | { text: string },
    values: readonly unknown[],
    scope?: string,
  ): string | undefined {
    const { rowMode } = config as Partial<QueryArrayConfig>;
    return queryKey({ realm: this.realm, scope, statement: normalForm, values, rowMode });
  }

  private async load(
    statement: Statement,
    values: readonly unknown[] | undefined,
    reading: QueryReading,
    tags: readonly string[],
  ): Promise<KeptResult> {
    const { pool } = this.options;
    const after = this.tokenFor(tags);
    const result =
      after !== undefined && pool.read
        ? await pool.read(statement, values, { after })
        : await pool.query(statement, values as unknown[] | undefined);
    const kept = keptResult(result);
    if (kept) return kept;
    this.notKept.add(reading);
    throw new NotKept(result);
  }

  /** A write outside of a transaction: committed when it is answered. */
  private async change(statement: Statement, values: readonly unknown[] | undefined, tables: readonly string[]): Promise<QueryResult> {
    const { pool, writeThrough } = this.options;
    const tags = this.tagsOf(closure(tables, writeThrough));
    this.count('query_cache_write');
    try {
      if (!pool.write) {
        const result = await pool.query(statement, values as unknown[] | undefined);
        await this.drop(tags);
        return result;
      }
      const result = await pool.write(statement, values);
      this.remember(tags, result.token);
      await this.drop(tags);
      return result;
    } catch (error) {
      // Unless the server has said no, it may be committed.
      if (!isRefusal(error)) await this.drop(tags);
      throw error;
    }
  }

  private drop(tags: readonly string[]): Promise<{ readonly reached: boolean }> {
    this.late.plan(tags);
    return this.options.cache.invalidateTags(...tags);
  }

  /** By the name alone: whether `ticks` is `market.ticks` is the session's to say. Tables of one name in two schemas share their fate. */
  private tagsOf(tables: readonly string[]): string[] {
    const names = tables.map((table) => table.slice(table.lastIndexOf('.') + 1));
    return [...new Set(names)].map((name) => `table:${this.options.database}:${name}`);
  }

  private remember(tags: readonly string[], token: WriteToken): void {
    for (const tag of tags) {
      const later = laterToken(this.tokens.get(tag)?.token, token);
      this.tokens.set(tag, { token: later, until: Date.now() + TOKENS_KEPT_MS });
    }
  }

  private tokenFor(tags: readonly string[]): WriteToken | undefined {
    let latest: WriteToken | undefined;
    for (const tag of tags) {
      const known = this.tokens.get(tag);
      if (known === undefined) continue;
      if (known.until < Date.now()) this.tokens.delete(tag);
      else latest = laterToken(latest, known.token);
    }
    return latest;
  }

  private count(name: string, labels?: Readonly<Record<string, string>>): void {
    const label = labels ? `${name}{reason="${labels.reason}"}` : name;
    this.counted.set(label, (this.counted.get(label) ?? 0) + 1);
    this.options.metrics?.count(name, labels);
  }
}

/** Names, and what they lead to, and what that leads to. */
function closure(names: readonly string[], leads: Readonly<Record<string, readonly string[]>> = {}): string[] {
  const all = new Set(names);
  for (const name of all) {
    const bare = name.slice(name.lastIndexOf('.') + 1);
    for (const next of [...(leads[name] ?? []), ...(leads[bare] ?? [])]) all.add(next);
  }
  return [...all];
}
