/** Transactions that a file has itself, and the comments that change how it runs. */
import { loadSqlParser } from '../../../../lib/model/sql';
import { checkStatements } from '../../../../lib/tools/postgres/migrations/checks';
import { parseMigration } from '../../../../lib/tools/postgres/migrations/files';

beforeAll(loadSqlParser);

const parse = (sql: string) => parseMigration('0001-a.sql', sql);

/** A file as it runs: `*` as a whole, else the commands of its steps. */
function shape(sql: string): string {
  const migration = parse(sql);
  checkStatements([migration]);
  if (migration.transactional) return `* ${migration.opening}`;
  return migration.steps
    .map(({ statements, opening }) =>
      [opening?.text, ...statements.map(({ command }) => command)].filter(Boolean).join(' '),
    )
    .join(' | ');
}

const BY_ITSELF = '-- isochrone: in this file, no transaction\n';
const TABLE = 'CREATE TABLE t (a int);';
const INDEX = 'CREATE INDEX CONCURRENTLY i ON t (a);';

test.each([
  ['BEGIN; SELECT 1; COMMIT', '* BEGIN'],
  ['-- why\nBEGIN;\n/* what */ SELECT 1;\nEND;\n-- done', '* BEGIN'],
  ['START TRANSACTION; SELECT 1; COMMIT WORK;', '* START TRANSACTION'],
  [
    'begin transaction isolation level serializable, read write; SELECT 1; end transaction;',
    '* begin transaction isolation level serializable, read write',
  ],
  ['SET search_path = a; BEGIN; SELECT 1; COMMIT; RESET search_path', '* BEGIN'],
  ['BEGIN; SET LOCAL lock_timeout = 1; LOCK t; CREATE TEMP TABLE x (); COMMIT', '* BEGIN'],
  ['BEGIN; SAVEPOINT s; SELECT 1; ROLLBACK TO s; RELEASE s; COMMIT', '* BEGIN'],
  ['SAVEPOINT s; SELECT 1; RELEASE s', '* BEGIN'],
  ["BEGIN; ALTER TYPE s ADD VALUE 'x'; ALTER TABLE t VALIDATE CONSTRAINT c; COMMIT", '* BEGIN'],
  ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1', '* BEGIN'],
  ["SET lock_timeout = '1s'; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1", '* BEGIN'],
  ['BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT', '* BEGIN'],
  ['BEGIN; CALL p(); DO $$ BEGIN PERFORM 1; END $$; COMMIT', '* BEGIN'],
  [
    `${BY_ITSELF}BEGIN; SELECT 1; COMMIT; BEGIN; INSERT INTO t VALUES (1); COMMIT`,
    'BEGIN SELECT | BEGIN INSERT',
  ],
  [
    `BEGIN; ${TABLE} INSERT INTO t VALUES (1); COMMIT; ${INDEX}`,
    'BEGIN CREATE TABLE INSERT | CREATE INDEX CONCURRENTLY',
  ],
  [`${BY_ITSELF}${TABLE} BEGIN; SELECT 1; COMMIT`, 'CREATE TABLE | BEGIN SELECT'],
  [
    `BEGIN; CREATE TEMP TABLE x (a int) ON COMMIT DROP; SELECT * FROM x; COMMIT; ${INDEX}`,
    'BEGIN CREATE TEMPORARY TABLE SELECT | CREATE INDEX CONCURRENTLY',
  ],
  [
    `BEGIN; CREATE TEMP TABLE x (a int); SELECT * FROM x; COMMIT; ${INDEX}`,
    'BEGIN CREATE TEMPORARY TABLE SELECT | CREATE INDEX CONCURRENTLY',
  ],
  [`-- isochrone: no transaction\n${TABLE}\nSELECT 1`, 'CREATE TABLE | SELECT'],
  [`-- isochrone: in this file, no transaction\n${TABLE}\nSELECT 1`, 'CREATE TABLE | SELECT'],
  [
    `${TABLE}\n-- isochrone: batch t by a\nUPDATE t SET b = 1 WHERE a BETWEEN $1 AND $2`,
    'CREATE TABLE | UPDATE',
  ],
])('%s runs as %s', (sql, expected) => {
  expect(shape(sql)).toBe(expected);
});

