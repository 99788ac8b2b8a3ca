export type { CredentialNames } from './credentials';
export { expressResponseCache } from './express';
export { fastifyResponseCache } from './fastify';
export type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseStore,
  ResponseStoreCall,
  ResponseStrategy,
  ResponseWarning,
} from './options';
export type { QueryKey } from './query';
export { ResponseCache, type ResponseCacheCounts } from './response-cache';
