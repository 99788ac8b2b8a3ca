/** The settings that the construct passes to its handler. */
export interface SchemaMigrationsSettings {
  readonly lockTimeoutMs: number;
  readonly largeTableBytes: number;
}
