import type { Client } from 'pg';
import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import { pg, ReplicaEndpoint } from './endpoint';
import { isFatal, queryFailure } from './errors';
import type { ReplicaPoolSettings } from './options';
import { takeQueryTimeout } from './session';
import { after } from './timer';
import { UsualTime } from './usual-time';

/** The pause after repeated failures, in multiples of `ejectMs`. */
const MAX_PAUSE_FACTOR = 30;
/**
 * How long a reader in doubt may take to answer a health check before it counts as silent, in
 * milliseconds: at least this, and at least this many times what it usually takes. If the check must
 * connect first, it takes longer.
 */
const MIN_PATIENCE_MS = 100;
const PATIENCE_FACTOR = 4;
const CONNECT_PATIENCE_MS = 500;

/** What is late, and how to stop watching for it. */
export interface LatenessWatch {
  /** The kind of read, whose usual time is known: reads of one text are of one kind. */
  readonly kind: object;
  /** How long the read waits by itself, such as for replication, in milliseconds. */
  readonly waitMs: number;
  /**
   * Called when the read takes too long: the reader is silent, or it answers others but not this
   * read. Returns false if nothing was done about it; it is then called again.
   */
  readonly onLate: (why: 'silent' | 'slow') => boolean;
}

/**
 * A read is doubtful after this time in milliseconds, if the time that such reads usually take is
 * shorter; if it is unknown, after the second time.
 */
const MIN_DOUBT_MS = 50;
const UNKNOWN_DOUBT_MS = 100;
/** The same in multiples of the usual time. */
const DOUBT_FACTOR = 2;
/** A read counts as slow after this time and this many times the usual time. */
const MIN_SLOW_MS = 500;
const SLOW_FACTOR = 5;

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
  /** How long reads take, by kind and all together, and how long health checks take. */
  private readonly usual = new WeakMap<object, UsualTime>();
  private readonly usualOfAll = new UsualTime();
  private readonly usualCheck = new UsualTime();
  /** Stops the patience with a reader in doubt. */
  private endDoubt: (() => void) | undefined;
  private silent = false;
  private readonly onSilent = new Set<() => void>();

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

  /** Whether a read takes long, and the health check that it caused is not answered yet. */
  public get isInDoubt(): boolean {
    return this.endDoubt !== undefined;
  }

  /** Whether it does not even answer a health check: it gets no reads until it does. */
  public get isSilent(): boolean {
    return this.silent;
  }

  /** Opens the connection for health checks before the first read needs it. */
  public prepare(): void {
    if (this.client === undefined && this.healthy) void this.checkHealth();
  }

  /**
   * Watches a read that begins now. A read that takes longer than usual puts the reader in doubt: a
   * health check tells a slow statement from a server that hangs.
   *
   * @returns a function that ends the watch
   */
  public watch({ kind, waitMs, onLate }: LatenessWatch): () => void {
    const usual = this.usual.get(kind)?.ms;
    const known = usual ?? this.usualOfAll.ms ?? 0;
    const doubtMs = Math.max(
      usual === undefined ? UNKNOWN_DOUBT_MS : MIN_DOUBT_MS,
      DOUBT_FACTOR * known,
    );
    const slowMs = Math.max(MIN_SLOW_MS, SLOW_FACTOR * doubtMs);
    const began = performance.now();
    let pauseMs = doubtMs;
    let stop: () => void;
    const late = (why: 'silent' | 'slow') => {
      stop();
      this.onSilent.delete(whenSilent);
      if (onLate(why)) return;
      pauseMs *= 2;
      stop = after(pauseMs, check);
    };
    const whenSilent = () => late('silent');
    const check = () => {
      this.doubt();
      const elapsed = performance.now() - began;
      if (elapsed < doubtMs + waitMs) {
        stop = after(doubtMs + waitMs - elapsed, check);
      } else if (this.silent) {
        late('silent');
      } else {
        this.onSilent.add(whenSilent);
        stop = after(Math.max(0, slowMs + waitMs - elapsed), () => late('slow'));
      }
    };
    stop = after(doubtMs, check);
    return () => {
      stop();
      this.onSilent.delete(whenSilent);
    };
  }

  /** Records how long a read took, in milliseconds. */
  public took(kind: object, ms: number): void {
    const usual = this.usual.get(kind) ?? new UsualTime();
    usual.add(ms);
    this.usual.set(kind, usual);
    this.usualOfAll.add(ms);
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
    this.trust();
    this.settings.onEvent({ kind: 'ejected', server: this.name, error });
    // Callers that still wait for this replica retry elsewhere. If it refuses the log-in, it answers,
    // and theirs is refused too.
    if (!isFatal(error) || queryFailure(error) !== 'refusal') this.endpoint.abort();
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
    this.endDoubt?.();
    this.client?.connection.stream.destroy();
    await Promise.all([this.checking, this.endpoint.close(drainMs)]);
  }

  private async checkOnce(): Promise<void> {
    if (this.closed) return;
    try {
      const client = this.client ?? (await this.connect());
      this.client = client;
      await this.answer(client);
      if (this.closed) return;
      this.failures = 0;
      this.schedule(this.settings.checkIntervalMs);
      const wasOut = !this.healthy || this.silent;
      this.healthy = true;
      this.trust();
      if (wasOut) this.settings.onEvent({ kind: 'restored', server: this.name });
    } catch (error) {
      this.client?.connection.stream.destroy();
      this.client = undefined;
      this.eject(error);
    }
  }

  private async answer(client: Client): Promise<void> {
    const began = performance.now();
    const { checkIntervalMs } = this.settings;
    if ((await withTimeLimit(checkIntervalMs, client.query('SELECT 1'))) === TIMED_OUT)
      throw new Error(`${this.name} did not answer a health check within ${checkIntervalMs} ms.`);
    this.usualCheck.add(performance.now() - began);
  }

  /** Checks the server now. If it does not answer soon, it gets no reads until it does. */
  private doubt(): void {
    if (this.closed || !this.healthy || this.endDoubt) return;
    const patienceMs =
      this.client === undefined
        ? CONNECT_PATIENCE_MS
        : Math.max(MIN_PATIENCE_MS, PATIENCE_FACTOR * (this.usualCheck.ms ?? 0));
    this.endDoubt = after(patienceMs, () => {
      this.silent = true;
      this.settings.onEvent({ kind: 'set-aside', server: this.name });
      for (const listener of [...this.onSilent]) listener();
    });
    void this.checkHealth();
  }

  /** Ends the doubt. An ejected reader is in none. */
  private trust(): void {
    this.endDoubt?.();
    this.endDoubt = undefined;
    this.silent = false;
  }

  private async connect(): Promise<Client> {
    const { Client: PgClient } = pg();
    const client = new PgClient({
      ...this.endpoint.config,
      keepAlive: true,
      connectionTimeoutMillis: this.settings.connectTimeoutMs,
    });
    takeQueryTimeout(client);
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
   * A replica in doubt gets reads only if there is no other one.
   */
  public choose(tried: ReadonlySet<ReplicaReader>): ReplicaReader | undefined {
    const left = this.all.filter((reader) => !tried.has(reader));
    const answering = left.filter((reader) => reader.healthy && !reader.isSilent);
    const trusted = answering.filter((reader) => !reader.isInDoubt);
    const healthy = trusted.length > 0 ? trusted : answering;
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
