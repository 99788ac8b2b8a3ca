import type { CacheBackground } from './background';
import type { CacheDeadlines } from './deadlines';
import type { CacheFlights } from './flights';
import { phaseOf, type RenewalPace } from './freshness';
import { handOut } from './isolation';
import { recallError } from './load-error';
import type { CacheLoading, CacheRequest, Loaded } from './loading';
import type { MemoryEntry } from './memory';
import type { CacheReport } from './report';
import type { CacheSequence } from './sequence';
import type { SharedTier } from './shared';

interface Parts {
  readonly flights: CacheFlights<Loaded>;
  readonly loading: CacheLoading;
  readonly pace: RenewalPace;
  readonly background: CacheBackground;
  readonly report: CacheReport;
  readonly shared: SharedTier | undefined;
  readonly deadlines: CacheDeadlines;
  readonly sequence: CacheSequence;
}

/** What `get` found. */
export type CacheLookup<T> =
  | { readonly found: true; readonly value: T; readonly fresh: boolean }
  | { readonly found: false };

/**
 * Answers what the memory cannot answer at once: from an entry that needs attention, or from a
 * flight that callers share.
 */
export class CacheAnswers {
  constructor(private readonly parts: Parts) {}

  /**
   * @param held what the memory has and may be trusted
   * @throws the loader's own error, or CachedLoadError
   */
  public async answer(request: CacheRequest, held: MemoryEntry | undefined): Promise<unknown> {
    const { flights, loading, report } = this.parts;
    const { key, tags } = request;
    const now = Date.now();
    if (held !== undefined && now < held.askAt) {
      const phase = phaseOf(held, request.strategy, now);
      if (phase === 'fresh' || phase === 'renew') {
        report.hit(key, 'memory', now < held.freshUntil);
        return this.deliver(request, held);
      }
    }
    const fallback = held?.kind === 'value' ? held : undefined;
    for (;;) {
      const flight =
        flights.current(key, tags) ??
        flights.start(key, tags, (own) => loading.find(own, request, fallback));
      const loaded = await flight.outcome;
      if (loaded !== undefined) return this.deliver(request, loaded);
    }
  }

  /** Looks in the memory and on the server, and loads nothing. */
  public async look(
    wanted: Pick<CacheRequest, 'key' | 'tags' | 'strategy'>,
    held: MemoryEntry | undefined,
  ): Promise<CacheLookup<unknown>> {
    const { shared, deadlines, sequence, loading, report } = this.parts;
    const { key, tags } = wanted;
    if (held !== undefined && Date.now() < held.askAt) {
      const found = this.found(wanted, held, 'memory');
      if (found !== undefined) return found;
    }
    if (shared !== undefined) {
      const since = sequence.now;
      const read = await shared.read(key, tags, deadlines.next());
      if (read.status === 'answered' && read.found !== undefined) {
        const found = this.found(wanted, loading.keep({ since }, wanted, read.found), 'server');
        if (found !== undefined) return found;
      }
    }
    report.miss(key);
    return { found: false };
  }

  private found(
    { key, strategy }: Pick<CacheRequest, 'key' | 'strategy'>,
    entry: MemoryEntry,
    tier: 'memory' | 'server',
  ): CacheLookup<unknown> | undefined {
    const now = Date.now();
    const phase = phaseOf(entry, strategy, now);
    if (entry.kind === 'error' || phase === 'over' || phase === 'fallback') return undefined;
    const fresh = now < entry.freshUntil;
    this.parts.report.hit(key, tier, fresh);
    return { found: true, value: handOut(entry), fresh };
  }

  private deliver(request: CacheRequest, loaded: Loaded): unknown {
    if (loaded.kind === 'error') throw recallError(loaded.value);
    if (loaded.kind === 'value' && Date.now() >= loaded.refreshAt) this.renew(request, loaded);
    return handOut(loaded);
  }

  private renew(request: CacheRequest, entry: MemoryEntry): void {
    const { flights, loading, pace, background } = this.parts;
    const { key, tags, strategy } = request;
    const now = Date.now();
    if (flights.has(key) || phaseOf(entry, strategy, now) !== 'renew' || !pace.allows(key, now))
      return;
    const { outcome } = flights.start(key, tags, (flight) => loading.renew(flight, request));
    const pause = () => pace.pause(key, strategy, Date.now());
    background.run(outcome.then(pause, pause));
  }
}
