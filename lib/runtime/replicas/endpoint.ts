import type { Client, Pool, PoolClient, PoolConfig } from 'pg';
import { withTimeLimit } from '../../model/time-limit';
import { optionalPackage } from '../shared';
import { AcquireTimeoutError, PoolClosedError, type QueryFailure, queryFailure } from './errors';
import type { ReplicaPoolSettings, ReplicaServer } from './options';

/** Loads `pg`, an optional peer, when the first pool is created. */
export function pg(): typeof import('pg') {
  return optionalPackage('pg', 'ReplicaPool', () => require('pg') as typeof import('pg'));
}

/** A caller that waits for a connection. */
interface Waiter {
  readonly give: (client: Promise<PoolClient>) => void;
  hasTimedOut: boolean;
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
   * @param deadline in Unix milliseconds
   * @throws AcquireTimeoutError if no connection is free by the deadline
   */
  public async acquire(deadline: number): Promise<PoolClient> {
    for (;;) {
      const client = await this.next(deadline);
      if (this.retired.has(client)) {
        client.release(true);
        continue;
      }
      this.busy.add(client);
      return client;
    }
  }

  /** Returns a connection. If it is broken or inside a transaction, it is closed. */
  public release(client: PoolClient, broken: boolean): void {
    this.busy.delete(client);
    const inTransaction = (client.getTransactionStatus?.() ?? 'I') !== 'I';
    client.release(broken || inTransaction || this.retired.has(client));
    this.serveWaiters();
    if (this.closing && this.busy.size === 0) this.drained();
  }

  /** Acquires a connection and runs a task on it. */
  public async use<T>(deadline: number, task: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.run(await this.acquire(deadline), task);
  }

  /**
   * Runs a task on an acquired connection, and releases the connection.
   *
   * @param onFailure called before the release if the task fails
   */
  public async run<T>(
    client: PoolClient,
    task: (client: PoolClient) => Promise<T>,
    onFailure: (failure: QueryFailure) => void = () => {},
  ): Promise<T> {
    let broken = true;
    try {
      const result = await task(client);
      broken = false;
      return result;
    } catch (error) {
      const failure = queryFailure(error);
      broken = failure === 'connection';
      onFailure(failure);
      throw error;
    } finally {
      this.release(client, broken);
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

  private track(client: Client): void {
    this.open.add(client);
    // A pending query rejects with the error. This listener only prevents the process from
    // crashing.
    client.on('error', () => {});
    client.once('end', () => {
      this.open.delete(client);
      this.serveWaiters();
    });
  }

  private next(deadline: number): Promise<PoolClient> {
    if (this.closing) return Promise.reject(new PoolClosedError());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          waiter.hasTimedOut = true;
          const index = this.waiters.indexOf(waiter);
          if (index >= 0) this.waiters.splice(index, 1);
          reject(this.timeout());
        },
        Math.max(0, deadline - Date.now()),
      );
      const waiter: Waiter = {
        hasTimedOut: false,
        give: (promised) => {
          promised.then(
            (client) => {
              clearTimeout(timer);
              if (!waiter.hasTimedOut) return resolve(client);
              client.release();
              this.serveWaiters();
            },
            (error) => {
              clearTimeout(timer);
              reject(error);
            },
          );
        },
      };
      this.waiters.push(waiter);
      this.serveWaiters();
    });
  }

  private serveWaiters(): void {
    while (
      this.waiters.length > 0 &&
      (this.pool.idleCount > this.pool.waitingCount || this.open.size < this.max)
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
