/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */
export * from './cache-strategy';
export { QueryCache } from './query-cache';
export type {
  CachedTransactionClient,
  QueryCacheOptions,
  QueryCacheStore,
  QueryCallOptions,
  QueryPool,
  QueryStatement,
  UncachedQuery,
} from './query-cache-options';
export type { UncachedStatement } from './query-statement';
export { AcquireTimeoutError, PoolClosedError, UnknownOutcomeError } from './replica-errors';
export type { ReplicaPoolEvent, ReplicaPoolOptions, ReplicaServer } from './replica-options';
export { ReplicaPool, type ReplicaReadOptions, type ReplicaWriteOptions, type WriteResult } from './replica-pool';
export type { WriteToken } from './replica-token';
export { type ReplicaTransactionOptions, RolledBackError, type TransactionClient } from './replica-transaction';
