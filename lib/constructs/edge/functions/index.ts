export { EdgeFunction, type EdgeFunctionProps } from './edge-function';
export { routeOriginSettings } from './route-origin-settings';
export { ViewerFunction, type ViewerFunctionProps } from './viewer-function';
