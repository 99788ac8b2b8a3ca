import type { CacheMetrics } from '../metrics';
import { type CacheEvents, CacheListeners } from './events';

/** Counts what happens in a cache, and emits its events. */
export class CacheObserver {
  public readonly listeners: CacheListeners;

  constructor(public readonly metrics: CacheMetrics) {
    this.listeners = new CacheListeners(() => metrics.count('cache_listener_failures_total'));
  }

  public hit(key: string, tier: 'memory' | 'server', fresh: boolean): void {
    this.metrics.count('cache_hits_total', tier === 'memory' ? MEMORY : SERVER);
    if (this.listeners.has('hit')) this.listeners.emit('hit', { key, tier, fresh });
    if (!fresh) this.stale(key, 'renewing');
  }

  public miss(key: string): void {
    this.metrics.count('cache_misses_total');
    if (this.listeners.has('miss')) this.listeners.emit('miss', { key });
  }

  public stale(key: string, reason: CacheEvents['stale']['reason']): void {
    this.metrics.count('cache_stale_total', { reason });
    this.listeners.emit('stale', { key, reason });
  }

  public load(key: string, milliseconds: number, background: boolean): void {
    this.metrics.count('cache_loads_total', { background: String(background) });
    this.metrics.observe('cache_load_seconds', milliseconds / 1000);
    this.listeners.emit('load', { key, milliseconds, background });
  }

  public loadError(key: string, error: unknown, background: boolean): void {
    this.metrics.count('cache_load_errors_total', { background: String(background) });
    this.listeners.emit('load-error', { key, error, background });
  }

  public invalidate(
    keys: readonly string[],
    tags: readonly string[],
    by: CacheEvents['invalidate']['by'],
  ): void {
    if (keys.length > 0)
      this.metrics.count('cache_invalidations_total', { of: 'key', by }, keys.length);
    if (tags.length > 0)
      this.metrics.count('cache_invalidations_total', { of: 'tag', by }, tags.length);
    this.listeners.emit('invalidate', { keys, tags, by });
  }

  public server(available: boolean): void {
    this.metrics.count('cache_server_changes_total', { to: available ? 'up' : 'down' });
    this.listeners.emit(available ? 'server-up' : 'server-down', {});
  }

  public bus(alive: boolean): void {
    this.metrics.count('cache_bus_changes_total', { to: alive ? 'up' : 'down' });
    this.listeners.emit(alive ? 'bus-up' : 'bus-down', {});
  }

  public droppedWrite(key: string, reason: CacheEvents['dropped-write']['reason']): void {
    this.metrics.count('cache_dropped_writes_total', { reason });
    this.listeners.emit('dropped-write', { key, reason });
  }

  public corrupt(key: string): void {
    this.metrics.count('cache_corrupt_entries_total');
    this.listeners.emit('corrupt', { key });
  }

  public unencodable(key: string, error: unknown): void {
    this.metrics.count('cache_unencodable_values_total');
    this.listeners.emit('unencodable', { key, error });
  }
}

const MEMORY = { tier: 'memory' };
const SERVER = { tier: 'server' };
