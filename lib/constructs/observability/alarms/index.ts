export { cacheMonitoring } from './cache';
export { databaseMonitoring, replicaLagGroup } from './database';
export { distributionMonitoring, webAclMonitoring } from './distribution';
export { fleetMonitoring } from './fleet';
export { loadBalancerMonitoring, targetGroupMonitoring } from './load-balancer';
export { poolerMonitoring } from './pooler';
