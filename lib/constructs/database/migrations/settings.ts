import type { MigrationFormat } from '../../../tools/postgres';

/** The settings that the construct passes to its handler. */
export interface SchemaMigrationsSettings {
  readonly lockTimeoutMs: number;
  readonly largeTableBytes: number;
  readonly format?: MigrationFormat;
  readonly baseline?: string;
}
