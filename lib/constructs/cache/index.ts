export type { CacheFoundationProps } from './foundation';
export {
  GlobalCache,
  type GlobalCacheProps,
  GlobalCacheSecondary,
  type GlobalCacheSecondaryProps,
} from './global-cache';
export type { CacheEndpoint, IRegionalCache, RegionalCacheAttributes } from './interfaces';
export type { CacheParameterProps, MaxmemoryPolicy } from './parameters';
export { RegionalCache, type RegionalCacheProps } from './regional-cache';
export type { CacheScaling, CacheSchedule } from './scaling';
