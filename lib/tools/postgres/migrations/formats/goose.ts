import {
  byNumber,
  type Format,
  idsOf,
  listed,
  numberIn,
  upSections,
  withoutMark,
  withoutZeros,
} from './format';

const NAME = /^(\d+)_[^/]*\.sql$/;
const MARK = /^--[ \t]*\+goose[ \t]+(Up|Down)\b.*$/gim;
const NO_TRANSACTION = /^--[ \t]*\+goose[ \t]+NO[ \t]+TRANSACTION\b/im;
const ENVIRONMENT = /^--[ \t]*\+goose[ \t]+ENVSUB[ \t]+ON\b/im;

/** `-- +goose Up` (https://github.com/pressly/goose: `internal/sqlparser/parser.go`). */
export const goose: Format = {
  id: (file) => numberIn(NAME, file),
  compare: byNumber,
  isSign: (file, text) => NAME.test(file) && text().search(MARK) >= 0,
  up: (text) => {
    const { sql, marks } = upSections(text, MARK);
    const problem = marks.length === 0 ? withoutMark('-- +goose Up', 'goose') : undefined;
    return {
      sql,
      withoutTransaction: NO_TRANSACTION.test(text),
      problem: ENVIRONMENT.test(text) ? SUBSTITUTION : problem,
    };
  },
  runsLate: false,
  idOfVersion: withoutZeros,
  // A version has a row for each time that it went up or down.
  table: {
    name: 'goose_db_version',
    columns: { version_id: 'bigint', is_applied: 'boolean' },
    read: async (connection, table) =>
      listed(
        await idsOf(
          connection,
          `SELECT id FROM (
             SELECT DISTINCT ON (version_id) version_id::text AS id, is_applied
             FROM ${table} WHERE version_id > 0 ORDER BY version_id, ${table}.id DESC) AS last
           WHERE is_applied`,
        ),
      ),
  },
};

const SUBSTITUTION = {
  value: '`-- +goose ENVSUB ON`',
  rule: 'goose then puts variables of the environment into the SQL.',
  fix: 'Write the values.',
};
