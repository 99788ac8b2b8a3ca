export {
  AcquireTimeoutError,
  isRefusal,
  PoolClosedError,
  QueryTimeoutError,
  UnknownOutcomeError,
} from './errors';
export { type RdsTokenOptions, rdsToken } from './iam';
export type { ReplicaPoolEvent, ReplicaPoolOptions, ReplicaServer } from './options';
export {
  ReplicaPool,
  type ReplicaReadOptions,
  type ReplicaWriteOptions,
  type WriteResult,
} from './replica-pool';
export { laterToken, type WriteToken } from './token';
export {
  type ReplicaTransactionOptions,
  RolledBackError,
  type TransactionClient,
} from './transaction';
