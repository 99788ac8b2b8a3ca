export { type Advice, advise, connectByIam, formatAdvice } from './advice';
export { sqlState } from './connection';
export {
  checkFolder,
  connect,
  FORMAT_NAMES,
  formatMigrationPlan,
  type MigrationEvent,
  type MigrationFormat,
  migrate,
  planMigrations,
  readMigrations,
  refusal,
} from './migrations';
export * from './pgbouncer';
