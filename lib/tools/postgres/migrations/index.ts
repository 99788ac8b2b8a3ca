export { checkStatements } from './checks';
export { readMigrations } from './files';
export { FORMATS, type MigrationFormat } from './layouts';
export { connect, migrate, refusal } from './migrate';
export { formatMigrationPlan, planMigrations } from './plan';
export type { MigrationEvent } from './runner';
