export type {
  Deployment,
  DeploymentCacheScaling,
  DeploymentInput,
  DeploymentRegion,
  DeploymentTier,
} from './deployment';
export { globalCachePrimary, secondaryCacheRegions } from './global-cache';
export { DeploymentFileError, loadDeployment, parseDeployment } from './load';
export {
  DATABASE_ROLES,
  foundingRegion,
  type PhysicalNames,
  physicalNames,
  pooledDatabases,
  systemName,
} from './names';
