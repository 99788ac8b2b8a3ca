/** `isochrone-runtime/http`: a cache of responses, for `node:http`, Express and Fastify. */
export {
  type CredentialNames,
  expressResponseCache,
  fastifyResponseCache,
  type QueryKey,
  ResponseCache,
  type ResponseCacheCounts,
  type ResponseCacheOptions,
  type ResponseRoute,
  type ResponseStore,
  type ResponseStoreCall,
  type ResponseStrategy,
  type ResponseWarning,
} from './responses';
