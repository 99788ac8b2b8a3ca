export { QueryAdvice, type QueryAdviceMetric, type QueryAdviceProps } from './advice';
export type { DatabaseLogin } from './database-function';
export type {
  DatabaseEndpoint,
  IConnectionPooler,
  IPostgresPrimary,
  IPostgresWriter,
  IReaderEndpoint,
  IReaderInstances,
} from './interfaces';
export {
  SchemaMigrations,
  type SchemaMigrationsProps,
  type SchemaMigrationsSettings,
} from './migrations';
export {
  ConnectionPooler,
  type ConnectionPoolerAttributes,
  type ConnectionPoolerProps,
} from './pooler';
export {
  type BoundPostgresSource,
  checkChain,
  continueChain,
  leafFigures,
  type PostgresFigures,
  type PostgresInstanceProps,
  type PostgresLogType,
  PostgresPrimary,
  type PostgresPrimaryAttributes,
  type PostgresPrimaryProps,
  type PostgresReplicaFigures,
  PostgresSource,
  type PostgresSourceInRegion,
  postgresParameters,
  postgresReplicaParameters,
  REPLICA_READERS,
  type ReplicaReaders,
  replayDelay,
  type SecretReplicaRegion,
  WriterProxy,
  type WriterProxyProps,
} from './primary';
export {
  type PromotionApproval,
  PromotionFence,
  type PromotionFenceProps,
  type PromotionRecord,
  ReplicaPromotion,
  type ReplicaPromotionProps,
} from './promotion';
export {
  ReaderEndpoint,
  type ReaderEndpointAttributes,
  type ReaderEndpointProps,
} from './reader-endpoint';
export { PostgresReplicas, type PostgresReplicasProps } from './replicas';
