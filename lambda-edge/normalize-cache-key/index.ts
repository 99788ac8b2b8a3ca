export type { Headers } from './lambda-request';
export { cacheKeyOf, findRule } from './normalize';
export { normalizeRequest, type ViewerRequest } from './viewer-request';
