import { setTimeout as sleep } from 'node:timers/promises';
import { ReplicaEndpoint } from './endpoint';
import { AcquireTimeoutError, PoolClosedError, queryFailure } from './errors';
import type { ReplicaPoolSettings } from './options';
import type { Session } from './session';
import { unlessAborted } from './signal';

const MIN_PAUSE_MS = 25;
const MAX_PAUSE_MS = 500;

/** A connection to the writer, in use. */
export interface WriterLease {
  readonly endpoint: ReplicaEndpoint;
  readonly session: Session;
}

/** A server answered, but accepts no writes. */
class NotWritableError extends Error {
  public readonly code = '25006';
}

/** The server that accepts writes: the only one, or the one of several that is not a replica. */
export class ReplicaWriter {
  public readonly endpoints: readonly ReplicaEndpoint[];
  /** Connections that are known not to lead to a replica. */
  private readonly verified = new WeakSet<object>();
  /** Index of the endpoint that accepted writes last. */
  private current = 0;
  private closed = false;

  constructor(private readonly settings: ReplicaPoolSettings) {
    this.endpoints = settings.writers.map(
      (server) => new ReplicaEndpoint(server, settings, settings.max),
    );
  }

  /**
   * Acquires a connection to a server that is not a replica. If there is none, as during a
   * failover, it keeps trying for `acquireTimeoutMs`. Nothing has been sent yet, so nothing can
   * happen twice.
   *
   * @param signal ends the attempts with its reason
   * @throws AcquireTimeoutError, or the error of the last server
   */
  public async acquire(signal?: AbortSignal): Promise<WriterLease> {
    const deadline = performance.now() + this.settings.acquireTimeoutMs;
    for (let attempt = 0; ; attempt += 1) {
      const endpoint = this.endpoints[this.current] as ReplicaEndpoint;
      try {
        return { endpoint, session: await this.acquireFrom(endpoint, deadline, signal) };
      } catch (error) {
        const failure = queryFailure(error);
        if (signal?.aborted) throw error;
        if (this.closed || error instanceof AcquireTimeoutError || error instanceof PoolClosedError)
          throw error;
        if (failure !== 'connection' && failure !== 'read-only') throw error;
        this.moveOn(endpoint);
        const round = Math.floor(attempt / this.endpoints.length);
        const pause = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** round) * (0.5 + Math.random());
        if (performance.now() + pause >= deadline) throw error;
        // Pauses only after a round through all servers.
        if (attempt % this.endpoints.length === this.endpoints.length - 1) await sleep(pause);
      }
    }
  }

  /** Runs a task on the connection, and releases it. */
  public async use<T>(
    { endpoint, session }: WriterLease,
    task: (session: Session) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return endpoint.run(session, task, {
      signal,
      onFailure: (failure) => {
        if (failure === 'read-only') this.demote(endpoint);
      },
    });
  }

  /**
   * Stops using a server that has refused writes as read-only. Its connections are retired, because
   * its name may now resolve to another server.
   */
  public demote(endpoint: ReplicaEndpoint): void {
    endpoint.retireConnections();
    this.moveOn(endpoint);
    this.settings.onEvent({ kind: 'demoted', server: endpoint.name });
  }

  public async close(drainMs: number): Promise<void> {
    this.closed = true;
    await Promise.all(this.endpoints.map((endpoint) => endpoint.close(drainMs)));
  }

  private moveOn(from: ReplicaEndpoint): void {
    if (this.endpoints[this.current] === from)
      this.current = (this.current + 1) % this.endpoints.length;
  }

  /**
   * Acquires a connection, and checks once per connection that it does not lead to a replica. Reads
   * that must be current run here too, and a replica would answer them without an error.
   */
  private async acquireFrom(
    endpoint: ReplicaEndpoint,
    deadline: number,
    signal?: AbortSignal,
  ): Promise<Session> {
    const session = await endpoint.acquire(deadline, signal);
    if (this.verified.has(session.client)) return session;
    try {
      const { rows } = await unlessAborted(
        session.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica'),
        signal,
      );
      if (rows[0]?.replica !== false) throw new NotWritableError(`${endpoint.name} is a replica.`);
    } catch (error) {
      endpoint.release(session, true);
      throw error;
    }
    this.verified.add(session.client);
    return session;
  }
}
