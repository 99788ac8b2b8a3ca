/** `isochrone-runtime/postgres`: a pool over read replicas, and a cache of query results. Needs `pg`. */
export {
  type CachedTransactionClient,
  QueryCache,
  type QueryCacheOptions,
  type QueryCacheStore,
  type QueryCallOptions,
  type QueryPool,
  type QueryStatement,
  type UncachedQuery,
} from './query-cache';
export {
  AcquireTimeoutError,
  PoolClosedError,
  QueryTimeoutError,
  type RdsTokenOptions,
  ReplicaPool,
  type ReplicaPoolEvent,
  type ReplicaPoolOptions,
  type ReplicaReadOptions,
  type ReplicaServer,
  type ReplicaTransactionOptions,
  type ReplicaWriteOptions,
  RolledBackError,
  rdsToken,
  type TransactionClient,
  UnknownOutcomeError,
  type WriteResult,
  type WriteToken,
} from './replicas';
export type { UncachedStatement } from './statements';
