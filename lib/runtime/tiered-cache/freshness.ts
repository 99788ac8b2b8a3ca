import type { CacheEntry } from '../entries';
import type { CompleteStrategy } from './options';

/** When an entry that is made now stops being fresh and being kept, in Unix milliseconds. */
export interface Lifetime {
  readonly createdAt: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
}

/** @param random from 0 to 1; which end of the jitter it is */
export function valueLifetime(
  strategy: CompleteStrategy,
  ttlSeconds: number | undefined,
  now: number,
  random: number,
): Lifetime {
  const spread = 1 + strategy.jitter * (2 * random - 1);
  const freshUntil =
    now + Math.max(1, Math.round((ttlSeconds ?? strategy.ttlSeconds) * 1000 * spread));
  return { createdAt: now, freshUntil, staleUntil: freshUntil + strategy.staleSeconds * 1000 };
}

/** An error is never stale: when its time is over, the loader is asked again. */
export function errorLifetime(strategy: CompleteStrategy, now: number): Lifetime {
  const freshUntil = now + strategy.negativeTtlSeconds * 1000;
  return { createdAt: now, freshUntil, staleUntil: freshUntil };
}

/** From when on a hit renews the entry in the background. */
export function refreshTime(
  entry: Pick<CacheEntry, 'createdAt' | 'freshUntil'>,
  strategy: CompleteStrategy,
): number {
  return entry.createdAt + (entry.freshUntil - entry.createdAt) * strategy.refreshAhead;
}

/**
 * What an entry is good for: `fresh` answers; `renew` answers and is renewed in the background;
 * `fallback` answers only if the load fails; `over` is a miss.
 */
export type Phase = 'fresh' | 'renew' | 'fallback' | 'over';

export function phaseOf(
  entry: Pick<CacheEntry, 'kind' | 'createdAt' | 'freshUntil' | 'staleUntil'>,
  strategy: CompleteStrategy,
  now: number,
): Phase {
  if (entry.kind === 'error') return now < entry.freshUntil ? 'fresh' : 'over';
  if (now < entry.freshUntil) return now < refreshTime(entry, strategy) ? 'fresh' : 'renew';
  if (now >= entry.staleUntil) return 'over';
  return strategy.serveStale === 'while-renewing' ? 'renew' : 'fallback';
}

/**
 * How long a key is left alone after a renewal, whatever it brought: a loader that fails must not
 * be asked at every hit.
 */
const RENEWAL_PAUSE_MS = 1000;
/** How many keys are remembered. Beyond, the oldest may be tried early, once. */
const RENEWALS_REMEMBERED = 10_000;

/** Which keys may be renewed now. */
export class RenewalPace {
  private readonly pausedUntil = new Map<string, number>();

  public allows(key: string, now: number): boolean {
    const until = this.pausedUntil.get(key);
    if (until === undefined) return true;
    if (now < until) return false;
    this.pausedUntil.delete(key);
    return true;
  }

  /** A second, or a tenth of a shorter time to live. */
  public pause(key: string, strategy: CompleteStrategy, now: number): void {
    this.pausedUntil.delete(key);
    this.pausedUntil.set(key, now + Math.min(RENEWAL_PAUSE_MS, strategy.ttlSeconds * 100));
    if (this.pausedUntil.size <= RENEWALS_REMEMBERED) return;
    for (const oldest of this.pausedUntil.keys()) {
      this.pausedUntil.delete(oldest);
      return;
    }
  }
}
