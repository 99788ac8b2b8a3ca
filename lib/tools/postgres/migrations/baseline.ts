/**
 * What a database had before its first run: the files that another tool has applied, as its own
 * table shows, or as the user says.
 */
import { type InvalidValue, invalidOption } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';
import type { Migration } from './files';
import type { MigrationHistory } from './history';
import { LAYOUTS, type MigrationFormat } from './layouts';

export interface Baseline {
  /** The files to be marked as applied: those without a record. */
  readonly applied: readonly Migration[];
  readonly warnings: readonly string[];
}

/** What the table of a tool says. */
interface Recorded {
  /** Whether the tool has applied the file. */
  readonly has: (migration: Migration) => boolean;
  /** The ids that it has applied, as far as it lists them. */
  readonly ids: readonly string[];
  /** The checksums by id, if it keeps them. */
  readonly checksums?: ReadonlyMap<string, string>;
  /** Why the table is in no state to go on from. */
  readonly problem?: string;
}

interface ToolTable {
  readonly name: string;
  /** A column that distinguishes it from a table of the same name of another tool. */
  readonly column: string;
  /** The type of the column. */
  readonly type?: string;
  readonly read: (connection: PostgresConnection, table: string) => Promise<Recorded>;
}

type Row = Readonly<Record<string, string | null>>;

/** The ids of rows, where each row is an applied file. */
function list(ids: readonly string[], more: Partial<Recorded> = {}): Recorded {
  const set = new Set(ids);
  return { has: ({ id }) => set.has(id), ids, ...more };
}

const TABLES: Readonly<Partial<Record<MigrationFormat, ToolTable>>> = {
  'golang-migrate': {
    name: 'schema_migrations',
    column: 'dirty',
    read: async (connection, table) => {
      const [row] = await rowsOf<{ version: string; dirty: boolean }>(
        connection,
        `SELECT version::text, dirty FROM ${table}`,
      );
      if (row === undefined) return list([]);
      return {
        has: ({ id }) => BigInt(id) <= BigInt(row.version),
        ids: [row.version],
        problem: row.dirty ? `version ${row.version} is dirty: it has failed half-way` : undefined,
      };
    },
  },

  dbmate: {
    name: 'schema_migrations',
    column: 'version',
    type: 'character varying',
    read: async (connection, table) => {
      const rows = await rowsOf<Row>(connection, `SELECT version FROM ${table} ORDER BY 1`);
      return list(rows.map(({ version }) => String(version)));
    },
  },

  goose: {
    name: 'goose_db_version',
    column: 'is_applied',
    read: async (connection, table) => {
      const rows = await rowsOf<Row>(
        connection,
        `SELECT version FROM (
           SELECT DISTINCT ON (version_id) version_id::text AS version, is_applied
           FROM ${table} WHERE version_id > 0 ORDER BY version_id, id DESC) AS last
         WHERE is_applied`,
      );
      return list(rows.map(({ version }) => String(version)));
    },
  },

  'sql-migrate': {
    name: 'gorp_migrations',
    column: 'applied_at',
    read: async (connection, table) => {
      const rows = await rowsOf<Row>(connection, `SELECT id FROM ${table} ORDER BY 1`);
      return list(rows.map(({ id }) => String(id)));
    },
  },

  flyway: {
    name: 'flyway_schema_history',
    column: 'installed_rank',
    read: async (connection, table) => {
      const rows = await rowsOf<Row & { success: boolean }>(
        connection,
        `SELECT version, type, script, checksum::text, success FROM ${table}
         ORDER BY installed_rank`,
      );
      const checksums = new Map<string, string>();
      let baseline: string | undefined;
      let problem: string | undefined;
      for (const { version, type, script, checksum, success } of rows) {
        const id = version == null ? String(script) : LAYOUTS.flyway.idOfVersion(version);
        const known = version == null ? (LAYOUTS.flyway.id(id) ?? id) : id;
        if (!success) problem = `${script} has failed`;
        if (/^UNDO/.test(String(type)) || type === 'DELETE') checksums.delete(known);
        else if (/BASELINE/.test(String(type))) baseline = id;
        else if (type !== 'SCHEMA') checksums.set(known, String(checksum));
      }
      const { compare } = LAYOUTS.flyway;
      const upTo = baseline && `V${baseline.slice(1)}__.sql`;
      return {
        has: ({ id, file, isRepeatable, source }) =>
          isRepeatable
            ? checksums.get(id) === source.toolChecksum
            : checksums.has(id) ||
              (upTo !== undefined && (id === baseline || compare(file, upTo) < 0)),
        ids: [...checksums.keys()],
        checksums,
        problem,
      };
    },
  },

  prisma: {
    name: '_prisma_migrations',
    column: 'migration_name',
    read: async (connection, table) => {
      const rows = await rowsOf<Row & { finished: boolean }>(
        connection,
        `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
         FROM ${table} WHERE rolled_back_at IS NULL ORDER BY started_at`,
      );
      const failed = rows.find(({ finished }) => !finished);
      const done = rows.filter(({ finished }) => finished);
      return list(
        done.map(({ name }) => String(name)),
        {
          checksums: new Map(done.map(({ name, checksum }) => [String(name), String(checksum)])),
          problem: failed && `${failed.name} was begun and has not ended`,
        },
      );
    },
  },

  diesel: {
    name: '__diesel_schema_migrations',
    column: 'version',
    read: async (connection, table) => {
      const rows = await rowsOf<Row>(connection, `SELECT version FROM ${table} ORDER BY 1`);
      return list(rows.map(({ version }) => String(version)));
    },
  },

  'node-pg-migrate': {
    name: 'pgmigrations',
    column: 'run_on',
    read: async (connection, table) => {
      const rows = await rowsOf<Row>(connection, `SELECT name FROM ${table} ORDER BY id`);
      return list(rows.map(({ name }) => String(name)));
    },
  },
};

