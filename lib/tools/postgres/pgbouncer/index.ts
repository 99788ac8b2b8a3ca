export {
  connectionsPerPooler,
  entriesOfBusiestHost,
  type PgbouncerDatabase,
  type PgbouncerFigures,
  pgbouncerIni,
  pgbouncerOpenFiles,
  withDefaults,
} from './pgbouncer';
export { scramVerifier } from './users';
