/**
 * What a database had before its first run: the files that another tool has applied, as its own
 * table shows, or as the user says.
 */
import { type InvalidValue, invalidOption } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';
import { checkStatements } from './checks';
import { type Migration, readMigrations } from './files';
import { formatOf, type MigrationFormat, type ToolRecord } from './formats';
import type { MigrationHistory } from './history';
import { quoteName } from './names';

export interface Baseline {
  /** The files to be marked as applied: those without a record. */
  readonly applied: readonly Migration[];
  readonly warnings: readonly string[];
}

/** What the tool has recorded in the database; undefined if it has no table, or an empty one. */
async function recordedBy(
  connection: PostgresConnection,
  format: MigrationFormat,
): Promise<(ToolRecord & { readonly table: string }) | undefined> {
  const { table: tool } = formatOf(format);
  if (tool === undefined) return undefined;
  // Other tools have a table of the same name: the columns tell.
  const [found] = await rowsOf<{ table: string }>(
    connection,
    `SELECT format('%I.%I', nspname, relname) AS table
     FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE c.oid = coalesce(to_regclass($1), to_regclass('public.' || $1))
       AND NOT EXISTS (
         SELECT FROM unnest($2::text[], $3::text[]) AS wanted (name, type)
         WHERE NOT EXISTS (
           SELECT FROM pg_attribute WHERE attrelid = c.oid AND NOT attisdropped
             AND attname = wanted.name AND format_type(atttypid, NULL) = wanted.type))
       AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)`,
    [quoteName(tool.name), Object.keys(tool.columns), Object.values(tool.columns)],
  );
  if (found === undefined) return undefined;
  const [any] = await rowsOf(connection, `SELECT FROM ${found.table} LIMIT 1`);
  return any && { ...(await tool.read(connection, found.table)), table: found.table };
}

/**
 * Finds the files that count as applied before the first run.
 *
 * @param asked a version, or `auto`; undefined if the user did not ask for a baseline
 * @throws IsochroneError for a version that no file has, for a table of the tool that is missing or
 * shows a failed migration, and if that table has applied files and no baseline was asked for
 */
export async function baselineOf(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  history: MigrationHistory,
  asked: string | undefined,
): Promise<Baseline> {
  const format = migrations[0]?.format ?? 'isochrone';
  if (asked === undefined) {
    const recorded = history.isEmpty ? await recordedBy(connection, format) : undefined;
    if (recorded) throw refused(unrecorded(format, recorded.table));
    return { applied: [], warnings: [] };
  }
  const { has, warnings } =
    asked === 'auto'
      ? await fromTable(connection, migrations, format)
      : { has: upTo(migrations, asked), warnings: [] };
  const wanted = migrations.filter(has);
  const begun = wanted.find((each) => history.isBegun(each) && !history.isApplied(each));
  if (begun && !begun.isRepeatable) throw refused(alreadyBegun(begun.file));
  return { applied: wanted.filter((each) => !history.isBegun(each)), warnings };
}

async function fromTable(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  format: MigrationFormat,
): Promise<{ has: (migration: Migration) => boolean; warnings: string[] }> {
  const recorded = await recordedBy(connection, format);
  if (recorded === undefined) throw refused(withoutTable(format));
  if (recorded.problem !== undefined) throw refused(failedBefore(format, recorded));
  const ids = new Set(migrations.map(({ id }) => id));
  const gone = recorded.ids.filter((id) => !ids.has(id));
  if (gone.length > 0 && formatOf(format).table?.mustHaveFiles)
    throw refused(newerDatabase(recorded.table, String(gone[0]), migrations.at(-1)?.id));
  const changed = migrations.filter(({ id, isRepeatable, toolChecksum }) => {
    const checksum = recorded.checksums?.get(id);
    return !isRepeatable && checksum !== undefined && !isSame(checksum, toolChecksum);
  });
  return {
    has: recorded.has,
    warnings: [
      ...(gone.length > 0
        ? [`${recorded.table} has files that the folder does not have: ${gone.join(', ')}`]
        : []),
      ...changed.map(({ file }) => `${file} was changed after ${format} applied it`),
    ],
  };
}

