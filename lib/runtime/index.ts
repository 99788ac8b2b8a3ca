/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */

export type { CacheLookup } from './cache-answers';
export { type CacheErrorKind, cacheErrorKind } from './cache-error-kinds';
export type { CacheEvents } from './cache-events';
export type { CacheIsolation } from './cache-isolation';
export { boundedKey } from './cache-key-names';
export { CachedLoadError } from './cache-load-error';
export type { CacheLoader } from './cache-loading';
export type { CacheCallOptions, CacheError, TieredCacheOptions } from './cache-options';
export * from './cache-server';
export type { CacheAddress, ValkeyServerOptions } from './cache-server-options';
export * from './cache-strategy';
export { ValkeyServer } from './cache-valkey';
export * from './tiered-cache';
