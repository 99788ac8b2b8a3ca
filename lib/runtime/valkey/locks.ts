import { createHash, randomBytes } from 'node:crypto';
import type { Cluster, Redis } from 'iovalkey';
import type { LoadLock } from '../tiered-cache';

/** A Lua script that servers store under its hash. All of its keys are in one slot. */
class CacheScript {
  private readonly sha: string;

  constructor(
    private readonly keyCount: number,
    private readonly source: string,
  ) {
    this.sha = createHash('sha1').update(source).digest('hex');
  }

  /**
   * Runs the script by its hash. Sends the source to a server that does not know it, because it was
   * restarted, promoted or flushed.
   */
  public async run(
    client: Redis | Cluster,
    ...args: readonly (string | Buffer | number)[]
  ): Promise<unknown> {
    try {
      return await client.evalsha(this.sha, this.keyCount, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(this.source, this.keyCount, ...args);
    }
  }
}

/**
 * Stores a value and frees its lock. With a token, it stores only while the lock holds that token:
 * an owner whose lock expired, or whose key was removed meanwhile, writes nothing. Without a token,
 * it removes the lock, so that a load that began earlier cannot overwrite this value.
 *
 * KEYS: value, lock. ARGV: token or an empty text, bytes, milliseconds. Returns 1 if stored.
 */
export const WRITE = new CacheScript(
  2,
  `if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`,
);

/**
 * Acquires a lock. A key without an expiry is not one of our locks, whatever its type, and would
 * block every load for good: it is replaced.
 *
 * KEYS: lock. ARGV: token, milliseconds. Returns 1 if acquired.
 */
export const ACQUIRE = new CacheScript(
  1,
  `if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
);

/** KEYS: lock. ARGV: token, milliseconds. Returns 1 if the lock is still held. */
export const RENEW = new CacheScript(
  1,
  `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
);

/** KEYS: lock. ARGV: token. Returns 1 if the lock was held. */
export const RELEASE = new CacheScript(
  1,
  `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,
);

/** Creates a lock with a unique token. It is not acquired yet. */
export function newLock(key: string): LoadLock {
  return { key, token: randomBytes(12).toString('base64url') };
}

export interface HeldLocksOptions {
  /** Milliseconds after which a lock expires unless it is renewed. */
  readonly lockTtlMs: number;
  /** Milliseconds after which a lock is no longer renewed. */
  readonly lockHoldMs: number;
  /** Renews a lock on the server. Resolves to false if it is lost, to undefined if unknown. */
  readonly renew: (lock: LoadLock) => Promise<boolean | undefined>;
}

/** The locks that this process holds. It renews each lock every third of its time to live. */
export class HeldLocks {
  private readonly held = new Map<string, { readonly lock: LoadLock; readonly since: number }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: HeldLocksOptions) {}

  /** Starts renewing a lock. */
  public add(lock: LoadLock): void {
    this.held.set(lock.token, { lock, since: performance.now() });
    this.timer ??= setInterval(() => this.renewAll(), this.options.lockTtlMs / 3).unref();
  }

  /** Stops renewing a lock. */
  public drop({ token }: LoadLock): void {
    this.held.delete(token);
    if (this.held.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  public get all(): readonly LoadLock[] {
    return [...this.held.values()].map(({ lock }) => lock);
  }

  private renewAll(): void {
    for (const { lock, since } of [...this.held.values()]) {
      if (performance.now() - since > this.options.lockHoldMs) {
        this.drop(lock);
        continue;
      }
      void this.options.renew(lock).then((renewed) => {
        if (renewed === false) this.drop(lock);
      });
    }
  }

  public close(): void {
    this.held.clear();
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
