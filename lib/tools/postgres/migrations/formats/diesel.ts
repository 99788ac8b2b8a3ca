import { byText, type Format, idsOf, listed } from './format';

const NAME = /^([^/_]+)[^/]*\/up\.sql$/;

/**
 * `2024-01-01-120000_name/up.sql` (https://github.com/diesel-rs/diesel: `diesel_migrations`), also
 * the layout of Hasura.
 */
export const diesel: Format = {
  id: versionOf,
  compare: (a, b) => byText(versionOf(a) ?? '', versionOf(b) ?? ''),
  isSign: (file) => NAME.test(file),
  settings: {
    file: (file) => file.replace(/[^/]*$/, 'metadata.toml'),
    // In a file of settings, the default is false.
    withoutTransaction: (text) => !/^\s*run_in_transaction\s*=\s*true\b/m.test(text),
  },
  runsLate: true,
  idOfVersion: (version) => (version.split('_')[0] ?? '').replaceAll('-', ''),
  table: {
    name: '__diesel_schema_migrations',
    columns: { version: 'character varying' },
    read: async (connection, table) =>
      listed(await idsOf(connection, `SELECT version AS id FROM ${table} ORDER BY 1`)),
  },
};

/** What stands before the first `_`, without hyphens (`version_from_string`). */
function versionOf(file: string): string | undefined {
  return NAME.exec(file)?.[1]?.replaceAll('-', '');
}
