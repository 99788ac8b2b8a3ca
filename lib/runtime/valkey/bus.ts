import { randomBytes } from 'node:crypto';
import type { Redis } from 'iovalkey';
import type { BusMessage } from '../tiered-cache';
import { type CacheConnection, nodeAddress, reconnectDelay } from './connection';
import type { NodeConnections } from './nodes';
import type { CompleteServerOptions } from './options';

/** The most names in one message. */
const MAX_NAMES = 500;

/** Consecutive heartbeats that may be missed before the bus counts as lost. */
const MAX_MISSED_HEARTBEATS = 3;

export interface BusSubscriber {
  readonly onSubscribed: () => void;
  readonly onMessage: (channel: string, text: string) => void;
  /** The connection broke. No message follows. */
  readonly onEnd: () => void;
}

/** How a bus reaches its server. */
export interface BusTransport {
  /** Subscribes to channels until `end` is called or the connection breaks. */
  subscribe(channels: readonly string[], subscriber: BusSubscriber): { end(): void };
  /** Resolves to false if the server did not accept the message. */
  publish(channel: string, text: string): Promise<boolean>;
}

/** A message of the bus, as JSON on the channel. */
interface BusPayload extends Partial<BusMessage> {
  /** The bus that sent it. */
  readonly from: string;
  /** The sender lost track of what it invalidated: anything received before may be outdated. */
  readonly reset?: boolean;
}

export interface CacheBusOptions {
  readonly channel: string;
  /** Milliseconds between two heartbeats. */
  readonly heartbeatMs: number;
  /** Whether to receive messages as well as send them. */
  readonly subscribes: boolean;
}

/**
 * Tells other processes about invalidations and loads, and receives theirs.
 *
 * Pub/sub confirms nothing: a subscriber on a dead connection cannot tell a loss from a quiet
 * period. So each process sends heartbeats to itself, on a channel of its own, over the connection
 * on which it receives the others' messages. If a heartbeat does not arrive, other messages may be
 * missing too. Heartbeats are counted rather than timed, so that a pause of this process does not
 * count as a loss.
 */
export class CacheBus {
  private readonly id = randomBytes(9).toString('base64url');
  private readonly messageListeners: ((message: BusMessage) => void)[] = [];
  private readonly changeListeners: ((alive: boolean) => void)[] = [];
  private subscription: { end(): void } | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private reconnect: NodeJS.Timeout | undefined;
  private attempts = 0;
  private missedHeartbeats = 0;
  private isAlive = false;
  private closed = false;
  private outgoing:
    | { keys: string[]; tags: string[]; loaded: string[]; sent: Promise<boolean> }
    | undefined;

  constructor(
    private readonly transport: BusTransport,
    private readonly options: CacheBusOptions,
  ) {
    if (!options.subscribes) return;
    this.connect();
    this.heartbeat = setInterval(() => this.beat(), options.heartbeatMs).unref();
  }

  /** Whether messages are known to arrive. */
  public get alive(): boolean {
    return this.isAlive;
  }

  public onMessage(listener: (message: BusMessage) => void): void {
    this.messageListeners.push(listener);
  }

  public onChange(listener: (alive: boolean) => void): void {
    this.changeListeners.push(listener);
  }

  private get ownChannel(): string {
    return `${this.options.channel}:${this.id}`;
  }

  private connect(): void {
    let current = true;
    const subscription = this.transport.subscribe([this.options.channel, this.ownChannel], {
      onSubscribed: () => void this.transport.publish(this.ownChannel, ''),
      onMessage: (channel, text) => {
        if (current) this.receive(channel, text);
      },
      onEnd: () => {
        if (current && this.subscription === handle) this.lost();
      },
    });
    const handle = {
      end: () => {
        current = false;
        subscription.end();
      },
    };
    this.subscription = handle;
  }

  private beat(): void {
    if (this.subscription === undefined) return;
    if (this.missedHeartbeats >= MAX_MISSED_HEARTBEATS) {
      this.lost();
      return;
    }
    this.missedHeartbeats++;
    void this.transport.publish(this.ownChannel, '');
  }

  private lost(): void {
    this.subscription?.end();
    this.subscription = undefined;
    this.missedHeartbeats = 0;
    this.setAlive(false);
    if (this.closed) return;
    this.attempts++;
    this.reconnect = setTimeout(() => this.connect(), reconnectDelay(this.attempts)).unref();
  }

  private setAlive(alive: boolean): void {
    if (this.isAlive === alive) return;
    this.isAlive = alive;
    for (const listener of this.changeListeners) listener(alive);
  }

  private receive(channel: string, text: string): void {
    if (channel === this.ownChannel) {
      this.missedHeartbeats = 0;
      this.attempts = 0;
      this.setAlive(true);
      return;
    }
    const payload = parsePayload(text);
    if (payload === undefined || payload.from === this.id) return;
    const { keys = [], tags = [], loaded = [] } = payload;
    // No bus sends so many names. Whoever did, no process walks through all of them.
    const isTooLong = keys.length + tags.length + loaded.length > MAX_NAMES;
    if (payload.reset === true || isTooLong) {
      const wasAlive = this.isAlive;
      this.setAlive(false);
      this.setAlive(wasAlive);
      return;
    }
    for (const listener of this.messageListeners) listener({ keys, tags, loaded });
  }

