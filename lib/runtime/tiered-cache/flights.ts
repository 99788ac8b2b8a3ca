import type { CacheSequence } from './sequence';
import type { LoadLock } from './server';

/** One search for one key, which all callers of this process share. */
export interface Flight<T> {
  readonly key: string;
  readonly tags: readonly string[];
  /** The sequence number from before it began. */
  readonly since: number;
  /** `undefined` if it ended without a value: a renewal that left it to another process. */
  outcome: Promise<T | undefined>;
  /** Held while its load runs. */
  lock: LoadLock | undefined;
  /** Set when nobody may join it any more. */
  abandoned: boolean;
}

/** What is on its way in this process. */
export class CacheFlights<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /** @param giveUp frees the lock of a flight that nobody may join any more */
  constructor(
    private readonly sequence: CacheSequence,
    private readonly giveUp: (lock: LoadLock) => void,
  ) {}

  /**
   * The flight of a key that a caller may share. One that began before an invalidation of its key
   * or tags is none: who asks after an invalidation gets what was loaded after it. Its lock is
   * freed, so that the next flight need not wait for its load.
   */
  public current(key: string, tags: readonly string[]): Flight<T> | undefined {
    const flight = this.flights.get(key);
    if (flight === undefined) return undefined;
    if (
      this.sequence.live(key, flight.tags, flight.since) &&
      this.sequence.tagsLive(tags, flight.since)
    )
      return flight;
    this.flights.delete(key);
    flight.abandoned = true;
    if (flight.lock !== undefined) this.giveUp(flight.lock);
    flight.lock = undefined;
    return undefined;
  }

  public has(key: string): boolean {
    return this.flights.has(key);
  }

  public start(
    key: string,
    tags: readonly string[],
    work: (flight: Flight<T>) => Promise<T | undefined>,
  ): Flight<T> {
    const flight: Flight<T> = {
      key,
      tags,
      since: this.sequence.now,
      lock: undefined,
      abandoned: false,
      outcome: undefined as never,
    };
    flight.outcome = work(flight);
    this.flights.set(key, flight);
    // Before those who wait go on: they are told in the order in which they came.
    const end = () => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    };
    flight.outcome.then(end, end);
    return flight;
  }
}
