import type { Load } from '../shared';
import type { InvalidationClock } from './invalidation-clock';
import type { LoadLock } from './server';

/** The single flight of a key: one look-up and load, shared by all callers of this process. */
export interface Flight<T> extends Load {
  readonly tags: readonly string[];
  /** The time of the invalidation clock from before the flight began. */
  readonly since: number;
  /**
   * Resolves to undefined if the flight ends without a value: a renewal that another process is
   * doing. Undefined once the flight has ended.
   */
  outcome: Promise<T | undefined> | undefined;
  /** Held while the load runs. */
  lock: LoadLock | undefined;
  /** Set once an invalidation has made the flight's result outdated: no caller joins it. */
  abandoned: boolean;
}

/** The flights of this process, at most one joinable flight per key. */
export class CacheFlights<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /** @param releaseLock frees the lock of an abandoned flight */
  constructor(
    private readonly clock: InvalidationClock,
    private readonly releaseLock: (lock: LoadLock) => void,
  ) {}

  /**
   * The flight of a key that a caller may join. Returns undefined for a flight that started before
   * its key or tags were invalidated: callers after an invalidation get a value loaded after it.
   * Such a flight is abandoned and its lock freed, so that the next flight does not wait for it.
   */
  public joinable(key: string, tags: readonly string[]): Flight<T> | undefined {
    const flight = this.flights.get(key);
    if (flight === undefined) return undefined;
    if (
      this.clock.isValid(key, flight.tags, flight.since) &&
      this.clock.areTagsValid(tags, flight.since)
    )
      return flight;
    this.flights.delete(key);
    flight.abandoned = true;
    if (flight.lock !== undefined) this.releaseLock(flight.lock);
    flight.lock = undefined;
    return undefined;
  }

  public has(key: string): boolean {
    return this.flights.has(key);
  }

  /**
   * @param waiter the load that waits for it
   * @param work ends the flight with `end`
   */
  public start(
    key: string,
    tags: readonly string[],
    waiter: Load | undefined,
    work: (flight: Flight<T>) => Promise<T | undefined>,
  ): Flight<T> {
    const flight: Flight<T> = {
      cache: this,
      key,
      waiters: waiter && [waiter],
      ended: false,
      tags,
      since: this.clock.now,
      lock: undefined,
      abandoned: false,
      outcome: undefined,
    };
    // The loader may run within `work`, and call the cache.
    this.flights.set(key, flight);
    flight.outcome = work(flight);
    return flight;
  }

  /** Ends a flight before its outcome reaches the callers who wait for it. */
  public end(flight: Flight<T>): void {
    if (this.flights.get(flight.key) === flight) this.flights.delete(flight.key);
    // A Map that grows old keeps its former tables, and what was in them, until the next full
    // garbage collection. Values would be copied to the old generation, one and all.
    flight.outcome = undefined;
  }
}
