/** Folders of other tools: which files are read, in what order, and what of them goes up. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadSqlParser } from '../../../../lib/model/sql';
import { checkStatements } from '../../../../lib/tools/postgres/migrations/checks';
import { readMigrations } from '../../../../lib/tools/postgres/migrations/files';
import type { MigrationFormat } from '../../../../lib/tools/postgres/migrations/formats';

beforeAll(loadSqlParser);

function folder(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  return directory;
}

/** Files that have the same text, which says what they are. */
function named(text: string, ...names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, text]));
}

const DOWN = 'DROP TABLE t;';

describe('the format of a folder is found, and its files are in the order of its tool', () => {
  test.each<[MigrationFormat, Readonly<Record<string, string>>, string[], string[]]>([
    [
      'golang-migrate',
      named('SELECT 1', '2_b.up.sql', '2_b.down.sql', '10_c.up.sql', '000001_a.up.sql', 'seed.sql'),
      ['000001_a.up.sql', '2_b.up.sql', '10_c.up.sql'],
      ['1', '2', '10'],
    ],
    [
      'golang-migrate',
      named('SELECT 1', '20240101120000_late.up.sql', '20231231235959_early.up.sql'),
      ['20231231235959_early.up.sql', '20240101120000_late.up.sql'],
      ['20231231235959', '20240101120000'],
    ],
    [
      'dbmate',
      named('-- migrate:up\nSELECT 1;\n-- migrate:down\n', '10_b.sql', '9_c.sql', '0010_a.sql'),
      ['0010_a.sql', '10_b.sql', '9_c.sql'],
      ['0010', '10', '9'],
    ],
    [
      'goose',
      named('-- +goose Up\nSELECT 1;\n', '00010_b.sql', '00009_a.sql', '20240101_c.sql'),
      ['00009_a.sql', '00010_b.sql', '20240101_c.sql'],
      ['9', '10', '20240101'],
    ],
    [
      'sql-migrate',
      named('-- +migrate Up\nSELECT 1;\n', 'last.sql', '10-b.sql', '9-a.sql'),
      ['9-a.sql', '10-b.sql', 'last.sql'],
      ['9-a.sql', '10-b.sql', 'last.sql'],
    ],
    [
      'flyway',
      named(
        'SELECT 1',
        ...['R__views.sql', 'R__a_view.sql', 'V1_10__e.sql', 'V1.9__d.sql', 'more/V2__f.sql'],
        ...['V1__a.sql', 'V1.0.1__b.sql', 'V001_2__c.sql', 'U1__a.sql', 'beforeMigrate.sql'],
      ),
      [
        ...['V1__a.sql', 'V1.0.1__b.sql', 'V001_2__c.sql', 'V1.9__d.sql', 'V1_10__e.sql'],
        ...['more/V2__f.sql', 'R__a_view.sql', 'R__views.sql'],
      ],
      ['V1', 'V1.0.1', 'V1.2', 'V1.9', 'V1.10', 'V2', 'R__a_view', 'R__views'],
    ],
    [
      'prisma',
      {
        'migration_lock.toml': 'provider = "postgresql"',
        ...named('SELECT 1', '20240102_b/migration.sql', '20240101_a/migration.sql'),
        '20240103_c/readme.sql': 'no migration',
      },
      ['20240101_a/migration.sql', '20240102_b/migration.sql'],
      ['20240101_a', '20240102_b'],
    ],
    [
      'diesel',
      named(
        'SELECT 1',
        ...['2024-01-01-000000_b/up.sql', '20230101000000_a/up.sql', '20230101000000_a/down.sql'],
        '00000000000000_setup/up.sql',
      ),
      ['00000000000000_setup/up.sql', '20230101000000_a/up.sql', '2024-01-01-000000_b/up.sql'],
      ['00000000000000', '20230101000000', '20240101000000'],
    ],
    [
      'node-pg-migrate',
      named(
        '-- Up Migration\nSELECT 1;\n-- Down Migration\n',
        ...['20240101000000000_b.sql', '1703980800000_a.sql', '2_first.sql'],
      ),
      ['2_first.sql', '1703980800000_a.sql', '20240101000000000_b.sql'],
      ['2_first', '1703980800000_a', '20240101000000000_b'],
    ],
    [
      'isochrone',
      named('SELECT 1', '0002-b.sql', '0001-a.sql'),
      ['0001-a.sql', '0002-b.sql'],
      ['1', '2'],
    ],
  ])('%s: %j', (format, files, order, ids) => {
    const found = readMigrations(folder(files));
    expect(found.map((migration) => migration.file)).toEqual(order);
    expect(found.map((migration) => migration.id)).toEqual(ids);
    expect(new Set(found.map((migration) => migration.format))).toEqual(new Set([format]));
  });
});

