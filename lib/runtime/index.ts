/**
 * The main entry of isochrone-runtime: the cache, its server and metrics, and the settings of a
 * region. The other libraries have entries of their own: `/postgres`, `/http`, `/semantic` and
 * `/invalidation`. Re-exports only.
 */

export type {
  CacheServerSettings,
  DatabaseSettings,
  InvalidationSettings,
  PoolSettings,
  RuntimeSettings,
  SettingsDatabaseEndpoint,
  SettingsEndpoint,
  SettingsTls,
  StrategySettings,
} from '../model/contracts';
export { IsochroneError } from '../model/errors';
export { CorruptEntryError, type CorruptionReason, UnencodableValueError } from './entries';
export {
  CACHE_METRICS,
  type CacheCounterName,
  type CacheGaugeName,
  type CacheHistogramName,
  type CacheMetricName,
  CacheMetrics,
  type CacheMetricsOptions,
  type MetricLabels,
  type MetricSample,
  PROMETHEUS_CONTENT_TYPE,
  SEMANTIC_METRICS,
  type SemanticMetrics,
} from './metrics';
export {
  type OpenRuntimeOptions,
  openRuntime,
  type ParameterReader,
  parseSettings,
  type ReadSettingsOptions,
  type Runtime,
  readSettings,
  strategiesOf,
} from './settings';
export { type AwsKeys, shortenKey } from './shared';
export {
  type BusMessage,
  CACHE_STRATEGIES,
  type CacheCallOptions,
  CachedLoadError,
  type CacheError,
  type CacheEvents,
  type CacheIsolation,
  type CacheLoader,
  type CacheLookup,
  type CacheServer,
  type CacheStrategy,
  DEFAULT_CACHE_STRATEGY,
  type LoadLock,
  type ServerRead,
  TieredCache,
  type TieredCacheOptions,
  type WriteOutcome,
} from './tiered-cache';
export {
  type CacheAddress,
  type CacheErrorKind,
  cacheErrorKind,
  type ElastiCacheTokenOptions,
  elastiCacheToken,
  ValkeyServer,
  type ValkeyServerOptions,
} from './valkey';
