export {
  type EdgeBehavior,
  EdgeDistribution,
  type EdgeDistributionProps,
  type EdgeDomainNamesProps,
  type EdgeMethods,
  type EdgeOriginsProps,
  type EdgeOriginVerification,
  type EdgeTriggersProps,
  type EdgeVpcOrigin,
  type EdgeVpcOrigins,
} from './distribution';
export {
  EdgeFunction,
  type EdgeFunctionProps,
  ViewerFunction,
  type ViewerFunctionProps,
} from './functions';
export type { EdgeDistributionAttributes, IEdgeDistribution } from './interfaces';
export {
  ACCESS_LOG_FIELDS,
  ACCESS_LOG_SUFFIX_PATH,
  EdgeAccessLogs,
  type EdgeAccessLogsOptions,
  type EdgeAccessLogsProps,
  EdgeLogGroups,
  type EdgeLogGroupsProps,
  edgeLogGroupName,
} from './logs';
export {
  type HeaderTraffic,
  StagedRollout,
  type StagedRolloutProps,
  type WeightedTraffic,
} from './staged-rollout';
export { StaticContent, type StaticContentProps } from './static-content';
export {
  CachePolicies,
  type CachePoliciesProps,
  CacheTier,
  type CacheTierOptions,
  type ContinentTtl,
  DEFAULT_DENIED_QUERY,
  IMAGE_FORMAT_HEADER,
  LANGUAGE_HEADER,
  type QueryInKey,
} from './tiers';
export {
  COMMON_RULE_SET,
  DEFAULT_MANAGED_RULE_GROUPS,
  EdgeWebAcl,
  type EdgeWebAclProps,
  type ManagedRuleGroup,
  type PathRateLimit,
} from './web-acl';
