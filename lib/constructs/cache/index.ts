export type { CacheFoundationProps } from './foundation';
export { GlobalCache, type GlobalCacheProps } from './global-cache';
export { GlobalCacheSecondary, type GlobalCacheSecondaryProps } from './global-cache-secondary';
export type { CacheEndpoint, IRegionalCache } from './interfaces';
export type { CacheParameterProps, MaxmemoryPolicy } from './parameters';
export { RegionalCache, type RegionalCacheProps } from './regional-cache';
export type { CacheScaling, CacheSchedule } from './scaling';
