import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient, QueryResult, QueryResultRow } from 'pg';
import type { ReplicaEndpoint } from './endpoint';
import { queryFailure, UnknownOutcomeError } from './errors';
import { beginAfter, execute, executeWithToken, type Statement } from './execute';
import type { ReplicaPoolSettings } from './options';
import type { ReplicaReader, ReplicaReaders } from './readers';
import { type WriteToken, writePosition } from './token';
import type { ReplicaWriter } from './writer';

/** Options of `ReplicaPool.transaction`. */
export interface ReplicaTransactionOptions {
  /**
   * Whether the transaction changes nothing. If so, it runs on a replica, unless it is
   * serializable, which replicas do not support.
   *
   * @default false
   */
  readonly readOnly?: boolean;
  /** @default - the server's `default_transaction_isolation`; 'read committed' with `after` */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /**
   * How often the work is retried after a serialization failure, a deadlock, a failover or a lost
   * connection before COMMIT.
   *
   * @default 0
   */
  readonly retries?: number;
  /**
   * The token of a write that a read-only transaction must see. With a stricter isolation than
   * 'read committed', the transaction runs on the writer.
   *
   * @default - the transaction may miss recent writes
   */
  readonly after?: WriteToken;
}

/** The connection of a transaction. It can be used until the work ends. */
export interface TransactionClient {
  // biome-ignore lint/suspicious/noExplicitAny: the statement determines the rows, as in pg.
  query<R extends QueryResultRow = any>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<R>>;
}

/**
 * A statement of the transaction failed, and the work caught its error and went on. PostgreSQL has
 * rolled back everything. A savepoint around the statement would keep the rest.
 */
export class RolledBackError extends Error {
  public override readonly name: string = 'RolledBackError';

  constructor() {
    super(
      'The transaction was rolled back at COMMIT: one of its statements had failed. ' +
        'Let the error through, or use a savepoint.',
    );
  }
}

interface Servers {
  readonly writer: ReplicaWriter;
  readonly readers: ReplicaReaders;
  readonly settings: ReplicaPoolSettings;
}

/** A connection with an open transaction. */
interface OpenTransaction {
  readonly endpoint: ReplicaEndpoint;
  readonly client: PoolClient;
  /** Absent on the writer. */
  readonly reader?: ReplicaReader;
}

const MIN_PAUSE_MS = 10;

/** Runs a transaction, with its retries: see `ReplicaPool.transaction`. */
export async function runTransaction<T>(
  servers: Servers,
  work: (client: TransactionClient) => Promise<T>,
  options: ReplicaTransactionOptions,
): Promise<{ readonly value: T; readonly token?: WriteToken }> {
  const { retries = 0 } = options;
  for (let attempt = 0; ; attempt += 1) {
    const begun = await begin(servers, options);
    try {
      return await runOnce(begun, work, options);
    } catch (error) {
      const failure = queryFailure(error);
      begun.endpoint.release(begun.client, failure === 'connection');
      if (failure === 'read-only' && begun.reader === undefined)
        servers.writer.demote(begun.endpoint);
      if (failure === 'connection') begun.reader?.suspect();
      const mayRun =
        failure !== 'refusal' &&
        !(failure === 'read-only' && options.readOnly) &&
        !(error instanceof UnknownOutcomeError);
      if (!mayRun || attempt >= retries) throw error;
      servers.settings.onEvent({ kind: 'retried', server: begun.endpoint.name, error });
      await sleep(MIN_PAUSE_MS * 2 ** Math.min(attempt, 6) * (0.5 + Math.random()));
    }
  }
}

async function runOnce<T>(
  { endpoint, client }: OpenTransaction,
  work: (client: TransactionClient) => Promise<T>,
  { readOnly = false }: ReplicaTransactionOptions,
): Promise<{ readonly value: T; readonly token?: WriteToken }> {
  let over = false;
  let value: T;
  try {
    value = await work({
      query: (statement, values) =>
        over
          ? Promise.reject(
              new Error('The transaction is over: its connection may be in use elsewhere.'),
            )
          : execute(client, statement, values),
    });
  } catch (error) {
    over = true;
    if (queryFailure(error) !== 'connection') await execute(client, 'ROLLBACK').catch(() => {});
    throw error;
  }
  over = true;
  const commit = await (readOnly
    ? execute(client, 'COMMIT')
    : executeWithToken(client, 'COMMIT')
  ).catch((error: unknown) => {
    throw !readOnly && queryFailure(error) === 'connection'
      ? new UnknownOutcomeError('The transaction', error)
      : error;
  });
  if (commit.command !== 'COMMIT') throw new RolledBackError();
  endpoint.release(client, false);
  return { value, token: (commit as { token?: WriteToken }).token };
}

/**
 * Begins the transaction. None of the work has been sent yet, so whatever fails here may be tried
 * on another server.
 */
async function begin(
  servers: Servers,
  options: ReplicaTransactionOptions,
): Promise<OpenTransaction> {
  const { readOnly = false, isolation, after } = options;
  const strict = isolation !== undefined && isolation !== 'read committed';
  if (readOnly && isolation !== 'serializable' && !(after !== undefined && strict)) {
    const begun = await beginOnReader(servers, options);
    if (begun) return begun;
  }
  for (let left = 2; ; left -= 1) {
    const { endpoint, client } = await servers.writer.acquire();
    try {
      await execute(client, beginSql(readOnly, isolation));
      return { endpoint, client };
    } catch (error) {
      endpoint.release(client, true);
      if (left === 0 || queryFailure(error) !== 'connection') throw error;
    }
  }
}

async function beginOnReader(
  { readers, settings }: Servers,
  { isolation, after }: ReplicaTransactionOptions,
): Promise<OpenTransaction | undefined> {
  const position = after === undefined ? undefined : writePosition(after);
  const waitUntil = Date.now() + settings.maxWaitMs;
  const tried = new Set<ReplicaReader>();
  let failed: { readonly error: unknown } | undefined;
  for (let reader = readers.choose(tried); reader; reader = readers.choose(tried)) {
    tried.add(reader);
    const { endpoint } = reader;
    let client: PoolClient | undefined;
    try {
      client = await endpoint.acquire(Date.now() + settings.acquireTimeoutMs);
      if (position === undefined) await execute(client, beginSql(true, isolation));
      else if (!(await beginAfter(client, beginSql(true, 'read committed'), position, waitUntil))) {
        if (settings.staleReads === 'writer') {
          endpoint.release(client, false);
          settings.onEvent({ kind: 'read-by-writer', because: 'behind' });
          return undefined;
        }
        await execute(client, beginSql(true, isolation));
      }
      return { endpoint, client, reader };
    } catch (error) {
      if (client) endpoint.release(client, true);
      if (queryFailure(error) !== 'connection') throw error;
      reader.suspect();
      failed = { error };
    }
  }
  if (!settings.writerAnswersReads && failed) throw failed.error;
  if (readers.all.length > 0)
    settings.onEvent({ kind: 'read-by-writer', because: failed ? 'failed' : 'no-reader' });
  return undefined;
}

function beginSql(readOnly: boolean, isolation: ReplicaTransactionOptions['isolation']): string {
  const level = isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`;
  return `BEGIN${level}${readOnly ? ' READ ONLY' : ''}`;
}
