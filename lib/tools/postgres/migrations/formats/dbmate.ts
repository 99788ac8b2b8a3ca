import { byText, type Format, idsOf, listed, upSections, withoutMark } from './format';

const NAME = /^(\d+)[^/]*\.sql$/;
const MARK = /^--[ \t]*migrate:(up|down)\b.*$/gm;

/** `-- migrate:up` (https://github.com/amacneil/dbmate: `pkg/dbmate/migration.go`). */
export const dbmate: Format = {
  id: (file) => NAME.exec(file)?.[1],
  compare: byText,
  isSign: (file, text) => NAME.test(file) && text().search(MARK) >= 0,
  up: (text) => {
    const { sql, marks } = upSections(text, MARK);
    return {
      sql,
      withoutTransaction: marks.some((mark) => /\stransaction:false\b/.test(mark)),
      problem: marks.length === 0 ? withoutMark('-- migrate:up', 'dbmate') : undefined,
    };
  },
  runsLate: true,
  idOfVersion: (version) => version.split('_')[0] ?? '',
  table: {
    name: 'schema_migrations',
    columns: { version: 'character varying' },
    read: async (connection, table) =>
      listed(await idsOf(connection, `SELECT version AS id FROM ${table} ORDER BY 1`)),
  },
};