  /**
   * Tells the other processes. Everything from one turn of the event loop is sent together.
   *
   * @returns false if the server did not accept the message
   */
  public tell({ keys = [], tags = [], loaded = [] }: Partial<BusMessage>): Promise<boolean> {
    if (this.closed) return Promise.resolve(false);
    const { outgoing } = this;
    if (outgoing === undefined) {
      const sent = new Promise<boolean>((resolve) => setImmediate(() => resolve(this.send())));
      this.outgoing = { keys: [...keys], tags: [...tags], loaded: [...loaded], sent };
      return sent;
    }
    for (const key of keys) outgoing.keys.push(key);
    for (const tag of tags) outgoing.tags.push(tag);
    for (const key of loaded) outgoing.loaded.push(key);
    return outgoing.sent;
  }

  private async send(): Promise<boolean> {
    const { outgoing } = this;
    this.outgoing = undefined;
    if (outgoing === undefined) return true;
    const { sent: _, ...names } = outgoing;
    // Usually there are one or two names, which fit in one message.
    if (names.keys.length + names.tags.length + names.loaded.length <= MAX_NAMES)
      return this.publish([{ from: this.id, ...names }]);
    const payloads: BusPayload[] = [];
    for (const kind of ['keys', 'tags', 'loaded'] as const) {
      for (let at = 0; at < names[kind].length; at += MAX_NAMES)
        payloads.push({ from: this.id, [kind]: names[kind].slice(at, at + MAX_NAMES) });
    }
    return this.publish(payloads);
  }

  /** Tells the other processes that anything may have been invalidated. */
  public reset(): Promise<boolean> {
    return this.publish([{ from: this.id, reset: true }]);
  }

  private async publish(payloads: readonly BusPayload[]): Promise<boolean> {
    const published = await Promise.all(
      payloads.map((payload) =>
        this.transport.publish(this.options.channel, JSON.stringify(payload)),
      ),
    );
    return published.every(Boolean);
  }

  /**
   * Opens a new connection, and closes the old one once the new one has subscribed: no message is
   * missed in between.
   */
  public renew(): void {
    const { subscription } = this;
    if (subscription === undefined || this.closed) return;
    const next = this.transport.subscribe([this.options.channel, this.ownChannel], {
      onSubscribed: () => {
        if (this.subscription !== subscription || this.closed) {
          next.end();
          return;
        }
        this.subscription = next;
        subscription.end();
      },
      onMessage: (channel, text) => this.receive(channel, text),
      onEnd: () => {
        if (this.subscription === next) this.lost();
      },
    });
  }

  public close(): void {
    this.closed = true;
    clearInterval(this.heartbeat);
    clearTimeout(this.reconnect);
    this.subscription?.end();
    this.subscription = undefined;
    this.setAlive(false);
  }
}

/**
 * Parses a message of the bus. Returns undefined if it is malformed, for example because another
 * application published on the channel.
 */
function parsePayload(text: string): BusPayload | undefined {
  try {
    const payload = JSON.parse(text) as BusPayload | null;
    const lists = [payload?.keys, payload?.tags, payload?.loaded].filter(
      (list) => list !== undefined,
    );
    const isPayload =
      typeof payload?.from === 'string' &&
      lists.every((list) => Array.isArray(list) && list.every((name) => typeof name === 'string'));
    return isPayload ? payload : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Pub/sub of a server: a connection of its own to subscribe, and the connection of the commands to
 * publish.
 */
export function valkeyBusTransport(
  connection: CacheConnection,
  nodes: NodeConnections,
  options: CompleteServerOptions,
): BusTransport {
  // Any node forwards a message to the whole cluster. Using the same node for as long as it is
  // available keeps messages in order.
  const choice = Math.random();
  const publisher = (): Redis | undefined => {
    const servers = connection.servers();
    if (!options.cluster) return servers[0];
    const available = servers.filter((server) => nodes.at(nodeAddress(server)).breaker.available);
    return available[Math.floor(choice * available.length)];
  };
  return {
    subscribe: (channels, { onSubscribed, onMessage, onEnd }) => {
      const subscriber = connection.subscriber();
      subscriber.on('message', onMessage);
      subscriber.on('end', onEnd);
      let ended = false;
      void connection.prepared.then(() => {
        if (!ended)
          subscriber.subscribe(...channels).then(onSubscribed, () => subscriber.disconnect());
      });
      return {
        end: () => {
          ended = true;
          const { stream } = subscriber;
          subscriber.disconnect();
          // A server that hangs would not confirm the end, and would delay the exit by two seconds.
          stream?.destroy();
        },
      };
    },
    publish: async (channel, text) => {
      const server = publisher();
      if (server === undefined) return false;
      const node = nodes.at(options.cluster ? nodeAddress(server) : '');
      return (await nodes.send(node, () => server.publish(channel, text), options.writeTimeoutMs))
        .ok;
    },
  };
}
