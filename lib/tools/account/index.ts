export { cleanUpEdge, type EdgeFunctionsApi, formatEdgeCleanup } from './edge-cleanup';
export {
  formatPromotion,
  formatSteps,
  type PromotionApi,
  type PromotionOutcome,
  PromotionStateUnknown,
  promote,
} from './promotion';
export { formatChanges, promotionChanges } from './promotion-file';
