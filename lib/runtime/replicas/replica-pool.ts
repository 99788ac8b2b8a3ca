import { inspect } from 'node:util';
import type { QueryResult, QueryResultRow } from 'pg';
import { analysisOf, type StatementAnalysis } from '../statements';
import type { EndpointStatus } from './endpoint';
import { PoolClosedError, queryFailure, UnknownOutcomeError } from './errors';
import { executeAfter, executeWithToken } from './execute';
import { type ReplicaPoolOptions, type ReplicaPoolSettings, replicaPoolSettings } from './options';
import { ReplicaReaders } from './readers';
import { ReplicaReads } from './reads';
import { type Session, type Statement, textOf } from './session';
import { refuseSessionState } from './session-state';
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
  /**
   * Whether the read may be sent to a second server when the first one takes too long.
   *
   * @default - if its text shows that it only reads; a function of your own might do more
   */
  readonly hedge?: boolean;
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
  private readonly reads: ReplicaReads;
  private closed: Promise<void> | undefined;

  /** @throws IsochroneError for invalid options */
  constructor(options: ReplicaPoolOptions) {
    this.settings = replicaPoolSettings(options);
    this.writer = new ReplicaWriter(this.settings);
    this.readers = new ReplicaReaders(this.settings);
    this.reads = new ReplicaReads(this.readers, this.settings);
  }

  /**
   * Executes a statement, like `query` of a `pg` pool. A plain query that is known to change
   * nothing runs like `read`, without a token; everything else runs on the writer. `route`
   * overrides this.
   *
   * @throws IsochroneError for a statement that leaves state in its session, such as SET
   * @throws QueryTimeoutError after `query_timeout`
   * @throws UnknownOutcomeError if a statement that may write was sent and not answered
   */
  public async query<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    { route }: { readonly route?: 'reader' | 'writer' } = {},
  ): Promise<QueryResult<R>> {
    const analysis = await analysisOf(textOf(statement));
    const { onlyReads } = analysis;
    if (route === undefined ? !onlyReads : route === 'writer') {
      refuseSessionState(analysis);
      return this.onWriter((session) => session.query<R>(statement, values), onlyReads);
    }
    try {
      return await this.readAs<R>(analysis, statement, values, {});
    } catch (error) {
      if (route !== undefined || queryFailure(error) !== 'read-only') throw error;
      // The query writes after all, through a view or an operator. The replica has refused it, so
      // nothing was changed.
      return this.onWriter((session) => session.query<R>(statement, values), false);
    }
  }

  /**
   * Reads from a replica; from another one if the first one fails or takes much longer than usual;
   * and from the writer if there is no other one (`writerAnswersReads`).
   *
   * @throws IsochroneError for a statement that leaves state in its session, such as SET
   * @throws QueryTimeoutError after `query_timeout`
   * @throws AcquireTimeoutError if the replica is healthy but has no free connection
   */
  public async read<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    options: ReplicaReadOptions = {},
  ): Promise<QueryResult<R>> {
    if (this.closed) throw new PoolClosedError();
    return this.readAs<R>(await analysisOf(textOf(statement)), statement, values, options);
  }

  /**
   * Writes, and returns the token of the position in the log behind the write. Both take one round
   * trip if the driver pipelines (pg 8.23 does).
   *
   * @throws IsochroneError for a statement that leaves state in its session, such as SET
   * @throws UnknownOutcomeError if the write may or may not have been committed, because its
   * connection ended or its `query_timeout` passed. An `idempotent` write is retried on a new
   * connection, and after `query_timeout` throws QueryTimeoutError.
   */
  public async write<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    { idempotent = false }: ReplicaWriteOptions = {},
  ): Promise<WriteResult<R>> {
    refuseSessionState(await analysisOf(textOf(statement)));
    return this.onWriter((session) => executeWithToken<R>(session, statement, values), idempotent);
  }

  /**
   * Runs the work in one transaction on one connection, and commits. The work may run several times
   * (`retries`), so its effects outside the transaction must be idempotent.
   *
   * A statement that leaves state in its session, such as SET, costs the connection, and is refused
   * behind a pooler.
   *
   * @throws QueryTimeoutError after `query_timeout` of a statement; everything is rolled back
   * @throws UnknownOutcomeError if COMMIT was sent and not answered
   */
  public async transaction<T>(
    work: (client: TransactionClient) => Promise<T>,
    options: ReplicaTransactionOptions = {},
  ): Promise<{ readonly value: T; readonly token?: WriteToken }> {
    if (this.closed) throw new PoolClosedError();
    return runTransaction(
      { writer: this.writer, reads: this.reads, settings: this.settings },
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
      readers: this.readers.all.map(({ endpoint, healthy, isSilent }) => ({
        ...endpoint.status(),
        healthy: healthy && !isSilent,
      })),
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

  /** How Node prints it: without the options, which hold passwords. */
  public [inspect.custom](): string {
    return `ReplicaPool ${inspect(this.status())}`;
  }

  private readAs<R extends QueryResultRow>(
    analysis: StatementAnalysis,
    statement: Statement,
    values: readonly unknown[] | undefined,
    options: ReplicaReadOptions,
  ): Promise<QueryResult<R>> {
    if (this.closed) throw new PoolClosedError();
    refuseSessionState(analysis);
    const position = options.after === undefined ? undefined : writePosition(options.after);
    const maxWaitMs = options.maxWaitMs ?? this.settings.maxWaitMs;
    const waitUntil = performance.now() + maxWaitMs;
    const staleReads = options.staleReads ?? this.settings.staleReads;
    return this.reads.first<QueryResult<R>>({
      kind: analysis,
      mayHedge: options.hedge ?? analysis.onlyReads,
      waitMs: position === undefined ? 0 : maxWaitMs,
      onReader: ({ endpoint }, signal) =>
        endpoint.use(
          performance.now() + this.settings.acquireTimeoutMs,
          (session) =>
            position === undefined
              ? session.query<R>(statement, values)
              : executeAfter<R>(session, statement, values, position, waitUntil, staleReads),
          signal,
        ),
      onWriter: (signal) =>
        this.onWriter((session) => session.query<R>(statement, values), true, signal),
    });
  }

  /**
   * Runs on the writer. It retries only if the first attempt cannot have changed anything, or if
   * the statement is idempotent.
   */
  private async onWriter<T>(
    send: (session: Session) => Promise<T>,
    idempotent: boolean,
    signal?: AbortSignal,
  ): Promise<T> {
    if (this.closed) throw new PoolClosedError();
    for (let left = RETRIES; ; left -= 1) {
      const lease = await this.writer.acquire(signal);
      try {
        return await this.writer.use(lease, send, signal);
      } catch (error) {
        const failure = queryFailure(error);
        if ((failure === 'connection' || failure === 'timeout') && !idempotent)
          throw new UnknownOutcomeError('The write', error);
        if (left === 0 || (failure !== 'connection' && failure !== 'read-only')) throw error;
        this.settings.onEvent({ kind: 'retried', server: lease.endpoint.name, error });
      }
    }
  }
}
