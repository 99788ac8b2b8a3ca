export { type CacheErrorKind, cacheErrorKind } from './error-kinds';
export { type ElastiCacheTokenOptions, elastiCacheToken } from './iam';
export type { CacheAddress, ValkeyServerOptions } from './server-options';
export { ValkeyServer } from './valkey-server';
