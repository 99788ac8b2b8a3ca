/**
 * What a cache tells those who listen. Listeners run in the call that caused the event: they must
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
  /** A load has ended well. */
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
  /** An old value was handed out: while it is renewed, or because its load failed. */
  readonly stale: { readonly key: string; readonly reason: 'renewing' | 'load-failed' };
  readonly invalidate: {
    readonly keys: readonly string[];
    readonly tags: readonly string[];
    readonly by: 'this-process' | 'other-process';
  };
  readonly 'server-down': Record<string, never>;
  readonly 'server-up': Record<string, never>;
  /** Messages of other processes are not known to arrive any more. */
  readonly 'bus-down': Record<string, never>;
  readonly 'bus-up': Record<string, never>;
  /** A loaded value did not get to the server. */
  readonly 'dropped-write': {
    readonly key: string;
    readonly reason: 'too-many' | 'invalidated' | 'fenced' | 'unavailable' | 'refused';
  };
  /** What the server had stored was not an entry. */
  readonly corrupt: { readonly key: string };
  /** A value that cannot be stored, or is too large, was handed out as it is. */
  readonly unencodable: { readonly key: string; readonly error: unknown };
}

type Listener<E extends keyof CacheEvents> = (event: CacheEvents[E]) => void;

/** The listeners of one cache. */
export class CacheListeners {
  private readonly listeners: { [E in keyof CacheEvents]?: readonly Listener<E>[] } = {};

  /**
   * @param onFailure is told that a listener threw, which must not reach the caller of the cache
   */
  constructor(private readonly onFailure: () => void) {}

  public add<E extends keyof CacheEvents>(event: E, listener: Listener<E>): () => void {
    const own: Listener<E> = (value) => listener(value);
    this.put(event, [...this.of(event), own]);
    return () =>
      this.put(
        event,
        this.of(event).filter((one) => one !== own),
      );
  }

  /** Whether it is worth making the event. */
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
