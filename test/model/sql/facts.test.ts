import {
  loadSqlParser,
  parseSql,
  type StatementBody,
  statementBody,
  statementFacts,
} from '../../../lib/model/sql';

beforeAll(loadSqlParser);

const one = (sql: string) => {
  const [statement] = parseSql(sql);
  if (!statement) throw new Error('no statement');
  return statement;
};
const written = ({ schema, name }: { schema?: string; name: string }) =>
  schema === undefined ? name : `${schema}.${name}`;
const tables = (sql: string) => {
  const { reads, writes } = statementFacts(one(sql).node);
  return { reads: reads.map(written).sort(), writes: writes.map(written).sort() };
};

describe('tables', () => {
  it.each<[sql: string, reads: string[], writes: string[]]>([
    ['select * from a, b.c join "D e" on true', ['D e', 'a', 'b.c'], []],
    ['table a', ['a'], []],
    [
      'select (select 1 from a), exists (select from b) order by (select 1 from c)',
      ['a', 'b', 'c'],
      [],
    ],
    ['select * from (a cross join b)', ['a', 'b'], []],
    ['select 1 from f(1), lateral (select * from a) x', ['a'], []],
    ['select 1 union (select 2 from a intersect select 3 from b)', ['a', 'b'], []],
    ['with a as (select * from b) select * from a, c.a', ['b', 'c.a'], []],
    ['with a as (select * from a) select * from a', ['a'], []],
    ['with recursive a as (select 1 union all select * from a) select * from a', [], []],
    ['with a as (select 1), b as (select * from a) select * from b', [], []],
    ['with b as (select * from a), a as (select 1) select * from b', ['a'], []],
    ['select * from (with a as (select 1) select * from a) x, a', ['a'], []],
    ['with d as (delete from a returning *) select * from d', [], ['a']],
    [
      'with u as (update a set x = 1 from b returning *) insert into c select * from u',
      ['b'],
      ['a', 'c'],
    ],
    ['insert into a values (1) on conflict do update set x = (select 1 from b)', ['b'], ['a']],
    ['merge into a using b on true when matched then delete', ['b'], ['a']],
    ['delete from a using b where a.x = b.x', ['b'], ['a']],
    ['select 1 into a from b', ['b'], ['a']],
    ['create table a as select * from b', ['b'], ['a']],
    ['truncate a, b.c', [], ['a', 'b.c']],
    ['copy a from stdin', [], ['a']],
    ['copy a to stdout', ['a'], []],
    ['copy (select * from a) to stdout', ['a'], []],
    ['refresh materialized view a', [], ['a']],
    ['explain analyze update a set x = 1', [], ['a']],
    ['select extract(year from x), substring(x from 2), a is distinct from b from t', ['t'], []],
    ['select * from a for update of a', ['a'], []],
  ])('%s', (sql, reads, writes) => {
    expect(tables(sql)).toEqual({ reads, writes });
  });

  it('are found at any depth', () => {
    const sql = `${'select * from ('.repeat(400)}select * from a${') x'.repeat(400)}`;
    expect(tables(sql).reads).toEqual(['a']);
  });
});

describe('changes of tables without a name', () => {
  it.each([
    'call p()',
    'do $$ begin end $$',
    'execute p',
    'truncate a cascade',
    'drop schema s cascade',
    'create or replace view v as select 1',
    'alter table a rename to b',
    "commit prepared 'x'",
    'revoke all on a from b',
  ])('%s', (sql) => expect(statementFacts(one(sql).node).writesUnknown).toBe(true));

  it.each([
    'select f()',
    'update a set x = 1',
    'begin',
    'commit',
    'set x = 1',
    'show x',
    'analyze a',
    'truncate a',
    'create index on a (x)',
    'create table a (x int)',
    'listen x',
    'lock a',
  ])('not in %s', (sql) => expect(statementFacts(one(sql).node).writesUnknown).toBe(false));
});

it('finds functions, types, literals, locks and what belongs to the session', () => {
  const facts = statementFacts(
    one(`select f(1), s.g('now'), "Cube"(2), x::regclass, trim(y), count(*) over w
           from h('a') t where z like 'b%' escape '!' window w as () for share`).node,
  );
  expect(facts.functions.map(written).sort()).toEqual(
    ['Cube', 'count', 'f', 'h', 'pg_catalog.btrim', 'pg_catalog.like_escape', 's.g'].sort(),
  );
  expect(facts.types.map(written)).toEqual(['regclass']);
  expect([...facts.literals].sort()).toEqual(['!', 'a', 'b%', 'now']);
  expect(facts).toMatchObject({ locksRows: true, usesSession: false });
  for (const sql of ['select current_user', 'select * from a tablesample system (1)'])
    expect(statementFacts(one(sql).node).usesSession).toBe(true);
});

describe('the body of a function', () => {
  const body = (sql: string): StatementBody => statementBody(one(sql)) as StatementBody;
  const kinds = (sql: string) => body(sql).statements.map(({ node }) => Object.keys(node)[0]);

  it('has the statements of PL/pgSQL', () => {
    const sql = `do $$
declare r record; n int := (select count(*) from a);
begin
  if n > 1 then
    alter table b add c int;
  else
    execute 'drop ' || 'table d';
  end if;
  for r in select * from e loop n := n + (select max(x) from f); end loop;
exception when others then
  delete from g;
end $$`;
    expect(kinds(sql).filter((kind) => kind !== 'SelectStmt')).toEqual([
      'AlterTableStmt',
      'DropStmt',
      'DeleteStmt',
    ]);
  });

  it('has the statements of SQL in each form', () => {
    expect(
      kinds("create function f() returns int language sql as 'select 1; delete from a'"),
    ).toEqual(['SelectStmt', 'DeleteStmt']);
    expect(
      kinds('create procedure p() begin atomic insert into a values (1); delete from b; end'),
    ).toEqual(['InsertStmt', 'DeleteStmt']);
  });

  it('says when it may run anything', () => {
    expect(body("do $$ begin execute 'drop table ' || x; end $$").hasUnknown).toBe(true);
    expect(body("do $$ begin execute 'drop table x'; end $$").hasUnknown).toBe(false);
    expect(body("do language plperl 'x'").hasUnknown).toBe(true);
    expect(body('do $$ begin x end $$').hasUnknown).toBe(true);
    expect(statementBody(one('select 1'))).toBeUndefined();
  });
});
