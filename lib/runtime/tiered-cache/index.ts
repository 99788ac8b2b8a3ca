export type { CacheEvents } from './events';
export type { CacheIsolation } from './isolation';
export { CachedLoadError, type CacheLoader, type CacheLookup } from './loads';
export type { CacheCallOptions, CacheError, TieredCacheOptions } from './options';
export type { BusMessage, CacheServer, LoadLock, ServerRead, WriteOutcome } from './server';
export { CACHE_STRATEGIES, type CacheStrategy, DEFAULT_CACHE_STRATEGY } from './strategy';
export { TieredCache } from './tiered-cache';
