import { loadSqlParser } from '../../../lib/model/sql';
import { analysisOf } from '../../../lib/runtime/statements';
import {
  analyzeStatement,
  type StatementAnalysis,
} from '../../../lib/runtime/statements/statement';

beforeAll(loadSqlParser);

const names = (tables: StatementAnalysis['reads']) =>
  tables.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)).sort();

describe('analyzeStatement: replicas and caching', () => {
  const verdict = (sql: string) => {
    const { onlyReads, obstacles } = analyzeStatement(sql);
    return { onlyReads, uncached: obstacles[0] };
  };
  const casesOf = (byReason: Record<string, readonly string[]>) =>
    Object.entries(byReason).flatMap(([reason, texts]) =>
      texts.map((sql): [string, string] => [reason, sql]),
    );

  test.each([
    'SELECT * FROM t WHERE a = $1',
    'select count(*), max(a) FILTER (WHERE b > 1) over (partition by c) from t',
    '(SELECT a FROM t) UNION ALL (SELECT b FROM u)',
    'WITH x AS (SELECT 1) SELECT * FROM x',
    'WITH RECURSIVE x(n, m) AS (SELECT 1, 2 UNION ALL SELECT n + 1, m FROM x WHERE ' +
      'n < 5) SELECT n FROM x',
    'VALUES (1, 2), (3, 4)',
    'TABLE t',
    "SELECT date_trunc('hour', at), a::numeric(10, 2), cast(b AS varchar(3)) FROM t" +
      ' GROUP BY (1), ROLLUP (2, 3)',
    'SELECT "update" FROM "delete"',
    'SELECT a FROM json_to_recordset($1) AS c(a int)',
    "SELECT EXTRACT(epoch FROM at), 'INSERT INTO t' FROM t -- FOR UPDATE",
    'SELECT a FROM t WHERE b = ANY($1) AND c IN (1, 2) ORDER BY a LIMIT 5 OFFSET 2;',
    'SELECT pg_catalog.lower(a) FROM t',
    'SELECT update FROM t',
    "SELECT a FROM t WHERE b LIKE 'c%' ESCAPE '!' AND d SIMILAR TO 'e' AND (f, g) OVERLAPS (h, i)",
    "SELECT a AT TIME ZONE 'UTC', coalesce(b, 1), greatest(c, d), nullif(e, 1) FROM t",
    "SELECT a FROM t WHERE title = 'The headlines of today, and what they mean for tomorrow'",
    'SELECT a FROM t GROUP BY CUBE (a, b), GROUPING SETS ((a), (b)) HAVING grouping(a) = 1',
    "SELECT a FROM t WHERE b = 1e1_0 AND c = U&'d\\0061t'",
  ])('a replica may run %j, and its result may be cached', (sql) => {
    expect(verdict(sql)).toEqual({ onlyReads: true, uncached: undefined });
  });

  test.each(
    casesOf({
      volatile: [
        'SELECT now()',
        'SELECT * FROM t WHERE at > CURRENT_DATE - 1',
        "SELECT * FROM t WHERE at > 'today'::date",
        "SELECT * FROM t WHERE at > timestamp ' Yesterday 10:00'",
        'SELECT random(), gen_random_uuid()',
        "SELECT current_setting('app.tenant')",
        'SELECT a FROM t TABLESAMPLE system (10)',
        'SELECT current_user, localtime',
        "SELECT * FROM t WHERE at > '12:00 today'",
        "SELECT * FROM t WHERE at <@ '[yesterday,now)'::tstzrange",
        "SELECT * FROM t WHERE at = ANY ('{now,Tomorrow Europe/Berlin}')",
      ],
      catalog: [
        'SELECT * FROM pg_stat_activity',
        'SELECT * FROM information_schema.tables',
        "SELECT 't'::regclass",
      ],
    }),
  )('a replica may run it, but its result is not cached: %s: %j', (uncached, sql) => {
    expect(verdict(sql)).toEqual({ onlyReads: true, uncached });
  });

  test.each(
    casesOf({
      'unknown-function': [
        "SELECT nextval('s')",
        'SELECT pg_advisory_lock(1)',
        "SELECT set_config('a', 'b', false)",
        'SELECT place_order($1)',
        'SELECT DISTINCT ON (a) place_order(b) FROM t',
        'SELECT market.lower(a) FROM t',
        'SELECT "Place"(a) FROM t',
        ...'xor filter over within cube rollup escape at_once collation partition rows'
          .split(' ')
          .map((name) => `SELECT ${name}(a) FROM t`),
        'SELECT "interval"(a), "row"(b), "any"(c) FROM t',
        'SELECT lower.f(a) FROM t',
        'SELECT * FROM f(1)',
        'SELECT * FROM ROWS FROM (f(1), g(2))',
        'SELECT a FROM t ORDER BY f(a)',
      ],
      write: [
        'INSERT INTO t VALUES (1)',
        '  /* x */ update t set a = 1',
        'DELETE FROM t',
        'MERGE INTO t USING u ON true WHEN MATCHED THEN DO NOTHING',
        'WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x',
        'SELECT a INTO u FROM t',
        'CREATE TABLE t (a int)',
        'TRUNCATE t',
        'CALL settle(1)',
        'COPY t FROM stdin',
        'DO $$ BEGIN END $$',
        'EXPLAIN ANALYZE DELETE FROM t',
      ],
      locking: [
        'SELECT a FROM t FOR UPDATE',
        'SELECT a FROM t FOR NO KEY UPDATE SKIP LOCKED',
        'SELECT a FROM t FOR SHARE',
        'SELECT a FROM t FOR KEY SHARE',
      ],
      'several-statements': ['SELECT 1; DELETE FROM t'],
      unreadable: ['SELECT 1 +', 'SELECT 1..2', "SELECT 'a\\' FROM t WHERE b = ' '", 'SELECT 1\0'],
      'not-a-query': [
        'COPY t TO stdout',
        ';',
        'SET timezone = 1',
        'BEGIN',
        'EXPLAIN ANALYZE SELECT 1',
        'SHOW all',
        '',
      ],
    }),
  )('only the writer may run it: %s: %j', (uncached, sql) => {
    expect(verdict(sql)).toEqual({ onlyReads: false, uncached });
  });

  test('tells every obstacle, for a caller that knows a function', () => {
    expect(analyzeStatement('SELECT Market."vwap"(now()) FROM pg_class')).toMatchObject({
      obstacles: ['unknown-function', 'volatile', 'catalog'],
      functions: ['market.vwap'],
    });
  });
});

