import type { Client, Pool, PoolClient, PoolConfig } from 'pg';
import { optionalPackage } from '../shared';
import { AcquireTimeoutError, PoolClosedError, queryFailure } from './errors';
import type { ReplicaPoolSettings, ReplicaServer } from './options';

/** pg is an optional peer: it is loaded when the first pool is made. */
export function pg(): typeof import('pg') {
  return optionalPackage('pg', 'ReplicaPool', () => require('pg') as typeof import('pg'));
}

interface Waiter {
  readonly give: (client: Promise<PoolClient>) => void;
  over: boolean;
}

export interface EndpointStatus {
  readonly name: string;
  /** Sockets, also those that are being opened or closed. */
  readonly open: number;
  readonly busy: number;
  readonly waiting: number;
}

/**
 * The connections to one server: a pool of `pg`, which never has more sockets than its budget.
 *
 * The pool alone forgets a connection when it begins to close it, and would open the next one
 * beside it: after an error many at once. Here a socket counts until it is closed. Nor has the pool
 * two times for two things: to wait for a free connection, and to connect.
 */
export class ReplicaEndpoint {
  public readonly name: string;
  public readonly distance: number;
  private readonly pool: Pool;
  private readonly open = new Set<Client>();
  private readonly busy = new Set<PoolClient>();
  private readonly waiters: Waiter[] = [];
  /** Connections that were open at the last `renew`. */
  private readonly renewed = new WeakSet<Client>();
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
    const opened = (client: Client) => this.opened(client);
    class CountedClient extends Base {
      constructor(clientConfig?: PoolConfig) {
        super(clientConfig);
        opened(this);
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
    // An idle connection ended. The pool drops it; whoever looks after the server hears of it.
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
   * A connection that is the caller's until `release`.
   *
   * @throws AcquireTimeoutError if none is free until the deadline, in Unix milliseconds
   */
  public async acquire(deadline: number): Promise<PoolClient> {
    for (;;) {
      const client = await this.next(deadline);
      if (this.renewed.has(client)) {
        client.release(true);
        continue;
      }
      this.busy.add(client);
      return client;
    }
  }

  /** Gives a connection back; a broken one, or one in the middle of a transaction, is closed. */
  public release(client: PoolClient, broken: boolean): void {
    this.busy.delete(client);
    const inTransaction = (client.getTransactionStatus?.() ?? 'I') !== 'I';
    client.release(broken || inTransaction || this.renewed.has(client));
    this.pump();
    if (this.closing && this.busy.size === 0) this.drained();
  }

  /** Asks once, on any connection. */
  public async use<T>(deadline: number, ask: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.acquire(deadline);
    let broken = true;
    try {
      const answer = await ask(client);
      broken = false;
      return answer;
    } catch (error) {
      broken = queryFailure(error) === 'connection';
      throw error;
    } finally {
      this.release(client, broken);
    }
  }

  /**
   * Connections that are open now are used no more once they are given back: the name may lead
   * elsewhere now.
   */
  public renew(): void {
    for (const client of this.open) this.renewed.add(client);
  }

  /**
   * Ends all connections at once, and all waiting for one: what was asked fails, and may be asked
   * elsewhere.
   */
  public abort(): void {
    const lost = new Error(`Connection terminated: ${this.name} does not answer.`);
    for (const waiter of this.waiters.splice(0)) waiter.give(Promise.reject(lost));
    for (const client of this.open) client.connection.stream.destroy();
  }

  /** Waits for what is under way, up to a time; then ends it. */
  public async close(drainMs: number): Promise<void> {
    this.closing = true;
    for (const waiter of this.waiters.splice(0)) waiter.give(Promise.reject(new PoolClosedError()));
    if (this.busy.size > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.drained = resolve;
        timer = setTimeout(resolve, drainMs);
      });
      clearTimeout(timer);
      if (this.busy.size > 0) this.abort();
    }
    // A server that hangs never says goodbye.
    const last = setTimeout(() => this.abort(), 1_000);
    await this.pool.end();
    clearTimeout(last);
  }

  private opened(client: Client): void {
    this.open.add(client);
    // Whoever waits for an answer hears it by that; this one only keeps the process alive.
    client.on('error', () => {});
    client.once('end', () => {
      this.open.delete(client);
      this.pump();
    });
  }

  private next(deadline: number): Promise<PoolClient> {
    if (this.closing) return Promise.reject(new PoolClosedError());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          waiter.over = true;
          const at = this.waiters.indexOf(waiter);
          if (at >= 0) this.waiters.splice(at, 1);
          reject(this.timeout());
        },
        Math.max(0, deadline - Date.now()),
      );
      const waiter: Waiter = {
        over: false,
        give: (promised) => {
          promised.then(
            (client) => {
              clearTimeout(timer);
              if (!waiter.over) return resolve(client);
              client.release();
              this.pump();
            },
            (error) => {
              clearTimeout(timer);
              reject(error);
            },
          );
        },
      };
      this.waiters.push(waiter);
      this.pump();
    });
  }

  private pump(): void {
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
      `ReplicaPool: no connection to ${this.name} was free within ${acquireTimeoutMs} ms (acquireTimeoutMs): ` +
        `${this.open.size} of ${this.max} (max) are open, ${this.busy.size} busy, ${this.waiters.length} callers still wait.\n` +
        'Make queries and transactions shorter, or raise `max` within what the server and its pooler allow.',
    );
  }
}
