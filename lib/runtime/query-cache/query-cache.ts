import type { QueryArrayConfig, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import {
  isRefusal,
  laterToken,
  type ReplicaTransactionOptions,
  UnknownOutcomeError,
  type WriteToken,
} from '../replicas';
import { isClockText, type QueryReading, QueryReadings } from '../statements';
import { CACHE_STRATEGIES, type CacheStrategy } from '../tiered-cache';
import { closure, LateInvalidations } from './invalidation';
import { queryKey } from './key';
import {
  type CachedTransactionClient,
  checkQueryCacheOptions,
  noTransactions,
  type QueryCacheCounter,
  type QueryCacheOptions,
  type QueryCallOptions,
  type QueryStatement,
  type Row,
  type UncachedQuery,
} from './options';
import { type KeptResult, keptResult } from './result';

/** A result that cannot be kept, on its way past the cache. */
class NotKept extends Error {
  constructor(public readonly result: QueryResult) {
    super('The result cannot be kept.');
  }
}

/**
 * How long loads show the token of a write: no replica is that far behind and still asked. And
 * timers come late on a busy process.
 */
const [TOKENS_KEPT_MS, TIMER_SLACK_MS] = [300_000, 250];

/**
 * Answers queries of `pg` from a cache, and drops the answers when the tables behind them are
 * written through it.
 */
export class QueryCache {
  private readonly readings: QueryReadings;
  private readonly strategy: CacheStrategy;
  private readonly realm: readonly string[];
  private readonly late: LateInvalidations;
  /** Statements whose result could not be kept: not tried again. */
  private readonly notKept = new WeakSet<QueryReading>();
  private readonly tokens = new Map<string, { readonly token: WriteToken; readonly at: number }>();
  private readonly replicaLagMs: number;
  private readonly counted = new Map<string, number>();

  /** @throws IsochroneError without a name for the database, or with a lag that is none */
  constructor(private readonly options: QueryCacheOptions) {
    const { database, schemaVersion = '0', readThrough = {}, pool } = options;
    const replicaLagMs = options.replicaLagMs ?? (pool.read && pool.write ? 1_000 : 0);
    checkQueryCacheOptions(options, replicaLagMs);
    this.strategy = options.strategy ?? { ...CACHE_STRATEGIES.query, ttlSeconds: 60 };
    this.readings = new QueryReadings({ stableFunctions: new Set(Object.keys(readThrough)) });
    // pg reads and writes times without a zone in that of the process.
    this.realm = ['1', database, schemaVersion, Intl.DateTimeFormat().resolvedOptions().timeZone];
    this.replicaLagMs = replicaLagMs;
    this.late = new LateInvalidations(replicaLagMs, (tags) =>
      options.cache.invalidateTags(...tags),
    );
  }

  /** As `query` of a pool of `pg`: with a text and values, or with a config of `pg`. */
  public async query<R extends QueryResultRow = Row>(
    statement: QueryStatement,
    values?: readonly unknown[],
    options: QueryCallOptions = {},
  ): Promise<QueryResult<R>> {
    const config = typeof statement === 'string' ? { text: statement } : statement;
    const parameters = values ?? (config.values as readonly unknown[] | undefined) ?? [];
    const reading = this.readings.of(config.text);
    const changed =
      options.changes ??
      (options.tables && reading.uncached !== 'write'
        ? []
        : reading.writes.map(({ name }) => name));
    if (changed.length > 0) return this.change(statement, values, changed);

    const reason = this.reasonAgainst(reading, config, parameters, options);
    const tables = options.tables ?? [
      ...reading.reads.map(({ name }) => name),
      ...reading.functions,
    ];
    const tags = this.tagsOf(closure(tables, this.options.readThrough));
    const written = this.lastWrite(tags);
    const key =
      reason === undefined &&
      this.keyOf(reading, config, parameters, [
        options.scope,
        written?.isRecent ? written.token : undefined,
      ]);
    if (!key) {
      this.count('cache_query_bypasses_total', { reason: reason ?? 'parameter' });
      return this.options.pool.query(statement, values as unknown[]);
    }
    this.count('cache_query_lookups_total');
    try {
      const kept = await this.options.cache.getOrLoad<KeptResult>(
        key,
        () => this.load(statement, values, reading, written?.token),
        {
          strategy: this.strategy,
          ttlSeconds: options.ttlSeconds,
          tags,
          cacheError: () => false,
        },
      );
      return kept as unknown as QueryResult<R>;
    } catch (error) {
      if (!(error instanceof NotKept)) throw error;
      this.count('cache_query_bypasses_total', { reason: 'result' });
      return error.result;
    }
  }

  /**
   * Drops what was kept of these tables: after a write that was not seen, or a transaction of your
   * own.
   */
  public async invalidate(...tables: readonly string[]): Promise<{ readonly reached: boolean }> {
    return this.drop(this.tagsOf(closure(tables, this.options.writeThrough)));
  }

  /**
   * A transaction of a `ReplicaPool`. Nothing in it is cached; after COMMIT, what its statements
   * changed is dropped.
   *
   * @throws IsochroneError if the pool has no `transaction`
   */
  public async transaction<T>(
    work: (client: CachedTransactionClient) => Promise<T>,
    options: ReplicaTransactionOptions = {},
  ): Promise<{ readonly value: T; readonly token?: WriteToken }> {
    const { pool, writeThrough } = this.options;
    if (!pool.transaction) throw noTransactions();
    const changed = new Set<string>();
    const tags = () => this.tagsOf(closure([...changed], writeThrough));
    try {
      const done = await pool.transaction(
        (client) =>
          work({
            query: (statement, values, { changes } = {}) => {
              const text = typeof statement === 'string' ? statement : statement.text;
              for (const table of changes ?? this.readings.of(text).writes.map(({ name }) => name))
                changed.add(table);
              return client.query(statement, values);
            },
          }),
        options,
      );
      if (done.token !== undefined) this.remember(tags(), done.token);
      if (changed.size > 0) await this.drop(tags());
      return done;
    } catch (error) {
      if (error instanceof UnknownOutcomeError && changed.size > 0) await this.drop(tags());
      throw error;
    }
  }

  /** What was done how often, such as `cache_query_bypasses_total{reason="volatile"}`. */
  public counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counted);
  }

  /**
   * Invalidates at once what was to be invalidated later. The pool and the cache are the caller's
   * to close, after this.
   */
  public async close(): Promise<void> {
    await this.late.close();
  }

  private reasonAgainst(
    reading: QueryReading,
    config: Partial<QueryConfig> & { readonly submit?: unknown },
    parameters: readonly unknown[],
    { cache, tables }: QueryCallOptions,
  ): UncachedQuery | undefined {
    if (cache === false || config.types !== undefined || config.submit !== undefined)
      return 'asked';
    if (reading.uncached !== undefined && !(reading.uncached === 'unknown-function' && tables))
      return reading.uncached;
    if (parameters.some((value) => typeof value === 'string' && isClockText(value)))
      return 'parameter';
    return this.notKept.has(reading) ? 'result' : undefined;
  }

  private keyOf(
    { normalForm }: QueryReading,
    config: QueryStatement | { text: string },
    values: readonly unknown[],
    scopes: readonly (string | undefined)[],
  ): string | undefined {
    const { rowMode } = config as Partial<QueryArrayConfig>;
    return queryKey({ realm: this.realm, scopes, statement: normalForm, values, rowMode });
  }

  private async load(
    statement: QueryStatement,
    values: readonly unknown[] | undefined,
    reading: QueryReading,
    after: WriteToken | undefined,
  ): Promise<KeptResult> {
    const { pool } = this.options;
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
  private async change(
    statement: QueryStatement,
    values: readonly unknown[] | undefined,
    tables: readonly string[],
  ): Promise<QueryResult> {
    const { pool, writeThrough } = this.options;
    const tags = this.tagsOf(closure(tables, writeThrough));
    this.count('cache_query_writes_total');
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

  /**
   * By the name alone: whether `ticks` is `market.ticks` is the session's to say. Tables of one
   * name in two schemas share their fate.
   */
  private tagsOf(tables: readonly string[]): string[] {
    const names = tables.map((table) => table.slice(table.lastIndexOf('.') + 1));
    return [...new Set(names)].map((name) => `table:${this.options.database}:${name}`);
  }

  private remember(tags: readonly string[], token: WriteToken): void {
    for (const tag of tags) {
      const later = laterToken(this.tokens.get(tag)?.token, token);
      this.tokens.set(tag, { token: later, at: Date.now() });
    }
  }

  /**
   * What this process has written last to these tables. While another process may still have kept
   * what a replica answered before the write came to it, this one reads under keys of its own, made
   * with the token.
   */
  private lastWrite(
    tags: readonly string[],
  ): { readonly token: WriteToken; readonly isRecent: boolean } | undefined {
    let last: ReturnType<QueryCache['lastWrite']>;
    for (const tag of tags) {
      const known = this.tokens.get(tag);
      if (known === undefined) continue;
      const age = Date.now() - known.at;
      if (age > TOKENS_KEPT_MS) this.tokens.delete(tag);
      else {
        const isRecent = age <= 2 * this.replicaLagMs + TIMER_SLACK_MS || last?.isRecent === true;
        last = { token: laterToken(last?.token, known.token), isRecent };
      }
    }
    return last;
  }

  private count(name: QueryCacheCounter, labels?: Readonly<Record<string, string>>): void {
    const label = labels ? `${name}{reason="${labels.reason}"}` : name;
    this.counted.set(label, (this.counted.get(label) ?? 0) + 1);
    this.options.metrics?.count(name, labels);
  }
}