test.each([
  [
    `BEGIN; ${TABLE} COMMIT;\nSELECT 1`,
    /:2: a statement must be in the one transaction of its file/,
  ],
  [`${TABLE}\nBEGIN; SELECT 1; COMMIT`, /:2: a statement must be in the one transaction/],
  ['BEGIN; SELECT 1; COMMIT;\nBEGIN; SELECT 2; COMMIT', /:2: .*one transaction of its file/],
  ['BEGIN; SELECT 1', /1: BEGIN must be closed by COMMIT, got "no COMMIT after it"/],
  ['SELECT 1; COMMIT', /must be the end of a BEGIN of the same file, got "COMMIT"/],
  ['BEGIN; SELECT 1; ROLLBACK', /the end of BEGIN must be COMMIT, got "ROLLBACK"/],
  ['SELECT 1; ROLLBACK', /got "ROLLBACK"/],
  ['BEGIN; BEGIN; SELECT 1; COMMIT', /must be one BEGIN for each COMMIT, got "BEGIN after BEGIN"/],
  ['BEGIN; SELECT 1; COMMIT AND CHAIN', /must be COMMIT without AND CHAIN/],
  ["BEGIN; SELECT 1; PREPARE TRANSACTION 'x'", /control transactions in two phases/],
  [`BEGIN; ${INDEX} COMMIT`, /must be outside of BEGIN … COMMIT, got "BEGIN before it"/],
  ['BEGIN; DO $$ BEGIN COMMIT; END $$; COMMIT', /DO must be outside of BEGIN … COMMIT/],
  ['BEGIN; VACUUM t; COMMIT', /VACUUM must be outside of BEGIN … COMMIT/],
  ['BEGIN READ ONLY; SELECT 1; COMMIT', /must be READ WRITE, got "READ ONLY"/],
  ['SET TRANSACTION READ ONLY; SELECT 1', /must be READ WRITE/],
  [
    'SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    /must be the first statement of its transaction/,
  ],
  [
    'BEGIN; SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; COMMIT',
    /must be the first statement/,
  ],
  [`SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; ${INDEX}`, /must be inside/],
  [`SAVEPOINT s; ${INDEX}`, /got "SAVEPOINT outside of BEGIN … COMMIT"/],
  [`CREATE TEMP TABLE x (); ${INDEX}`, /one whose effect outlasts the session/],
  [
    `BEGIN; CREATE TEMP TABLE x (a int); COMMIT; BEGIN; INSERT INTO t SELECT * FROM x; COMMIT`,
    /used in its own BEGIN … COMMIT only/,
  ],
  [
    'BEGIN;\n-- isochrone: no transaction\nSELECT 1; COMMIT',
    /`no transaction` or `batch` must be outside/,
  ],
  [
    'BEGIN;\n-- isochrone: batch t by a\nDELETE FROM t WHERE a BETWEEN $1 AND $2; COMMIT',
    /must be outside/,
  ],
])('%s is refused', (sql, message) => {
  expect(() => checkStatements([parse(sql)])).toThrow(message);
});

test('every problem of a file is told at once, each with its line', () => {
  const sql = 'ROLLBACK;\n-- isochrone: perhaps\nSELECT $1;\nBEGIN;\nVACUUM t;';
  const messages = [1, 2, 3, 4, 5].map((line) => new RegExp(`^0001-a\\.sql:${line}: `, 'm'));
  const [error] = [() => checkStatements([parse(sql)])].map((run) => {
    try {
      run();
    } catch (thrown) {
      return String((thrown as Error).message);
    }
    return '';
  });
  for (const message of messages) expect(error).toMatch(message);
});

describe('a comment for the whole file', () => {
  const why = 'because the market is closed';

  test('allows each of its statements', () => {
    const { statements } = parse(
      `-- isochrone: in this file, allow access-exclusive, ${why}\n${TABLE}\nDROP TABLE u;
       -- isochrone: allow access-exclusive, because this one has its own reason\nDROP TABLE v;`,
    );
    expect(statements.map(({ allowedReason }) => allowedReason)).toEqual([
      'the market is closed',
      'the market is closed',
      'this one has its own reason',
    ]);
  });

  test.each([
    [`${TABLE}\n-- isochrone: in this file, allow access-exclusive, ${why}\nSELECT 1`],
    ['-- isochrone: in this file, per partition\nSELECT 1'],
    ['-- isochrone: in this file, batch t by a\nSELECT 1'],
    ['-- isochrone: in this file, allow access-exclusive\nSELECT 1'],
  ])('has an effect, or is refused: %s', (sql) => {
    expect(() => checkStatements([parse(sql)])).toThrow(/must be above the first statement, and/);
  });
});

