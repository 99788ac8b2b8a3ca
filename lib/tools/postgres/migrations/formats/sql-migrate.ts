import { byNumber, byText, type Format, idsOf, listed, upSections, withoutMark } from './format';

const NAME = /^[^/]+\.sql$/;
const MARK = /^--[ \t]*\+migrate[ \t]+(Up|Down)\b.*$/gm;

/** `-- +migrate Up` (https://github.com/rubenv/sql-migrate: `migrate.go`, `sqlparse`). */
export const sqlMigrate: Format = {
  id: (file) => (NAME.test(file) ? file : undefined),
  compare: byNumberFirst,
  isSign: (file, text) => NAME.test(file) && text().search(MARK) >= 0,
  up: (text) => {
    const { sql, marks } = upSections(text, MARK);
    return {
      sql,
      withoutTransaction: marks.some((mark) => /\snotransaction\b/.test(mark)),
      problem: marks.length === 0 ? withoutMark('-- +migrate Up', 'sql-migrate') : undefined,
    };
  },
  runsLate: true,
  idOfVersion: (version) => (version.endsWith('.sql') ? version : `${version}.sql`),
  table: {
    name: 'gorp_migrations',
    columns: { id: 'text', applied_at: 'timestamp with time zone' },
    read: async (connection, table) =>
      listed(await idsOf(connection, `SELECT id FROM ${table} ORDER BY 1`)),
  },
};

/** By the number at the beginning; names without one come last (`Migration.Less`). */
function byNumberFirst(a: string, b: string): number {
  const [first, second] = [a, b].map((file) => /^\d/.test(file));
  if (first !== second) return first ? -1 : 1;
  return first ? byNumber(a, b) : byText(a, b);
}
