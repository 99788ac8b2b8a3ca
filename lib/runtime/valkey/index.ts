export { type CacheErrorKind, cacheErrorKind } from './errors';
export { type ElastiCacheTokenOptions, elastiCacheToken } from './iam';
export type { CacheAddress, ValkeyServerOptions } from './options';
export { ValkeyServer } from './server';
