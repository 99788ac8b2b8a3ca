export { PostgresReplicas, type PostgresReplicasProps } from './postgres-replicas';
