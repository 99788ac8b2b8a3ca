import type { PoolClient, QueryResult, QueryResultRow } from 'pg';
import { QueryReadings } from '../statements';
import { ask, askAfter, askWithToken, type Statement } from './ask';
import type { EndpointStatus } from './endpoint';
import { PoolClosedError, queryFailure, UnknownOutcomeError } from './errors';
import { type ReplicaPoolOptions, type ReplicaPoolSettings, replicaPoolSettings } from './options';
import { type ReplicaReader, ReplicaReaders } from './readers';
import { type WriteToken, writePosition } from './token';
import {
  type ReplicaTransactionOptions,
  runTransaction,
  type TransactionClient,
} from './transaction';
import { ReplicaWriter } from './writer';

// biome-ignore lint/suspicious/noExplicitAny: rows are what the statement says, as in pg.
type Row = any;

export interface ReplicaReadOptions {
  /** The token of a write that the read must see. */
  readonly after?: WriteToken;
  /**
   * Milliseconds to wait for a replica that is behind it.
   *
   * @default - the pool's `maxWaitMs`
   */
  readonly maxWaitMs?: number;
  /**
   * Who answers when no replica has come that far.
   *
   * @default - the pool's `staleReads`
   */
  readonly staleReads?: 'writer' | 'reader';
}

export interface ReplicaWriteOptions {
  /**
   * Whether twice is as good as once: then a write whose outcome is unknown is sent again.
   *
   * @default false
   */
  readonly idempotent?: boolean;
}

export type WriteResult<R extends QueryResultRow = Row> = QueryResult<R> & {
  readonly token: WriteToken;
};

/** How often a statement is sent again, beside its first time. */
const RETRIES = 2;

/**
 * Connections to a writer and its replicas: reads go to the nearest replica that is fit, writes to
 * the writer, and a read that shows a write's token sees that write.
 */
export class ReplicaPool {
  private readonly settings: ReplicaPoolSettings;
  private readonly writer: ReplicaWriter;
  private readonly readers: ReplicaReaders;
  private readonly readings = new QueryReadings();
  private closed: Promise<void> | undefined;

  /** @throws IsochroneError for options that cannot work */
  constructor(options: ReplicaPoolOptions) {
    this.settings = replicaPoolSettings(options);
    this.writer = new ReplicaWriter(this.settings);
    this.readers = new ReplicaReaders(this.settings);
  }

  /**
   * As `query` of a pool of `pg`. A plain query that is known to change nothing is answered as by
   * `read`, without a token; everything else by the writer. Tell it where you know better.
   *
   * @throws UnknownOutcomeError if the writer's connection ended in the middle of it
   */
  public async query<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    { route }: { readonly route?: 'reader' | 'writer' } = {},
  ): Promise<QueryResult<R>> {
    const text = typeof statement === 'string' ? statement : statement.text;
    const reader = route === undefined ? this.readings.of(text).onlyReads : route === 'reader';
    if (!reader) return this.onWriter((client) => ask<R>(client, statement, values), false);
    try {
      return await this.read<R>(statement, values);
    } catch (error) {
      if (route !== undefined || queryFailure(error) !== 'read-only') throw error;
      // What only seemed to read: a view or an operator that writes. The replica has refused it, so
      // nothing was done.
      return this.onWriter((client) => ask<R>(client, statement, values), false);
    }
  }

  /**
   * A read: by a replica, by another one if the first fails, and by the writer if all do
   * (`writerAnswersReads`).
   *
   * @throws AcquireTimeoutError if the replica is up but has no connection free
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
        const answer = await endpoint.use(deadline, (client) =>
          position === undefined
            ? ask<R>(client, statement, values)
            : askAfter<R>(client, statement, values, position, waitUntil, staleReads),
        );
        if (answer) return answer;
        because = 'behind';
        break;
      } catch (error) {
        this.hear(reader, error);
        failed = { error };
        because = 'failed';
      }
    }
    if (because !== 'behind' && !this.settings.writerAnswersReads && failed) throw failed.error;
    if (this.readers.all.length > 0) this.settings.onEvent({ kind: 'read-by-writer', because });
    return this.onWriter((client) => ask<R>(client, statement, values), true);
  }

  /**
   * A write, and the token of where it ended in the log. Both are asked in one round trip where the
   * driver pipelines (pg 8.23 does).
   *
   * @throws UnknownOutcomeError if it may have been committed or not, unless it is `idempotent`
   */
  public async write<R extends QueryResultRow = Row>(
    statement: Statement,
    values?: readonly unknown[],
    { idempotent = false }: ReplicaWriteOptions = {},
  ): Promise<WriteResult<R>> {
    return this.onWriter((client) => askWithToken<R>(client, statement, values), idempotent);
  }

  /**
   * Runs the work in one transaction on one connection, and commits. The work may run several times
   * (`retries`): it must do nothing outside of the transaction that may not happen twice.
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

  /** Each server with its connections, and of readers whether they are fit. */
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
   * Takes nothing new, waits for what is under way, and ends all connections; what takes longer
   * than `drainMs` fails.
   */
  public close({ drainMs = 10_000 }: { readonly drainMs?: number } = {}): Promise<void> {
    this.closed ??= Promise.all([this.writer.close(drainMs), this.readers.close(drainMs)]).then(
      () => {},
    );
    return this.closed;
  }

  /** What an error of a reader means; throws it if it would be the same elsewhere. */
  private hear(reader: ReplicaReader, error: unknown): void {
    const failure = queryFailure(error);
    if (failure === 'refusal' || failure === 'read-only') throw error;
    if (failure === 'connection') reader.suspect();
    this.settings.onEvent({ kind: 'retried', server: reader.name, error });
  }

  /**
   * Asks the writer, and again only where the first time can have done nothing, or where twice is
   * as good as once.
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
