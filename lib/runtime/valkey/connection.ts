import type { Cluster, ClusterOptions, Command, Redis, RedisOptions } from 'iovalkey';
import { CacheCredentials } from './credentials';
import { cacheErrorKind } from './errors';
import type { CompleteServerOptions } from './options';

/** Loads iovalkey on first use: a cache without a server does not need it. */
function iovalkey(): typeof import('iovalkey') {
  return require('iovalkey');
}

/**
 * The longest pause between two attempts to connect. A server that is back is found within half a
 * second.
 */
const MAX_RECONNECT_MS = 500;

/**
 * Milliseconds of silence after which TCP probes a connection, so that no load balancer or NAT
 * drops it.
 */
const KEEP_ALIVE_MS = 10_000;

/**
 * Milliseconds that the client keeps a timer after a connection has ended. Its default of two
 * seconds would delay the exit of a process.
 */
const DISCONNECT_MS = 100;

/** What receives the reply to a command. */
export interface Receiver<T> {
  answered(reply: T): void;
  failed(error: unknown): void;
}

interface ReceivedCommand extends Command {
  receiver?: Receiver<unknown>;
}

const BYTES = { replyEncoding: null };

/** The client calls these as methods of the command. */
function resolveReceived(this: ReceivedCommand, reply: unknown): void {
  this.receiver?.answered(reply);
}

function rejectReceived(this: ReceivedCommand, error: Error): void {
  this.receiver?.failed(error);
}

/**
 * The connection to a server or a cluster. The client never queues a command, never repeats one and
 * never stops reconnecting.
 */
export class CacheConnection {
  public readonly client: Redis | Cluster;
  /** Resolves when the first password has arrived, or could not be fetched. */
  public readonly prepared: Promise<void>;
  private readonly credentials: CacheCredentials;
  private readonly Command = iovalkey().Command;
  private readonly waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>();
  private authenticatedAt = performance.now();
  /** When the client began to connect. */
  private connectingSince = performance.now();
  private closed = false;

  constructor(
    private readonly options: CompleteServerOptions,
    private readonly events: {
      onReady: () => void;
      onError: (error: unknown) => void;
      onReauthenticate: () => void;
    },
  ) {
    this.credentials = new CacheCredentials({
      ...options,
      onError: events.onError,
      onRenewed: () => this.passwordChanged(),
    });
    this.client = this.createClient();
    this.client.on('error', (error: unknown) => this.failed(error));
    this.client.on('ready', () => {
      for (const { resolve } of this.waiting) resolve();
      this.waiting.clear();
      events.onReady();
    });
    this.client.on('connecting', () => {
      this.connectingSince = performance.now();
    });
    this.client.on('close', () => {
      for (const { reject } of this.waiting)
        reject(new Error('The connection to the cache server was closed.'));
      this.waiting.clear();
    });
    this.prepared = this.credentials.refresh();
    void this.prepared.then(() => {
      if (!this.closed) this.client.connect().catch(() => {});
    });
  }

  private createClient(): Redis | Cluster {
    const { Redis: SingleClient, Cluster: ClusterClient } = iovalkey();
    const { host, port, nodes, cluster } = this.options;
    if (!cluster) {
      return this.limitConnectTime(
        this.readsLatestPassword(new SingleClient({ ...this.clientOptions(), host, port })),
      );
    }
    const client = new ClusterClient([{ host, port }, ...nodes], {
      // The certificates of a cluster's nodes name hosts, not addresses.
      dnsLookup: (address, callback) => callback(null, address),
      clusterRetryStrategy: reconnectDelay,
      enableOfflineQueue: false,
      lazyConnect: true,
      maxRedirections: 3,
      slotsRefreshTimeout: this.options.connectTimeoutMs,
      redisOptions: this.nodeOptions(),
    });
    client.on('node error', (error: unknown) => this.failed(error));
    client.on('+node', (node: Redis) => {
      this.limitConnectTime(this.readsLatestPassword(node));
      node.on('ready', this.events.onReady);
    });
    return client;
  }

