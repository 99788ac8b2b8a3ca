import type { CacheCodec, CacheEntry, DecodedEntry } from '../entries';
import type { Deadlines } from '../shared';
import { onProcessClock } from './freshness';
import type { CacheServer, LoadLock, ServerRead, WriteOutcome } from './server';

/** An entry of the server, valid at the time of reading. */
export interface FoundEntry {
  /** With its times on the clock of `performance.now()`. */
  readonly entry: DecodedEntry;
  /** Its encoded size. */
  readonly bytes: number;
  /** When it was read or made, on that clock. */
  readonly at: number;
}

export type SharedRead =
  | { readonly status: 'unavailable' }
  | {
      readonly status: 'answered';
      readonly found: FoundEntry | undefined;
      readonly locked: boolean;
      readonly tagVersions: readonly (string | null)[];
    };

/** What a caller that missed does next. */
export type Claim =
  /** Use the entry that another process has loaded meanwhile. */
  | { readonly action: 'use'; readonly found: FoundEntry }
  /** Load. The value may be written to the server only with a lock and the tags' versions. */
  | { readonly action: 'load'; readonly lock?: LoadLock; readonly tagVersions?: readonly string[] }
  /** Leave it: another process is loading the value, and the caller does not wait. */
  | { readonly action: 'leave' };

interface ClaimOptions {
  /** Whether to wait for the load of another process. */
  readonly wait: boolean;
  /** Whether an entry that another process has stored may be used. */
  readonly accepts: (entry: CacheEntry) => boolean;
}

/** Which entry is read. */
export interface ReadRequest {
  /** The name of its key. */
  readonly key: string;
  /** The key, if its name is another text. */
  readonly wholeKey: string | undefined;
  readonly tags: readonly string[];
}

/** How a read is answered. */
type AnsweredRead = Extract<ServerRead, { readonly status: 'answered' }>;

const NO_TAGS: readonly string[] = [];
const POLL = { lock: true } as const;
const UNAVAILABLE: SharedRead = { status: 'unavailable' };
const MIN_POLL_MS = 5;
const MAX_POLL_MS = 50;
/**
 * Consecutive polls without an answer after which a caller stops waiting for a load. If one late
 * answer were enough, a busy moment would start a load in each process.
 */
const MAX_UNANSWERED_POLLS = 2;

/**
 * The tier that processes share, as the cache uses it: it decodes entries, checks tags and bounds
 * every wait. It does not rely on the server: a rejection, a hang or malformed bytes count as
 * `unavailable` or as a miss.
 */
export class SharedTier {
  public readonly waiters = new LoadWaiters();

  /** @param onCorrupt receives a key whose bytes are not a valid entry */
  constructor(
    private readonly server: CacheServer,
    private readonly codec: CacheCodec,
    private readonly deadlines: Deadlines,
    private readonly lockWaitMs: number,
    private readonly onCorrupt: (key: string) => void,
  ) {}

  /**
   * Reads an entry.
   *
   * @param at the deadline, on the clock of `Deadlines`
   * @param use `look` removes corrupt bytes; `poll` also reads the lock; `own` is the lock's owner
   */
  public read(
    request: ReadRequest,
    at: number,
    use: 'look' | 'poll' | 'own' = 'look',
  ): Promise<SharedRead> {
    return this.readInto(request, at, use, (read) => read);
  }

  /**
   * As `read`, and resolves to what `then` makes of the entry: on the path of every hit, one
   * promise less.
   */
  public readInto<R>(
    request: ReadRequest,
    at: number,
    use: 'look' | 'poll' | 'own',
    then: (read: SharedRead) => R | PromiseLike<R>,
  ): Promise<R> {
    let reading: Promise<ServerRead>;
    try {
      reading = this.server.read(request.key, request.tags, use === 'poll' ? POLL : undefined);
    } catch (error) {
      reading = Promise.reject(error);
    }
    return this.deadlines.race(reading, at, (read) => {
      if (read === undefined || read.status === 'unavailable') return then(UNAVAILABLE);
      const decoded = this.decoded(read, request, at, use);
      return decoded instanceof Promise ? decoded.then(then) : then(decoded);
    });
  }

