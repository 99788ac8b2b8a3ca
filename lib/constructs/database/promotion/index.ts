export { PromotionFence, type PromotionFenceProps } from './fence';
export {
  type PromotionApproval,
  type PromotionRecord,
  ReplicaPromotion,
  type ReplicaPromotionProps,
} from './replica-promotion';
