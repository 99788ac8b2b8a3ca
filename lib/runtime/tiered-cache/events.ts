/**
 * The events of a cache. Listeners run synchronously in the call that caused the event: they must
 * be quick.
 */
export interface CacheEvents {
  /** A value was found, in this process or on the server. */
  readonly hit: {
    readonly key: string;
    readonly tier: 'memory' | 'server';
    readonly fresh: boolean;
  };
  readonly miss: { readonly key: string };
  /** A load succeeded. */
  readonly load: {
    readonly key: string;
    readonly milliseconds: number;
    readonly background: boolean;
  };
  readonly 'load-error': {
    readonly key: string;
    readonly error: unknown;
    readonly background: boolean;
  };
  /** A stale value was served: while it is renewed, or because its load failed. */
  readonly stale: { readonly key: string; readonly reason: 'renewing' | 'load-failed' };
  readonly invalidate: {
    readonly keys: readonly string[];
    readonly tags: readonly string[];
    readonly by: 'this-process' | 'other-process';
  };
  readonly 'server-down': Record<string, never>;
  readonly 'server-up': Record<string, never>;
  /** Messages of other processes are no longer known to arrive. */
  readonly 'bus-down': Record<string, never>;
  readonly 'bus-up': Record<string, never>;
  /** A loaded value was not stored on the server. */
  readonly 'dropped-write': {
    readonly key: string;
    readonly reason: 'too-many' | 'invalidated' | 'fenced' | 'unavailable' | 'refused';
  };
  /** The bytes stored on the server were not a valid entry. */
  readonly corrupt: { readonly key: string };
  /** A value that cannot be encoded, or is too large, was returned uncached. */
  readonly unencodable: { readonly key: string; readonly error: unknown };
}

type Listener<E extends keyof CacheEvents> = (event: CacheEvents[E]) => void;

/** The listeners of one cache. */
export class CacheListeners {
  private readonly listeners: { [E in keyof CacheEvents]?: readonly Listener<E>[] } = {};

  /** @param onFailure called when a listener throws; the error does not reach the cache's caller */
  constructor(private readonly onFailure: () => void) {}

  /** Adds a listener, and returns a function that removes it. */
  public add<E extends keyof CacheEvents>(event: E, listener: Listener<E>): () => void {
    const added: Listener<E> = (value) => listener(value);
    this.put(event, [...this.of(event), added]);
    return () =>
      this.put(
        event,
        this.of(event).filter((other) => other !== added),
      );
  }

  /** Whether an event has listeners, so that it is worth creating. */
  public has(event: keyof CacheEvents): boolean {
    return this.listeners[event] !== undefined;
  }

  public emit<E extends keyof CacheEvents>(event: E, value: CacheEvents[E]): void {
    for (const listener of this.of(event)) {
      try {
        listener(value);
      } catch {
        this.onFailure();
      }
    }
  }

  private of<E extends keyof CacheEvents>(event: E): readonly Listener<E>[] {
    return (this.listeners[event] as readonly Listener<E>[] | undefined) ?? [];
  }

  private put<E extends keyof CacheEvents>(event: E, listeners: readonly Listener<E>[]): void {
    (this.listeners as Record<string, readonly Listener<E>[] | undefined>)[event] =
      listeners.length === 0 ? undefined : listeners;
  }
}
