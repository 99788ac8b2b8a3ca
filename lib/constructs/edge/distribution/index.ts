export type { EdgeBehavior, EdgeMethods } from './behavior';
export type { EdgeDomainNamesProps } from './domain-names';
export { EdgeDistribution, type EdgeDistributionProps } from './edge-distribution';
export type { EdgeOriginsProps, EdgeOriginVerification } from './origins';
export type { EdgeTriggersProps } from './triggers';
export type { EdgeVpcOrigin, EdgeVpcOrigins } from './vpc-origins';
