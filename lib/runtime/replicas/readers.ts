import type { Client } from 'pg';
import { pg, ReplicaEndpoint } from './endpoint';
import type { ReplicaPoolSettings } from './options';

const MOST_DOUBLINGS = 30;

/** One replica: its connections, and whether it is fit. */
export class ReplicaReader {
  public readonly endpoint: ReplicaEndpoint;
  public healthy = true;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private client: Client | undefined;
  private looking: Promise<void> | undefined;
  private closed = false;

  constructor(
    server: ReplicaPoolSettings['readers'][number],
    private readonly settings: ReplicaPoolSettings,
  ) {
    // One connection of the budget is the one that looks: a hung server is found out, though all
    // others are busy waiting for it.
    this.endpoint = new ReplicaEndpoint(server, settings, settings.max - 1);
    this.endpoint.onIdleError(() => this.suspect());
    this.plan(settings.checkIntervalMs);
  }

  public get name(): string {
    return this.endpoint.name;
  }

  /**
   * A connection ended under somebody: one backend that was ended is no dead server, so it is
   * looked at now.
   */
  public suspect(): void {
    if (this.healthy) void this.look();
  }

  /** It could not be connected to: no reads until a look succeeds. */
  public eject(error: unknown): void {
    if (this.closed) return;
    this.failures += 1;
    const pause = this.settings.ejectMs * Math.min(MOST_DOUBLINGS, 2 ** (this.failures - 1));
    // Spread, so that a fleet does not come back as one.
    this.plan(pause * (0.75 + Math.random() / 2));
    if (!this.healthy) return;
    this.healthy = false;
    this.settings.onEvent({ kind: 'ejected', server: this.name, error });
    // Who still waits for it is better served elsewhere.
    this.endpoint.abort();
  }

  /** Asks the server for a sign of life; one look at a time. */
  public look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  public async close(drainMs: number): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.client?.connection.stream.destroy();
    await Promise.all([this.looking, this.endpoint.close(drainMs)]);
  }

  private async lookOnce(): Promise<void> {
    if (this.closed) return;
    try {
      const client = this.client ?? (await this.connect());
      this.client = client;
      await client.query('SELECT 1');
      if (this.closed) return;
      this.failures = 0;
      this.plan(this.settings.checkIntervalMs);
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

  private plan(afterMs: number): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => void this.look(), afterMs).unref();
  }
}

/** The replicas, and which of them answers next. */
export class ReplicaReaders {
  public readonly all: readonly ReplicaReader[];
  private turn = 0;

  constructor(private readonly settings: ReplicaPoolSettings) {
    this.all = settings.readers.map((server) => new ReplicaReader(server, settings));
  }

  /** The nearest of those that are fit and not tried yet; among equals the least busy, in turn. */
  public choose(tried: ReadonlySet<ReplicaReader>): ReplicaReader | undefined {
    const left = this.all.filter((reader) => !tried.has(reader));
    const healthy = left.filter((reader) => reader.healthy);
    // Where the writer must not answer, a reader that seemed dead is better than none.
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
