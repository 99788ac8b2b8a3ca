/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */
export * from './cache-strategy';
export { ResponseCache, type ResponseCacheCounts } from './response-cache';
export { expressResponseCache } from './response-express';
export { fastifyResponseCache } from './response-fastify';
export type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseStore,
  ResponseStoreCall,
  ResponseStrategy,
  ResponseWarning,
} from './response-options';
export type { QueryKey } from './response-query';
