import type { Client } from 'pg';
import { pg, ReplicaEndpoint } from './endpoint';
import type { ReplicaPoolSettings } from './options';

/** The pause after repeated failures, in multiples of `ejectMs`. */
const MAX_PAUSE_FACTOR = 30;

/** One replica: its connections and its health. */
export class ReplicaReader {
  public readonly endpoint: ReplicaEndpoint;
  public healthy = true;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  /** The connection for health checks. */
  private client: Client | undefined;
  private checking: Promise<void> | undefined;
  private closed = false;

  constructor(
    server: ReplicaPoolSettings['readers'][number],
    private readonly settings: ReplicaPoolSettings,
  ) {
    // One connection of the budget is reserved for health checks, so that a server that hangs is
    // detected even while all other connections wait for it.
    this.endpoint = new ReplicaEndpoint(server, settings, settings.max - 1);
    this.endpoint.onIdleError(() => this.suspect());
    this.schedule(settings.checkIntervalMs);
  }

  public get name(): string {
    return this.endpoint.name;
  }

  /**
   * Checks the server now, because a connection ended. A single terminated backend does not mean
   * that the server is dead.
   */
  public suspect(): void {
    if (this.healthy) void this.checkHealth();
  }

  /** Stops reads until a health check succeeds. */
  public eject(error: unknown): void {
    if (this.closed) return;
    this.failures += 1;
    const pause = this.settings.ejectMs * Math.min(MAX_PAUSE_FACTOR, 2 ** (this.failures - 1));
    // Random, so that the processes of a fleet do not all return at once.
    this.schedule(pause * (0.75 + Math.random() / 2));
    if (!this.healthy) return;
    this.healthy = false;
    this.settings.onEvent({ kind: 'ejected', server: this.name, error });
    // Callers that still wait for this replica retry elsewhere.
    this.endpoint.abort();
  }

  /** Checks the server's health, once at a time. */
  public checkHealth(): Promise<void> {
    this.checking ??= this.checkOnce().finally(() => {
      this.checking = undefined;
    });
    return this.checking;
  }

  public async close(drainMs: number): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.client?.connection.stream.destroy();
    await Promise.all([this.checking, this.endpoint.close(drainMs)]);
  }

  private async checkOnce(): Promise<void> {
    if (this.closed) return;
    try {
      const client = this.client ?? (await this.connect());
      this.client = client;
      await client.query('SELECT 1');
      if (this.closed) return;
      this.failures = 0;
      this.schedule(this.settings.checkIntervalMs);
      if (this.healthy) return;
      this.healthy = true;
      this.settings.onEvent({ kind: 'restored', server: this.name });
    } catch (error) {
      this.client?.connection.stream.destroy();
      this.client = undefined;
      this.eject(error);
    }
  }

  private async connect(): Promise<Client> {
    const { Client: PgClient } = pg();
    const client = new PgClient({
      ...this.endpoint.config,
      keepAlive: true,
      connectionTimeoutMillis: this.settings.connectTimeoutMs,
      query_timeout: this.settings.checkIntervalMs,
    });
    client.on('error', () => {});
    client.once('end', () => {
      if (this.client !== client) return;
      this.client = undefined;
      this.suspect();
    });
    try {
      await client.connect();
    } catch (error) {
      client.connection.stream.destroy();
      throw error;
    }
    if (this.closed) client.connection.stream.destroy();
    return client;
  }

  private schedule(afterMs: number): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => void this.checkHealth(), afterMs).unref();
  }
}

/** The replicas, and the choice of the next one to read from. */
export class ReplicaReaders {
  public readonly all: readonly ReplicaReader[];
  private turn = 0;

  constructor(private readonly settings: ReplicaPoolSettings) {
    this.all = settings.readers.map((server) => new ReplicaReader(server, settings));
  }

  /**
   * The nearest healthy replica that has not been tried; among equals the least busy, in rotation.
   */
  public choose(tried: ReadonlySet<ReplicaReader>): ReplicaReader | undefined {
    const left = this.all.filter((reader) => !tried.has(reader));
    const healthy = left.filter((reader) => reader.healthy);
    // If the writer must not answer reads, unhealthy readers are tried when no reader is healthy.
    const candidates = healthy.length > 0 || this.settings.writerAnswersReads ? healthy : left;
    const nearest = Math.min(...candidates.map(({ endpoint }) => endpoint.distance));
    const near = candidates.filter(({ endpoint }) => endpoint.distance === nearest);
    const least = Math.min(...near.map(({ endpoint }) => endpoint.busyCount));
    const best = near.filter(({ endpoint }) => endpoint.busyCount === least);
    this.turn = (this.turn + 1) % 1_000_000;
    return best[this.turn % Math.max(1, best.length)];
  }

  public async close(drainMs: number): Promise<void> {
    await Promise.all(this.all.map((reader) => reader.close(drainMs)));
  }
}