describe('only what goes up is read, with its lines', () => {
  test.each<[string, string]>([
    ['1_a.sql', `-- about it\n-- migrate:up\nCREATE TABLE t ();\n-- migrate:down\n${DOWN}`],
    ['1_a.sql', `\n-- +goose Up\nCREATE TABLE t ();\n-- +goose Down\n${DOWN}`],
    ['1_a.sql', `\n-- +migrate Up\nCREATE TABLE t ();\n-- +migrate Down\n${DOWN}`],
    ['1_a.sql', `\n-- Up Migration\nCREATE TABLE t ();\n--- Down Migration\n${DOWN}`],
    ['1_a.sql', `-- Down Migration\n${DOWN}--\n\n-- Up Migration\nCREATE TABLE t ();`],
  ])('%s: %j', (file, text) => {
    const [migration] = readMigrations(folder({ [file]: text }));
    expect(migration?.statements.map(({ command }) => command)).toEqual(['CREATE TABLE']);
    expect(migration?.statements[0]?.line).toBe(
      text.split('\n').findIndex((line) => line.startsWith('CREATE')) + 1,
    );
  });

  test('several sections go up in their order', () => {
    const up = (table: string) =>
      `-- migrate:up\nCREATE TABLE ${table} ();\n-- migrate:down\n${DOWN}\n`;
    const [migration] = readMigrations(folder({ '1_a.sql': up('a') + up('b') }));
    expect(migration?.statements.map(({ text }) => text)).toEqual([
      'CREATE TABLE a ()',
      'CREATE TABLE b ()',
    ]);
  });

  test('what stands between StatementBegin and StatementEnd is SQL like the rest', () => {
    const text =
      '-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n' +
      'SELECT 1; $$;\n-- +goose StatementEnd\nSELECT f();';
    const [migration] = readMigrations(folder({ '1_a.sql': text }));
    expect(migration?.statements.map(({ command }) => command)).toEqual([
      'CREATE FUNCTION',
      'SELECT',
    ]);
  });
});

describe('a file that its tool runs outside of a transaction runs step by step', () => {
  const TWO = 'CREATE TABLE t (); CREATE TABLE u ();';
  test.each<[Readonly<Record<string, string>>, boolean]>([
    [{ '1_a.sql': `-- migrate:up transaction:false\n${TWO}` }, false],
    [{ '1_a.sql': `-- migrate:up transaction:true\n${TWO}` }, true],
    [{ '1_a.sql': `-- +goose NO TRANSACTION\n-- +goose Up\n${TWO}` }, false],
    [{ '1_a.sql': `-- +goose Up\n${TWO}` }, true],
    [{ '1_a.sql': `-- +migrate Up notransaction\n${TWO}` }, false],
    [{ '1_a.sql': `-- no transaction\n-- Up Migration\n${TWO}` }, false],
    [{ 'V1__a.sql': TWO, 'V1__a.sql.conf': 'executeInTransaction=false' }, false],
    [{ 'V1__a.sql': TWO, 'V2__b.sql': TWO, 'V2__b.sql.conf': 'executeInTransaction=false' }, true],
    [{ '1_a/up.sql': TWO, '1_a/metadata.toml': 'run_in_transaction = false' }, false],
    [{ '1_a/up.sql': TWO, '1_a/metadata.toml': 'run_in_transaction = true' }, true],
    [{ '1_a/migration.sql': TWO }, true],
  ])('%j: %s', (files, transactional) => {
    const [migration] = readMigrations(folder(files));
    expect(migration?.transactional).toBe(transactional);
    expect(migration?.steps).toHaveLength(2);
  });
});

test.each<[string, Readonly<Record<string, string>>, RegExp]>([
  ['two tools', { '1_a.up.sql': '', 'V1__a.sql': '' }, /must be those of one tool, got "golang-/],
  [
    'two tools by their comments',
    { '1_a.sql': '-- migrate:up', '2_b.sql': '-- +goose Up' },
    /got "dbmate and goose".\n.*Give --format/,
  ],
  ['one version twice', { '1_a.up.sql': '', '01_b.up.sql': '' }, /01_b\.up\.sql has it too/],
  ['one version twice', { 'V1__a.sql': '', 'V1.0__b.sql': '' }, /must be that of one file only/],
  [
    'names without a tool',
    { '1-a.sql': '' },
    /named like 0001-.*, got "1-a\.sql".\n.* give --format/,
  ],
])('%s in a folder is refused', (_, files, message) => {
  expect(() => readMigrations(folder(files))).toThrow(message);
});

test('the format can be given where the names and texts do not show it', () => {
  const directory = folder({
    '1700000000000_a.sql': 'SELECT 1',
    '1600000000000_b.sql': 'SELECT 2',
  });
  expect(() => readMigrations(directory)).toThrow(/give --format/);
  expect(readMigrations(directory, 'node-pg-migrate').map(({ id }) => id)).toEqual([
    '1600000000000_b',
    '1700000000000_a',
  ]);
});

test.each<[Readonly<Record<string, string>>, RegExp]>([
  [{ 'V1__a.sql': `CREATE SCHEMA $\{name};` }, /got "the placeholder \$\{name\}"/],
  [{ '1_a.sql': '-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;' }, /ENVSUB ON/],
  [
    { '1_a.sql': '-- migrate:up\nSELECT 1', '2_b.sql': 'SELECT 1' },
    /2_b\.sql: a file of dbmate must be .* got "no `-- migrate:up`"/,
  ],
])('%j needs what only its tool has, and is refused', (files, message) => {
  expect(() => checkStatements(readMigrations(folder(files)))).toThrow(message);
});

test('the checksum of Flyway is the CRC-32 of the lines without their ends', () => {
  const [windows, unix] = ['SELECT 1;\r\nSELECT 2;\r\n', '\ufeffSELECT 1;\nSELECT 2;'].map(
    (text) => readMigrations(folder({ 'V1__a.sql': text }))[0]?.toolChecksum,
  );
  expect(windows).toBe('-1665099012');
  expect(unix).toBe('-1665099012');
});

test('the checksum is that of what goes up', () => {
  const text = (down: string) => `-- migrate:up\nSELECT 1;\n-- migrate:down\n${down}`;
  const [one, other, third] = [
    text('SELECT 1;'),
    text('SELECT 2;'),
    text('').replace('1', '3'),
  ].map((sql) => readMigrations(folder({ '1_a.sql': sql }))[0]?.checksum);
  expect(other).toBe(one);
  expect(third).not.toBe(one);
});
