export {
  CACHE_NODE_TYPE,
  joinsGlobalDatastore,
  scalesAutomatically,
  tiersData,
} from './cache-nodes';
export {
  DEFAULT_MAINTENANCE_WINDOW,
  DEFAULT_SNAPSHOT_WINDOW,
  MAINTENANCE_WINDOW,
  maintenanceWindow,
  SNAPSHOT_WINDOW,
  snapshotWindow,
  windowsMeet,
} from './cache-windows';
export { AUTO_SCALING, CLOUDFRONT, ELASTICACHE, RDS_POSTGRESQL, WAF } from './limits';
export { nearestFirst, PLACED_REGIONS } from './nearest-regions';
export { catchesAll, isPathPattern, PATH_PATTERN } from './path-pattern';
export {
  CLOUDFRONT_REGION,
  type Continent,
  ORIGIN_SHIELD_REGIONS,
  REGION_NAMES,
  REGIONS,
  zonesOf,
} from './regions';
export { STATEFUL_RESOURCE_TYPES } from './stateful';
