import type { Cluster, Redis } from 'iovalkey';
import { ReadBatcher } from './batch';
import { type CacheConnection, nodeName } from './connection';
import { type CacheErrorKind, cacheErrorKind } from './error-kinds';
import { type Answer, beforeDeadline, CacheGuard } from './guard';
import type { CompleteServerOptions } from './server-options';

/**
 * The way to one server: a breaker of its own, because one lost node of a cluster is no reason to
 * give up the others.
 */
export interface CacheLane {
  readonly owner: string;
  readonly guard: CacheGuard;
  readonly reads: ReadBatcher;
}

export interface CacheLanesEvents {
  readonly onError: (kind: CacheErrorKind, error: unknown) => void;
  readonly onChange: (available: boolean) => void;
  /**
   * What must be done on a server that is back, before anything is read from it. @throws if it
   * could not be done
   */
  readonly beforeUse: (lane: CacheLane) => Promise<void>;
}

/** The ways to all servers of a connection; without a cluster there is one. */
export class CacheLanes {
  private readonly lanes = new Map<string, CacheLane>();
  /** Of each server, a name that it owns: what is asked to probe it. */
  private readonly examples = new Map<CacheLane, string>();
  private readonly single: CacheLane | undefined;
  private wasAvailable = true;

  constructor(
    private readonly connection: CacheConnection,
    private readonly options: CompleteServerOptions,
    private readonly events: CacheLanesEvents,
  ) {
    if (!options.cluster) this.single = this.lane('');
  }

  /** The lane of the server that owns a name now. */
  public of(name: string): CacheLane {
    if (this.single !== undefined) return this.single;
    const lane = this.lane(this.connection.owner(name));
    if (!this.examples.has(lane)) this.examples.set(lane, name);
    return lane;
  }

  public lane(owner: string): CacheLane {
    const known = this.lanes.get(owner);
    if (known !== undefined) return known;
    const guard = new CacheGuard({
      breakAfter: this.options.breakAfter,
      probeIntervalMs: this.options.probeIntervalMs,
      probe: () => this.probe(lane),
      onError: this.events.onError,
      onChange: () => this.changed(),
    });
    const lane: CacheLane = {
      owner,
      guard,
      reads: new ReadBatcher((names) => this.fetch(lane, names)),
    };
    this.lanes.set(owner, lane);
    return lane;
  }

  public get available(): boolean {
    const lanes = [...this.lanes.values()];
    // Before a cluster has told who owns what, its names lie on nobody's lane.
    const known = this.options.cluster ? lanes.filter(({ owner }) => owner !== '') : lanes;
    return known.length === 0 || known.some(({ guard }) => guard.available);
  }

  private changed(): void {
    const { available } = this;
    if (available === this.wasAvailable) return;
    this.wasAvailable = available;
    this.events.onChange(available);
  }

  /** Sends commands to the server of a lane as one, as soon as the connection stands. */
  public send<T>(
    lane: CacheLane,
    command: (client: Redis | Cluster) => Promise<T>,
    timeoutMs: number,
    late?: (value: T) => void,
  ): Promise<Answer<T>> {
    return lane.guard.run(() => this.whenReady(command), timeoutMs, late);
  }

  private whenReady<T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    const { client } = this.connection;
    return this.connection.whenReady()?.then(() => command(client)) ?? command(client);
  }

  private async fetch(
    lane: CacheLane,
    names: readonly string[],
  ): Promise<readonly (Buffer | null)[] | undefined> {
    const { cluster, commandTimeoutMs } = this.options;
    const answer = await this.send(
      lane,
      // The slots of a server are many, and one MGET may ask for one slot only.
      (client) =>
        cluster
          ? Promise.all(names.map((name) => this.get(client, name)))
          : client.mgetBuffer(names as string[]),
      commandTimeoutMs,
    );
    return answer.ok ? answer.value : undefined;
  }

  private async get(client: Redis | Cluster, name: string): Promise<Buffer | null> {
    try {
      return await client.getBuffer(name);
    } catch (error) {
      // MGET takes such a key for missing; so does this, and the next write replaces it.
      if (cacheErrorKind(error) !== 'wrongtype') throw error;
      this.events.onError('wrongtype', error);
      return null;
    }
  }

  private async probe(lane: CacheLane): Promise<void> {
    try {
      await beforeDeadline(
        () => this.whenReady((client) => this.ask(lane, client)),
        this.options.commandTimeoutMs,
      );
    } catch (error) {
      this.connection.discard(lane.owner);
      throw error;
    }
    await this.events.beforeUse(lane);
  }

  /** A name finds its owner also when that is another server by now. */
  private async ask(lane: CacheLane, client: Redis | Cluster): Promise<unknown> {
    const name = this.examples.get(lane);
    if (name !== undefined) return client.exists(name);
    const server = this.connection
      .servers()
      .find((one) => lane === this.single || nodeName(one) === lane.owner);
    if (server === undefined) throw new Error(`There is no connection to ${lane.owner}.`);
    return server.ping();
  }

  /** Looks at once after every server that is away, because a new connection stands. */
  public probeAll(): void {
    for (const { guard } of this.lanes.values()) void guard.probe();
  }

  public close(): void {
    for (const { guard } of this.lanes.values()) guard.close();
  }
}
