export { PromotionFence, type PromotionFenceProps } from './fence';
export type { PromotionRecord } from './record';
export {
  type PromotionApproval,
  ReplicaPromotion,
  type ReplicaPromotionProps,
} from './replica-promotion';
