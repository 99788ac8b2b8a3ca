/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */
export type * from '../runtime-settings';
export { type CacheErrorKind, cacheErrorKind } from './cache-error-kinds';
export { type AwsKeys, type ElastiCacheTokenOptions, elastiCacheToken } from './cache-iam';
export { boundedKey } from './cache-key-names';
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
export { type ParameterReader, type ReadSettingsOptions, readSettings } from './settings';
export { parseSettings, strategiesOf } from './settings-document';
