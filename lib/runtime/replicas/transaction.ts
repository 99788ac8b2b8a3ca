import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient, QueryResult, QueryResultRow } from 'pg';
import { ask, askWithToken, beginAfter, type Statement } from './ask';
import type { ReplicaEndpoint } from './endpoint';
import { queryFailure, UnknownOutcomeError } from './errors';
import type { ReplicaPoolSettings } from './options';
import type { ReplicaReader, ReplicaReaders } from './readers';
import { type WriteToken, writePosition } from './token';
import type { ReplicaWriter } from './writer';

export interface ReplicaTransactionOptions {
  /**
   * Whether it changes nothing: a replica then runs it, unless it is serializable, which no replica
   * can do.
   *
   * @default false
   */
  readonly readOnly?: boolean;
  /** @default - the server's `default_transaction_isolation`; 'read committed' with `after` */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /**
   * How often the work is run again after a serialization failure, a deadlock, a failover or a lost
   * connection before COMMIT.
   *
   * @default 0
   */
  readonly retries?: number;
  /**
   * The token of a write that a read-only transaction must see. With a stricter isolation than
   * 'read committed', the writer runs it.
   */
  readonly after?: WriteToken;
}

/** The connection of a transaction. It answers until the work is done. */
export interface TransactionClient {
  // biome-ignore lint/suspicious/noExplicitAny: rows are what the statement says, as in pg.
  query<R extends QueryResultRow = any>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<QueryResult<R>>;
}

/**
 * A statement of the transaction failed, the work caught its error and came to its end: PostgreSQL
 * has rolled back everything. A savepoint around the statement keeps the rest.
 */
export class RolledBackError extends Error {
  public override readonly name: string = 'RolledBackError';

  constructor() {
    super(
      'The transaction was rolled back at COMMIT: one of its statements had failed. Let the error through, or use a savepoint.',
    );
  }
}

interface Servers {
  readonly writer: ReplicaWriter;
  readonly readers: ReplicaReaders;
  readonly settings: ReplicaPoolSettings;
}

interface Begun {
  readonly endpoint: ReplicaEndpoint;
  readonly client: PoolClient;
  readonly reader?: ReplicaReader;
}

const FIRST_PAUSE_MS = 10;

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
      await sleep(FIRST_PAUSE_MS * 2 ** Math.min(attempt, 6) * (0.5 + Math.random()));
    }
  }
}

async function runOnce<T>(
  { endpoint, client }: Begun,
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
              new Error('The transaction is over: its connection is somebody else’s now.'),
            )
          : ask(client, statement, values),
    });
  } catch (error) {
    over = true;
    if (queryFailure(error) !== 'connection') await ask(client, 'ROLLBACK').catch(() => {});
    throw error;
  }
  over = true;
  const commit = await (readOnly ? ask(client, 'COMMIT') : askWithToken(client, 'COMMIT')).catch(
    (error: unknown) => {
      throw !readOnly && queryFailure(error) === 'connection'
        ? new UnknownOutcomeError('The transaction', error)
        : error;
    },
  );
  if (commit.command !== 'COMMIT') throw new RolledBackError();
  endpoint.release(client, false);
  return { value, token: (commit as { token?: WriteToken }).token };
}

/**
 * A connection with the transaction begun: nothing of the work was sent yet, so that all that fails
 * here may be tried elsewhere.
 */
async function begin(servers: Servers, options: ReplicaTransactionOptions): Promise<Begun> {
  const { readOnly = false, isolation, after } = options;
  const strict = isolation !== undefined && isolation !== 'read committed';
  if (readOnly && isolation !== 'serializable' && !(after !== undefined && strict)) {
    const begun = await beginOnReader(servers, options);
    if (begun) return begun;
  }
  for (let left = 2; ; left -= 1) {
    const { endpoint, client } = await servers.writer.acquire();
    try {
      await ask(client, beginSql(readOnly, isolation));
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
): Promise<Begun | undefined> {
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
      if (position === undefined) await ask(client, beginSql(true, isolation));
      else if (!(await beginAfter(client, beginSql(true, 'read committed'), position, waitUntil))) {
        if (settings.staleReads === 'writer') {
          endpoint.release(client, false);
          settings.onEvent({ kind: 'read-by-writer', because: 'behind' });
          return undefined;
        }
        await ask(client, beginSql(true, isolation));
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
  return `BEGIN${isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`}${readOnly ? ' READ ONLY' : ''}`;
}
