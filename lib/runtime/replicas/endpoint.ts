import type { Client, Pool, PoolClient, PoolConfig } from 'pg';
import { IsochroneError } from '../../model/errors';
import { withTimeLimit } from '../../model/time-limit';
import { optionalPackage } from '../shared';
import { requestCancel } from './cancel';
import {
  AcquireTimeoutError,
  isFatal,
  PoolClosedError,
  type QueryFailure,
  queryFailure,
  startupRefusal,
} from './errors';
import type { ReplicaPoolSettings, ReplicaServer } from './options';
import { type ClientRecord, Session, takeQueryTimeout } from './session';
import { unlessAborted } from './signal';

/** Loads `pg`, an optional peer, when the first pool is created. */
export function pg(): typeof import('pg') {
  return optionalPackage('pg', 'ReplicaPool', () => require('pg') as typeof import('pg'));
}

/** A caller that waits for a connection. */
interface Waiter {
  readonly give: (client: Promise<PoolClient>) => void;
  /** Whether its time is up, or the caller has given up. */
  isGone: boolean;
}

/** Options of `ReplicaEndpoint.run`. */
interface RunOptions {
  readonly onFailure?: (failure: QueryFailure) => void;
  readonly signal?: AbortSignal;
}

/** The connections of a server at one moment. */
export interface EndpointStatus {
  readonly name: string;
  /** Sockets, including those that are being opened or closed. */
  readonly open: number;
  readonly busy: number;
  readonly waiting: number;
}

/**
 * The connections to one server: a pool of `pg` that never has more sockets than its budget.
 *
 * By itself, the pool forgets a connection as soon as it begins to close it, and opens the next one
 * beside it; after an error, many at once. Here a socket counts until it is closed. The pool also
 * has one timeout for both waiting for a free connection and connecting; here they are two.
 */
export class ReplicaEndpoint {
  public readonly name: string;
  public readonly distance: number;
  private readonly pool: Pool;
  private readonly open = new Set<Client>();
  private readonly records = new WeakMap<Client, ClientRecord>();
  private readonly busy = new Set<PoolClient>();
  private readonly waiters: Waiter[] = [];
  /** Connections that were open when `retireConnections` was called. */
  private readonly retired = new WeakSet<Client>();
  private idleError: () => void = () => {};
  private closing = false;
  private drained: () => void = () => {};

  constructor(
    public readonly config: ReplicaServer & { readonly name: string },
    private readonly settings: ReplicaPoolSettings,
    private readonly max: number,
  ) {
    this.name = config.name;
    this.distance = config.distance ?? 0;
    const { Client: Base, Pool: PgPool } = pg();
    checkOptions(Base, config);
    const track = (client: Client) => this.track(client);
    class CountedClient extends Base {
      constructor(clientConfig?: PoolConfig) {
        super(clientConfig);
        track(this);
      }
    }
    this.pool = new PgPool({
      keepAlive: true,
      pipeline: true,
      ...config,
      Client: CountedClient as never,
      max,
      min: Math.min(settings.min, max),
      idleTimeoutMillis: settings.idleTimeoutMs,
      connectionTimeoutMillis: settings.connectTimeoutMs,
    });
    // An idle connection ended. The pool drops it, and the listener checks the server's health.
    this.pool.on('error', () => this.idleError());
  }

  public get busyCount(): number {
    return this.busy.size + this.waiters.length;
  }

  public onIdleError(listener: () => void): void {
    this.idleError = listener;
  }

  public status(): EndpointStatus {
    return {
      name: this.name,
      open: this.open.size,
      busy: this.busy.size,
      waiting: this.waiters.length,
    };
  }

  /**
   * Acquires a connection, which the caller must `release`.
   *
   * @param deadline in milliseconds of `performance.now()`
   * @param signal ends the wait with its reason
   * @throws AcquireTimeoutError if no connection is free by the deadline
   */
  public async acquire(deadline: number, signal?: AbortSignal): Promise<Session> {
    for (;;) {
      const client = await this.next(deadline, signal);
      if (this.retired.has(client)) {
        client.release(true);
        continue;
      }
      this.busy.add(client);
      const record = this.records.get(client) ?? { timeoutMs: undefined };
      return new Session(client, record, this.name);
    }
  }

  /**
   * Takes back a connection. It is closed if it is broken, inside a transaction, or would leave
   * state to its next caller. If the server still works for it, because the caller has given up,
   * its statement is canceled first.
   */
  public release(session: Session, broken: boolean): void {
    const { client } = session;
    session.end(new Error('The connection has been released.'));
    this.busy.delete(client);
    if (session.isBusy && !session.isLost) void this.giveUp(session);
    else {
      const isSpent = session.isLost || session.keepsState || this.retired.has(client);
      const inTransaction = (client.getTransactionStatus?.() ?? 'I') !== 'I';
      client.release(broken || inTransaction || isSpent);
      this.serveWaiters();
    }
    if (this.closing && this.busy.size === 0) this.drained();
  }

  /** Acquires a connection and runs a task on it. */
  public async use<T>(
    deadline: number,
    task: (session: Session) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.run(await this.acquire(deadline, signal), task, { signal });
  }

  /**
   * Runs a task on an acquired connection, and releases the connection.
   *
   * @param options `onFailure` is called before the release if the task fails; `signal` abandons
   * the task, and throws its reason
   */
  public async run<T>(
    session: Session,
    task: (session: Session) => Promise<T>,
    { onFailure = () => {}, signal }: RunOptions = {},
  ): Promise<T> {
    let broken = true;
    try {
      const result = await unlessAborted(task(session), signal);
      broken = false;
      return result;
    } catch (error) {
      const failure = queryFailure(error);
      broken = failure === 'connection' || isFatal(error);
      onFailure(failure);
      throw error;
    } finally {
      this.release(session, broken);
    }
  }

