import { createHash } from 'node:crypto';
import { rowsOf } from '../../connection';
import { byText, type Format, listed, type Row } from './format';

const NAME = /^([^/]+)\/migration\.sql$/;

/** `20240101120000_name/migration.sql` ("Migration histories", Prisma documentation). */
export const prisma: Format = {
  id: (file) => NAME.exec(file)?.[1],
  compare: byText,
  isSign: (file) => NAME.test(file),
  runsLate: true,
  checksum: (text) => createHash('sha256').update(text).digest('hex'),
  idOfVersion: (version) => version,
  // A migration that was rolled back by hand has a second row for its next attempt.
  table: {
    name: '_prisma_migrations',
    columns: { migration_name: 'character varying', rolled_back_at: 'timestamp with time zone' },
    read: async (connection, table) => {
      const rows = await rowsOf<Row & { finished: boolean }>(
        connection,
        `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
         FROM ${table} WHERE rolled_back_at IS NULL ORDER BY started_at`,
      );
      const failed = rows.find(({ finished }) => !finished);
      const done = rows.filter(({ finished }) => finished);
      return listed(
        done.map(({ name }) => String(name)),
        {
          checksums: new Map(done.map(({ name, checksum }) => [String(name), String(checksum)])),
          problem: failed && `${failed.name} was begun and has not ended`,
        },
      );
    },
  },
};
