import { loadSqlParser, parseSql, SqlSyntaxError, scanSql, splitSql } from '../../../lib/model/sql';

beforeAll(loadSqlParser);

const texts = (sql: string) => parseSql(sql).map(({ text }) => text);

describe('statements', () => {
  it.each([
    ['select 1; select 2', ['select 1', 'select 2']],
    [' ;; \n select 1 ;\n; ', ['select 1']],
    ['-- a;\n/* b; /* c; */ */ select 1 -- d;\n', ['select 1']],
    [`select ';', "a;b", $$;$$, $x$ $$;$x$, e'\\';'; select 2`, undefined],
    ['create rule r as on insert to t do (select 1; select 2); select 3', undefined],
    [
      'create function f() returns int begin atomic select 1; select case when true then 2 end; end; select 3',
      undefined,
    ],
    ["select 'a'\n'b;'; select 1e1_0; select U&\"d\\0061;\"", undefined],
    ['select\v1;\fselect 2', ['select\v1', 'select 2']],
  ])('%j', (sql, expected) => {
    const statements = texts(sql);
    if (expected) expect(statements.map((text) => text.replace(/ -- d;$/, ''))).toEqual(expected);
    for (const text of statements) expect(texts(text)).toEqual([text]);
    expect(statements.length).toBeGreaterThan(0);
  });

  it('have their places in a text of any characters', () => {
    const sql = "select 'ünï';\n\nselect '日本', '😀'; select '\ud800'; select 4";
    const statements = parseSql(sql);
    expect(statements.map(({ line }) => line)).toEqual([1, 3, 3, 3]);
    expect(statements.map(({ start, end }) => sql.slice(start, end))).toEqual([
      "select 'ünï'",
      "select '日本', '😀'",
      "select '\ud800'",
      'select 4',
    ]);
  });

  it('keep their comments, and the rest has its own', () => {
    const { statements, rest } = splitSql('-- one\nselect /* in */ 1; -- two\nselect 2;\n-- last');
    expect(statements.map(({ comments }) => comments.map(({ text }) => text))).toEqual([
      ['one', 'in'],
      ['two'],
    ]);
    expect(rest).toEqual([{ text: 'last', line: 4, start: 43 }]);
  });
});

describe('a text that PostgreSQL refuses', () => {
  it.each([
    ["select 'é';\nselect 'é' form é fro", 2, 'form é fro'.slice(5)],
    ["select 1;\nselect '😀' from", 2, ''],
    ['select 1..2 from 3..4', 1, undefined],
    ['/* open', 1, '/* open'],
    ['select 1;\n drop\0 table x', 2, '\0 table x'],
  ])('%j', (sql, line, at) => {
    const error = thrown(() => parseSql(sql));
    expect(error).toBeInstanceOf(SqlSyntaxError);
    const { position, line: found, reason } = error as SqlSyntaxError;
    expect(found).toBe(line);
    if (at !== undefined) expect(sql.slice(position)).toBe(at);
    expect(reason).not.toBe('');
  });

  it('is refused for its depth, and the parser reads on', () => {
    for (const sql of [
      `select ${'('.repeat(100_000)}1${')'.repeat(100_000)}`,
      `select ${'not '.repeat(200_000)}true`,
      `select ${'(1+'.repeat(200_000)}1`,
    ]) {
      expect(thrown(() => parseSql(sql))).toBeInstanceOf(SqlSyntaxError);
      expect(parseSql('select 1')).toHaveLength(1);
    }
  });
});

it('tells the kinds of tokens apart', () => {
  const sql =
    "select \"a\", b, U&\"c\", 'd', e'e', U&'f', x'1f', b'1', $$g$$, $1, 1.5, ? -- h\n/* i\x01\t */ + 'j\r\x02'";
  expect(scanSql(sql).map(({ kind, text }) => [kind, text])).toEqual([
    ['keyword', 'select'],
    ...[
      ['identifier', '"a"'],
      ['identifier', 'b'],
      ['identifier', 'U&"c"'],
      ['string', "'d'"],
      ['string', "e'e'"],
      ['string', "U&'f'"],
      ['string', "x'1f'"],
      ['string', "b'1'"],
      ['string', '$$g$$'],
      ['other', '$1'],
      ['other', '1.5'],
    ].flatMap((token) => [token, ['other', ',']]),
    ['other', '?'],
    ['comment', '-- h'],
    ['comment', '/* i\x01\t */'],
    ['other', '+'],
    ['string', "'j\r\x02'"],
  ]);
});

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
