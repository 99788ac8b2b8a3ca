import { hostname, userInfo } from 'node:os';
import { IsochroneError } from '../../lib/model/errors';
import {
  connect,
  FORMAT_NAMES,
  formatMigrationPlan,
  type MigrationFormat,
  migrate as migrateDatabase,
  planMigrations,
  readMigrations,
  refusal,
  sqlState,
} from '../../lib/tools/postgres';
import { print } from '../output';
import { type Command, formatUsage, readOptions } from './command';
import { databaseAddress } from './database-url';
import { loadOptional } from './optional-package';

export const migrate: Command = {
  name: 'migrate',
  usage: formatUsage({
    synopsis:
      'migrate --database URL --folder DIR [--dry-run] [--format TOOL] [--baseline VERSION|auto] ' +
      '[--lock-timeout MS] [--large-table MIB]',
    about:
      'Apply the SQL files of a folder that a PostgreSQL database has not had yet. After an ' +
      'interruption, run it again: it continues where it stopped.',
    options: {
      '--database URL':
        'postgresql://USER@HOST:PORT/NAME; set the password in PGPASSWORD or ~/.pgpass',
      '--folder DIR':
        'the folder with 0001-name.sql, 0002-name.sql, …, or the folder of another migration tool',
      '--format TOOL': `whose folder it is, if it does not show: ${FORMAT_NAMES.join(', ')}`,
      '--baseline VERSION':
        'mark the files up to this version as applied; auto: those that the table of the tool has',
      '--dry-run': 'check the files, and print the statements and their locks; change nothing',
      '--lock-timeout MS':
        'how long a statement waits for a lock before it is retried later; 4000 by default',
      '--large-table MIB': 'the size from which a table counts as large; 125 by default',
    },
  }),

  async run(args) {
    const options = readOptions(args, migrate, {
      database: { type: 'string' },
      folder: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      format: { type: 'string' },
      baseline: { type: 'string' },
      'lock-timeout': { type: 'string' },
      'large-table': { type: 'string' },
    });
    const { database, folder, baseline } = options;
    if (database === undefined || folder === undefined) {
      throw new IsochroneError(
        `isochrone: --database and --folder are required.\n\n${migrate.usage}`,
      );
    }
    const lockTimeoutMs = wholeNumber('--lock-timeout', options['lock-timeout']);
    const largeTableMiB = wholeNumber('--large-table', options['large-table']);
    const largeTableBytes = largeTableMiB === undefined ? undefined : largeTableMiB * 1024 * 1024;
    const address = databaseAddress(database);
    const migrations = readMigrations(folder, formatOf(options.format));
    const { Client } = loadOptional<typeof import('pg')>('migrate', ['pg']);
    const open = () =>
      connect(Client, { connectionString: database }).catch((error: unknown) =>
        notConnected(address, error),
      );
    if (options['dry-run']) {
      const connection = await open();
      try {
        print(
          formatMigrationPlan(
            await planMigrations(connection, migrations, { largeTableBytes, baseline }),
          ),
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
      baseline,
      log: ({ level, where, message }) =>
        print([level === 'INFO' ? '' : `${level} `, where ? `${where}: ` : '', message].join('')),
    });
    print(`${applied.length} applied, ${before} before.`);
    return 0;
  },
};

function notConnected(address: string, error: unknown): never {
  const state = sqlState(error);
  // The caller retries a connection that an administrator or a failover ended.
  if (state?.startsWith('57P')) throw error;
  const { message, code } = error as { message?: string; code?: string };
  throw Object.assign(
    new IsochroneError(
      `isochrone: ${address} refused the connection: ${message || code}.\n` +
        'Check the address, the user, and PGPASSWORD or ~/.pgpass.',
    ),
    { code },
  );
}

function formatOf(text: string | undefined): MigrationFormat | undefined {
  const format = FORMAT_NAMES.find((each) => each === text);
  if (format !== undefined || text === undefined) return format;
  throw new IsochroneError(
    `isochrone: --format must be one of ${FORMAT_NAMES.join(', ')}, got ${JSON.stringify(text)}.\n\n` +
      migrate.usage,
  );
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new IsochroneError(
    `isochrone: ${option} must be a whole number, got ${JSON.stringify(text)}.\n\n${migrate.usage}`,
  );
}
