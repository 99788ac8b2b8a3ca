import { IsochroneError } from '../../lib/model/errors';
import { advise as adviseOn, formatAdvice } from '../../lib/tools/postgres';
import { type Command, readOptions } from './command';
import { loadOptional } from './optional-package';

export const advise: Command = {
  name: 'advise',
  usage: `  advise --database URL [--slow MS] [--json]
      Say which statements of a PostgreSQL database are slow, why, and which index would help. Reads only.
      --database URL   such as postgresql://advisor@host:5432/market?sslmode=verify-full; required. The password: PGPASSWORD
      --slow MS        the mean time from which a statement is slow; 100 by default
      --json           one JSON object. Statements are normalised, but names and comments in them are as they were written`,

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
        `--slow must be milliseconds above 0, got ${JSON.stringify(slow)}.\nIt is a mean time. Leave it out for 100.`,
      );
    }
    const { Client } = loadOptional<typeof import('pg')>('advise', ['pg']);
    const client = new Client({
      connectionString: database,
      connectionTimeoutMillis: 5000,
      application_name: 'isochrone advise',
    });
    // A server that goes away meanwhile fails the query that is running; the event says the same
    // again.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      // The URL may hold a password: it is not repeated.
      const reason = error instanceof Error ? error.message : String(error);
      throw new IsochroneError(
        `The database of --database cannot be reached: ${reason}.\nCheck host, port, role and PGPASSWORD, and that this machine is in its network.`,
      );
    }
    try {
      const advice = await adviseOn(client, { slowMilliseconds: Number(slow) });
      console.log(json ? JSON.stringify(advice, null, 2) : formatAdvice(advice));
      return 0;
    } finally {
      await client.end();
    }
  },
};
