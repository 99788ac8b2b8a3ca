/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */

export type { CacheLookup } from './cache-answers';
export { CorruptEntryError, type CorruptionReason, UnencodableValueError } from './cache-entry';
export { type CacheErrorKind, cacheErrorKind } from './cache-error-kinds';
export type { CacheEvents } from './cache-events';
export { type AwsKeys, type ElastiCacheTokenOptions, elastiCacheToken } from './cache-iam';
export type { CacheIsolation } from './cache-isolation';
export { boundedKey } from './cache-key-names';
export { CachedLoadError } from './cache-load-error';
export type { CacheLoader } from './cache-loading';
export {
  CACHE_METRICS,
  type CacheCounterName,
  type CacheGaugeName,
  type CacheHistogramName,
  type CacheMetricName,
} from './cache-metric-names';
export { CacheMetrics, type CacheMetricsOptions, type MetricLabels, type MetricSample, PROMETHEUS_CONTENT_TYPE } from './cache-metrics';
export type { CacheCallOptions, CacheError, TieredCacheOptions } from './cache-options';
export * from './cache-server';
export type { CacheAddress, ValkeyServerOptions } from './cache-server-options';
export * from './cache-strategy';
export { ValkeyServer } from './cache-valkey';
export * from './tiered-cache';