/** What the tool has recorded in the database; undefined if it has no table, or an empty one. */
async function recordedBy(
  connection: PostgresConnection,
  format: MigrationFormat,
): Promise<(Recorded & { readonly table: string }) | undefined> {
  const tool = TABLES[format];
  if (tool === undefined) return undefined;
  const [found] = await rowsOf<{ name: string }>(
    connection,
    `SELECT format('%I.%I', nspname, relname) AS name
     FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     JOIN pg_namespace n ON n.oid = relnamespace
     WHERE c.oid = coalesce(to_regclass($1), to_regclass('public.' || $1)) AND attname = $2
       AND ($3::text IS NULL OR format_type(atttypid, NULL) = $3)
       AND NOT EXISTS (
         SELECT FROM pg_attribute other
         WHERE other.attrelid = c.oid AND other.attname = 'dirty' AND $2 <> 'dirty')`,
    [tool.name, tool.column, tool.type ?? null],
  );
  if (found === undefined) return undefined;
  const recorded = await tool.read(connection, found.name);
  if (recorded.ids.length === 0 && recorded.problem === undefined) {
    const [any] = await rowsOf(connection, `SELECT FROM ${found.name} LIMIT 1`);
    if (any === undefined) return undefined;
  }
  return { ...recorded, table: found.name };
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
  if (gone.length > 0 && format === 'golang-migrate')
    throw refused(newerDatabase(recorded.table, String(gone[0]), migrations.at(-1)?.id));
  const changed = migrations.filter(({ id, isRepeatable, source }) => {
    const checksum = recorded.checksums?.get(id);
    return !isRepeatable && checksum !== undefined && !isSame(checksum, source.toolChecksum);
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
  const id = LAYOUTS[format].idOfVersion(version);
  const index = migrations.findIndex(
    (each) => each.id === id || each.file === version || each.id.startsWith(`${id}_`),
  );
  if (index < 0) throw refused(unknownVersion(version, migrations));
  const files = new Set(
    migrations.slice(0, index + 1).flatMap((each) => (each.isRepeatable ? [] : [each.file])),
  );
  return ({ file }) => files.has(file);
}

function refused(problem: InvalidValue): Error {
  return invalidOption('isochrone migrate', problem);
}

function unrecorded(format: MigrationFormat, table: string): InvalidValue {
  return {
    property: '--baseline',
    value: undefined,
    allowed: 'given for a database that another tool has migrated',
    rule: `${table} shows that ${format} has run here, and isochrone has no record yet.`,
    fix: `Give --baseline auto to take over what ${table} has, or --baseline VERSION.`,
  };
}

function alreadyBegun(file: string): InvalidValue {
  return {
    property: '--baseline',
    value: file,
    allowed: 'files that isochrone has not begun',
    rule: 'isochrone.migrations shows that a run of this file was interrupted or has failed.',
    fix: 'Run without --baseline, which continues it.',
  };
}

function withoutTable(format: MigrationFormat): InvalidValue {
  const name = TABLES[format]?.name;
  return {
    property: '--baseline',
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
  { table, problem }: Recorded & { readonly table: string },
): InvalidValue {
  return {
    property: '--baseline',
    value: `${table}: ${problem}`,
    allowed: 'a record without a failed migration',
    rule: 'How much of a failed migration the database has cannot be known from here.',
    fix: `Repair it by ${format}, or give --baseline VERSION.`,
  };
}

function newerDatabase(table: string, version: string, last: string | undefined): InvalidValue {
  return {
    property: 'the version of the database',
    value: version,
    allowed: 'that of a file of the folder',
    rule: `${table} is at it, and the folder ends at ${last}.`,
    fix: 'Run the newest folder.',
  };
}

function unknownVersion(version: string, migrations: readonly Migration[]): InvalidValue {
  const shown = migrations.length > 6 ? migrations.slice(-6) : migrations;
  return {
    property: '--baseline',
    value: version,
    allowed: 'auto, or the version of a file',
    rule: `The ${shown.length < migrations.length ? 'last ' : ''}versions are ${shown
      .map(({ id }) => id)
      .join(', ')}.`,
    fix: 'Give the version of the last file that the database has.',
  };
}
