import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryResult, QueryResultRow } from 'pg';
import { invalidOption } from '../../model/errors';
import { loadSqlParser } from '../../model/sql';
import type { ReplicaEndpoint } from './endpoint';
import { isFatal, queryFailure, UnknownOutcomeError } from './errors';
import { beginAfter, executeWithToken } from './execute';
import type { ReplicaPoolSettings } from './options';
import type { ReplicaReader } from './readers';
import type { ReplicaReads } from './reads';
import type { Session, Statement } from './session';
import { executeInTransaction } from './session-state';
import { unlessAborted } from './signal';
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
  readonly reads: ReplicaReads;
  readonly settings: ReplicaPoolSettings;
}

/** A connection with an open transaction. */
interface OpenTransaction {
  readonly endpoint: ReplicaEndpoint;
  readonly session: Session;
  /** Absent on the writer. */
  readonly reader?: ReplicaReader;
}

const MIN_PAUSE_MS = 10;
const ISOLATIONS = ['read committed', 'repeatable read', 'serializable'];
/** The kind of all beginnings: see `ReadRequest`. */
const BEGIN = {};

/** Runs a transaction, with its retries: see `ReplicaPool.transaction`. */
export async function runTransaction<T>(
  servers: Servers,
  work: (client: TransactionClient) => Promise<T>,
  options: ReplicaTransactionOptions,
): Promise<{ readonly value: T; readonly token?: WriteToken }> {
  const { retries = 0, isolation } = options;
  // It becomes part of a statement.
  if (isolation !== undefined && !ISOLATIONS.includes(isolation))
    throw invalidOption('ReplicaPool.transaction', {
      property: 'isolation',
      value: isolation,
      mayBeSecret: true,
      allowed: ISOLATIONS.map((each) => `'${each}'`).join(', '),
      rule: 'PostgreSQL has these levels.',
      fix: "Leave it out for the server's default.",
    });
  // Once it is loaded, no statement of the work waits longer than another for its analysis, so they
  // keep their order.
  await loadSqlParser();
  for (let attempt = 0; ; attempt += 1) {
    const begun = await begin(servers, options);
    try {
      return await runOnce(begun, work, options);
    } catch (error) {
      const failure = begun.session.failureOf(error);
      begun.endpoint.release(begun.session, failure === 'connection' || isFatal(error));
      if (failure === 'read-only' && begun.reader === undefined)
        servers.writer.demote(begun.endpoint);
      if (failure === 'connection' || failure === 'timeout') begun.reader?.suspect();
      const mayRun =
        failure !== 'refusal' &&
        failure !== 'timeout' &&
        !(failure === 'read-only' && options.readOnly) &&
        !(error instanceof UnknownOutcomeError);
      if (!mayRun || attempt >= retries) throw error;
      servers.settings.onEvent({ kind: 'retried', server: begun.endpoint.name, error });
      await sleep(MIN_PAUSE_MS * 2 ** Math.min(attempt, 6) * (0.5 + Math.random()));
    }
  }
}

async function runOnce<T>(
  { endpoint, session }: OpenTransaction,
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
          : executeInTransaction(session, statement, values),
    });
  } catch (error) {
    over = true;
    if (!session.refusal && session.failureOf(error) !== 'connection')
      await session.query('ROLLBACK').catch(() => {});
    throw error;
  }
  over = true;
  // A statement has timed out, and the work has caught the error. COMMIT was never sent.
  if (session.refusal) throw session.refusal;
  const commit = await (readOnly
    ? session.query('COMMIT')
    : executeWithToken(session, 'COMMIT')
  ).catch((error: unknown) => {
    const failure = queryFailure(error);
    throw !readOnly && (failure === 'connection' || failure === 'timeout')
      ? new UnknownOutcomeError('The transaction', error)
      : error;
  });
  if (commit.command !== 'COMMIT') throw new RolledBackError();
  endpoint.release(session, false);
  return { value, token: (commit as { token?: WriteToken }).token };
}

/**
 * Begins the transaction. None of the work has been sent yet, so whatever fails here may be tried
 * on another server.
 */
function begin(servers: Servers, options: ReplicaTransactionOptions): Promise<OpenTransaction> {
  const { readOnly = false, isolation, after } = options;
  const { reads, settings } = servers;
  const strict = isolation !== undefined && isolation !== 'read committed';
  const needsWriter = isolation === 'serializable' || (after !== undefined && strict);
  if (!readOnly || needsWriter) return beginOnWriter(servers, options);
  const waitUntil = performance.now() + settings.maxWaitMs;
  return reads.first<OpenTransaction>({
    kind: BEGIN,
    mayHedge: true,
    waitMs: after === undefined ? 0 : settings.maxWaitMs,
    onReader: (reader, signal) => beginOnReader(settings, reader, options, waitUntil, signal),
    onWriter: (signal) => beginOnWriter(servers, options, signal),
    discard: ({ endpoint, session }) => endpoint.release(session, true),
  });
}

async function beginOnWriter(
  { writer }: Servers,
  { readOnly = false, isolation }: ReplicaTransactionOptions,
  signal?: AbortSignal,
): Promise<OpenTransaction> {
  for (let left = 2; ; left -= 1) {
    const { endpoint, session } = await writer.acquire(signal);
    try {
      await unlessAborted(session.query(beginSql(readOnly, isolation)), signal);
      return { endpoint, session };
    } catch (error) {
      endpoint.release(session, true);
      if (left === 0 || queryFailure(error) !== 'connection') throw error;
    }
  }
}

/** Begins on a reader. Undefined if the reader is behind and must not answer as it is. */
async function beginOnReader(
  { acquireTimeoutMs, staleReads }: ReplicaPoolSettings,
  reader: ReplicaReader,
  { isolation, after }: ReplicaTransactionOptions,
  waitUntil: number,
  signal: AbortSignal,
): Promise<OpenTransaction | undefined> {
  const { endpoint } = reader;
  const position = after === undefined ? undefined : writePosition(after);
  const session = await endpoint.acquire(performance.now() + acquireTimeoutMs, signal);
  const send = async (): Promise<boolean> => {
    if (position !== undefined) {
      const arrived = await beginAfter(
        session,
        beginSql(true, 'read committed'),
        position,
        waitUntil,
      );
      if (arrived || staleReads === 'writer') return arrived;
    }
    await session.query(beginSql(true, isolation));
    return true;
  };
  try {
    if (await unlessAborted(send(), signal)) return { endpoint, session, reader };
  } catch (error) {
    endpoint.release(session, true);
    throw error;
  }
  endpoint.release(session, false);
  return undefined;
}

function beginSql(readOnly: boolean, isolation: ReplicaTransactionOptions['isolation']): string {
  const level = isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`;
  return `BEGIN${level}${readOnly ? ' READ ONLY' : ''}`;
}
