/**
 * What a cache asks of the server that processes share, in the words of the cache and not of a
 * protocol.
 *
 * Nothing here rejects and nothing waits without a deadline: a server that is down, hung, slow or
 * full is an answer (`unavailable`, `refused`, `false`), because a cache that is lost must cost its
 * callers a load and nothing else.
 */

/** The answer to a read. */
export type ServerRead =
  /**
   * The server did not answer in time, or is known to be away: a miss, and nothing is known about
   * tags.
   */
  | { readonly status: 'unavailable' }
  | {
      readonly status: 'answered';
      /** The stored bytes; null if nothing is stored, or nothing that may be trusted. */
      readonly bytes: Buffer | null;
      /**
       * The current version of each tag asked for, in the order asked; null for a tag that has
       * none.
       */
      readonly tagVersions: readonly (string | null)[];
      /** Whether somebody holds the load lock; false unless `lock` was asked for. */
      readonly locked: boolean;
    };

/**
 * The right to load one key, until it is released, used by a write, or lost by an owner that
 * stopped renewing it.
 */
export interface LoadLock {
  readonly key: string;
  /** What makes this ownership different from every other one. */
  readonly token: string;
}

/**
 * What became of a write: stored; `fenced`, because the lock was lost meanwhile and another may
 * have written newer bytes; `unavailable`, so that nothing is known; `refused` by the server, which
 * is full or read-only.
 */
export type WriteOutcome = 'written' | 'fenced' | 'unavailable' | 'refused';

/**
 * What another process did: keys removed or overwritten, tags given a new version, loads that
 * ended.
 */
export interface BusMessage {
  readonly keys: readonly string[];
  readonly tags: readonly string[];
  /** Keys whose load has ended, with a value or without: those who wait for it may look now. */
  readonly loaded: readonly string[];
}

/**
 * The shared tier of a cache. Keys and tags are given as the cache knows them (a key with its
 * strategy's prefix): namespace, hash tags and the hash of a key that is too long are the server's
 * to add. `boundedKey` tells the name that a long key gets, which is also the name that `scan` and
 * the bus give it.
 */
export interface CacheServer {
  /** Value, tag versions and (if asked) whether a load lock is held, in one round trip. */
  read(
    key: string,
    tags: readonly string[],
    options?: { readonly lock?: boolean },
  ): Promise<ServerRead>;
  /** The current versions of the tags, made where missing; undefined if the server is away. */
  tagVersions(tags: readonly string[]): Promise<readonly string[] | undefined>;
  /**
   * Stores bytes for a time. With a lock, only while that lock still holds its token, and then
   * frees it.
   */
  write(key: string, bytes: Buffer, ttlMs: number, lock?: LoadLock): Promise<WriteOutcome>;
  /**
   * Removes values and tells the bus; false if that has to wait for the server (it is kept and done
   * first when it is back).
   */
  remove(keys: readonly string[]): Promise<boolean>;
  /**
   * Gives tags new versions, which ends every entry that carries one, and tells the bus; false as
   * with `remove`.
   */
  bumpTags(tags: readonly string[]): Promise<boolean>;
  /** Takes the load lock of a key, and renews it until it is released or used. */
  acquire(key: string): Promise<LoadLock | 'taken' | 'unavailable'>;
  /** Frees a lock if it still holds its token. */
  release(lock: LoadLock): Promise<void>;
  /**
   * Walks the keys of values that match a glob pattern, a few at a time, on all primaries; false if
   * it did not get to the end. The walk waits for `onKeys`, and an error of `onKeys` ends it.
   */
  scan(pattern: string, onKeys: (keys: readonly string[]) => Promise<void>): Promise<boolean>;
  /** Listens to what other processes did. What this process did itself is not told. */
  onMessage(listener: (message: BusMessage) => void): void;
  /** Whether messages are known to arrive. */
  readonly busAlive: boolean;
  onBusChange(listener: (alive: boolean) => void): void;
  /** Whether the server answers. */
  readonly available: boolean;
  onAvailabilityChange(listener: (available: boolean) => void): void;
  /** Tells each failure by its kind, for those who count them. */
  onFailure?(listener: (kind: string) => void): void;
  /**
   * Ends timers and sockets and waits for what is under way. Afterwards every call is answered as
   * if the server were away.
   */
  close(): Promise<void>;
}
