export { cacheMonitoring } from './cache';
export type { CacheTopology } from './cache-symptoms';
export { databaseMonitoring, replicaLagGroup } from './database';
export { distributionMonitoring, webAclMonitoring } from './distribution';
export { fleetMonitoring } from './fleet';
export { loadBalancerMonitoring, targetGroupMonitoring } from './load-balancer';
export { type IWatchedPooler, poolerMonitoring } from './pooler';