  /**
   * Closes the open connections as they are released, because the host name may now resolve to
   * another server.
   */
  public retireConnections(): void {
    for (const client of this.open) this.retired.add(client);
  }

  /** Ends all connections and waits at once. Their statements fail, and may run elsewhere. */
  public abort(): void {
    const lost = new Error(`Connection terminated: ${this.name} does not answer.`);
    for (const waiter of this.waiters.splice(0)) waiter.give(Promise.reject(lost));
    for (const client of this.open) client.connection.stream.destroy();
  }

  /** Waits for the statements under way, up to a time limit; then ends them. */
  public async close(drainMs: number): Promise<void> {
    this.closing = true;
    for (const waiter of this.waiters.splice(0)) waiter.give(Promise.reject(new PoolClosedError()));
    if (this.busy.size > 0) {
      const drained = new Promise<void>((resolve) => {
        this.drained = resolve;
      });
      await withTimeLimit(drainMs, drained);
      if (this.busy.size > 0) this.abort();
    }
    // A server that hangs never closes its side.
    const last = setTimeout(() => this.abort(), 1_000);
    await this.pool.end();
    clearTimeout(last);
  }

  /**
   * Cancels the running statement of a connection that its caller has given up, and closes the
   * connection. It is not used again, because a request to cancel that comes late would hit the
   * next statement. Until it is closed, it counts against the budget.
   */
  private async giveUp(session: Session): Promise<void> {
    const { client } = session;
    const limitMs = this.settings.connectTimeoutMs;
    const deadline = performance.now() + limitMs;
    await requestCancel(client as unknown as Client, pg().Connection, this.config, limitMs);
    await withTimeLimit(deadline - performance.now(), session.settled());
    client.connection.stream.destroy();
    client.release(true);
  }

  private track(client: Client): void {
    this.open.add(client);
    const record: ClientRecord = { timeoutMs: takeQueryTimeout(client) };
    this.records.set(client, record);
    // A pending query rejects with the error too. Without a listener, the process would crash.
    client.on('error', (error) => {
      record.lost ??= error;
    });
    client.once('end', () => {
      this.open.delete(client);
      this.serveWaiters();
    });
  }

  private next(deadline: number, signal?: AbortSignal): Promise<PoolClient> {
    if (this.closing) return Promise.reject(new PoolClosedError());
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const leave = (why: unknown): void => {
        waiter.isGone = true;
        const index = this.waiters.indexOf(waiter);
        if (index >= 0) this.waiters.splice(index, 1);
        stop();
        reject(why);
      };
      const timer = setTimeout(
        () => leave(this.timeout()),
        Math.max(0, deadline - performance.now()),
      );
      const onAbort = () => leave(signal?.reason);
      signal?.addEventListener('abort', onAbort);
      const stop = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        isGone: false,
        give: (promised) => {
          promised.then(
            (client) => {
              stop();
              if (!waiter.isGone) return resolve(client);
              client.release();
              this.serveWaiters();
            },
            (error) => {
              stop();
              reject(startupRefusal(this.name, error) ?? connectError(error));
            },
          );
        },
      };
      this.waiters.push(waiter);
      this.serveWaiters();
    });
  }

  private serveWaiters(): void {
    // A connection that has ended in the hands of its caller still has a place in the pool. Without
    // one, the pool would queue the request, with a time limit of its own.
    const hasPlace = () => this.open.size < this.max && this.pool.totalCount < this.max;
    while (
      this.waiters.length > 0 &&
      (this.pool.idleCount > this.pool.waitingCount || hasPlace())
    ) {
      this.waiters.shift()?.give(this.pool.connect());
    }
  }

  private timeout(): AcquireTimeoutError {
    const { acquireTimeoutMs } = this.settings;
    return new AcquireTimeoutError(
      `ReplicaPool: no connection to ${this.name} was free within ${acquireTimeoutMs} ms ` +
        `(acquireTimeoutMs): ${this.open.size} of ${this.max} (max) are open, ` +
        `${this.busy.size} busy, ${this.waiters.length} callers still wait.\n` +
        'Make queries and transactions shorter, ' +
        'or raise `max` within what the server and its pooler allow.',
    );
  }
}

/**
 * The pool's error for a connection that was not open in time. If it queued the request for an idle
 * connection that was gone a moment later, it says the same as when all connections are in use,
 * which cannot be: `serveWaiters` does not ask it then.
 */
function connectError(error: unknown): unknown {
  const { message } = (error ?? {}) as { message?: unknown };
  return message === 'timeout exceeded when trying to connect'
    ? new Error('Connection terminated due to connection timeout', { cause: error })
    : error;
}

/**
 * Checks that `pg` accepts the options, before the first query would fail.
 *
 * @throws IsochroneError without the message of `pg`, which may repeat an option
 */
function checkOptions(PgClient: typeof Client, config: ReplicaServer & { name: string }): void {
  try {
    const { port } = new PgClient(config);
    // Node would throw when it connects, which leaves the pool with a client that never ends.
    if (!(port > 0 && port < 65_536))
      throw Object.assign(new Error('port'), { code: 'ERR_SOCKET_BAD_PORT' });
  } catch (error) {
    const { code } = (error ?? {}) as { code?: unknown };
    throw new IsochroneError(
      `ReplicaPool: pg refuses the options of ${config.name}` +
        `${typeof code === 'string' ? ` (${code})` : ''}.\n` +
        'They may hold a password, so they are not shown. ' +
        'Check the URL, `port`, `ssl` and the files of certificates.',
    );
  }
}
