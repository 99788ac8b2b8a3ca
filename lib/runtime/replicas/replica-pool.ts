import type { PoolClient, QueryResult, QueryResultRow } from 'pg';
import { analysisOf } from '../statements';
import type { EndpointStatus } from './endpoint';
import { PoolClosedError, queryFailure, UnknownOutcomeError } from './errors';
import { execute, executeAfter, executeWithToken, type Statement } from './execute';
import { type ReplicaPoolOptions, type ReplicaPoolSettings, replicaPoolSettings } from './options';
import { type ReplicaReader, ReplicaReaders } from './readers';
import { type WriteToken, writePosition } from './token';
import {
  type ReplicaTransactionOptions,
  runTransaction,
  type TransactionClient,
} from './transaction';
import { ReplicaWriter } from './writer';

// biome-ignore lint/suspicious/noExplicitAny: the statement determines the rows, as in pg.
type Row = any;

/** Options of `ReplicaPool.read`. */
export interface ReplicaReadOptions {
  /**
   * The token of a write that the read must see.
   *
   * @default - the read may miss recent writes
   */
  readonly after?: WriteToken;
  /**
   * How long to wait for a replica that is behind the token, in milliseconds.
   *
   * @default - the pool's `maxWaitMs`
   */
  readonly maxWaitMs?: number;
  /**
   * The server that answers if no replica reaches the token in time.
   *
   * @default - the pool's `staleReads`
   */
  readonly staleReads?: 'writer' | 'reader';
}

/** Options of `ReplicaPool.write`. */
export interface ReplicaWriteOptions {
  /**
   * Whether the write is idempotent. If so, it is retried when its outcome is unknown.
   *
   * @default false
   */
  readonly idempotent?: boolean;
}

/** The result of a write, with the token that later reads can pass as `after`. */
export type WriteResult<R extends QueryResultRow = Row> = QueryResult<R> & {
  readonly token: WriteToken;
};

/** How often a statement is retried. */
const RETRIES = 2;

/**
 * Connections to a writer and its replicas. Reads go to the nearest healthy replica, and writes to
 * the writer. A read with the token of a write sees that write.
 */
export class ReplicaPool {
  private readonly settings: ReplicaPoolSettings;
  private readonly writer: ReplicaWriter;
  private readonly readers: ReplicaReaders;
  private closed: Promise<void> | undefined;

  /** @throws IsochroneError for invalid options */
  constructor(options: ReplicaPoolOptions) {
    this.settings = replicaPoolSettings(options);
    this.writer = new ReplicaWriter(this.settings);
    this.readers = new ReplicaReaders(this.settings);
  }