/** Flyway records no checksum for some files, such as those of an old baseline. */
function isSame(recorded: string, checksum: string | undefined): boolean {
  return recorded === 'null' || checksum === undefined || recorded === checksum;
}

/** The files up to a version. What repeats runs again. */
function upTo(
  migrations: readonly Migration[],
  version: string,
): (migration: Migration) => boolean {
  const format = migrations[0]?.format ?? 'isochrone';
  const id = formatOf(format).idOfVersion(version);
  const index = migrations.findIndex(
    (each) => each.id === id || each.file === version || each.id.startsWith(`${id}_`),
  );
  if (index < 0) throw refused(unknownVersion(version, migrations));
  const files = new Set(
    migrations.slice(0, index + 1).flatMap((each) => (each.isRepeatable ? [] : [each.file])),
  );
  return ({ file }) => files.has(file);
}

/**
 * Checks the files of a folder without a server.
 *
 * @param options the format of the folder, and what the database had before its first run: files up
 * to a version are not checked, and with `auto` none, because only the server knows which ones
 * @throws IsochroneError with all problems, and as `readMigrations` does
 */
export function checkFolder(
  folder: string,
  { format, baseline }: { readonly format?: MigrationFormat; readonly baseline?: string } = {},
): void {
  const migrations = readMigrations(folder, format);
  if (baseline === 'auto') return;
  const has = baseline === undefined ? () => false : upTo(migrations, baseline);
  checkStatements(migrations.filter((migration) => !has(migration)));
}

function refused(problem: InvalidValue): Error {
  return invalidOption('Migrations', problem);
}

function unrecorded(format: MigrationFormat, table: string): InvalidValue {
  return {
    property: 'the baseline',
    value: undefined,
    allowed: 'given for a database that another tool has migrated',
    rule: `${table} shows that ${format} has run here, and isochrone has no record yet.`,
    fix:
      `Give --baseline auto to take over what ${table} has, or --baseline VERSION; ` +
      'a construct has the prop `baseline`.',
  };
}

function alreadyBegun(file: string): InvalidValue {
  return {
    property: 'the baseline',
    value: file,
    allowed: 'files that isochrone has not begun',
    rule: 'isochrone.migrations shows that a run of this file was interrupted or has failed.',
    fix: 'Run without a baseline, which continues it.',
  };
}

function withoutTable(format: MigrationFormat): InvalidValue {
  const name = formatOf(format).table?.name;
  return {
    property: 'the baseline',
    value: 'auto',
    allowed: 'a version',
    rule:
      name === undefined
        ? `A folder of ${format} has no other tool whose record could be read.`
        : `The database has no table ${name} with files that ${format} has applied.`,
    fix: 'Give the version up to which the database has the changes, or leave the option out.',
  };
}

function failedBefore(
  format: MigrationFormat,
  { table, problem }: ToolRecord & { readonly table: string },
): InvalidValue {
  return {
    property: 'the baseline',
    value: `${table}: ${problem}`,
    allowed: 'a record without a failed migration',
    rule: 'How much of a failed migration the database has cannot be known from here.',
    fix: `Repair it by ${format}, or give a version.`,
  };
}

function newerDatabase(table: string, version: string, last: string | undefined): InvalidValue {
  return {
    property: 'the version of the database',
    value: version,
    allowed: 'that of a file of the folder',
    rule: `${table} names it; the newest file has ${last}.`,
    fix: 'Run the newest folder.',
  };
}

function unknownVersion(version: string, migrations: readonly Migration[]): InvalidValue {
  const shown = migrations.length > 6 ? migrations.slice(-6) : migrations;
  return {
    property: 'the baseline',
    value: version,
    allowed: 'auto, or the version of a file',
    rule: `The ${shown.length < migrations.length ? 'last ' : ''}versions are ${shown
      .map(({ id }) => id)
      .join(', ')}.`,
    fix: 'Give the version of the last file that the database has.',
  };
}
