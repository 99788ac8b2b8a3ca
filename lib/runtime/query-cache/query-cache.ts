import type { QueryArrayConfig, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import {
  isRefusal,
  laterToken,
  type ReplicaTransactionOptions,
  UnknownOutcomeError,
  type WriteToken,
} from '../replicas';
import { analysisOf, isClockText, type StatementAnalysis } from '../statements';
import { CACHE_STRATEGIES, type CacheStrategy } from '../tiered-cache';
import { FunctionCatalog } from './functions';
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

/** What a statement or a transaction changes. */
class Changes {
  public readonly tables = new Set<string>();
  /** Whether it changes tables that are not known. */
  public unknown = false;
  private readonly functions = new Set<string>();

  public add(tables: readonly string[]): void {
    for (const table of tables) this.tables.add(table);
  }

  public addUnknown(unknown: boolean, functions: readonly string[]): void {
    this.unknown ||= unknown;
    for (const name of functions) this.functions.add(name);
  }

  /** Whether anything is changed. Asks the catalog about functions. */
  public async any(catalog: FunctionCatalog): Promise<boolean> {
    if (!this.unknown && this.functions.size > 0)
      this.unknown = await catalog.mayWrite([...this.functions]);
    return this.unknown || this.tables.size > 0;
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
  private readonly catalog: FunctionCatalog;
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
    const { database, schemaVersion = '0', pool } = options;
    const replicaLagMs = options.replicaLagMs ?? (pool.read && pool.write ? 1_000 : 0);
    checkQueryCacheOptions(options, replicaLagMs);
    this.strategy = options.strategy ?? { ...CACHE_STRATEGIES.query, ttlSeconds: 60 };
    this.catalog = new FunctionCatalog(pool);
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
    const analysis = await analysisOf(config.text);
    const changed = new Changes();
    this.addChanges(changed, analysis, options);
    if (await changed.any(this.catalog))
      return this.change(statement, values, this.tagsOfChanges(changed), analysis);

    checkScope(options, this.options.scope === 'required');
    const reason = this.reasonAgainst(analysis, config, parameters, options);
    const tables = options.tables ?? [
      ...analysis.reads.map(({ name }) => name),
      ...analysis.functions,
    ];
    const tags = [
      this.everyTable,
      ...this.tagsOf(transitiveClosure(tables, this.options.readThrough)),
    ];
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
    const { pool } = this.options;
    if (!pool.transaction) throw noTransactions();
    const changed = new Changes();
    const analyses: Promise<void>[] = [];
    const invalidate = async (token?: WriteToken): Promise<void> => {
      await Promise.all(analyses);
      if (!(await changed.any(this.catalog))) return;
      const tags = this.tagsOfChanges(changed);
      if (token !== undefined) this.remember(tags, token);
      await this.invalidateTags(tags);
    };
    try {
      const done = await pool.transaction(
        (client) =>
          work({
            query: (statement, values, { changes } = {}) => {
              if (changes !== undefined) checkTables('changes', changes);
              // The statement does not wait for its analysis: it keeps its place among others.
              analyses.push(this.addChangesOf(statement, changed, changes));
              return client.query(statement, values);
            },
          }),
        options,
      );
      await invalidate(done.token);
      return done;
    } catch (error) {
      if (error instanceof UnknownOutcomeError) await invalidate();
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
    const obstacle = analysis.obstacles.find(
      (reason) =>
        reason !== 'unknown-function' || !(tables || this.unknownFunctions(analysis).length === 0),
    );
    if (obstacle !== undefined) return obstacle;
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
    tags: readonly string[],
    { mayCommitInPart }: StatementAnalysis,
  ): Promise<QueryResult> {
    const { pool } = this.options;
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
      // Unless the server refused all of it, the write may have been committed.
      if (!isRefusal(error) || mayCommitInPart) await this.invalidateTags(tags);
      throw error;
    }
  }

  private async addChangesOf(
    statement: string | QueryConfig,
    changed: Changes,
    changes: readonly string[] | undefined,
  ): Promise<void> {
    const text = typeof statement === 'string' ? statement : statement.text;
    try {
      this.addChanges(changed, await analysisOf(text), { changes });
    } catch {
      changed.addUnknown(true, []);
    }
  }

  /** Adds what a statement changes to the changes of its transaction. */
  private addChanges(
    changed: Changes,
    analysis: StatementAnalysis,
    { changes, tables }: Pick<QueryCallOptions, 'changes' | 'tables'>,
  ): void {
    if (changes) changed.add(changes);
    else if (!tables || analysis.obstacles[0] === 'write') {
      changed.add(analysis.writes.map(({ name }) => name));
      changed.addUnknown(analysis.writesUnknown, this.unknownFunctions(analysis));
    }
  }

  private tagsOfChanges({ tables, unknown }: Changes): string[] {
    const named = this.tagsOf(transitiveClosure([...tables], this.options.writeThrough));
    return unknown ? [this.everyTable, ...named] : named;
  }

  private unknownFunctions({ functions }: StatementAnalysis): readonly string[] {
    const { readThrough = {} } = this.options;
    return functions.filter((name) => !Object.hasOwn(readThrough, name));
  }

  private invalidateTags(tags: readonly string[]): Promise<{ readonly reached: boolean }> {
    this.delayed.schedule(tags);
    return this.options.cache.invalidateTags(...tags);
  }

  /** The tag of every result, which a write of unknown tables invalidates. */
  private get everyTable(): string {
    return `tables:${this.options.database}`;
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
      this.tokens.set(tag, { token: later, at: performance.now() });
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
      const age = performance.now() - known.at;
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
