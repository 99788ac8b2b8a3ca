import type { CacheCodec, CacheEntry } from '../entries';
import type { CacheDeadlines } from './deadlines';
import type { CacheServer, LoadLock, WriteOutcome } from './server';
import { CacheWaits } from './waits';

/** An entry of the server, valid at the moment of reading. */
export interface FoundEntry {
  readonly entry: CacheEntry;
  readonly bytes: number;
}

export type SharedRead =
  | { readonly status: 'unavailable' }
  | {
      readonly status: 'answered';
      readonly found: FoundEntry | undefined;
      readonly locked: boolean;
      readonly tagVersions: readonly (string | null)[];
    };

/** What a caller that found nothing may do now. */
export type Claim =
  /** Another process has loaded it meanwhile. */
  | { readonly action: 'use'; readonly found: FoundEntry }
  /** Load. Only with a lock and the versions of the tags may the value be written to the server. */
  | { readonly action: 'load'; readonly lock?: LoadLock; readonly tagVersions?: readonly string[] }
  /** Another process is loading it, and the caller does not wait. */
  | { readonly action: 'leave' };

interface ClaimOptions {
  readonly wait: boolean;
  /** Whether what another process has stored is good enough. */
  readonly accepts: (entry: CacheEntry) => boolean;
}

const NONE: readonly string[] = [];
const UNAVAILABLE: SharedRead = { status: 'unavailable' };
const SHORTEST_POLL_MS = 5;
const LONGEST_POLL_MS = 50;
/**
 * Who waits for a load anyway does not give up at the first look that is late, or a busy moment
 * would make a load in each process.
 */
const TOLERATED_SILENCES = 2;

/**
 * The tier that processes share, as the cache uses it: entries in place of bytes, tags checked,
 * every wait bounded. It believes no server: what rejects, hangs or answers nonsense is
 * `unavailable` or a miss.
 */
export class SharedTier {
  public readonly waits = new CacheWaits();

  /** @param onCorrupt is told of a key whose bytes are not an entry */
  constructor(
    private readonly server: CacheServer,
    private readonly codec: CacheCodec,
    private readonly deadlines: CacheDeadlines,
    private readonly lockWaitMs: number,
    private readonly onCorrupt: (key: string) => void,
  ) {}

  /** @param at until when, on the clock of the deadlines */
  public async read(
    key: string,
    tags: readonly string[],
    at: number,
    use: 'look' | 'poll' | 'own' = 'look',
  ): Promise<SharedRead> {
    const read = await this.deadlines.race(
      attempt(() => this.server.read(key, tags, use === 'poll' ? { lock: true } : undefined)),
      at,
    );
    if (read === undefined || read.status === 'unavailable') return UNAVAILABLE;
    const { locked, tagVersions, bytes } = read;
    if (bytes === null) return { status: 'answered', found: undefined, locked, tagVersions };
    let entry: CacheEntry;
    try {
      const decoded = this.codec.decode(bytes);
      entry = decoded instanceof Promise ? await decoded : decoded;
    } catch {
      this.onCorrupt(key);
      // Waited for: the removal ends the load lock too, and must not end the one that is taken
      // next. An owner overwrites it.
      if (use === 'look')
        await this.deadlines.race(
          attempt(() => this.server.remove([key])),
          at,
        );
      return { status: 'answered', found: undefined, locked, tagVersions };
    }
    const others = unasked(entry, tags, tagVersions);
    if (others === undefined || (others.length > 0 && !(await this.othersMatch(entry, others, at))))
      return { status: 'answered', found: undefined, locked, tagVersions };
    return { status: 'answered', found: { entry, bytes: bytes.length }, locked, tagVersions };
  }

  /**
   * The right to load a key that was not found, once it is nobody else's; never later than
   * `lockWaitMs` and two spans of the deadlines.
   */
  public async claim(
    key: string,
    tags: readonly string[],
    firstAt: number,
    { wait, accepts }: ClaimOptions,
  ): Promise<Claim> {
    const end = performance.now() + this.lockWaitMs;
    let pause = SHORTEST_POLL_MS;
    let unanswered = 0;
    for (let at = firstAt; ; at = this.deadlines.next()) {
      const lock = await this.acquire(key, at);
      if (lock === 'unavailable') return { action: 'load' };
      if (lock !== 'taken') return this.own(key, tags, at, lock, accepts);
      if (!wait) return { action: 'leave' };
      for (let locked = true; locked; ) {
        const left = end - performance.now();
        if (left <= 0) return { action: 'load' };
        await this.waits.sleep(key, Math.min(pause, left));
        pause = Math.min(pause * 1.5, LONGEST_POLL_MS);
        const read = await this.read(key, tags, this.deadlines.next(), 'poll');
        if (read.status === 'unavailable') {
          unanswered++;
          if (unanswered >= TOLERATED_SILENCES || !this.server.available) return { action: 'load' };
          continue;
        }
        unanswered = 0;
        if (read.found !== undefined && accepts(read.found.entry))
          return { action: 'use', found: read.found };
        locked = read.locked;
      }
    }
  }

  /** Never rejects. */
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

  /** Never rejects. */
  public async release(lock: LoadLock): Promise<void> {
    await attempt(() => this.server.release(lock)).catch(() => undefined);
  }

  /** The versions of the tags, made where missing; undefined if they cannot be had in time. */
  public async versions(
    tags: readonly string[],
    at: number,
  ): Promise<readonly string[] | undefined> {
    if (tags.length === 0) return tags;
    const versions = await this.deadlines.race(
      attempt(() => this.server.tagVersions(tags)),
      at,
    );
    return versions?.length === tags.length ? versions : undefined;
  }

  private async acquire(key: string, at: number): Promise<LoadLock | 'taken' | 'unavailable'> {
    const late = (lock: LoadLock | 'taken' | 'unavailable') => {
      if (typeof lock === 'object') void this.release(lock);
    };
    return (
      (await this.deadlines.race(
        attempt(() => this.server.acquire(key)),
        at,
        late,
      )) ?? 'unavailable'
    );
  }

  /**
   * Looks again: whoever had the lock between the miss and now may have stored the value. And the
   * tags' versions count from here.
   */
  private async own(
    key: string,
    tags: readonly string[],
    at: number,
    lock: LoadLock,
    accepts: ClaimOptions['accepts'],
  ): Promise<Claim> {
    const read = await this.read(key, tags, at, 'own');
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

  /**
   * Whether the tags that the read did not ask for have their versions still: a second round trip.
   */
  private async othersMatch(
    entry: CacheEntry,
    others: readonly string[],
    at: number,
  ): Promise<boolean> {
    const current = await this.versions(others, at);
    return others.every((tag, i) => current?.[i] === entry.tagVersions[entry.tags.indexOf(tag)]);
  }
}

/**
 * An entry must carry every tag that the caller names, and each of its tags must have the version
 * from before its load.
 * @returns the tags that were not asked for, which are to be looked up; undefined if the entry is
 * over
 */
function unasked(
  entry: CacheEntry,
  tags: readonly string[],
  versions: readonly (string | null)[],
): readonly string[] | undefined {
  if (entry.tagVersions.length !== entry.tags.length) return undefined;
  for (let i = 0; i < tags.length; i++) {
    const place = entry.tags.indexOf(tags[i] as string);
    if (place === -1 || versions[i] !== entry.tagVersions[place]) return undefined;
  }
  return entry.tags.length === tags.length ? NONE : entry.tags.filter((tag) => !tags.includes(tag));
}

/** What throws at once rejects like the rest. */
function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}
