import { randomBytes } from 'node:crypto';
import type { LoadLock } from '../tiered-cache';

export interface CacheLocksOptions {
  readonly lockTtlMs: number;
  readonly lockHoldMs: number;
  /** Prolongs a lock on the server; false if it is lost, undefined if nothing is known. */
  readonly renew: (lock: LoadLock) => Promise<boolean | undefined>;
}

/** The locks that this process holds, and their renewal. */
export class CacheLocks {
  private readonly held = new Map<string, { readonly lock: LoadLock; readonly since: number }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: CacheLocksOptions) {}

  /** A lock that nobody has yet: its token is different from every other one. */
  public make(key: string): LoadLock {
    return { key, token: randomBytes(12).toString('base64url') };
  }

  /** From now on it is renewed, every third of its life. */
  public hold(lock: LoadLock): void {
    this.held.set(lock.token, { lock, since: Date.now() });
    this.timer ??= setInterval(() => this.renewAll(), this.options.lockTtlMs / 3).unref();
  }

  /** From now on it is not renewed any more. */
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
      if (Date.now() - since > this.options.lockHoldMs) {
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
