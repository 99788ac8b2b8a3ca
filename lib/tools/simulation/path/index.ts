export { isRead } from './cache-key';
export { compressed } from './compression';
export {
  type Attempt,
  type OriginStep,
  type PreparedRequest,
  type RequestPath,
  requestPath,
  type ViewerPlace,
} from './request-path';
export {
  type Coordinates,
  coordinatesOf,
  coordinatesOfRegion,
  distanceKm,
  edgeLocation,
  spreadEdgeLocation,
  VIEWER_WEIGHTS,
} from './topology';
