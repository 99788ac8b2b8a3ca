import { hostname, userInfo } from 'node:os';
import { IsochroneError } from '../../lib/model/errors';
import {
  connect,
  formatMigrationPlan,
  migrate as migrateDatabase,
  planMigrations,
  readMigrations,
  refusal,
  sqlState,
} from '../../lib/tools/postgres';
import { type Command, readOptions } from './command';
import { loadOptional } from './optional-package';

export const migrate: Command = {
  name: 'migrate',
  usage: `  migrate --database URL --folder DIR [--dry-run] [--lock-timeout MS] [--large-table MIB]
      Apply the SQL files of a folder that a PostgreSQL has not had yet; run again, it goes on where it was interrupted.
      --database URL     postgresql://USER@HOST:PORT/NAME; the password by PGPASSWORD or ~/.pgpass
      --folder DIR       0001-name.sql, 0002-name.sql, …
      --dry-run          check, and print what would run with its locks; change nothing
      --lock-timeout MS  how long a statement waits for a lock before it is tried again later; default 4000
      --large-table MIB  from which size on a table is large; default 125`,

  async run(args) {
    const options = readOptions(args, migrate, {
      database: { type: 'string' },
      folder: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      'lock-timeout': { type: 'string' },
      'large-table': { type: 'string' },
    });
    const { database, folder } = options;
    if (database === undefined || folder === undefined) {
      throw new IsochroneError(
        `isochrone: --database and --folder are required.\n\n${migrate.usage}`,
      );
    }
    const lockTimeoutMs = wholeNumber('--lock-timeout', options['lock-timeout']);
    const largeTableMiB = wholeNumber('--large-table', options['large-table']);
    const largeTableBytes = largeTableMiB === undefined ? undefined : largeTableMiB * 1024 * 1024;
    const address = databaseAddress(database);
    const migrations = readMigrations(folder);
    const { Client } = loadOptional<typeof import('pg')>('migrate', ['pg']);
    const open = () =>
      connect(Client, { connectionString: database }).catch((error: unknown) =>
        notConnected(address, error),
      );
    if (options['dry-run']) {
      const connection = await open();
      try {
        console.log(
          formatMigrationPlan(await planMigrations(connection, migrations, { largeTableBytes })),
        );
      } catch (error) {
        throw refusal(error);
      } finally {
        await connection.end();
      }
      return 0;
    }
    const { applied, before } = await migrateDatabase(open, migrations, {
      by: `${userInfo().username}@${hostname()}`,
      lockTimeoutMs,
      largeTableBytes,
      log: ({ level, where, message }) =>
        console.log(
          [level === 'INFO' ? '' : `${level} `, where ? `${where}: ` : '', message].join(''),
        ),
    });
    console.log(`${applied.length} applied, ${before} before.`);
    return 0;
  },
};

/** The URL as it may be shown: without the password, which may stand in the query too. */
function databaseAddress(text: string): string {
  try {
    const { protocol, host, pathname } = new URL(text);
    if (protocol === 'postgresql:' || protocol === 'postgres:') return `${host}${pathname}`;
  } catch {
    // What is no URL is not repeated: it may hold a password.
  }
  throw new IsochroneError(
    'isochrone: --database must be a URL like postgresql://USER@HOST:5432/NAME, got something else.\n' +
      'It is not shown, because it may hold a password. Escape what is special in a URL; give the password by PGPASSWORD or ~/.pgpass, not in the URL.',
  );
}

function notConnected(address: string, error: unknown): never {
  const state = sqlState(error);
  // What an administrator or a failover ended is tried again by whoever asked.
  if (state?.startsWith('57P')) throw error;
  const { message, code } = error as { message?: string; code?: string };
  throw Object.assign(
    new IsochroneError(
      `isochrone: ${address} does not let us in: ${message || code}.\nCheck the address, the user, and PGPASSWORD or ~/.pgpass.`,
    ),
    { code },
  );
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new IsochroneError(
    `isochrone: ${option} must be a whole number, got ${JSON.stringify(text)}.\n\n${migrate.usage}`,
  );
}
