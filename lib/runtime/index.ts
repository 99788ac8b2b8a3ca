/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */

export { type CacheErrorKind, cacheErrorKind } from './cache-error-kinds';
export { type AwsKeys, type ElastiCacheTokenOptions, elastiCacheToken } from './cache-iam';
export { boundedKey } from './cache-key-names';
export * from './cache-server';
export type { CacheAddress, ValkeyServerOptions } from './cache-server-options';
export * from './cache-strategy';
export { ValkeyServer } from './cache-valkey';
