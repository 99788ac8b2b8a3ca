import type { QueryArrayConfig, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import {
  isRefusal,
  laterToken,
  type ReplicaTransactionOptions,
  UnknownOutcomeError,
  type WriteToken,
} from '../replicas';
import { isClockText, type StatementAnalysis, StatementAnalyzer } from '../statements';
import { CACHE_STRATEGIES, type CacheStrategy } from '../tiered-cache';
import { DelayedInvalidations, transitiveClosure } from './invalidation';
import { queryKey } from './key';
import {
  type CachedTransactionClient,
  checkQueryCacheOptions,
  checkScope,
  checkTables,
  noTransactions,
  type QueryCacheCounter,
  type QueryCacheOptions,
  type QueryCallOptions,
  type QueryStatement,
  type Row,
  type UncachedQuery,
} from './options';
import { type KeptResult, keptResult } from './result';

/** Carries a result that cannot be cached through the cache to its caller. */
class NotCacheableError extends Error {
  constructor(public readonly result: QueryResult) {
    super('The result cannot be cached.');
  }
}

/** How long loads use the token of a write. A replica that lags longer is not read from. */
const TOKENS_KEPT_MS = 300_000;
/** How late a timer may fire in a busy process. */
const TIMER_SLACK_MS = 250;

/**
 * Caches the results of `pg` queries, and invalidates them when their tables are written through
 * it.
 */
export class QueryCache {
  private readonly analyzer: StatementAnalyzer;
  private readonly strategy: CacheStrategy;
  private readonly realm: readonly string[];
  private readonly delayed: DelayedInvalidations;
  /** Statements whose result could not be cached. Their results are not tried again. */
  private readonly notCacheable = new WeakSet<StatementAnalysis>();
  private readonly tokens = new Map<string, { readonly token: WriteToken; readonly at: number }>();
  private readonly replicaLagMs: number;
  private readonly counted = new Map<string, number>();

  /** @throws IsochroneError for a missing database name or an invalid lag */
  constructor(private readonly options: QueryCacheOptions) {
    const { database, schemaVersion = '0', readThrough = {}, pool } = options;
    const replicaLagMs = options.replicaLagMs ?? (pool.read && pool.write ? 1_000 : 0);
    checkQueryCacheOptions(options, replicaLagMs);
    this.strategy = options.strategy ?? { ...CACHE_STRATEGIES.query, ttlSeconds: 60 };
    this.analyzer = new StatementAnalyzer({ stableFunctions: new Set(Object.keys(readThrough)) });
    // pg converts times without a zone in the time zone of the process.
    this.realm = ['1', database, schemaVersion, Intl.DateTimeFormat().resolvedOptions().timeZone];
    this.replicaLagMs = replicaLagMs;
    this.delayed = new DelayedInvalidations(replicaLagMs, (tags) =>
      options.cache.invalidateTags(...tags),
    );
  }

  /** Queries like a `pg` pool: with a text and values, or with a config of `pg`. */
  public async query<R extends QueryResultRow = Row>(
    statement: QueryStatement,
    values?: readonly unknown[],
    options: QueryCallOptions = {},
  ): Promise<QueryResult<R>> {
    const { tables: reads, changes } = options;
    if (reads !== undefined) checkTables('tables', reads);
    if (changes !== undefined) checkTables('changes', changes);
    const config = typeof statement === 'string' ? { text: statement } : statement;
    const parameters = values ?? (config.values as readonly unknown[] | undefined) ?? [];
    const analysis = this.analyzer.analyze(config.text);
    const changed =
      options.changes ??
      (options.tables && analysis.uncached !== 'write'
        ? []
        : analysis.writes.map(({ name }) => name));
    if (changed.length > 0) return this.change(statement, values, changed);

    checkScope(options, this.options.scope === 'required');
    const reason = this.reasonAgainst(analysis, config, parameters, options);
    const tables = options.tables ?? [
      ...analysis.reads.map(({ name }) => name),
      ...analysis.functions,
    ];
    const tags = this.tagsOf(transitiveClosure(tables, this.options.readThrough));
    const written = this.lastWrite(tags);
    const key =
      reason === undefined &&
      this.keyOf(analysis, config, parameters, [
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
        () => this.load(statement, values, analysis, written?.token),
        {
          strategy: this.strategy,
          ttlSeconds: options.ttlSeconds,
          tags,
          cacheError: () => false,
        },
      );
      return kept as unknown as QueryResult<R>;
    } catch (error) {
      if (!(error instanceof NotCacheableError)) throw error;
      this.count('cache_query_bypasses_total', { reason: 'result' });
      return error.result;
    }
  }

  /**
   * Invalidates the results that read these tables. Call it after a write that the cache did not
   * see, such as one in a transaction of your own. `reached` is false if other processes may not
   * know of it yet.
   */
  public async invalidate(...tables: readonly string[]): Promise<{ readonly reached: boolean }> {
    checkTables('tables', tables);
    return this.invalidateTags(this.tagsOf(transitiveClosure(tables, this.options.writeThrough)));
  }

  /**
   * Runs a transaction of a `ReplicaPool`. Its queries are not cached. After COMMIT, results of the
   * changed tables are invalidated.
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
    const tags = () => this.tagsOf(transitiveClosure([...changed], writeThrough));
    try {
      const done = await pool.transaction(
        (client) =>
          work({
            query: (statement, values, { changes } = {}) => {
              if (changes !== undefined) checkTables('changes', changes);
              const text = typeof statement === 'string' ? statement : statement.text;
              for (const table of changes ??
                this.analyzer.analyze(text).writes.map(({ name }) => name))
                changed.add(table);
              return client.query(statement, values);
            },
          }),
        options,
      );
      if (done.token !== undefined) this.remember(tags(), done.token);
      if (changed.size > 0) await this.invalidateTags(tags());
      return done;
    } catch (error) {
      if (error instanceof UnknownOutcomeError && changed.size > 0)
        await this.invalidateTags(tags());
      throw error;
    }
  }

  /** The counts of this process, such as `cache_query_bypasses_total{reason="volatile"}`. */
  public counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counted);
  }

  /**
   * Runs the delayed invalidations at once. It does not close the pool and the cache; close them
   * afterwards.
   */
  public async close(): Promise<void> {
    await this.delayed.close();
  }

  private reasonAgainst(
    analysis: StatementAnalysis,
    config: Partial<QueryConfig> & { readonly submit?: unknown },
    parameters: readonly unknown[],
    { cache, tables }: QueryCallOptions,
  ): UncachedQuery | undefined {
    if (cache === false || config.types !== undefined || config.submit !== undefined)
      return 'asked';
    if (analysis.uncached !== undefined && !(analysis.uncached === 'unknown-function' && tables))
      return analysis.uncached;
    // pg refuses what is not a list.
    if (!Array.isArray(parameters)) return 'parameter';
    if (parameters.some((value) => typeof value === 'string' && isClockText(value)))
      return 'parameter';
    return this.notCacheable.has(analysis) ? 'result' : undefined;
  }

  private keyOf(
    { normalForm }: StatementAnalysis,
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
    analysis: StatementAnalysis,
    after: WriteToken | undefined,
  ): Promise<KeptResult> {
    const { pool } = this.options;
    const result =
      after !== undefined && pool.read
        ? await pool.read(statement, values, { after })
        : await pool.query(statement, values as unknown[] | undefined);
    const kept = keptResult(result);
    if (kept) return kept;
    this.notCacheable.add(analysis);
    throw new NotCacheableError(result);
  }

  /** A write outside a transaction, which is committed when its result is there. */
  private async change(
    statement: QueryStatement,
    values: readonly unknown[] | undefined,
    tables: readonly string[],
  ): Promise<QueryResult> {
    const { pool, writeThrough } = this.options;
    const tags = this.tagsOf(transitiveClosure(tables, writeThrough));
    this.count('cache_query_writes_total');
    try {
      if (!pool.write) {
        const result = await pool.query(statement, values as unknown[] | undefined);
        await this.invalidateTags(tags);
        return result;
      }
      const result = await pool.write(statement, values);
      this.remember(tags, result.token);
      await this.invalidateTags(tags);
      return result;
    } catch (error) {
      // Unless the server refused it, the write may have been committed.
      if (!isRefusal(error)) await this.invalidateTags(tags);
      throw error;
    }
  }

  private invalidateTags(tags: readonly string[]): Promise<{ readonly reached: boolean }> {
    this.delayed.schedule(tags);
    return this.options.cache.invalidateTags(...tags);
  }

  /**
   * The tags of tables, by their names without a schema: only the session knows whether `ticks` is
   * `market.ticks`. Tables with one name in two schemas are invalidated together.
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
   * The last write of this process to these tables. The write is recent while another process may
   * have cached rows that a replica read before replaying it. Until then, this process reads under
   * keys of its own, which contain the token.
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
