export { connectionsPerPooler, entriesOfBusiestHost, POOLERS_IN_EXCHANGE } from './budget';
export {
  type PgbouncerDatabase,
  type PgbouncerFigures,
  pgbouncerIni,
  pgbouncerOpenFiles,
  withDefaults,
} from './pgbouncer';
export { scramVerifier } from './users';
