import { dbmate } from './dbmate';
import { diesel } from './diesel';
import { flyway } from './flyway';
import type { Format } from './format';
import { golangMigrate } from './golang-migrate';
import { goose } from './goose';
import { isochrone } from './isochrone';
import { nodePgMigrate } from './node-pg-migrate';
import { prisma } from './prisma';
import { sqlMigrate } from './sql-migrate';

export type { Format, ToolRecord } from './format';

/** The tools whose folders can be read as they are. */
export const FORMATS = {
  isochrone,
  'golang-migrate': golangMigrate,
  dbmate,
  goose,
  'sql-migrate': sqlMigrate,
  flyway,
  prisma,
  diesel,
  'node-pg-migrate': nodePgMigrate,
} as const satisfies Readonly<Record<string, Format>>;
export type MigrationFormat = keyof typeof FORMATS;
export const FORMAT_NAMES = Object.keys(FORMATS) as readonly MigrationFormat[];

/** The format of this name. */
export function formatOf(name: MigrationFormat): Format {
  return FORMATS[name];
}
