export type {
  CachedTransactionClient,
  QueryCacheOptions,
  QueryCacheStore,
  QueryCallOptions,
  QueryPool,
  QueryStatement,
  UncachedQuery,
} from './options';
export { QueryCache } from './query-cache';
