export {
  cacheNodeType,
  dailyWindow,
  initialReplicas,
  initialShards,
  inMemoryNodeType,
  memberNodeType,
  memberRegion,
  memberVersion,
  ORDERED_SHARD_BOUNDS,
  replicaCount,
  scalableNodeType,
  scalingOfMember,
  scheduleName,
  secondaryCount,
  separateWindows,
  shardBound,
  shardCount,
  timeZone,
  weeklyWindow,
} from './elasticache';
export { cpuObjective, maximumInstances, minimumInstances } from './fleet';
export {
  addressRange,
  blockStart,
  nameInZone,
  natGatewayCount,
  networkEndpoint,
  networkZone,
} from './regions';
export { brokenRule, isWholeNumber, type Rule, unlike } from './rule';
