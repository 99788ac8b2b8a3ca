import {
  analyzeStatement,
  type StatementAnalysis,
} from '../../../lib/runtime/statements/statement';

const names = (tables: StatementAnalysis['reads']) =>
  tables.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)).sort();

describe('analyzeStatement: whether a replica may run it, and whether its result may be cached', () => {
  test.each<[string, boolean, string | undefined]>([
    // On a replica, and cached.
    ['SELECT * FROM t WHERE a = $1', true, undefined],
    ['select count(*), max(a) FILTER (WHERE b > 1) over (partition by c) from t', true, undefined],
    ['(SELECT a FROM t) UNION ALL (SELECT b FROM u)', true, undefined],
    ['WITH x AS (SELECT 1) SELECT * FROM x', true, undefined],
    [
      'WITH RECURSIVE x(n, m) AS (SELECT 1, 2 UNION ALL SELECT n + 1, m FROM x WHERE n < 5) SELECT n FROM x',
      true,
      undefined,
    ],
    ['VALUES (1, 2), (3, 4)', true, undefined],
    ['TABLE t', true, undefined],
    [
      "SELECT date_trunc('hour', at), a::numeric(10, 2), cast(b AS varchar(3)) FROM t GROUP BY (1), ROLLUP (2, 3)",
      true,
      undefined,
    ],
    ['SELECT "update" FROM "delete"', true, undefined],
    ['SELECT a FROM json_to_recordset($1) AS c(a int)', true, undefined],
    ["SELECT EXTRACT(epoch FROM at), 'INSERT INTO t' FROM t -- FOR UPDATE", true, undefined],
    [
      'SELECT a FROM t WHERE b = ANY($1) AND c IN (1, 2) ORDER BY a LIMIT 5 OFFSET 2;',
      true,
      undefined,
    ],
    ['SELECT pg_catalog.lower(a) FROM t', true, undefined],
    // On a replica, and not cached.
    ['SELECT now()', true, 'volatile'],
    ['SELECT * FROM t WHERE at > CURRENT_DATE - 1', true, 'volatile'],
    ["SELECT * FROM t WHERE at > 'today'::date", true, 'volatile'],
    ["SELECT * FROM t WHERE at > timestamp ' Yesterday 10:00'", true, 'volatile'],
    ['SELECT random(), gen_random_uuid()', true, 'volatile'],
    ["SELECT current_setting('app.tenant')", true, 'volatile'],
    ['SELECT a FROM t TABLESAMPLE system (10)', false, 'unknown-function'],
    ['SELECT * FROM pg_stat_activity', true, 'catalog'],
    ['SELECT * FROM information_schema.tables', true, 'catalog'],
    ["SELECT 't'::regclass", true, 'catalog'],
    // On the writer.
    ['INSERT INTO t VALUES (1)', false, 'write'],
    ['  /* x */ update t set a = 1', false, 'write'],
    ['DELETE FROM t', false, 'write'],
    ['MERGE INTO t USING u ON true WHEN MATCHED THEN DO NOTHING', false, 'write'],
    ['WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x', false, 'write'],
    ['SELECT a INTO u FROM t', false, 'write'],
    ['CREATE TABLE t (a int)', false, 'write'],
    ['TRUNCATE t', false, 'write'],
    ['CALL settle(1)', false, 'write'],
    ['COPY t FROM stdin', false, 'write'],
    ['SELECT a FROM t FOR UPDATE', false, 'locking'],
    ['SELECT a FROM t FOR NO KEY UPDATE SKIP LOCKED', false, 'locking'],
    ['SELECT a FROM t FOR SHARE', false, 'locking'],
    ['SELECT a FROM t FOR KEY SHARE', false, 'locking'],
    ["SELECT nextval('s')", false, 'unknown-function'],
    ['SELECT pg_advisory_lock(1)', false, 'unknown-function'],
    ["SELECT set_config('a', 'b', false)", false, 'unknown-function'],
    ['SELECT place_order($1)', false, 'unknown-function'],
    ['SELECT DISTINCT ON (a) place_order(b) FROM t', false, 'unknown-function'],
    ['SELECT market.lower(a) FROM t', false, 'unknown-function'],
    ['SELECT "Place"(a) FROM t', false, 'unknown-function'],
    ['SELECT 1; DELETE FROM t', false, 'several-statements'],
    ['SET timezone = 1', false, 'not-a-query'],
    ['BEGIN', false, 'not-a-query'],
    ['EXPLAIN ANALYZE SELECT 1', false, 'not-a-query'],
    ['SHOW all', false, 'not-a-query'],
    ['', false, 'not-a-query'],
    ['SELECT update FROM t', false, 'write'],
  ])('%j', (sql, onlyReads, uncached) => {
    const analysis = analyzeStatement(sql);
    expect({ onlyReads: analysis.onlyReads, uncached: analysis.uncached }).toEqual({
      onlyReads,
      uncached,
    });
  });

  test('a function declared stable counts like one of PostgreSQL’s own', () => {
    const stableFunctions = new Set(['market.vwap']);
    expect(analyzeStatement('SELECT market.vwap($1) FROM t', { stableFunctions })).toMatchObject({
      onlyReads: true,
      functions: ['market.vwap'],
    });
    expect(analyzeStatement('SELECT vwap($1) FROM t', { stableFunctions })).toMatchObject({
      uncached: 'unknown-function',
    });
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
      'SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x) s, unnest(a.z) WITH ORDINALITY u(v, n), c',
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
      'WITH x AS (SELECT * FROM a), y (n, m) AS NOT MATERIALIZED (SELECT * FROM x, b) SELECT * FROM x JOIN y ON true, c',
      ['a', 'b', 'c'],
    ],
    // Inside a non-recursive expression, its name is the table's.
    ['WITH ticks AS (SELECT * FROM ticks) SELECT * FROM ticks', ['ticks']],
    [
      'WITH RECURSIVE tree AS (SELECT * FROM roots UNION ALL SELECT n.* FROM nodes n JOIN tree ON true) TABLE tree',
      ['nodes', 'roots', 'tree'],
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
      'MERGE INTO a USING b ON true WHEN MATCHED THEN UPDATE SET n = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)',
      ['a'],
    ],
    [
      'WITH x AS (DELETE FROM a RETURNING *), y AS (UPDATE b SET n = 1 RETURNING *) INSERT INTO c SELECT * FROM x',
      ['a', 'b', 'c'],
    ],
    ['TRUNCATE TABLE a, ONLY b *, m.c RESTART IDENTITY CASCADE', ['a', 'b', 'm.c']],
    ['COPY a (n) FROM stdin', ['a']],
    ['REFRESH MATERIALIZED VIEW CONCURRENTLY hourly', ['hourly']],
    ['ALTER TABLE IF EXISTS ONLY a ADD b int', ['a']],
    ['DROP TABLE IF EXISTS a, b', ['a', 'b']],
    ['SELECT * INTO TEMP TABLE u FROM t', ['u']],
    ['SELECT * FROM a FOR UPDATE OF a', []],
    ['UPDATE a SET n = 1; DELETE FROM b', ['a', 'b']],
    ['CALL settle()', []],
  ])('%j writes', (sql, writes) => {
    expect(names(analyzeStatement(sql).writes)).toEqual(writes);
  });
});
