/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */
export { IsochroneError } from '../errors';
export type * from '../runtime-settings';
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
export { type EventBridgeEvent, type InvalidationOutcome, Invalidator, type InvalidatorOptions } from './invalidation';
export { type CloudFrontInvalidation, CloudFrontInvalidator, type CloudFrontInvalidatorOptions } from './invalidation-cloudfront';
export type { EdgeInvalidator, EdgePathOutcome } from './invalidation-edge';
export type { InvalidationCache, InvalidationPart } from './invalidation-parts';
export { edgePath } from './invalidation-paths';
export { type InvalidationEvent, type InvalidationRule, type InvalidationRules, MARKET_INVALIDATION_RULES } from './invalidation-rules';
export { QueryCache } from './query-cache';
export type {
  CachedTransactionClient,
  QueryCacheOptions,
  QueryCacheStore,
  QueryCallOptions,
  QueryPool,
  QueryStatement,
  UncachedQuery,
} from './query-cache-options';
export type { UncachedStatement } from './query-statement';
export { AcquireTimeoutError, PoolClosedError, UnknownOutcomeError } from './replica-errors';
export { type RdsTokenOptions, rdsToken } from './replica-iam';
export type { ReplicaPoolEvent, ReplicaPoolOptions, ReplicaServer } from './replica-options';
export { ReplicaPool, type ReplicaReadOptions, type ReplicaWriteOptions, type WriteResult } from './replica-pool';
export type { WriteToken } from './replica-token';
export { type ReplicaTransactionOptions, RolledBackError, type TransactionClient } from './replica-transaction';
export { ResponseCache, type ResponseCacheCounts } from './response-cache';
export { expressResponseCache } from './response-express';
export { fastifyResponseCache } from './response-fastify';
export type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseStore,
  ResponseStoreCall,
  ResponseStrategy,
  ResponseWarning,
} from './response-options';
export type { QueryKey } from './response-query';
export { type BedrockClient, BedrockEmbedder, type BedrockEmbedderOptions } from './semantic-bedrock';
export { SemanticCache } from './semantic-cache';
export type { Embedder } from './semantic-embedder';
export type { SemanticGuard } from './semantic-guard';
export { ENGLISH_GUARDS, ENGLISH_RULES, NEUTRAL_GUARDS } from './semantic-guards';
export { MemorySemanticStore, type MemorySemanticStoreOptions } from './semantic-memory-store';
export { SEMANTIC_METRICS, type SemanticMetrics } from './semantic-metrics';
export type { SemanticCacheOptions } from './semantic-options';
export type { SemanticAnswer, SemanticLookup, SemanticOutcome } from './semantic-outcome';
export { readQuestion, type SemanticQuestion } from './semantic-question';
export type { SemanticScope } from './semantic-scope';
export type { SemanticCandidate, SemanticEntry, SemanticStore, StoredAnswer } from './semantic-store';
export { TfIdfEmbedder, type TfIdfEmbedderOptions } from './semantic-tfidf';
export { type SemanticCommands, semanticStoreFor, ValkeySemanticStore, type ValkeySemanticStoreOptions } from './semantic-valkey-store';
export { type ParameterReader, type ReadSettingsOptions, readSettings } from './settings';
export { parseSettings, strategiesOf } from './settings-document';
export { type OpenRuntimeOptions, openRuntime, type Runtime } from './settings-open';
export * from './tiered-cache';
