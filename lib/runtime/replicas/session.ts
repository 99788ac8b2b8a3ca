import type { Client, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { type QueryFailure, QueryTimeoutError, queryFailure } from './errors';
import { after } from './timer';

/**
 * A statement as `pg` accepts it. `query_timeout` is its time limit in milliseconds, 0 for none,
 * instead of the server's.
 */
export type Statement = string | (QueryConfig & { readonly query_timeout?: number });

/** The SQL text of a statement. */
export function textOf(statement: Statement): string {
  return typeof statement === 'string' ? statement : statement.text;
}

/** What is known about a client besides what `pg` tells. */
export interface ClientRecord {
  /** `query_timeout` of its options, in milliseconds; undefined if there is none. */
  readonly timeoutMs: number | undefined;
  /** The error that ended it, which may have come between two statements. */
  lost?: unknown;
}

/**
 * Takes the time limit of statements from a client, in milliseconds: it is the session's. `pg` reads
 * it from the options or from the URL.
 */
export function takeQueryTimeout(client: Client): number | undefined {
  const { connectionParameters } = client as unknown as {
    connectionParameters?: { query_timeout?: unknown };
  };
  const limitMs = Number(connectionParameters?.query_timeout);
  if (connectionParameters) connectionParameters.query_timeout = false;
  return limitMs > 0 ? limitMs : undefined;
}

/**
 * A connection in the hands of one caller. `pg` itself has a time limit of statements too, but it
 * leaves the statement running, and with pipelining it breaks the connection.
 */
export class Session {
  /** Statements whose answers have not arrived. */
  private readonly pending = new Set<Promise<unknown>>();
  private readonly errors = new WeakSet<object>();
  private over: Error | undefined;
  /** Whether something of this caller would be left to the next one: see `executeInTransaction`. */
  public keepsState = false;

  constructor(
    public readonly client: PoolClient,
    private readonly record: ClientRecord,
    private readonly server: string,
  ) {}

  public get pipeline(): boolean {
    return (this.client as { pipeline?: boolean }).pipeline === true;
  }

  /** Whether the server still works for it. */
  public get isBusy(): boolean {
    return this.pending.size > 0;
  }

  /** Whether the connection itself has failed. */
  public get isLost(): boolean {
    return this.record.lost !== undefined || this.client.connection.stream.destroyed;
  }

  /** Why it takes no more statements; undefined while it does. */
  public get refusal(): Error | undefined {
    return this.over;
  }

  /**
   * The class of an error that its caller throws. An error of another connection, such as that of a
   * request over HTTP, says nothing about this one.
   */
  public failureOf(error: unknown): QueryFailure {
    const failure = queryFailure(error);
    const isOurs = this.isLost || this.errors.has(error as object);
    return failure === 'connection' && !isOurs ? 'refusal' : failure;
  }

  /** Resolves when the server has answered all statements. */
  public async settled(): Promise<void> {
    await Promise.allSettled(this.pending);
  }

  /** Refuses further statements. */
  public end(why: Error): void {
    this.over ??= why;
  }

  /**
   * Executes a statement.
   *
   * @throws QueryTimeoutError after `query_timeout` of the statement or the server. The statement
   * then still runs, and the session is over.
   */
  public query<R extends QueryResultRow>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<R>> {
    if (this.over) return Promise.reject(this.over);
    const limit = typeof statement === 'string' ? undefined : statement.query_timeout;
    // `pg` must not know the limit.
    const config =
      typeof statement === 'string' || limit === undefined
        ? statement
        : { ...statement, query_timeout: undefined };
    const limitMs = limit ?? this.record.timeoutMs;
    const answer = this.client
      .query<R>(config, values as unknown[] | undefined)
      .catch((error: unknown) => {
        const reason = this.reasonOf(error);
        if (typeof reason === 'object' && reason !== null) this.errors.add(reason);
        throw reason;
      });
    this.pending.add(answer);
    const remove = () => this.pending.delete(answer);
    answer.then(remove, remove);
    return limitMs ? this.withLimit(limitMs, answer) : answer;
  }

  private withLimit<T>(limitMs: number, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = after(limitMs, () => {
        this.over = new QueryTimeoutError(this.server, limitMs);
        reject(this.over);
      });
      answer.then(resolve, reject).finally(stop);
    });
  }

  /** What the server said when it ended the connection, rather than that it is ended. */
  private reasonOf(error: unknown): unknown {
    const { lost } = this.record;
    const wasTold = typeof (lost as { severity?: unknown } | undefined)?.severity === 'string';
    return wasTold && queryFailure(error) === 'connection' ? lost : error;
  }
}
