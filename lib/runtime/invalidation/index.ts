export {
  type CloudFrontInvalidation,
  CloudFrontInvalidator,
  type CloudFrontInvalidatorOptions,
} from './cloudfront';
export type { EdgeInvalidator, EdgePathOutcome } from './edge';
export {
  type EventBridgeEvent,
  type InvalidationOutcome,
  Invalidator,
  type InvalidatorOptions,
} from './invalidation';
export type { InvalidationCache, InvalidationPart } from './parts';
export { edgePath } from './paths';
export {
  type InvalidationEvent,
  type InvalidationRule,
  type InvalidationRules,
  MARKET_INVALIDATION_RULES,
} from './rules';
