import type { Cluster, Redis } from 'iovalkey';
import { ReadBatcher } from './batch';
import { beforeDeadline, CircuitBreaker, type Sending, type SendOutcome } from './circuit-breaker';
import { type CacheConnection, nodeAddress, type Receiver } from './connection';
import { type CacheErrorKind, cacheErrorKind } from './errors';
import type { CompleteServerOptions } from './options';

/**
 * How commands reach one server. Each server has a circuit breaker of its own: a cluster that loses
 * one node keeps using the others.
 */
export interface NodeConnection {
  /** `host:port`; empty without a cluster, and for slots whose owner is not known yet. */
  readonly address: string;
  readonly breaker: CircuitBreaker;
  readonly reads: ReadBatcher;
}

export interface NodeEvents {
  readonly onError: (kind: CacheErrorKind, error: unknown) => void;
  readonly onChange: (available: boolean) => void;
  /**
   * Prepares a server that is back, before anything is read from it.
   *
   * @throws if the server could not be prepared
   */
  readonly beforeUse: (node: NodeConnection) => Promise<void>;
}

/** The servers of a connection, one unless it is a cluster. */
export class NodeConnections {
  private readonly nodes = new Map<string, NodeConnection>();
  /** For each server, a name that it owns, with which to probe it. */
  private readonly ownedNames = new Map<NodeConnection, string>();
  private readonly single: NodeConnection | undefined;
  private wasAvailable = true;

  constructor(
    private readonly connection: CacheConnection,
    private readonly options: CompleteServerOptions,
    private readonly events: NodeEvents,
  ) {
    if (!options.cluster) this.single = this.at('');
  }

  /** The server that owns a name at this moment. */
  public ownerOf(name: string): NodeConnection {
    if (this.single !== undefined) return this.single;
    const node = this.at(this.connection.ownerAddress(name));
    if (!this.ownedNames.has(node)) this.ownedNames.set(node, name);
    return node;
  }

  /** The server at an address; see `NodeConnection.address`. */
  public at(address: string): NodeConnection {
    const known = this.nodes.get(address);
    if (known !== undefined) return known;
    const breaker = new CircuitBreaker({
      breakAfter: this.options.breakAfter,
      probeIntervalMs: this.options.probeIntervalMs,
      probe: () => this.probe(node),
      onError: this.events.onError,
      onChange: () => this.breakerChanged(),
    });
    const node: NodeConnection = {
      address,
      breaker,
      reads: new ReadBatcher((names, done) => this.fetch(node, names, done)),
    };
    this.nodes.set(address, node);
    return node;
  }

  /** Whether at least one server takes commands. */
  public get available(): boolean {
    const nodes = [...this.nodes.values()];
    // Until a cluster has reported its slots, names have no owner.
    const known = this.options.cluster ? nodes.filter(({ address }) => address !== '') : nodes;
    return known.length === 0 || known.some(({ breaker }) => breaker.available);
  }

  private breakerChanged(): void {
    const { available } = this;
    if (available === this.wasAvailable) return;
    this.wasAvailable = available;
    this.events.onChange(available);
  }

  /** Sends commands to a server together, as soon as the connection is ready. */
  public send<T>(
    node: NodeConnection,
    command: (client: Redis | Cluster) => Promise<T>,
    timeoutMs: number,
    late?: (value: T) => void,
  ): Promise<SendOutcome<T>> {
    return node.breaker.run(() => this.whenReady(command), timeoutMs, late);
  }

  private whenReady<T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    const { client } = this.connection;
    return this.connection.whenReady()?.then(() => command(client)) ?? command(client);
  }

  private fetch(
    node: NodeConnection,
    names: readonly string[],
    done: (replies: readonly (Buffer | null)[] | undefined) => void,
  ): void {
    node.breaker.start<readonly (Buffer | null)[]>(
      (sending) => {
        const ready = this.connection.whenReady();
        if (ready === undefined) this.get(names, sending);
        else
          ready
            .then(() => this.get(names, sending))
            .catch((error: unknown) => sending.failed(error));
      },
      this.options.commandTimeoutMs,
      (outcome) => done(outcome.ok ? outcome.value : undefined),
    );
  }

  private get(names: readonly string[], sending: Sending<readonly (Buffer | null)[]>): void {
    // A node owns many slots, and all names of an MGET must be in one slot.
    if (names.length > 1 && !this.options.cluster) {
      this.connection.send('mget', names, sending);
      return;
    }
    const values = new Array<Buffer | null>(names.length).fill(null);
    const together = { values, missing: names.length, sending, onError: this.events.onError };
    for (let at = 0; at < names.length; at++)
      this.connection.send('get', [names[at] as string], new ValueOf(together, at));
  }

  private async probe(node: NodeConnection): Promise<void> {
    try {
      await beforeDeadline(
        () => this.whenReady((client) => this.ping(node, client)),
        this.options.commandTimeoutMs,
      );
    } catch (error) {
      this.connection.discard(node.address);
      throw error;
    }
    await this.events.beforeUse(node);
  }

  /** Prefers a command on an owned name: it reaches the owner even if the slot has moved. */
  private async ping(node: NodeConnection, client: Redis | Cluster): Promise<unknown> {
    const name = this.ownedNames.get(node);
    if (name !== undefined) return client.exists(name);
    const server = this.connection
      .servers()
      .find((candidate) => node === this.single || nodeAddress(candidate) === node.address);
    if (server === undefined) throw new Error(`There is no connection to ${node.address}.`);
    return server.ping();
  }

  /** Probes every server whose breaker is open, because a new connection is ready. */
  public probeAll(): void {
    for (const { breaker } of this.nodes.values()) void breaker.probe();
  }

  public close(): void {
    for (const { breaker } of this.nodes.values()) breaker.close();
  }
}

/** Values that are requested one by one, and the reply that they make together. */
interface RequestedValues {
  readonly values: (Buffer | null)[];
  missing: number;
  readonly sending: Sending<readonly (Buffer | null)[]>;
  readonly onError: NodeEvents['onError'];
}

/** Receives one of them. */
class ValueOf implements Receiver<Buffer | null> {
  constructor(
    private readonly of: RequestedValues,
    private readonly at: number,
  ) {}

  public answered(value: Buffer | null): void {
    const { of } = this;
    of.values[this.at] = value;
    of.missing--;
    if (of.missing === 0) of.sending.answered(of.values);
  }

  public failed(error: unknown): void {
    // MGET reports a key of another type as missing. So does this; the next write replaces it.
    if (cacheErrorKind(error) !== 'wrongtype') {
      this.of.sending.failed(error);
      return;
    }
    this.of.onError('wrongtype', error);
    this.answered(null);
  }
}
