/**
 * The server that processes share, in terms of the cache rather than of a protocol.
 *
 * No method rejects, and every wait has a deadline. A server that is down, hung, slow or full is a
 * result (`unavailable`, `refused`, `false`): a lost server costs callers a load and nothing else.
 */

/** The result of a read. */
export type ServerRead =
  /**
   * The server did not answer in time, or is known to be unavailable: a miss. The versions of the
   * tags are unknown.
   */
  | { readonly status: 'unavailable' }
  | {
      readonly status: 'answered';
      /** The stored bytes; null if there are none, or none that may be trusted. */
      readonly bytes: Buffer | null;
      /** The current version of each requested tag, in their order; null for a tag without one. */
      readonly tagVersions: readonly (string | null)[];
      /** Whether the load lock is held. False unless `lock` was requested. */
      readonly locked: boolean;
    };

/**
 * The right to load one key, until it is released, used by a write, or lost because its owner
 * stopped renewing it.
 */
export interface LoadLock {
  readonly key: string;
  /** Identifies this ownership of the lock. */
  readonly token: string;
}

/**
 * The outcome of a write:
 * - `written`: stored
 * - `fenced`: not stored, because the lock was lost; another process may have written newer bytes
 * - `unavailable`: unknown
 * - `refused`: not stored, because the server is full or read-only
 */
export type WriteOutcome = 'written' | 'fenced' | 'unavailable' | 'refused';

/** Changes that another process made. */
export interface BusMessage {
  /** Keys that were removed or overwritten. */
  readonly keys: readonly string[];
  /** Tags that got a new version. */
  readonly tags: readonly string[];
  /** Keys whose load ended, with or without a value: processes that wait for it may look now. */
  readonly loaded: readonly string[];
}

/**
 * The shared tier of a cache. Its methods, `scan` and the bus name keys and tags as `shortenKey`
 * does (a key with its strategy's prefix). The server adds the namespace and hash tags.
 */
export interface CacheServer {
  /** Reads a value, the versions of tags and, on request, the load lock, in one round trip. */
  read(
    key: string,
    tags: readonly string[],
    options?: { readonly lock?: boolean },
  ): Promise<ServerRead>;
  /**
   * Returns the current versions of the tags, and creates missing ones. Undefined if the server is
   * unavailable.
   */
  tagVersions(tags: readonly string[]): Promise<readonly string[] | undefined>;
  /**
   * Stores bytes for a time. With a lock, it stores them only while the lock holds its token, and
   * then frees the lock.
   */
  write(key: string, bytes: Buffer, ttlMs: number, lock?: LoadLock): Promise<WriteOutcome>;
  /**
   * Removes values and tells the bus. Resolves to false if the server is unavailable: the removal
   * is kept, and is the first thing that the server does when it is back.
   */
  remove(keys: readonly string[]): Promise<boolean>;
  /**
   * Gives tags new versions, which invalidates every entry that carries one of them, and tells the
   * bus. Resolves to false in the same case as `remove`.
   */
  bumpTags(tags: readonly string[]): Promise<boolean>;
  /** Acquires the load lock of a key, and renews it until it is released or used. */
  acquire(key: string): Promise<LoadLock | 'taken' | 'unavailable'>;
  /** Frees a lock if it still holds its token. */
  release(lock: LoadLock): Promise<void>;
  /**
   * Scans the keys of values that match a glob pattern, page by page, on all primaries. The scan
   * waits for `onKeys`, and an error of `onKeys` ends it. Resolves to false if it is incomplete.
   */
  scan(pattern: string, onKeys: (keys: readonly string[]) => Promise<void>): Promise<boolean>;
  /** Adds a listener for changes by other processes. Changes by this process are not reported. */
  onMessage(listener: (message: BusMessage) => void): void;
  /** Whether messages are known to arrive. */
  readonly busAlive: boolean;
  onBusChange(listener: (alive: boolean) => void): void;
  /** Whether the server answers. */
  readonly available: boolean;
  onAvailabilityChange(listener: (available: boolean) => void): void;
  /** Adds a listener for failures, which receives the kind of each. */
  onFailure?(listener: (kind: string) => void): void;
  /**
   * Stops timers, closes sockets and waits for commands in flight. Afterwards every call is
   * answered as if the server were unavailable.
   */
  close(): Promise<void>;
}
