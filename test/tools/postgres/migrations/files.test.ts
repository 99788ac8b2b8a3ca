import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSqlParser } from '../../../../lib/model/sql';
import { checkStatements } from '../../../../lib/tools/postgres/migrations/checks';
import { parseMigration, readMigrations } from '../../../../lib/tools/postgres/migrations/files';
import { partitionIndexName } from '../../../../lib/tools/postgres/migrations/partitioned-index';

beforeAll(loadSqlParser);

function folder(...names: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
  for (const name of names) writeFileSync(join(directory, name), 'SELECT 1');
  return directory;
}

test('SQL files are read in order, and others are ignored', () => {
  expect(
    readMigrations(folder('0002-b.sql', '0001-a.sql', 'README.md')).map(({ file }) => file),
  ).toEqual(['0001-a.sql', '0002-b.sql']);
});

test.each<[string[], RegExp]>([
  [['0001-a.sql', '0003-b.sql'], /0003-b\.sql: the number must be 0002, got "0003"/],
  [['0001-a.sql', '0001-b.sql'], /0001-b\.sql: the number must be 0002, got "0001"/],
  [['0001-a.sql', '2-b.sql'], /must be named like 0001-create-ticks\.sql, got "2-b\.sql"/],
  [[], /must be named like .*, got \[\]/],
])('%j is refused', (names, message) => {
  expect(() => readMigrations(folder(...names))).toThrow(message);
});

test('a byte order mark is not part of the SQL', () => {
  const directory = folder('0001-a.sql');
  writeFileSync(join(directory, '0001-a.sql'), '\ufeffSELECT 1');
  expect(readMigrations(directory)[0]?.statements[0]?.text).toBe('SELECT 1');
});

test('Windows line ends do not change the checksum', () => {
  const [unix, windows] = ['SELECT 1,\n2;\n', 'SELECT 1,\r\n2;\r\n'].map((sql) =>
    parseMigration('0001-a.sql', sql),
  );
  expect(windows?.checksum).toBe(unix?.checksum);
  expect(windows?.statements[0]?.checksum).toBe(unix?.statements[0]?.checksum);
});

test.each([[Buffer.from("SELECT 'caf\xe9'", 'latin1')], [Buffer.from('SELECT 1 -- \0')]])(
  'a file that is not UTF-8 without NUL is refused (case %#)',
  (bytes) => {
    const directory = folder('0001-a.sql');
    writeFileSync(join(directory, '0001-a.sql'), bytes);
    expect(() => checkStatements(readMigrations(directory))).toThrow(
      /0001-a\.sql: the bytes must be UTF-8 without NUL/,
    );
  },
);

const SHARE_UPDATE = 'SHARE UPDATE EXCLUSIVE';
test.each([
  ['CREATE INDEX i ON t (a)', 'CREATE INDEX', 'transaction', 'SHARE'],
  [
    'create unique index concurrently if not exists i on only s.t (a)',
    'CREATE UNIQUE INDEX CONCURRENTLY',
    'outside',
    SHARE_UPDATE,
  ],
  ['DROP INDEX CONCURRENTLY IF EXISTS i', 'DROP INDEX CONCURRENTLY', 'outside', SHARE_UPDATE],
  [
    'REINDEX (VERBOSE, CONCURRENTLY) TABLE t',
    'REINDEX TABLE CONCURRENTLY',
    'outside',
    SHARE_UPDATE,
  ],
  ['VACUUM (FULL) t', 'VACUUM FULL', 'outside', 'ACCESS EXCLUSIVE'],
  [
    'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
    'REFRESH MATERIALIZED VIEW CONCURRENTLY',
    'alone',
    'EXCLUSIVE',
  ],
  [
    'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
    'ALTER TABLE DETACH PARTITION CONCURRENTLY',
    'outside',
    SHARE_UPDATE,
  ],
  ['ALTER TABLE t VALIDATE CONSTRAINT c', 'ALTER TABLE VALIDATE CONSTRAINT', 'alone', SHARE_UPDATE],
  [
    'ALTER TABLE t VALIDATE CONSTRAINT c, ALTER a SET NOT NULL',
    'ALTER TABLE VALIDATE CONSTRAINT, SET NOT NULL',
    'transaction',
    'ACCESS EXCLUSIVE',
  ],
  ["ALTER TYPE s ADD VALUE 'x'", 'ALTER TYPE ADD VALUE', 'alone', 'none on a table'],
  ['SET search_path = s', 'SET', 'session', 'none on a table'],
  ["COMMENT ON TABLE t IS 'CREATE INDEX CONCURRENTLY'", 'COMMENT', 'transaction', SHARE_UPDATE],
])('%s is classified', (sql, command, runs, lock) => {
  const [statement] = parseMigration('0001-a.sql', sql).statements;
  expect(statement).toMatchObject({ runs, lock });
  expect(statement?.command.replace(/^SET .*/, 'SET')).toBe(command);
});