describe('analyzeStatement: the normal form', () => {
  const form = (sql: string) => analyzeStatement(sql).normalForm;

  test.each([
    ['SELECT  a\n FROM T -- c\n;', 'select a from t'],
    ['/* x */ Select A/**/From t', 'select a from t'],
    ['SELECT a FROM t WHERE b=1 AND c IN (1,2)', 'SELECT a FROM t WHERE b = 1 AND c IN ( 1, 2 )'],
  ])('%j and %j have the same', (one, other) => expect(form(one)).toBe(form(other)));

  test.each([
    ['SELECT "A" FROM t', 'SELECT "a" FROM t'],
    ["SELECT 'A'", "SELECT 'a'"],
    ["SELECT N'a'", "SELECT n 'a'"],
    ['SELECT a FROM t', 'SELECT a, a FROM t'],
    ['SELECT É FROM t', 'SELECT é FROM t'],
    ["SELECT 'a  b'", "SELECT 'a b'"],
    ['SELECT $$A$$', 'SELECT $$a$$'],
    ['SELECT \'"location":1,\'', 'SELECT \'"location":2,\''],
    ['SELECT 1 AS location', 'SELECT 2 AS location'],
    ['SELECT * FROM a, b', 'SELECT * FROM b, a'],
    ['SELECT 1; SELECT 2', 'SELECT 1'],
    ['SELECT a FROM t LIMIT 1', 'SELECT a FROM t OFFSET 1'],
    ['SELECT a < b', 'SELECT a <= b'],
    ['SELECT x FROM t ORDER BY x', 'SELECT x FROM t ORDER BY x DESC'],
    ['SELECT 1.0', 'SELECT 1.00'],
  ])('%j and %j do not', (one, other) => expect(form(one)).not.toBe(form(other)));
});