  private clientOptions(): RedisOptions {
    const { tls, username, connectionName, connectTimeoutMs } = this.options;
    return {
      username,
      password: this.credentials.current,
      ...(tls === false ? {} : { tls: tls === true ? {} : tls }),
      connectionName,
      connectTimeout: connectTimeoutMs,
      keepAlive: KEEP_ALIVE_MS,
      disconnectTimeout: DISCONNECT_MS,
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      maxLoadingRetryTime: MAX_RECONNECT_MS,
      retryStrategy: reconnectDelay,
      // `readonly`: a replica at the primary's address is the former primary. `auth`: the server
      // has forgotten the login, and needs the latest password.
      reconnectOnError: (error) => ['readonly', 'auth'].includes(cacheErrorKind(error)),
    };
  }

  /**
   * The cluster client creates one client per node, drops a client that failed and creates it
   * again. It needs the client to queue commands until it is ready.
   */
  private nodeOptions(): ClusterOptions['redisOptions'] {
    const {
      retryStrategy: _,
      enableOfflineQueue: __,
      lazyConnect: ___,
      ...options
    } = this.clientOptions();
    return options;
  }

  /** Lets a client read the latest password whenever it connects. */
  private readsLatestPassword(client: Redis): Redis {
    if (this.credentials.changing) {
      Object.defineProperty(client.options, 'password', {
        get: () => this.credentials.current,
        enumerable: true,
        configurable: true,
      });
    }
    return client;
  }

  private failed(error: unknown): void {
    this.events.onError(error);
    if (cacheErrorKind(error) === 'auth') void this.credentials.refresh();
  }

  private passwordChanged(): void {
    if (performance.now() - this.authenticatedAt < this.options.reauthenticateMs) return;
    this.authenticatedAt = performance.now();
    const { username } = this.options;
    const password = this.credentials.current ?? '';
    for (const node of this.servers().filter(({ status }) => status === 'ready')) {
      const login = username === undefined ? node.auth(password) : node.auth(username, password);
      login.catch(this.events.onError);
    }
    this.events.onReauthenticate();
  }

  /**
   * Returns undefined if commands can be sent now. Otherwise resolves when they can, and rejects if
   * the running attempt to connect fails or no attempt is running.
   */
  public whenReady(): Promise<void> | undefined {
    const { status } = this.client;
    if (status === 'ready') return undefined;
    if (this.closed || !['wait', 'connecting', 'connect'].includes(status)) {
      return Promise.reject(new Error('There is no connection to the cache server.'));
    }
    return new Promise((resolve, reject) => this.waiting.add({ resolve, reject }));
  }

  /**
   * Sends a command whose reply is bytes, without the four promises that the client's own methods
   * create for each: they cost a read as much as its decoding.
   *
   * @param receiver one of its methods is called once; it must not throw
   */
  public send<T>(name: string, args: readonly string[], receiver: Receiver<T>): void {
    const command: ReceivedCommand = new this.Command(name, args as string[], BYTES);
    command.receiver = receiver as Receiver<unknown>;
    command.resolve = resolveReceived;
    command.reject = rejectReceived;
    void this.client.sendCommand(command);
  }

  /** The address of the server that owns a name; empty if it is unknown, or without a cluster. */
  public ownerAddress(name: string): string {
    if (!('slots' in this.client)) return '';
    return this.client.slots[slotOf(name)]?.[0] ?? '';
  }

  /** The clients of the primaries that the client knows. */
  public servers(): readonly Redis[] {
    return 'slots' in this.client ? this.client.nodes('master') : [this.client];
  }

