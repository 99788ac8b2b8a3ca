export { IDLE_TIMEOUT_SECONDS } from './checks';
export type { IServiceFleet, OriginTarget } from './interfaces';
export {
  type OriginAccess,
  OriginLoadBalancer,
  type OriginLoadBalancerProps,
  type OriginVerification,
} from './origin-load-balancer';
export { OriginRecords, type OriginRecordsProps } from './origin-records';
export { type FleetApplication, ServiceFleet, type ServiceFleetProps } from './service-fleet';
