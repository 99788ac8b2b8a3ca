/** What the construct tells its handler. */
export interface SchemaMigrationsSettings {
  readonly lockTimeoutMs: number;
  readonly largeTableBytes: number;
}
