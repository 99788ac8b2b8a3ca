export {
  acknowledgeBackups,
  acknowledgeInstance,
  cfnInstance,
  checkBackupRetention,
  checkIdentifier,
  checkInstanceProps,
  closedSecurityGroup,
  commonSettings,
  databaseKey,
  databaseSubnets,
  instanceArn,
  logGroupsBefore,
  monitoringRole,
  type PostgresInstanceProps,
  type PostgresLogType,
  postgresEngine,
  postgresVersion,
} from './postgres-instance';
export {
  leafFigures,
  type PostgresFigures,
  type PostgresReplicaFigures,
  postgresParameters,
  postgresReplicaParameters,
  REPLICA_READERS,
  type ReplicaReaders,
  replayDelay,
} from './postgres-parameters';
export {
  PostgresPrimary,
  type PostgresPrimaryProps,
  type SecretReplicaRegion,
} from './postgres-primary';
export {
  type BoundPostgresSource,
  checkChain,
  continueChain,
  PostgresSource,
  type PostgresSourceInRegion,
} from './postgres-source';
export type { IPostgresWriter } from './postgres-writer';
export { WriterProxy, type WriterProxyProps } from './writer-proxy';