  /** Decodes what the server answered. Returns a promise only for what is rare. */
  private decoded(
    read: AnsweredRead,
    request: ReadRequest,
    at: number,
    use: 'look' | 'poll' | 'own',
  ): SharedRead | Promise<SharedRead> {
    const { bytes } = read;
    if (bytes === null) return answered(read, undefined);
    let entry: DecodedEntry | Promise<DecodedEntry>;
    try {
      entry = this.codec.decode(bytes);
    } catch {
      return this.corrupt(read, request, at, use);
    }
    if (entry instanceof Promise)
      return entry.then(
        (late) => this.checked(late, bytes.length, read, request, at, use),
        () => this.corrupt(read, request, at, use),
      );
    return this.checked(entry, bytes.length, read, request, at, use);
  }

  /** Checks that an entry is the key's, and that its tags are valid. */
  private checked(
    entry: DecodedEntry,
    bytes: number,
    read: AnsweredRead,
    request: ReadRequest,
    at: number,
    use: 'look' | 'poll' | 'own',
  ): SharedRead | Promise<SharedRead> {
    // Another program has stored another key's entry under this name.
    if (entry.key !== request.wholeKey) return this.corrupt(read, request, at, use);
    const others = uncheckedTags(entry, request.tags, read.tagVersions);
    if (others === undefined) return answered(read, undefined);
    const now = performance.now();
    const found = { entry: onProcessClock(entry, now), bytes, at: now };
    if (others.length === 0) return answered(read, found);
    return this.othersMatch(entry, others, at).then((match) =>
      answered(read, match ? found : undefined),
    );
  }

  private async corrupt(
    read: AnsweredRead,
    { key }: ReadRequest,
    at: number,
    use: 'look' | 'poll' | 'own',
  ): Promise<SharedRead> {
    this.onCorrupt(key);
    // Awaited, because the removal also removes the load lock, and must not remove the lock that
    // is acquired next. An owner overwrites the bytes instead.
    if (use === 'look') await this.settled(() => this.server.remove([key]), at);
    return answered(read, undefined);
  }

  /** The outcome of a call of the server; undefined if it fails, or does not end by `at`. */
  private settled<T>(
    call: () => Promise<T>,
    at: number,
    late?: (outcome: T) => void,
  ): Promise<T | undefined> {
    return this.deadlines.race(attempt(call), at, (outcome) => outcome, late);
  }

  /**
   * Claims the right to load a key that was not found, or waits for the process that has it. Takes
   * at most `lockWaitMs` and two spans of the deadlines.
   */
  public async claim(
    request: ReadRequest,
    firstAt: number,
    { wait, accepts }: ClaimOptions,
  ): Promise<Claim> {
    const { key } = request;
    const end = performance.now() + this.lockWaitMs;
    let pollMs = MIN_POLL_MS;
    let unanswered = 0;
    for (let at = firstAt; ; at = this.deadlines.next()) {
      const lock = await this.acquire(key, at);
      if (lock === 'unavailable') return { action: 'load' };
      if (lock !== 'taken') return this.own(request, at, lock, accepts);
      if (!wait) return { action: 'leave' };
      for (let locked = true; locked; ) {
        const leftMs = end - performance.now();
        if (leftMs <= 0) return { action: 'load' };
        await this.waiters.wait(key, Math.min(pollMs, leftMs));
        pollMs = Math.min(pollMs * 1.5, MAX_POLL_MS);
        const read = await this.read(request, this.deadlines.next(), 'poll');
        if (read.status === 'unavailable') {
          unanswered++;
          if (unanswered >= MAX_UNANSWERED_POLLS || !this.server.available)
            return { action: 'load' };
          continue;
        }
        unanswered = 0;
        if (read.found !== undefined && accepts(read.found.entry))
          return { action: 'use', found: read.found };
        locked = read.locked;
      }
    }
  }

  /** Writes an entry. Never rejects. */
  public async write(
    key: string,
    bytes: Buffer,
    ttlMs: number,
    lock?: LoadLock,
  ): Promise<WriteOutcome> {
    const outcome =
      (await attempt(() => this.server.write(key, bytes, ttlMs, lock)).catch(() => undefined)) ??
      'unavailable';
    if (lock !== undefined && outcome !== 'written') await this.release(lock);
    return outcome;
  }

