import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'iovalkey';

/** A script that servers keep under its hash. All of its keys lie in one slot. */
export class CacheScript {
  private readonly sha: string;

  constructor(
    private readonly keys: number,
    private readonly source: string,
  ) {
    this.sha = createHash('sha1').update(source).digest('hex');
  }

  /**
   * Runs it by its hash, and sends the text to a server that does not know it: one that was
   * restarted, promoted or flushed.
   */
  public async run(
    client: Redis | Cluster,
    ...args: readonly (string | Buffer | number)[]
  ): Promise<unknown> {
    try {
      return await client.evalsha(this.sha, this.keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(this.source, this.keys, ...args);
    }
  }
}

/**
 * Stores a value and frees its lock. With a token, only while the lock holds it: an owner that
 * slept past its lock, or whose key was removed meanwhile, writes nothing. Without, it ends the
 * lock, so that a load that began earlier cannot overwrite this value.
 *
 * KEYS: value, lock. ARGV: token or nothing, bytes, milliseconds. 1 if stored.
 */
export const WRITE = new CacheScript(
  2,
  `if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`,
);

/**
 * Takes a lock. What has no end is not one of ours, whatever its type, and would hold everybody off
 * for good: it is replaced.
 *
 * KEYS: lock. ARGV: token, milliseconds. 1 if taken.
 */
export const ACQUIRE = new CacheScript(
  1,
  `if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
);

/** KEYS: lock. ARGV: token, milliseconds. 1 if it is still held. */
export const RENEW = new CacheScript(
  1,
  `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
);

/** KEYS: lock. ARGV: token. 1 if it was held. */
export const RELEASE = new CacheScript(
  1,
  `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,
);
