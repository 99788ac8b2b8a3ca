/** The query cache over a real primary with a replica, with the tiered cache on a real Redis. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDate } from 'node:util/types';
import { Pool } from 'pg';
import { TieredCache, ValkeyServer } from '../../../lib/runtime';
import { QueryCache, type ReplicaPool } from '../../../lib/runtime/postgres';
import { PURE_FUNCTIONS, VOLATILE_FUNCTIONS } from '../../../lib/runtime/statements/functions';
import { PostgresServer } from '../postgres-server';
import { RedisServer } from '../redis-server';
import { serversHere } from '../server-process';
import { caughtUp, pauseReplay, poolOf, resetTable, startPrimary, until } from './fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup', 'redis-server')
  ? describe
  : describe.skip;
jest.setTimeout(60_000);

describeHere('QueryCache', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let redis: RedisServer;
  let ends: (() => Promise<unknown>)[] = [];

  /** A cache with its own connections to Redis, like that of one process. */
  const cacheOver = async (pool: Pool | ReplicaPool, options: { replicaLagMs?: number } = {}) => {
    const server = new ValkeyServer({ host: '127.0.0.1', port: redis.port });
    // Before the caches are connected to each other, they do not store loaded values.
    await until(() => server.available && server.busAlive);
    const cache = new TieredCache({ server });
    const queries = new QueryCache({
      pool,
      cache,
      database: 'test',
      metrics: cache.metrics,
      ...options,
    });
    ends.push(async () => {
      await queries.close();
      await cache.close();
      await server.close();
    });
    return queries;
  };
  const plainPool = () => {
    const pool = new Pool({ connectionString: primary.url(), max: 4 });
    ends.push(() => pool.end());
    return pool;
  };
  const replicaPool = () => {
    const pool = poolOf(primary, standby, { max: 4, maxWaitMs: 100 });
    ends.push(() => pool.close());
    return pool;
  };

  beforeAll(async () => {
    redis = await RedisServer.start();
    primary = await startPrimary('ticks', 'n int, note text');
    standby = await PostgresServer.start({ follows: primary });
    await caughtUp(primary, standby);
  });
  afterEach(async () => {
    for (const end of ends.reverse()) await end();
    ends = [];
    await redis.command('FLUSHALL');
    await resetTable(primary, standby, 'ticks');
  });
  afterAll(async () => {
    await redis?.stop();
    await standby?.stop();
    await primary?.stop();
  });

  const count = async (cache: QueryCache): Promise<number> =>
    (await cache.query('SELECT count(*)::int AS n FROM ticks')).rows[0].n;

  const kinds = `SELECT 1::int AS int, 9007199254740993::bigint AS bigint, 1.50::numeric AS numeric, 0.1::float8 AS float, 'NaN'::float8 AS nan,
    '-Infinity'::float8 AS infinity, true AS bool, NULL AS nothing, '\\xdead00'::bytea AS bytes, 'é€𝄞'::text AS text,
    timestamptz '2024-02-29 12:34:56.789+09' AS instant, timestamp '0044-03-15 12:00 BC' AS local, date '1969-12-31' AS day,
    timestamptz 'infinity' AS never, '{"a":[1,{"b":null}],"c":"\\u0000x"}'::json AS json, ARRAY[1,NULL,3] AS ints,
    ARRAY[['a','b'],['c','d']] AS texts, ARRAY[timestamptz '2024-01-01Z'] AS instants, point '(1,2)' AS point, '10.0.0.1'::inet AS inet,
    n FROM generate_series(1, $1::int) AS n`;

  test('a hit equals the result of pg, from memory and from Redis', async () => {
    const pool = plainPool();
    const options = { tables: [] as string[] };
    const plain = await pool.query(kinds, [3]);
    const first = await cacheOver(pool);
    const second = await cacheOver(pool);
    const miss = await first.query(kinds, [3], options);
    expect(first.counts()).toEqual({ cache_query_lookups_total: 1 });
    await until(async () => Number(await redis.command('DBSIZE')) > 0);
    const fromMemory = await first.query(kinds, [3], options);
    const fromServer = await second.query(kinds, [3], options);
    for (const answer of [miss, fromMemory, fromServer]) {
      expect(answer.rows).toStrictEqual(plain.rows.map((row) => ({ ...row })));
      expect(isDate(answer.rows[0].instant)).toBe(true);
      expect(Buffer.isBuffer(answer.rows[0].bytes)).toBe(true);
      expect({ ...answer, rows: [] }).toEqual({
        command: 'SELECT',
        rowCount: 3,
        oid: plain.oid,
        fields: plain.fields.map((field) => ({ ...field })),
        rows: [],
      });
    }
    expect(first.counts()).toEqual({ cache_query_lookups_total: 2 });

    const array = { text: 'SELECT n, note FROM ticks', rowMode: 'array' as const };
    await pool.query(`INSERT INTO ticks VALUES (1, 'a')`);
    expect((await first.query(array)).rows).toEqual([[1, 'a']]);
    expect((await second.query({ ...array })).rows).toEqual([[1, 'a']]);
    expect((await first.query(array.text)).rows).toEqual([{ n: 1, note: 'a' }]);

    const interval = await first.query(`SELECT n * interval '1 day 2 hours' AS i FROM ticks`);
    expect(interval.rows[0].i.toPostgres()).toBe('2 hours 1 days');
    expect(first.counts()).toMatchObject({ 'cache_query_bypasses_total{reason="result"}': 1 });
  });

  test('a write through one process invalidates the results of the others', async () => {
    const [one, other] = [await cacheOver(plainPool()), await cacheOver(plainPool())];
    expect([await count(one), await count(other)]).toEqual([0, 0]);
    await primary.query('INSERT INTO ticks VALUES (0)');
    expect([await count(one), await count(other)]).toEqual([0, 0]);
    for (let n = 2; n < 12; n += 1) {
      await one.query('INSERT INTO ticks VALUES ($1)', [n]);
      expect(await count(one)).toBe(n);
      await until(async () => (await count(other)) === n);
    }
  });

  test('a process sees what a procedure, a block and a function have written', async () => {
    await primary.query(`
      CREATE PROCEDURE add_tick() LANGUAGE sql AS 'INSERT INTO ticks VALUES (0)';
      CREATE FUNCTION add_too() RETURNS void LANGUAGE sql AS 'INSERT INTO ticks VALUES (0)';
      CREATE FUNCTION twice(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * n'`);
    try {
      await caughtUp(primary, standby);
      for (const pool of [plainPool(), replicaPool()]) {
        await redis.command('FLUSHALL');
        await resetTable(primary, standby, 'ticks');
        const one = await cacheOver(pool);
        expect(await count(one)).toBe(0);
        const writes = [
          'CALL add_tick()',
          'DO $$ BEGIN INSERT INTO ticks VALUES (0); END $$',
          'SELECT add_too()',
          'SELECT n FROM (SELECT 1 AS n, add_too()) x',
        ];
        for (const [i, write] of writes.entries()) {
          await one.query(write);
          expect([write, await count(one)]).toEqual([write, i + 1]);
        }
        const before = one.counts().cache_query_writes_total;
        await one.query('SELECT twice(n) FROM ticks');
        await one.query("SELECT pg_notify('x', '1')");
        expect(one.counts().cache_query_writes_total).toBe(before);
      }
    } finally {
      await primary.query(
        'DROP PROCEDURE add_tick; DROP FUNCTION add_too; DROP FUNCTION twice(int)',
      );
    }
  });

  test('what counts as PostgreSQL’s own function is one, and changes nothing', async () => {
    const found = await primary.query<{ proname: string; harmless: boolean }>(
      `SELECT proname, bool_and(provolatile <> 'v') AS harmless FROM pg_proc
       WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY 1`,
    );
    const harmless = new Map(found.map((row) => [row.proname, row.harmless]));
    // Of pg_trgm and uuid-ossp, and of versions after 15.
    const others = `similarity word_similarity strict_word_similarity uuid_generate_v4 any_value
      array_sort casefold crc32 crc32c erf erfc json_agg_strict jsonb_agg_strict pg_input_is_valid
      to_bin to_oct uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7`.split(/\s+/);
    const unknown = [...PURE_FUNCTIONS, ...VOLATILE_FUNCTIONS].filter(
      (name) => !harmless.has(name) && !others.includes(name),
    );
    expect(unknown).toEqual([]);
    expect([...PURE_FUNCTIONS].filter((name) => harmless.get(name) === false)).toEqual([]);
  });

  test('while replay is paused, a process sees its own writes, and others soon do', async () => {
    const one = await cacheOver(replicaPool(), { replicaLagMs: 1_500 });
    const other = await cacheOver(replicaPool(), { replicaLagMs: 1_500 });
    expect([await count(one), await count(other)]).toEqual([0, 0]);
    await pauseReplay(standby);

    await one.query('INSERT INTO ticks VALUES (1)');
    // A process that has not written loads from the replica, and caches old rows under the new
    // versions of the tags.
    const third = await cacheOver(replicaPool(), { replicaLagMs: 1_500 });
    expect(await count(third)).toBe(0);
    await standby.query('SELECT pg_wal_replay_resume()');
    await caughtUp(primary, standby);
    expect(await count(third)).toBe(0);
    expect(await count(one)).toBe(1);
    const end = Date.now() + 20_000;
    for (const cache of [third, other])
      await until(async () => (await count(cache)) === 1 || Date.now() > end);
    expect([await count(third), await count(other), await count(one)]).toEqual([1, 1, 1]);

    await one.query('INSERT INTO ticks VALUES (2)');
    expect(await count(one)).toBe(2);
    const { token } = await one.transaction(async (client) => {
      await client.query('INSERT INTO ticks VALUES (3)');
      await client.query('DELETE FROM ticks WHERE n = 1');
      await client.query('INSERT INTO ticks VALUES (4)');
    });
    expect(token).toMatch(/^\d+\.1\./);
    expect(await count(one)).toBe(3);
  });

  test('while Redis is down, queries are answered, and a process sees its own writes', async () => {
    const cache = await cacheOver(replicaPool());
    await redis.kill();
    try {
      for (let n = 1; n <= 5; n += 1) {
        await cache.query('INSERT INTO ticks VALUES ($1)', [n]);
        expect((await cache.query('SELECT count(*)::int AS n FROM ticks')).rows).toEqual([{ n }]);
      }
    } finally {
      await redis.restart();
      await sleep(100);
    }
  });
});
