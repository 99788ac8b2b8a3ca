export * from './distribution';
export {
  EdgeFunction,
  type EdgeFunctionProps,
  ViewerFunction,
  type ViewerFunctionProps,
} from './functions';
export type { EdgeDistributionAttributes, IEdgeDistribution } from './interfaces';
export * from './logs';
export {
  type HeaderTraffic,
  StagedRollout,
  type StagedRolloutProps,
  type WeightedTraffic,
} from './staged-rollout';
export * from './static-content';
export * from './tiers';
export {
  COMMON_RULE_SET,
  DEFAULT_MANAGED_RULE_GROUPS,
  EdgeWebAcl,
  type EdgeWebAclProps,
  type ManagedRuleGroup,
  type PathRateLimit,
} from './web-acl';
