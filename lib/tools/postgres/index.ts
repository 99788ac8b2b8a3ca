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
export * from './pgbouncer';