test.each([
  [
    'CREATE INDEX i ON t (a) WHERE b > CURRENT_DATE',
    "CREATE INDEX i ON t (a) WHERE b > '2026-01-01'",
    /IMMUTABLE functions, got "CURRENT_DATE"/,
  ],
  [
    'CREATE INDEX i ON t (a) WHERE b > now()',
    "CREATE INDEX i ON t (a) WHERE s = 'now()'",
    /got "now\(\)"/,
  ],
  ['CREATE INDEX i ON t ((random()))', 'CREATE INDEX random ON t (now)', /got "random\(\)"/],
  [
    'BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT',
    'CREATE INDEX CONCURRENTLY i ON t (a)',
    /outside of BEGIN … COMMIT/,
  ],
  [
    'DO $$ BEGIN IF true THEN CREATE INDEX CONCURRENTLY i ON t (a); END IF; END $$',
    "DO $$ BEGIN RAISE NOTICE 'CREATE INDEX CONCURRENTLY'; END $$",
    /outside of a DO block, got "DO before it"/,
  ],
  [
    'CREATE INDEX CONCURRENTLY ON t (a)',
    'CREATE INDEX ON t (a)',
    /the name of the index must be given, got nothing/,
  ],
  [
    'SELECT pg_advisory_unlock_all()',
    'SELECT pg_advisory_unlock(1)',
    /keeps the locks of the session/,
  ],
  [
    "SELECT set_config('search_path', a, false) FROM t",
    "SELECT set_config('app.user', 'a', false)",
    /must be without search_path/,
  ],
  ['COPY t FROM STDIN', "COPY t FROM '/tmp/t'", /COPY must be from or to a file/],
  [
    'CREATE TEMP TABLE x (a int); VACUUM t',
    'CREATE TEMP TABLE x (a int); SELECT 1',
    /one whose effect outlasts the session/,
  ],
  [
    "SET LOCAL lock_timeout = '1s'; VACUUM t",
    "SET lock_timeout = '1s'; VACUUM t",
    /for a setting, write SET/,
  ],
  ['CREATE DATABASE d', 'CREATE SCHEMA d', /about objects of this database/],
  [
    '-- isochrone: per partition\nCREATE INDEX i ON t (a)',
    '-- isochrone: per partition\nCREATE INDEX CONCURRENTLY i ON t (a)',
    /`per partition` must be/,
  ],
  [
    '-- isochrone: allow access-exclusive\nSELECT 1',
    '-- isochrone: allow access-exclusive, because the market is closed\nSELECT 1',
    /a comment for isochrone must be/,
  ],
])('%s is refused, %s is not', (bad, good, message) => {
  const check = (sql: string) => checkStatements([parseMigration('0001-a.sql', sql)]);
  expect(() => check(bad)).toThrow(message);
  expect(() => check(good)).not.toThrow();
});

test('all problems are reported at once, with file and line', () => {
  const migration = parseMigration('0001-a.sql', 'COMMIT;\n\nCREATE DATABASE d');
  expect(() => checkStatements([migration])).toThrow(/^0001-a\.sql:1: .*\n.*\n\n0001-a\.sql:3: /);
});

test('names of partition indexes are short enough and unique', () => {
  expect(partitionIndexName('ticks_1', 'symbol')).toBe('ticks_1_symbol');
  const long = ['a', 'b'].map((end) => partitionIndexName('é'.repeat(30), `symbol_${end}`));
  expect(long.every((name) => Buffer.byteLength(name) <= 63)).toBe(true);
  expect(new Set(long).size).toBe(2);
});
