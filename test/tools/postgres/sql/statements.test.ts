import { splitStatements } from '../../../../lib/tools/postgres/sql/statements';
import { tokenize } from '../../../../lib/tools/postgres/sql/tokens';

const FUNCTION =
  'CREATE OR REPLACE FUNCTION f() RETURNS int ' +
  'BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END';

const texts = (sql: string) => splitStatements(sql).map(({ text }) => text);

test.each<[string, string, string[]]>([
  ['strings', `SELECT 'a;''b'; SELECT 2`, [`SELECT 'a;''b'`, 'SELECT 2']],
  [
    'a backslash is a plain character in a plain string',
    `SELECT '\\'; SELECT 2`,
    [`SELECT '\\'`, 'SELECT 2'],
  ],
  ["a backslash escapes in E''", `SELECT E'\\';'; SELECT 2`, [`SELECT E'\\';'`, 'SELECT 2']],
  [
    "a backslash escapes where E'' continues on the next line",
    `SELECT E'a'\n'\\';'; SELECT 2`,
    [`SELECT E'a'\n'\\';'`, 'SELECT 2'],
  ],
  [
    "U&'' and quoted names",
    `SELECT U&'\\0041;', U&"a;b", "c;""d"; SELECT 2`,
    [`SELECT U&'\\0041;', U&"a;b", "c;""d"`, 'SELECT 2'],
  ],
  [
    'dollar quotes',
    `DO $$ BEGIN; $a$ ; $a$ END $$; SELECT 2`,
    ['DO $$ BEGIN; $a$ ; $a$ END $$', 'SELECT 2'],
  ],
  [
    'dollar quotes with a tag',
    `DO $x$ $$ ; $y$; $x$; SELECT 2`,
    ['DO $x$ $$ ; $y$; $x$', 'SELECT 2'],
  ],
  [
    'a dollar sign in a name begins no quote',
    'SELECT a$b$; SELECT $1',
    ['SELECT a$b$', 'SELECT $1'],
  ],
  ['nested comments', '/* a /* ; */ ; */ SELECT 1 -- ;\n; SELECT 2', ['SELECT 1', 'SELECT 2']],
  ['function bodies in standard SQL', `${FUNCTION}; SELECT 3`, [FUNCTION, 'SELECT 3']],
  [
    'rules',
    'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3',
    ['CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)', 'SELECT 3'],
  ],
  ['empty statements', ';; -- nothing\n;', []],
])('splits as PostgreSQL does: %s', (_what, sql, expected) => {
  expect(texts(sql)).toEqual(expected);
});

test.each([
  [`SELECT 'a`, 'A string has no end.'],
  ['SELECT "a', 'A quoted name has no end.'],
  ['SELECT $a$ $b$', 'A string quoted with $a$ has no end.'],
  ['/* /* */', 'A comment has no end.'],
  ['SELECT (1', 'A parenthesis has no end.'],
  ['SELECT 1)', 'A closing parenthesis has no opening one.'],
  [
    'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;',
    'A function body (BEGIN ATOMIC) has no end.',
  ],
  ['\\i other.sql', 'A backslash begins a psql command, which the server does not understand.'],
])('%s is refused', (sql, message) => {
  expect(() => splitStatements(sql)).toThrow(message);
});

test('every character belongs to a token, a comment or a space', () => {
  const sql =
    `SELECT 1_000.5e-3, 0x1F, a.b->>'c' /* d */ FROM "E" ` + `-- f\nWHERE x = $1 AND y <> U&'z'`;
  const { tokens, comments } = tokenize(sql);
  let rest = sql;
  for (const { start, end } of tokens)
    rest = rest.slice(0, start) + ' '.repeat(end - start) + rest.slice(end);
  expect(rest.replace('/* d */', '').replace('-- f', '').trim()).toBe('');
  expect(comments.map(({ text }) => text)).toEqual(['d', 'f']);
});
