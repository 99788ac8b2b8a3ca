/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */

export type * from '../runtime-settings';
export * from './cache-strategy';
export { type EventBridgeEvent, type InvalidationOutcome, Invalidator, type InvalidatorOptions } from './invalidation';
export { type CloudFrontInvalidation, CloudFrontInvalidator, type CloudFrontInvalidatorOptions } from './invalidation-cloudfront';
export type { EdgeInvalidator, EdgePathOutcome } from './invalidation-edge';
export type { InvalidationCache, InvalidationPart } from './invalidation-parts';
export { edgePath } from './invalidation-paths';
export { type InvalidationEvent, type InvalidationRule, type InvalidationRules, MARKET_INVALIDATION_RULES } from './invalidation-rules';
export { type ParameterReader, type ReadSettingsOptions, readSettings } from './settings';
export { parseSettings, strategiesOf } from './settings-document';