  /**
   * Executes a statement, like `query` of a `pg` pool. A plain query that is known to change
   * nothing runs like `read`, without a token; everything else runs on the writer. `route`
   * overrides this.
   *
   * @throws UnknownOutcomeError if the writer's connection ended during the statement
   */
  public async query<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    { route }: { readonly route?: 'reader' | 'writer' } = {},
  ): Promise<QueryResult<R>> {
    const text = typeof statement === 'string' ? statement : statement.text;
    const reader = route === undefined ? (await analysisOf(text)).onlyReads : route === 'reader';
    if (!reader) return this.onWriter((client) => execute<R>(client, statement, values), false);
    try {
      return await this.read<R>(statement, values);
    } catch (error) {
      if (route !== undefined || queryFailure(error) !== 'read-only') throw error;
      // The query writes after all, through a view or an operator. The replica has refused it, so
      // nothing was changed.
      return this.onWriter((client) => execute<R>(client, statement, values), false);
    }
  }

  /**
   * Reads from a replica, from another replica if the first one fails, and from the writer if all
   * fail (`writerAnswersReads`).
   *
   * @throws AcquireTimeoutError if the replica is healthy but has no free connection
   */
  public async read<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    options: ReplicaReadOptions = {},
  ): Promise<QueryResult<R>> {
    if (this.closed) throw new PoolClosedError();
    const position = options.after === undefined ? undefined : writePosition(options.after);
    const waitUntil = Date.now() + (options.maxWaitMs ?? this.settings.maxWaitMs);
    const staleReads = options.staleReads ?? this.settings.staleReads;
    let because: 'no-reader' | 'failed' | 'behind' = 'no-reader';
    let failed: { readonly error: unknown } | undefined;

    const tried = new Set<ReplicaReader>();
    for (let reader = this.readers.choose(tried); reader; reader = this.readers.choose(tried)) {
      tried.add(reader);
      const { endpoint } = reader;
      try {
        const deadline = Date.now() + this.settings.acquireTimeoutMs;
        const result = await endpoint.use(deadline, (client) =>
          position === undefined
            ? execute<R>(client, statement, values)
            : executeAfter<R>(client, statement, values, position, waitUntil, staleReads),
        );
        if (result) return result;
        because = 'behind';
        break;
      } catch (error) {
        this.onReadError(reader, error);
        failed = { error };
        because = 'failed';
      }
    }
    if (because !== 'behind' && !this.settings.writerAnswersReads && failed) throw failed.error;
    if (this.readers.all.length > 0) this.settings.onEvent({ kind: 'read-by-writer', because });
    return this.onWriter((client) => execute<R>(client, statement, values), true);
  }

  /**
   * Writes, and returns the token of the position in the log behind the write. Both take one round
   * trip if the driver pipelines (pg 8.23 does).
   *
   * @throws UnknownOutcomeError if the write may or may not have been committed, unless it is
   * `idempotent`
   */
  public async write<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    { idempotent = false }: ReplicaWriteOptions = {},
  ): Promise<WriteResult<R>> {
    return this.onWriter((client) => executeWithToken<R>(client, statement, values), idempotent);
  }

  /**
   * Runs the work in one transaction on one connection, and commits. The work may run several times
   * (`retries`), so its effects outside the transaction must be idempotent.
   *
   * @throws UnknownOutcomeError if the connection ended during COMMIT
   */
  public async transaction<T>(
    work: (client: TransactionClient) => Promise<T>,
    options: ReplicaTransactionOptions = {},
  ): Promise<{ readonly value: T; readonly token?: WriteToken }> {
    if (this.closed) throw new PoolClosedError();
    return runTransaction(
      { writer: this.writer, readers: this.readers, settings: this.settings },
      work,
      options,
    );
  }

  /** The connections of each server, and the health of the readers. */
  public status(): {
    readonly writers: EndpointStatus[];
    readonly readers: (EndpointStatus & { readonly healthy: boolean })[];
  } {
    return {
      writers: this.writer.endpoints.map((endpoint) => endpoint.status()),
      readers: this.readers.all.map(({ endpoint, healthy }) => ({ ...endpoint.status(), healthy })),
    };
  }

  /**
   * Refuses new statements, waits for those under way, and ends all connections. Statements that
   * take longer than `drainMs` milliseconds fail.
   */
  public close({ drainMs = 10_000 }: { readonly drainMs?: number } = {}): Promise<void> {
    this.closed ??= Promise.all([this.writer.close(drainMs), this.readers.close(drainMs)]).then(
      () => {},
    );
    return this.closed;
  }

  /** Handles an error of a reader. Throws it if another server would raise it too. */
  private onReadError(reader: ReplicaReader, error: unknown): void {
    const failure = queryFailure(error);
    if (failure === 'refusal' || failure === 'read-only') throw error;
    if (failure === 'connection') reader.suspect();
    this.settings.onEvent({ kind: 'retried', server: reader.name, error });
  }

  /**
   * Runs on the writer. It retries only if the first attempt cannot have changed anything, or if
   * the statement is idempotent.
   */
  private async onWriter<T>(
    send: (client: PoolClient) => Promise<T>,
    idempotent: boolean,
  ): Promise<T> {
    if (this.closed) throw new PoolClosedError();
    for (let left = RETRIES; ; left -= 1) {
      const lease = await this.writer.acquire();
      try {
        return await this.writer.use(lease, send);
      } catch (error) {
        const failure = queryFailure(error);
        if (failure === 'connection' && !idempotent)
          throw new UnknownOutcomeError('The write', error);
        if (left === 0 || (failure !== 'connection' && failure !== 'read-only')) throw error;
        this.settings.onEvent({ kind: 'retried', server: lease.endpoint.name, error });
      }
    }
  }
}
