export {
  type CloudFrontInvalidation,
  CloudFrontInvalidator,
  type CloudFrontInvalidatorOptions,
} from './cloudfront';
export { type EdgeInvalidator, type EdgePathOutcome, edgePath } from './edge';
export {
  type EventBridgeEvent,
  type InvalidationOutcome,
  Invalidator,
  type InvalidatorOptions,
} from './invalidator';
export type { InvalidationCache, InvalidationPart } from './parts';
export {
  type InvalidationEvent,
  type InvalidationRule,
  type InvalidationRules,
  MARKET_INVALIDATION_RULES,
} from './rules';
