export { SchemaMigrations, type SchemaMigrationsProps } from './schema-migrations';
export type { SchemaMigrationsSettings } from './settings';
