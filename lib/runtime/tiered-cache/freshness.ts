import type { CacheEntry, DecodedEntry, Lifetime } from '../entries';
import type { CompleteStrategy } from './options';

/**
 * Puts the times of an entry on the clock of `performance.now()`, by its age. Within a process an
 * entry keeps its lifetime even if the wall clock is set. Where that clock is behind the writer's,
 * the entry counts as new.
 *
 * @param entry just decoded, so that nobody else has it
 * @param now on that clock
 */
export function onProcessClock(entry: DecodedEntry, now: number): DecodedEntry {
  const { createdAt } = entry;
  const shift = now - Math.max(0, Date.now() - createdAt) - createdAt;
  const times: { -readonly [Name in keyof Lifetime]: Lifetime[Name] } = entry;
  times.createdAt += shift;
  times.freshUntil += shift;
  times.staleUntil += shift;
  return entry;
}

/** @param random from 0 to 1: 0 is the shortest lifetime that the jitter allows, 1 the longest */
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

/** An error is never stale: after its lifetime, the loader is called again. */
export function errorLifetime(strategy: CompleteStrategy, now: number): Lifetime {
  const freshUntil = now + strategy.negativeTtlSeconds * 1000;
  return { createdAt: now, freshUntil, staleUntil: freshUntil };
}

/** The time from which a hit renews the entry in the background, on the entry's clock. */
export function refreshTime(
  entry: Pick<Lifetime, 'createdAt' | 'freshUntil'>,
  strategy: CompleteStrategy,
): number {
  return entry.createdAt + (entry.freshUntil - entry.createdAt) * strategy.refreshAhead;
}

/**
 * How an entry may be used:
 * - `fresh`: it is served
 * - `renew`: it is served, and renewed in the background
 * - `fallback`: it is served only if the load fails
 * - `expired`: it is a miss
 */
export type Phase = 'fresh' | 'renew' | 'fallback' | 'expired';

export function phaseOf(
  entry: Lifetime & Pick<CacheEntry, 'kind'>,
  strategy: CompleteStrategy,
  now: number,
): Phase {
  if (entry.kind === 'error') return now < entry.freshUntil ? 'fresh' : 'expired';
  if (now < entry.freshUntil) return now < refreshTime(entry, strategy) ? 'fresh' : 'renew';
  if (now >= entry.staleUntil) return 'expired';
  return strategy.serveStale === 'while-renewing' ? 'renew' : 'fallback';
}

/**
 * The longest pause after a renewal, whatever its outcome, in milliseconds: a loader that fails
 * must not be called on every hit.
 */
const RENEWAL_PAUSE_MS = 1000;
/** How many paused keys are remembered. Past that, the oldest may be renewed early, once. */
const REMEMBERED_KEYS = 10_000;

/** Limits how often each key is renewed. */
export class RenewalThrottle {
  private readonly pausedUntil = new Map<string, number>();

  public allows(key: string, now: number): boolean {
    const until = this.pausedUntil.get(key);
    if (until === undefined) return true;
    if (now < until) return false;
    this.pausedUntil.delete(key);
    return true;
  }

  /** Pauses renewals of a key for a second, or for a tenth of a shorter time to live. */
  public pause(key: string, strategy: CompleteStrategy, now: number): void {
    this.pausedUntil.delete(key);
    this.pausedUntil.set(key, now + Math.min(RENEWAL_PAUSE_MS, strategy.ttlSeconds * 100));
    if (this.pausedUntil.size <= REMEMBERED_KEYS) return;
    for (const oldest of this.pausedUntil.keys()) {
      this.pausedUntil.delete(oldest);
      return;
    }
  }
}
