export { EdgeFunction, type EdgeFunctionProps } from './edge-function';
export {
  cacheKeySettings,
  originSelectionSettings,
  regionalTtlSettings,
  routeOriginSettings,
  viewerKeySettings,
} from './settings';
export { ViewerFunction, type ViewerFunctionProps } from './viewer-function';