describe('analysisOf', () => {
  test('is at hand for a text that was seen before', async () => {
    const sql = 'SELECT seen FROM before';
    const first = analysisOf(sql);
    expect(first).toBeInstanceOf(Promise);
    const analysis = await first;
    expect(analysisOf(sql)).toBe(analysis);
  });

  test('reads any text, and never throws', async () => {
    const pieces =
      "( ) , ; . ' \" $$ $a$ -- /* */ \n select from where insert into update with as a b 1 e' U& \\ \0 \ud800 é".split(
        ' ',
      );
    for (let seed = 1; seed <= 2_000; seed += 1) {
      const text = Array.from(
        { length: 1 + (seed % 13) },
        (_, i) => pieces[(seed * (i + 7) * 2_654_435_761) % pieces.length],
      ).join(seed % 3 === 0 ? '' : ' ');
      const { onlyReads, obstacles } = await analysisOf(text);
      if (!/^[\s(]*(?:select|with|\/\*|--)/.test(text)) expect(onlyReads).toBe(false);
      expect(Array.isArray(obstacles)).toBe(true);
    }
  });
});

describe('analyzeStatement: the tables', () => {
  test.each<[string, string[]]>([
    ['SELECT * FROM ticks', ['ticks']],
    ['SELECT * FROM Market.Ticks t, ONLY "Orders" AS o', ['Orders', 'market.ticks']],
    ['SELECT * FROM a LEFT JOIN b USING (x, y) CROSS JOIN c', ['a', 'b', 'c']],
    ['SELECT * FROM a JOIN b ON f(a.x, b.y) = 1, c', ['a', 'b', 'c']],
    ['SELECT * FROM a JOIN b ON a.order = b.limit, c', ['a', 'b', 'c']],
    ['SELECT * FROM (a JOIN (b CROSS JOIN c) ON true), d', ['a', 'b', 'c', 'd']],
    [
      'SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x) s, ' +
        'unnest(a.z) WITH ORDINALITY u(v, n), c',
      ['a', 'b', 'c'],
    ],
    [
      'SELECT (SELECT max(x) FROM a), EXISTS (SELECT FROM b) FROM c WHERE d IN (SELECT d FROM e)',
      ['a', 'b', 'c', 'e'],
    ],
    ['SELECT x, y FROM a WHERE x = 1 UNION SELECT x, y FROM b ORDER BY x, y', ['a', 'b']],
    ['SELECT extract(year FROM at), substring(s FROM 2), x IS DISTINCT FROM y FROM a', ['a']],
    ['SELECT extract(epoch FROM (SELECT max(at) FROM b)) FROM a', ['a', 'b']],
    [
      'WITH x AS (SELECT * FROM a), y (n, m) AS NOT MATERIALIZED (SELECT * FROM x, b) ' +
        'SELECT * FROM x JOIN y ON true, c',
      ['a', 'b', 'c'],
    ],
    // Inside a non-recursive expression, its name is the table's.
    ['WITH ticks AS (SELECT * FROM ticks) SELECT * FROM ticks', ['ticks']],
    [
      'WITH RECURSIVE tree AS (SELECT * FROM roots UNION ALL ' +
        'SELECT n.* FROM nodes n JOIN tree ON true) TABLE tree',
      ['nodes', 'roots'],
    ],
    ['SELECT * FROM (WITH t AS (SELECT * FROM a) SELECT * FROM t) x, t', ['a', 't']],
    ['SELECT * FROM x.y WHERE EXISTS (WITH y AS (SELECT 1) SELECT * FROM y)', ['x.y']],
    ['SELECT * FROM generate_series(1, 3) g, a', ['a']],
    ['SELECT 1', []],
    ['TABLE market.ticks', ['market.ticks']],
    ['SELECT * FROM "FROM", "a ""b"""', ['FROM', 'a "b"']],
  ])('%j reads', (sql, reads) => {
    expect(names(analyzeStatement(sql).reads)).toEqual(reads);
  });

  test.each<[string, string[]]>([
    ['INSERT INTO market.ticks SELECT * FROM staging', ['market.ticks']],
    ['INSERT INTO a VALUES (1) ON CONFLICT (n) DO UPDATE SET m = 1', ['a']],
    ['UPDATE ONLY "Orders" o SET n = 1 FROM b', ['Orders']],
    ['DELETE FROM ONLY a USING b WHERE a.n = b.n', ['a']],
    [
      'MERGE INTO a USING b ON true WHEN MATCHED THEN UPDATE SET n = 1 ' +
        'WHEN NOT MATCHED THEN INSERT VALUES (1)',
      ['a'],
    ],
    [
      'WITH x AS (DELETE FROM a RETURNING *), y AS (UPDATE b SET n = 1 RETURNING *) ' +
        'INSERT INTO c SELECT * FROM x',
      ['a', 'b', 'c'],
    ],
    ['TRUNCATE TABLE a, ONLY b, m.c RESTART IDENTITY CASCADE', ['a', 'b', 'm.c']],
    ['COPY a (n) FROM stdin', ['a']],
    ['REFRESH MATERIALIZED VIEW CONCURRENTLY hourly', ['hourly']],
    ['ALTER TABLE IF EXISTS ONLY a ADD b int', ['a']],
    ['SELECT * INTO TEMP TABLE u FROM t', ['u']],
    ['SELECT * FROM a FOR UPDATE OF a', []],
    ['UPDATE a SET n = 1; DELETE FROM b', ['a', 'b']],
    ['CALL settle()', []],
  ])('%j writes', (sql, writes) => {
    expect(names(analyzeStatement(sql).writes)).toEqual(writes);
  });

  test.each(['CALL settle()', 'DO $$ BEGIN END $$', 'DROP TABLE a', 'EXECUTE p', 'SELECT 1 +'])(
    '%j may write tables that it does not name',
    (sql) => expect(analyzeStatement(sql).writesUnknown).toBe(true),
  );

  test.each([
    ['CALL settle()', true],
    ['BEGIN; UPDATE a SET n = 1; COMMIT; SELECT 1 / 0', true],
    ['UPDATE a SET n = 1; SELECT 1 / 0', false],
    ['UPDATE a SET n = 1', false],
  ])('%j may commit in part: %s', (sql, expected) =>
    expect(analyzeStatement(sql).mayCommitInPart).toBe(expected),
  );
});
