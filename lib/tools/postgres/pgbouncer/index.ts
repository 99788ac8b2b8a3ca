export {
  connectionsPerPooler,
  entriesOfBusiestHost,
  type PgbouncerDatabase,
  type PgbouncerFigures,
  POOLERS_IN_EXCHANGE,
  pgbouncerIni,
  pgbouncerOpenFiles,
  withDefaults,
} from './pgbouncer';
export { scramVerifier } from './users';
