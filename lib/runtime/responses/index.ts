export { expressResponseCache } from './express';
export { fastifyResponseCache } from './fastify';
export type { QueryKey } from './key';
export type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseStore,
  ResponseStoreCall,
  ResponseStrategy,
  ResponseWarning,
} from './options';
export { ResponseCache, type ResponseCacheCounts } from './response-cache';
