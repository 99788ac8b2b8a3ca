export { type Advice, advise, connectByIam, formatAdvice } from './advice';
export { sqlState } from './connection';
export {
  checkStatements,
  connect,
  formatMigrationPlan,
  type MigrationEvent,
  migrate,
  planMigrations,
  readMigrations,
  refusal,
} from './migrations';
export {
  connectionsPerPooler,
  entriesOfBusiestHost,
  type PgbouncerDatabase,
  type PgbouncerFigures,
  POOLERS_IN_EXCHANGE,
  pgbouncerIni,
  pgbouncerOpenFiles,
  scramVerifier,
  withDefaults,
} from './pgbouncer';