  /**
   * The clients of all primaries.
   *
   * @throws Error if there is no client for a primary of the cluster
   */
  public allServers(): readonly Redis[] {
    const servers = this.servers();
    if (!('slots' in this.client)) return servers;
    const known = new Set(servers.map(nodeAddress));
    for (const owners of new Set(this.client.slots)) {
      if (owners?.[0] !== undefined && !known.has(owners[0]))
        throw new Error(`There is no connection to ${owners[0]}.`);
    }
    if (known.size === 0) throw new Error('There is no connection to the cluster.');
    return servers;
  }

  /**
   * Destroys a connection that is established but does not answer: TCP does not report a peer that
   * vanished while its address still routes. The client then reconnects.
   */
  public discard(address: string): void {
    const { client } = this;
    if (!('slots' in client)) {
      if (client.status === 'ready') client.stream?.destroy();
      return;
    }
    // While the cluster itself is not ready, it may be waiting for any of its nodes.
    const isStuck =
      client.status !== 'ready' &&
      performance.now() - this.connectingSince >= this.options.connectTimeoutMs;
    for (const node of client.nodes('all')) {
      if (isStuck || (node.status === 'ready' && nodeAddress(node) === address))
        node.stream?.destroy();
    }
  }

  /** Ends an attempt to connect that takes too long, in whichever step it hangs. */
  private limitConnectTime(client: Redis): Redis {
    let timer: NodeJS.Timeout | undefined;
    client.on('connecting', () => {
      clearTimeout(timer);
      timer = setTimeout(() => client.stream?.destroy(), this.options.connectTimeoutMs).unref();
    });
    for (const end of ['ready', 'close', 'end']) client.on(end, () => clearTimeout(timer));
    return client;
  }

  /**
   * Creates a client for pub/sub, which does not reconnect by itself. In a cluster it connects to
   * any node: each node receives all messages.
   */
  public subscriber(): Redis {
    const { Redis: SingleClient } = iovalkey();
    const { host, port, nodes } = this.options;
    const known = this.options.cluster
      ? this.servers().map(({ options }) => ({ host: options.host, port: options.port }))
      : [];
    const addresses = known.length > 0 ? known : [{ host, port }, ...nodes];
    const address = addresses[Math.floor(Math.random() * addresses.length)];
    const client = new SingleClient({
      ...this.clientOptions(),
      ...address,
      connectionName: `${this.options.connectionName}-bus`,
      retryStrategy: () => null,
      enableOfflineQueue: true,
    });
    client.on('error', (error: unknown) => this.failed(error));
    return this.limitConnectTime(this.readsLatestPassword(client));
  }

  public close(): void {
    this.closed = true;
    this.credentials.close();
    const streams = ('slots' in this.client ? this.client.nodes('all') : [this.client]).map(
      ({ stream }) => stream,
    );
    this.client.disconnect();
    // A server that hangs would not confirm the end, and would delay the exit by two seconds.
    for (const stream of streams) stream?.destroy();
  }
}

/** The address of a node as `host:port`. */
export function nodeAddress({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}

/**
 * Milliseconds before an attempt to connect: 50 ms, doubled each time up to half a second. Jitter
 * shortens it by up to half, so that a fleet does not reconnect all at once.
 */
export function reconnectDelay(attempt: number): number {
  return Math.round(
    Math.min(MAX_RECONNECT_MS, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
  );
}

/** Slots of a cluster: "Redis cluster specification", which Valkey follows. */
const SLOTS = 16_384;

/** CRC-16/XMODEM, one byte at a time. */
const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

/**
 * The slot of a name. If its first pair of braces encloses text (the hash tag), the slot is that of
 * the hash tag: "Redis cluster specification", "Hash tags".
 */
export function slotOf(name: string): number {
  const open = name.indexOf('{');
  const close = open === -1 ? -1 : name.indexOf('}', open + 1);
  const bytes = Buffer.from(close > open + 1 ? name.slice(open + 1, close) : name);
  let crc = 0;
  for (const byte of bytes)
    crc = ((crc << 8) & 0xffff) ^ (CRC_TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0);
  return crc % SLOTS;
}
