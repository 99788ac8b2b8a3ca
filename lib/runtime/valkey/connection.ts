import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'iovalkey';
import { optionalPackage } from '../shared';
import { CacheCredentials } from './credentials';
import { cacheErrorKind } from './error-kinds';
import type { CompleteServerOptions } from './server-options';
import { slotOf } from './slots';

function iovalkey(): typeof import('iovalkey') {
  return optionalPackage(
    'iovalkey',
    'ValkeyServer',
    () => require('iovalkey') as typeof import('iovalkey'),
  );
}

/**
 * The longest pause between two attempts to connect: a server that is back is found within half a
 * second.
 */
const MAX_RECONNECT_MS = 500;

/**
 * Milliseconds after which a silent connection is probed by TCP, so that no balancer or NAT forgets
 * it.
 */
const KEEP_ALIVE_MS = 10_000;

/**
 * Milliseconds that the client leaves a timer behind at the end of a connection: its own two
 * seconds would hold up the end of a process.
 */
const DISCONNECT_MS = 100;

/**
 * The client of `Redis` and `Cluster` alike is made so that it never queues, never repeats and
 * never gives up.
 */
export class CacheConnection {
  public readonly client: Redis | Cluster;
  /** The first password is there, or could not be had. */
  public readonly prepared: Promise<void>;
  private readonly credentials: CacheCredentials;
  private readonly waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>();
  private authenticatedAt = Date.now();
  /** When the client began to connect. */
  private connectingSince = Date.now();
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
    this.client = this.build();
    this.client.on('error', (error: unknown) => this.failed(error));
    this.client.on('ready', () => {
      for (const { resolve } of this.waiting) resolve();
      this.waiting.clear();
      events.onReady();
    });
    this.client.on('connecting', () => {
      this.connectingSince = Date.now();
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

  private build(): Redis | Cluster {
    const { Redis: SingleClient, Cluster: ClusterClient } = iovalkey();
    const { host, port, nodes, cluster } = this.options;
    if (!cluster)
      return this.watch(this.fresh(new SingleClient({ ...this.clientOptions(), host, port })));
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
      this.watch(this.fresh(node));
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
      // A replica behind the primary's address is yesterday's primary, and one that forgot us wants
      // the latest password.
      reconnectOnError: (error) => ['readonly', 'auth'].includes(cacheErrorKind(error)),
    };
  }

  /**
   * A node's client is made by the cluster's, which drops one that failed and makes it anew, and
   * which needs it to queue until it is ready.
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

  /** Lets a client ask for the latest password whenever it connects. */
  private fresh(client: Redis): Redis {
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
    if (Date.now() - this.authenticatedAt < this.options.reauthenticateMs) return;
    this.authenticatedAt = Date.now();
    const { username, password } = {
      username: this.options.username,
      password: this.credentials.current ?? '',
    };
    for (const node of this.servers().filter(({ status }) => status === 'ready')) {
      const again = username === undefined ? node.auth(password) : node.auth(username, password);
      again.catch(this.events.onError);
    }
    this.events.onReauthenticate();
  }

  /**
   * Undefined if commands can be sent; otherwise when they can, and a rejection if this attempt to
   * connect fails or none is under way.
   */
  public whenReady(): Promise<void> | undefined {
    const { status } = this.client;
    if (status === 'ready') return undefined;
    if (this.closed || !['wait', 'connecting', 'connect'].includes(status)) {
      return Promise.reject(new Error('There is no connection to the cache server.'));
    }
    return new Promise((resolve, reject) => this.waiting.add({ resolve, reject }));
  }

  /** The server that owns a name: the same text for the same server. */
  public owner(name: string): string {
    if (!('slots' in this.client)) return '';
    return this.client.slots[slotOf(name)]?.[0] ?? '';
  }

  /** The servers that are written to, as far as there is a client for them. */
  public servers(): readonly Redis[] {
    return 'slots' in this.client ? this.client.nodes('master') : [this.client];
  }

  /** The servers that are written to. @throws if one of a cluster's is not there */
  public allServers(): readonly Redis[] {
    const servers = this.servers();
    if (!('slots' in this.client)) return servers;
    const there = new Set(servers.map(nodeName));
    for (const owners of new Set(this.client.slots)) {
      if (owners?.[0] !== undefined && !there.has(owners[0]))
        throw new Error(`There is no connection to ${owners[0]}.`);
    }
    if (there.size === 0) throw new Error('There is no connection to the cluster.');
    return servers;
  }

  /**
   * Throws away a connection that stands and yet does not answer: a peer that was lost behind a
   * living address never says goodbye. The client makes it anew.
   */
  public discard(owner: string): void {
    const { client } = this;
    if (!('slots' in client)) {
      if (client.status === 'ready') client.stream?.destroy();
      return;
    }
    // While the cluster itself is not ready, any of its nodes may be what it waits for.
    const isStuck =
      client.status !== 'ready' &&
      Date.now() - this.connectingSince >= this.options.connectTimeoutMs;
    for (const node of client.nodes('all'))
      if (isStuck || (node.status === 'ready' && nodeName(node) === owner)) node.stream?.destroy();
  }

  /** Ends an attempt to connect that takes too long, in whatever step it is stuck. */
  private watch(client: Redis): Redis {
    let timer: NodeJS.Timeout | undefined;
    client.on('connecting', () => {
      clearTimeout(timer);
      timer = setTimeout(() => client.stream?.destroy(), this.options.connectTimeoutMs).unref();
    });
    for (const end of ['ready', 'close', 'end']) client.on(end, () => clearTimeout(timer));
    return client;
  }

  /**
   * A client of its own for messages, which does not connect again by itself; of a cluster, any
   * node will do.
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
    return this.watch(this.fresh(client));
  }

  public close(): void {
    this.closed = true;
    this.credentials.close();
    const streams = ('slots' in this.client ? this.client.nodes('all') : [this.client]).map(
      ({ stream }) => stream,
    );
    this.client.disconnect();
    // A server that hangs would not answer the end, and hold the process for two seconds more.
    for (const stream of streams) stream?.destroy();
  }
}

export function nodeName({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}

/**
 * 50 ms, twice as long each time up to half a second, and shorter by chance, so that a fleet does
 * not return in step.
 */
export function reconnectDelay(attempt: number): number {
  return Math.round(
    Math.min(MAX_RECONNECT_MS, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
  );
}
