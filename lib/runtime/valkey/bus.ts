import { randomBytes } from 'node:crypto';
import type { BusMessage } from '../tiered-cache';
import { reconnectDelay } from './connection';

/** Names that one message carries at most. */
const MAX_NAMES = 500;

/** Heartbeats in a row that may stay unheard. */
const MISSED_BEATS = 3;

/** How a bus reaches its server. */
export interface BusTransport {
  /**
   * Hears channels until `end` or until the connection breaks; `hear` gets what is said, and
   * nothing after `ended`.
   */
  subscribe(
    channels: readonly string[],
    on: {
      subscribed: () => void;
      hear: (channel: string, text: string) => void;
      ended: () => void;
    },
  ): { end(): void };
  /** False if the server did not take it. */
  publish(channel: string, text: string): Promise<boolean>;
}

interface Told {
  readonly from: string;
  readonly keys?: readonly string[];
  readonly tags?: readonly string[];
  readonly loaded?: readonly string[];
  /**
   * The sender lost count of what it invalidated: nothing that was heard before may be relied on.
   */
  readonly reset?: boolean;
}

export interface CacheBusOptions {
  readonly channel: string;
  readonly heartbeatMs: number;
  /** Whether to hear as well as to tell. */
  readonly hears: boolean;
}

/**
 * Tells other processes what this one did, and hears them.
 *
 * Pub/sub confirms nothing: a subscriber behind a dead connection hears silence and takes it for
 * peace. So each process says something to itself, on a channel of its own and the connection that
 * hears the others; what it does not hear, it may have missed from others as well. Beats are
 * counted and not timed, so that a pause of this process is not taken for a loss.
 */
export class CacheBus {
  private readonly id = randomBytes(9).toString('base64url');
  private readonly messageListeners: ((message: BusMessage) => void)[] = [];
  private readonly changeListeners: ((alive: boolean) => void)[] = [];
  private subscription: { end(): void } | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private reconnect: NodeJS.Timeout | undefined;
  private attempts = 0;
  private missed = 0;
  private isAlive = false;
  private closed = false;
  private outgoing:
    | { keys: string[]; tags: string[]; loaded: string[]; sent: Promise<boolean> }
    | undefined;

  constructor(
    private readonly transport: BusTransport,
    private readonly options: CacheBusOptions,
  ) {
    if (!options.hears) return;
    this.connect();
    this.heartbeat = setInterval(() => this.beat(), options.heartbeatMs).unref();
  }

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
      subscribed: () => void this.transport.publish(this.ownChannel, ''),
      hear: (channel, text) => {
        if (current) this.hear(channel, text);
      },
      ended: () => {
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
    if (this.missed >= MISSED_BEATS) {
      this.lost();
      return;
    }
    this.missed++;
    void this.transport.publish(this.ownChannel, '');
  }

  private lost(): void {
    this.subscription?.end();
    this.subscription = undefined;
    this.missed = 0;
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

  private hear(channel: string, text: string): void {
    if (channel === this.ownChannel) {
      this.missed = 0;
      this.attempts = 0;
      this.setAlive(true);
      return;
    }
    const told = parse(text);
    if (told === undefined || told.from === this.id) return;
    if (told.reset === true) {
      const wasAlive = this.isAlive;
      this.setAlive(false);
      this.setAlive(wasAlive);
      return;
    }
    const message = { keys: told.keys ?? [], tags: told.tags ?? [], loaded: told.loaded ?? [] };
    for (const listener of this.messageListeners) listener(message);
  }

  /**
   * Tells the others, together with what else is told in this turn of the event loop. False if the
   * server did not take it.
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
    const messages: Told[] = [];
    for (const kind of ['keys', 'tags', 'loaded'] as const) {
      for (let at = 0; at < outgoing[kind].length; at += MAX_NAMES) {
        messages.push({ from: this.id, [kind]: outgoing[kind].slice(at, at + MAX_NAMES) });
      }
    }
    // Most often there is one name or two, and they go together.
    const few = outgoing.keys.length + outgoing.tags.length + outgoing.loaded.length <= MAX_NAMES;
    const { sent: _, ...all } = outgoing;
    return this.publish(few ? [{ from: this.id, ...all }] : messages);
  }

  /** Tells the others that anything may have been invalidated. */
  public reset(): Promise<boolean> {
    return this.publish([{ from: this.id, reset: true }]);
  }

  private async publish(messages: readonly Told[]): Promise<boolean> {
    const published = await Promise.all(
      messages.map((message) =>
        this.transport.publish(this.options.channel, JSON.stringify(message)),
      ),
    );
    return published.every(Boolean);
  }

  /**
   * Takes a new connection and leaves the old one when the new one hears: nothing is missed in
   * between.
   */
  public renew(): void {
    const { subscription } = this;
    if (subscription === undefined || this.closed) return;
    const next = this.transport.subscribe([this.options.channel, this.ownChannel], {
      subscribed: () => {
        if (this.subscription !== subscription || this.closed) {
          next.end();
          return;
        }
        this.subscription = next;
        subscription.end();
      },
      hear: (channel, text) => this.hear(channel, text),
      ended: () => {
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

/** A message; undefined for what is none, which another application may have said. */
function parse(text: string): Told | undefined {
  try {
    const told = JSON.parse(text) as Told | null;
    const lists = [told?.keys, told?.tags, told?.loaded].filter((list) => list !== undefined);
    const isMessage =
      typeof told?.from === 'string' &&
      lists.every((list) => Array.isArray(list) && list.every(isName));
    return isMessage ? told : undefined;
  } catch {
    return undefined;
  }
}

function isName(name: unknown): boolean {
  return typeof name === 'string';
}
