import { loadSqlParserBlocking, parseSql, SqlSyntaxError, splitSql } from '../../../lib/model/sql';
import { blockingLibrary } from '../../../lib/model/sql/blocking';

test('the parser answers without waiting, from a thread', () => {
  loadSqlParserBlocking();
  expect(splitSql("SELECT 'é'; -- one\nDO $$ BEGIN COMMIT; END $$").statements).toMatchObject([
    { text: "SELECT 'é'", line: 1 },
    { text: 'DO $$ BEGIN COMMIT; END $$', line: 2, comments: [{ text: 'one' }] },
  ]);
});

test('its errors have their place', () => {
  loadSqlParserBlocking();
  expect(() => parseSql('SELECT 1;\nSELEC 2')).toThrow(SqlSyntaxError);
  expect(() => parseSql('SELECT 1;\nSELEC 2')).toThrow('Line 2: syntax error at or near "SELEC".');
});

test('it reads what the parser of this thread reads', () => {
  const blocking = blockingLibrary();
  const [statement] = parseSql('SELECT a FROM b WHERE c = $1');
  expect(blocking.parseSync('SELECT a FROM b WHERE c = $1').stmts?.[0]?.stmt).toEqual(
    statement?.node,
  );
});
