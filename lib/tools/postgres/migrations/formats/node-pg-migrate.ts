import { byText, type Format, idsOf, listed, upSections } from './format';

const NAME = /^(\d[^/]*)\.sql$/;
const MARK = /^[^\S\n]*--[\s-]*(up|down)\s+migration/gim;
const NO_TRANSACTION = /^\s*--[ \t]*no[ \t]*transaction[ \t]*$/im;
const UTC = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/;

/** `-- Up Migration` (https://github.com/salsita/node-pg-migrate: `src/sqlMigration.ts`). */
export const nodePgMigrate: Format = {
  id: (file) => NAME.exec(file)?.[1],
  compare: byTime,
  isSign: (file, text) => NAME.test(file) && text().search(MARK) >= 0,
  up: (text) => {
    const { sql, marks } = upSections(text, MARK);
    return {
      // A file without these comments goes up as a whole.
      sql: text.search(MARK) < 0 || marks.length === 0 ? text : sql,
      withoutTransaction: NO_TRANSACTION.test(text),
    };
  },
  runsLate: false,
  idOfVersion: (version) => version,
  table: {
    name: 'pgmigrations',
    columns: { name: 'character varying', run_on: 'timestamp without time zone' },
    read: async (connection, table) =>
      listed(await idsOf(connection, `SELECT name AS id FROM ${table} ORDER BY id`)),
  },
};

/** By the time in the name, then by the name with its numbers as numbers. */
function byTime(a: string, b: string): number {
  return timeOf(a) - timeOf(b) || a.localeCompare(b, undefined, { numeric: true }) || byText(a, b);
}

/** Milliseconds, or the date in 17 digits (`getNumericPrefix`). */
function timeOf(file: string): number {
  const prefix = file.split('_')[0] ?? '';
  const parts = UTC.exec(prefix)?.slice(1).map(Number);
  if (!parts) return Number(prefix) || 0;
  const [year = 0, month = 0, ...rest] = parts;
  return Date.UTC(year, month - 1, ...rest);
}
