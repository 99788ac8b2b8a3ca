export { checkFolder } from './baseline';
export { readMigrations } from './files';
export { FORMAT_NAMES, type MigrationFormat } from './formats';
export { connect, migrate, refusal } from './migrate';
export { formatMigrationPlan, planMigrations } from './plan';
export type { MigrationEvent } from './runner';
