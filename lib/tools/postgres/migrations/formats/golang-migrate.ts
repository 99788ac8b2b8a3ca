import { rowsOf } from '../../connection';
import { byNumber, type Format, listed, numberIn, withoutZeros } from './format';

const NAME = /^(\d+)_.*\.up\.sql$/;

/** `1_name.up.sql` (https://github.com/golang-migrate/migrate: `source/parse.go`). */
export const golangMigrate: Format = {
  id: (file) => numberIn(NAME, file),
  compare: byNumber,
  isSign: (file) => NAME.test(file),
  runsLate: false,
  idOfVersion: withoutZeros,
  // One row: the version up to which all files are applied.
  table: {
    name: 'schema_migrations',
    columns: { version: 'bigint', dirty: 'boolean' },
    mustHaveFiles: true,
    read: async (connection, table) => {
      const [row] = await rowsOf<{ version: string; dirty: boolean }>(
        connection,
        `SELECT version::text, dirty FROM ${table}`,
      );
      if (row === undefined) return listed([]);
      return {
        has: ({ id }) => BigInt(id) <= BigInt(row.version),
        ids: [row.version],
        problem: row.dirty ? `version ${row.version} is dirty: it has failed half-way` : undefined,
      };
    },
  },
};