  /** Frees a lock. Never rejects. */
  public async release(lock: LoadLock): Promise<void> {
    await attempt(() => this.server.release(lock)).catch(() => undefined);
  }

  /** Returns the versions of the tags, creating missing ones; undefined if they arrive late. */
  public async versions(
    tags: readonly string[],
    at: number,
  ): Promise<readonly string[] | undefined> {
    if (tags.length === 0) return tags;
    const versions = await this.settled(() => this.server.tagVersions(tags), at);
    return versions?.length === tags.length ? versions : undefined;
  }

  private async acquire(key: string, at: number): Promise<LoadLock | 'taken' | 'unavailable'> {
    const late = (lock: LoadLock | 'taken' | 'unavailable') => {
      if (typeof lock === 'object') void this.release(lock);
    };
    return (await this.settled(() => this.server.acquire(key), at, late)) ?? 'unavailable';
  }

  /**
   * Reads again as the lock's owner: the previous owner may have stored the value between the miss
   * and now. The versions of the tags are those of this read.
   */
  private async own(
    request: ReadRequest,
    at: number,
    lock: LoadLock,
    accepts: ClaimOptions['accepts'],
  ): Promise<Claim> {
    const { tags } = request;
    const read = await this.read(request, at, 'own');
    if (read.status === 'answered') {
      if (read.found !== undefined && accepts(read.found.entry)) {
        void this.release(lock);
        return { action: 'use', found: read.found };
      }
      const known = read.tagVersions.filter(
        (version): version is string => typeof version === 'string',
      );
      const tagVersions = known.length === tags.length ? known : await this.versions(tags, at);
      return { action: 'load', lock, ...(tagVersions === undefined ? {} : { tagVersions }) };
    }
    return tags.length === 0 ? { action: 'load', lock, tagVersions: [] } : { action: 'load', lock };
  }

  /** Checks the entry's tags that were not requested, in a second round trip. */
  private async othersMatch(
    entry: CacheEntry,
    others: readonly string[],
    at: number,
  ): Promise<boolean> {
    const current = await this.versions(others, at);
    return others.every((tag, i) => current?.[i] === entry.tagVersions[entry.tags.indexOf(tag)]);
  }
}

/** Calls that wait for a load of another process: each sleeps between two polls. */
export class LoadWaiters {
  private readonly waiters = new Map<string, Set<() => void>>();

  /** Waits for a time, or until the load of the key has ended. */
  public wait(key: string, milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.waiters.get(key) ?? new Set();
      this.waiters.set(key, waiters);
      const wake = () => {
        clearTimeout(timer);
        waiters.delete(wake);
        if (waiters.size === 0 && this.waiters.get(key) === waiters) this.waiters.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      waiters.add(wake);
    });
  }

  public wake(keys: Iterable<string>): void {
    if (this.waiters.size === 0) return;
    for (const key of keys) for (const wake of [...(this.waiters.get(key) ?? [])]) wake();
  }

  public close(): void {
    this.wake([...this.waiters.keys()]);
  }
}

/**
 * Checks the requested tags of an entry. The entry must carry every requested tag, and each of its
 * tags must still have the version from before its load.
 *
 * @returns the entry's tags that were not requested, whose versions are still to be checked;
 * undefined if the entry is invalid
 */
function uncheckedTags(
  entry: CacheEntry,
  tags: readonly string[],
  versions: readonly (string | null)[],
): readonly string[] | undefined {
  if (entry.tagVersions.length !== entry.tags.length) return undefined;
  for (let i = 0; i < tags.length; i++) {
    const index = entry.tags.indexOf(tags[i] as string);
    if (index === -1 || versions[i] !== entry.tagVersions[index]) return undefined;
  }
  return entry.tags.length === tags.length
    ? NO_TAGS
    : entry.tags.filter((tag) => !tags.includes(tag));
}

function answered(
  { locked, tagVersions }: AnsweredRead,
  found: FoundEntry | undefined,
): Extract<SharedRead, { readonly status: 'answered' }> {
  return { status: 'answered', found, locked, tagVersions };
}

/** Turns a synchronous error into a rejection. */
function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}
