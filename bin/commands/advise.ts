import { IsochroneError } from '../../lib/model/errors';
import { advise as adviseOn, formatAdvice } from '../../lib/tools/postgres';
import { print, printJson } from '../output';
import { type Command, formatUsage, readOptions } from './command';
import { databaseAddress } from './database-url';
import { loadOptional } from './optional-package';

export const advise: Command = {
  name: 'advise',
  usage: formatUsage({
    synopsis: 'advise --database URL [--slow MS] [--json]',
    about:
      'Report the slow statements of a PostgreSQL database, why they are slow, and which index ' +
      'would help. It only reads.',
    options: {
      '--database URL':
        'such as postgresql://advisor@host:5432/market?sslmode=verify-full; required. Set the ' +
        'password in PGPASSWORD',
      '--slow MS': 'the mean time in milliseconds from which a statement is slow; 100 by default',
      '--json':
        'print one JSON object. Statements are normalized, but keep their names and comments',
    },
  }),

  async run(args) {
    const { database, slow, json } = readOptions(args, advise, {
      database: { type: 'string' },
      slow: { type: 'string', default: '100' },
      json: { type: 'boolean', default: false },
    });
    if (database === undefined)
      throw new IsochroneError(`isochrone: --database is required.\n\n${advise.usage}`);
    if (!/^\d{1,7}(\.\d+)?$/.test(slow) || Number(slow) === 0) {
      throw new IsochroneError(
        `--slow must be milliseconds above 0, got ${JSON.stringify(slow)}.\n` +
          'It is a mean time. Omit it for 100.',
      );
    }
    databaseAddress(database);
    const { Client } = loadOptional<typeof import('pg')>('advise', ['pg']);
    const client = new Client({
      connectionString: database,
      connectionTimeoutMillis: 5000,
      application_name: 'isochrone advise',
    });
    // If the connection breaks, the running query rejects; the event only repeats that.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      // The URL may contain a password, so the message does not repeat it.
      const reason = error instanceof Error ? error.message : String(error);
      throw new IsochroneError(
        `The database of --database cannot be reached: ${reason}.\n` +
          'Check host, port, role and PGPASSWORD, and that this machine can reach its network.',
      );
    }
    try {
      const advice = await adviseOn(client, { slowMilliseconds: Number(slow) });
      if (json) printJson(advice);
      else print(formatAdvice(advice));
      return 0;
    } finally {
      await client.end();
    }
  },
};
