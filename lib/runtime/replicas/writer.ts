import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, PoolClient } from 'pg';
import { ReplicaEndpoint } from './endpoint';
import { AcquireTimeoutError, PoolClosedError, queryFailure } from './errors';
import type { ReplicaPoolSettings } from './options';

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;

/** A connection to the writer, in use. */
export interface WriterLease {
  readonly endpoint: ReplicaEndpoint;
  readonly client: PoolClient;
}

/** A server that answered, but takes no writes. */
class NoWriterError extends Error {
  public readonly code = '25006';
}

/** Who takes writes: one server or name, or the one of several that is no replica. */
export class ReplicaWriter {
  public readonly endpoints: readonly ReplicaEndpoint[];
  private readonly asked = new WeakSet<Client>();
  private at = 0;
  private closed = false;

  constructor(private readonly settings: ReplicaPoolSettings) {
    this.endpoints = settings.writers.map(
      (server) => new ReplicaEndpoint(server, settings, settings.max),
    );
  }

  /**
   * A connection to a server that is no replica. While there is none, as during a failover, it is
   * looked for until `acquireTimeoutMs` is over: nothing was sent yet, so that nothing can be done
   * twice.
   *
   * @throws AcquireTimeoutError, or what the last server said
   */
  public async acquire(): Promise<WriterLease> {
    const deadline = Date.now() + this.settings.acquireTimeoutMs;
    for (let attempt = 0; ; attempt += 1) {
      const endpoint = this.endpoints[this.at] as ReplicaEndpoint;
      try {
        return { endpoint, client: await this.acquireFrom(endpoint, deadline) };
      } catch (error) {
        const failure = queryFailure(error);
        if (this.closed || error instanceof AcquireTimeoutError || error instanceof PoolClosedError)
          throw error;
        if (failure !== 'connection' && failure !== 'read-only') throw error;
        this.moveOn(endpoint);
        const round = Math.floor(attempt / this.endpoints.length);
        const pause =
          Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** round) * (0.5 + Math.random());
        if (Date.now() + pause >= deadline) throw error;
        // A round through all servers first, then a pause.
        if (attempt % this.endpoints.length === this.endpoints.length - 1) await sleep(pause);
      }
    }
  }

  /** Asks once, and gives the connection back. */
  public async use<T>(
    { endpoint, client }: WriterLease,
    ask: (client: PoolClient) => Promise<T>,
  ): Promise<T> {
    let broken = true;
    try {
      const answer = await ask(client);
      broken = false;
      return answer;
    } catch (error) {
      const failure = queryFailure(error);
      broken = failure === 'connection';
      if (failure === 'read-only') this.demote(endpoint);
      throw error;
    } finally {
      endpoint.release(client, broken);
    }
  }

  /**
   * It said that it takes no writes: its connections are old, and its name may lead elsewhere by
   * now.
   */
  public demote(endpoint: ReplicaEndpoint): void {
    endpoint.renew();
    this.moveOn(endpoint);
    this.settings.onEvent({ kind: 'demoted', server: endpoint.name });
  }

  public async close(drainMs: number): Promise<void> {
    this.closed = true;
    await Promise.all(this.endpoints.map((endpoint) => endpoint.close(drainMs)));
  }

  private moveOn(from: ReplicaEndpoint): void {
    if (this.endpoints[this.at] === from) this.at = (this.at + 1) % this.endpoints.length;
  }

  /**
   * A new connection is asked once whether a replica is behind it: reads that must be fresh come
   * here too, and no error would stop them.
   */
  private async acquireFrom(endpoint: ReplicaEndpoint, deadline: number): Promise<PoolClient> {
    const client = await endpoint.acquire(deadline);
    if (this.asked.has(client)) return client;
    try {
      const { rows } = await client.query<{ replica: boolean }>(
        'SELECT pg_is_in_recovery() AS replica',
      );
      if (rows[0]?.replica !== false) throw new NoWriterError(`${endpoint.name} is a replica.`);
    } catch (error) {
      endpoint.release(client, true);
      throw error;
    }
    this.asked.add(client);
    return client;
  }
}
