export {
  IDLE_TIMEOUT_SECONDS,
  type OriginAccess,
  OriginLoadBalancer,
  type OriginLoadBalancerProps,
  type OriginVerification,
} from './origin-load-balancer';
export { OriginRecords, type OriginRecordsProps, type OriginTarget } from './origin-records';
export { type FleetApplication, ServiceFleet, type ServiceFleetProps } from './service-fleet';
