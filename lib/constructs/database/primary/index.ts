export * from './instance';
export {
  leafFigures,
  type PostgresFigures,
  type PostgresReplicaFigures,
  postgresParameters,
  postgresReplicaParameters,
  REPLICA_READERS,
  type ReplicaReaders,
  replayDelay,
} from './parameters';
export {
  PostgresPrimary,
  type PostgresPrimaryAttributes,
  type PostgresPrimaryProps,
  type SecretReplicaRegion,
} from './postgres-primary';
export {
  type BoundPostgresSource,
  checkChain,
  continueChain,
  PostgresSource,
  type PostgresSourceInRegion,
} from './source';
export { WriterProxy, type WriterProxyProps } from './writer-proxy';