test.each([
  ["SELECT pg_catalog.set_config('search_path', '', false)", "SET search_path = ''"],
  [
    "select set_config('Search_Path', 'a, \"B\", public', false)",
    'SET search_path = a, "B", public',
  ],
  ["SELECT set_config('search_path', 'a', true)", 'SET LOCAL search_path = a'],
])('%s, as pg_dump writes it, is %s', (sql, expected) => {
  const migration = parse(`${sql}; SELECT 1`);
  expect(() => checkStatements([migration])).not.toThrow();
  expect(migration.statements[0]?.text).toBe(expected);
});

test.each([
  ["SELECT set_config('search_path', current_user, false)"],
  ["SELECT set_config('search_path', 'a', false) FROM t"],
  ["DO $$ BEGIN PERFORM set_config('search_path', 'a', false); END $$"],
])('%s, whose path is not known or not for all, is refused', (sql) => {
  expect(() => checkStatements([parse(sql)])).toThrow(/must be without search_path/);
});

test.each([
  ['\\set x 1\nSELECT 1', /1: a statement must be SQL, got "\\\\set"/],
  ['SELECT 1;\n\\i other.sql', /2: .*got "\\\\i"/],
  ['SELECT :x', /got ":x"\.\npsql puts the values of its variables into the text/],
  ["SELECT :'x'", /psql puts the values/],
  ['COPY t FROM stdin;\n1\t2\n\\.\n', /COPY must be from or to a file/],
  ['CREATE TABLE', /syntax error at end of input\.\nMigrations are plain SQL/],
])('%j is for psql, or no SQL', (sql, message) => {
  expect(() => checkStatements([parse(sql)])).toThrow(message);
});

const BATCH = '-- isochrone: batch market.trades by id';
const UPDATE = 'UPDATE market.trades SET total = price * n WHERE id BETWEEN $1 AND $2';

test.each([
  [`${BATCH}\n${UPDATE}`, { rows: 5000, pauseMs: 100, lagMs: 10_000 }],
  [
    `${BATCH}, 200 rows, pause 2 s, lag 500 ms\n${UPDATE}`,
    { rows: 200, pauseMs: 2000, lagMs: 500 },
  ],
  [`${BATCH}, pause 0 ms\n${UPDATE}`, { pauseMs: 0 }],
  [`${BATCH}\nDELETE FROM market.trades WHERE id >= $1 AND id <= $2`, { columns: ['id'] }],
  [`${BATCH}\nINSERT INTO totals SELECT id FROM market.trades WHERE id BETWEEN $1 AND $2`, {}],
  [
    '-- isochrone: batch "Odd "" name"."T" by "Id"\nSELECT f($1, $2)',
    { table: '"Odd "" name"."T"' },
  ],
])('%s is a batch', (sql, expected) => {
  const migration = parse(sql);
  expect(() => checkStatements([migration])).not.toThrow();
  expect(migration.statements[0]?.batch).toMatchObject(expected);
});

test.each([
  [`${BATCH}\nUPDATE market.trades SET total = 1`, /must be \$1 and \$2, .*, got "neither"/],
  [`${BATCH}\nUPDATE market.trades SET total = 1 WHERE id > $1`, /got "\$1"/],
  [`${BATCH}\n${UPDATE} AND n > $3`, /got "\$1, \$2, \$3"|got "\$3/],
  [`${BATCH}\nCREATE TABLE t (a int)`, /the statement of a batch must be UPDATE, DELETE/],
  [`${BATCH}\nUPDATE market.trades SET id = id + 1 WHERE id BETWEEN $1 AND $2`, /changes keys/],
  [
    `${BATCH}\nINSERT INTO market.trades SELECT * FROM market.trades WHERE id BETWEEN $1 AND $2`,
    /changes keys/,
  ],
  [`-- isochrone: batch trades by (id, at)\n${UPDATE}`, /must be one column, .*\n.*Write `by id`/],
  [`${BATCH}, 0 rows\n${UPDATE}`, /a comment for isochrone must be/],
  [`${BATCH}, 5 row\n${UPDATE}`, /a comment for isochrone must be/],
  ['UPDATE t SET a = $1', /must be without parameters/],
])('%s is refused as a batch', (sql, message) => {
  expect(() => checkStatements([parse(sql)])).toThrow(message);
});

test('parameters of functions are no parameters of a batch', () => {
  const sql =
    'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql RETURN $1; PREPARE p AS SELECT $1::int';
  expect(() => checkStatements([parse(sql)])).not.toThrow();
});
