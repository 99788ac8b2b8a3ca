/** A response store in memory that behaves like the real one. Tests set its clock by `Date.now`. */
import type { ResponseStore, ResponseStoreCall } from '../../../lib/runtime/responses/options';

interface Entry {
  readonly value: unknown;
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly tags: readonly string[];
}

export class StoreDouble implements ResponseStore {
  readonly entries = new Map<string, Entry>();
  private readonly flights = new Map<string, Promise<unknown>>();
  /** How operations fail; undefined if they work. */
  broken: 'rejects' | 'throws' | 'lies' | undefined;

  async get<T>(key: string, _options: ResponseStoreCall) {
    this.fail();
    if (this.broken === 'lies')
      return { found: true as const, value: { form: 1, body: 'nonsense' } as T, fresh: true };
    const entry = this.entries.get(key);
    if (entry === undefined || Date.now() >= entry.staleUntil) return { found: false as const };
    return {
      found: true as const,
      value: structuredClone(entry.value) as T,
      fresh: Date.now() < entry.freshUntil,
    };
  }

  getOrLoad<T>(key: string, loader: () => Promise<T>, options: ResponseStoreCall): Promise<T> {
    if (this.broken === 'throws') throw new Error('the store is broken');
    return this.load(key, loader, options) as Promise<T>;
  }

  private async load(
    key: string,
    loader: () => Promise<unknown>,
    options: ResponseStoreCall,
  ): Promise<unknown> {
    this.fail();
    const entry = this.entries.get(key);
    const now = Date.now();
    if (entry !== undefined && now < entry.freshUntil) return structuredClone(entry.value);
    const usable = entry !== undefined && now < entry.staleUntil ? entry : undefined;
    let flight = this.flights.get(key);
    if (flight === undefined) {
      flight = this.run(key, loader, options).finally(() => this.flights.delete(key));
      this.flights.set(key, flight);
    }
    if (usable === undefined) return flight;
    if (options.strategy.serveStale === 'if-error')
      return flight.catch(() => structuredClone(usable.value));
    flight.catch(() => {});
    return structuredClone(usable.value);
  }

  private async run(
    key: string,
    loader: () => Promise<unknown>,
    { strategy, tags }: ResponseStoreCall,
  ): Promise<unknown> {
    const value = await loader();
    const freshUntil = Date.now() + strategy.ttlSeconds * 1000;
    this.entries.set(key, {
      value: structuredClone(value),
      freshUntil,
      staleUntil: freshUntil + strategy.staleSeconds * 1000,
      tags,
    });
    return value;
  }

  async delete(key: string): Promise<void> {
    this.fail();
    this.entries.delete(key);
  }

  async invalidateTags(...tags: string[]) {
    for (const [key, entry] of this.entries)
      if (entry.tags.some((tag) => tags.includes(tag))) this.entries.delete(key);
    return { reached: true };
  }

  private fail(): void {
    if (this.broken === 'rejects' || this.broken === 'throws')
      throw new Error('the store is broken');
  }
}
