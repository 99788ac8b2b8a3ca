import type { Client } from 'pg';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { migrateMarket } from './market-migrations';

const describeHere = serversHere('postgres', 'initdb', 'psql') ? describe : describe.skip;

const MARCH = `'2024-03-01Z', '2024-04-01Z'`;

/** The rows that only one of two tables has. Prices are compared as text: 1.10 differs from 1.1. */
async function differing(client: Client, one: string, other: string): Promise<unknown[]> {
  const text = (from: string) =>
    `SELECT symbol, observed_at::text, price::text, volume FROM ${from}`;
  const { rows } = await client.query(`
    (${text(one)} EXCEPT ALL ${text(other)}) UNION ALL (${text(other)} EXCEPT ALL ${text(one)})`);
  return rows;
}

/** All ticks of March, queried symbol by symbol. */
const FOUND = `(
  SELECT found.* FROM (SELECT DISTINCT symbol FROM given) AS every
  CROSS JOIN LATERAL ticks_between(every.symbol, ${MARCH}) AS found) AS found`;

const given = (name: string, values: string) => ({ name, values });

const SERIES = [
  given(
    'NULL prices at the start, at the end, in between and everywhere',
    `
    SELECT 'N' || i % 3, '2024-03-02Z'::timestamptz + i * interval '1 second',
      CASE WHEN i < 5 OR i > 995 OR i % 7 = 0 OR i % 3 = 0 THEN NULL ELSE i * 0.25 END, nullif(i % 4, 0) FROM generate_series(1, 1000) AS i`,
  ),
  given(
    'duplicate ticks',
    `SELECT 'D', '2024-03-02Z'::timestamptz + i / 40 * interval '1 second', 10.5, 3 FROM generate_series(1, 1000) AS i`,
  ),
  given(
    'differences on both sides of each width',
    `
    SELECT 'W', '2024-03-02Z'::timestamptz + i * i * i * i * interval '1 microsecond',
      (ARRAY[0, 32767, -1, 32767, 0, 2147483647, -1, 2147483647, 0, 3999999999999999999, -3999999999999999999])[i],
      (ARRAY[32767, -32768, 32768, -32767, 2147483647, -2147483648, 2147483648, 9223372036854775807, -9223372036854775808, 0, 1])[i]
    FROM generate_series(1, 11) AS i`,
  ),
  given(
    'prices beyond bigint',
    `
    SELECT 'X' || i, '2024-03-02Z'::timestamptz + i * interval '1 day',
      ('{NaN,Infinity,-Infinity,1e300,-1e-30,4000000000000000000,0.123456789012345678901}'::numeric[])[i], i FROM generate_series(1, 7) AS i
    UNION ALL SELECT 'X' || i, '2024-03-03 00:00:01Z', 1.10, NULL FROM generate_series(1, 7) AS i`,
  ),
  given(
    'varying decimals and trailing zeros',
    `
    SELECT 'S', '2024-03-02Z'::timestamptz + i * interval '1 minute', ('{1,1.0,1.10,-1.100,0.00,1e3,12345.678900}'::numeric[])[1 + i % 7], 1
    FROM generate_series(1, 100) AS i
    UNION ALL SELECT 'Z', '2024-03-02Z'::timestamptz + i * interval '1 minute', (i / 4.0)::numeric(20, 8), 1 FROM generate_series(1, 100) AS i`,
  ),
  given(
    'gaps of weeks, and the first and last microsecond of the month',
    `
    VALUES ('G', '2024-03-01 00:00:00Z'::timestamptz, 1.5, 1::bigint), ('G', '2024-03-01 00:00:00.000001Z', 1.5, 1),
      ('G', '2024-03-31 23:59:59.999999Z', 2000000000.5, 1), ('ONE', '2024-03-31 23:59:59.999999Z', 7, NULL), ('TWO', '2024-03-01Z', NULL, NULL)`,
  ),
  given(
    'an empty symbol, one with quotes, and many with one tick',
    `
    SELECT CASE i WHEN 1 THEN '' WHEN 2 THEN 'O''Ã"\\ ' ELSE 'many' || i END, '2024-03-09Z'::timestamptz, i * 0.001, i FROM generate_series(1, 300) AS i`,
  ),
];

describeHere('ticks', () => {
  let server: PostgresServer;
  let client: Client;

  beforeAll(async () => {
    server = await PostgresServer.start();
    migrateMarket(server, [
      '0002-ticks.sql',
      '0003-tick-partitions.sql',
      '0004-compress-ticks.sql',
      '0005-ticks-between.sql',
    ]);
    client = await server.connect();
  }, 120_000);

  beforeEach(async () => {
    await client.query(`SELECT retire_tick_partitions('-100 years')`);
    await client.query('DROP TABLE IF EXISTS given');
    await client.query(`SELECT create_tick_partitions(0, '2024-03-15Z')`);
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  const reconnect = async (): Promise<Client> => {
    for (;;) {
      try {
        return await server.connect();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const insert = async (values: string) => {
    await client.query(`INSERT INTO ticks ${values}`);
    await client.query('CREATE TABLE given AS SELECT * FROM ticks');
  };
  const count = async (table: string) =>
    (await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n;

  test.each(SERIES)('are unchanged after compression: $name', async ({ values }) => {
    await insert(values);
    await client.query(`CALL compress_ticks('2024-03-15', 50, 120)`);
    expect(await count('ticks')).toBe(0);
    expect(await count('tick_segments')).toBeGreaterThan(0);
    expect(await differing(client, 'given', FOUND)).toEqual([]);
  });

  test('use the narrowest width that fits', async () => {
    const walk = (symbol: string, step: string) =>
      `SELECT '${symbol}', '2024-03-02Z'::timestamptz + i * interval '1 second', ${step}, 1 FROM generate_series(0, 1) AS i`;
    await insert(
      [
        walk('a', 'i * 327.67'),
        walk('b', 'i * 327.68'),
        walk('c', 'i * 21474836.47'),
        walk('d', 'i * 21474836.48'),
        walk('e', `'NaN'`),
      ].join(' UNION ALL '),
    );
    await client.query(`CALL compress_ticks('2024-03-15')`);
    const { rows } =
      await client.query(`SELECT symbol, prices2 IS NOT NULL AS two, prices4 IS NOT NULL AS four, prices8 IS NOT NULL AS eight,
      prices_as_given IS NOT NULL AS given FROM tick_segments ORDER BY symbol`);
    expect(rows).toEqual([
      { symbol: 'a', two: true, four: false, eight: false, given: false },
      { symbol: 'b', two: false, four: true, eight: false, given: false },
      { symbol: 'c', two: false, four: true, eight: false, given: false },
      { symbol: 'd', two: false, four: false, eight: true, given: false },
      { symbol: 'e', two: false, four: false, eight: false, given: true },
    ]);
  });

  test('are found from the start to before the end of a range, compressed or not', async () => {
    await client.query(`SELECT create_tick_partitions(1, '2024-03-15Z')`);
    await insert(
      `SELECT 'A', '2024-03-31 23:00Z'::timestamptz + i * interval '1 minute', i, i FROM generate_series(0, 119) AS i`,
    );
    await client.query(`CALL compress_ticks('2024-03-15', 7)`);
    // A late tick for a month that is compressed.
    await client.query(`INSERT INTO ticks VALUES ('A', '2024-03-31 23:30:30Z', 1, 1)`);
    await client.query(`SET timezone = 'Asia/Tokyo'`);
    for (const [from, to, expected] of [
      ['2024-03-31 23:10Z', '2024-03-31 23:10Z', 0],
      ['2024-03-31 23:10Z', '2024-03-31 23:11Z', 1],
      ['2024-03-31 23:30Z', '2024-04-01 00:30Z', 61],
      ['2024-03-01Z', '2024-04-01Z', 61],
      ['2024-04-01Z', '2024-05-01Z', 60],
      ['2020-01-01Z', '2030-01-01Z', 121],
    ]) {
      const { rows } = await client.query('SELECT * FROM ticks_between($1, $2, $3)', [
        'A',
        from,
        to,
      ]);
      expect([from, to, rows.length]).toEqual([from, to, expected]);
    }
    await client.query('RESET timezone');
    await client.query(`CALL compress_ticks('2024-03-15', 7)`);
    expect((await client.query(`SELECT * FROM ticks_between('A', ${MARCH})`)).rows).toHaveLength(
      61,
    );
  });

  test('are read only from the segments of the range', async () => {
    await client.query(`SELECT create_tick_partitions(1, '2024-02-15Z')`);
    await insert(
      `SELECT 'A', '2024-02-01Z'::timestamptz + i * interval '10 minutes', i, i FROM generate_series(0, 5000) AS i`,
    );
    await client.query(`CALL compress_closed_ticks('0', 100)`);
    const read = async (): Promise<number[]> => {
      const { rows } = await client.query<{ scans: number; segments: number }>(`
        SELECT (seq_scan + idx_scan)::int AS scans, (seq_tup_read + idx_tup_fetch)::int AS segments
        FROM pg_stat_xact_user_tables WHERE relname LIKE 'tick_segments_2024%' ORDER BY relname`);
      return rows.flatMap(({ scans, segments }) => [scans, segments]);
    };
    const hour = () =>
      client.query(`SELECT * FROM ticks_between('A', '2024-03-02Z', '2024-03-02 01:00Z')`);
    await client.query('BEGIN');
    try {
      // Planning reads the ends of indexes, at the first call.
      await hour();
      const before = await read();
      expect((await hour()).rows).toHaveLength(6);
      const after = await read();
      expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([0, 0, 1, 1]);
    } finally {
      await client.query('ROLLBACK');
    }
  });

  test('can be written to the open month, and late to one that is being compressed', async () => {
    await client.query(`SELECT create_tick_partitions(1)`);
    await insert(
      `SELECT 'A' || i % 5, '2024-03-02Z'::timestamptz + i * interval '1 second', i, i FROM generate_series(1, 20000) AS i`,
    );
    const writer = await server.connect();
    try {
      let running = true;
      const compressed = client.query(`CALL compress_ticks('2024-03-15', 50, 500)`).finally(() => {
        running = false;
      });
      let written = 0;
      while (running) {
        const late = `SELECT 'A' || ${written} % 5, at, ${written}.50, ${written} FROM (VALUES (now()), ('2024-03-02Z'::timestamptz + ${written} * interval '3 seconds')) AS late (at)`;
        await writer.query(
          `WITH late AS (INSERT INTO ticks ${late} RETURNING *)
         INSERT INTO given SELECT * FROM late`,
        );
        written += 1;
        // In one statement, a reader sees each tick once, whatever is moved meanwhile. The check
        // takes much longer than a write, so it comes after several.
        if (written % 4 === 0)
          expect(await differing(writer, 'given', FOUND_IN_ALL_MONTHS)).toEqual([]);
      }
      await compressed;
      expect(written).toBeGreaterThan(1);
      expect(await differing(client, 'given', FOUND_IN_ALL_MONTHS)).toEqual([]);
      expect(
        (await client.query('SELECT 1 FROM ticks WHERE observed_at > $1', ['2024-05-01Z'])).rows,
      ).toHaveLength(written);
    } finally {
      await writer.end();
    }
  }, 120_000);

  test('are neither lost nor duplicated when the server fails during compression', async () => {
    await insert(
      `SELECT 'A' || i % 20, '2024-03-02Z'::timestamptz + i * interval '1 second', i * 0.5, i FROM generate_series(1, 40000) AS i`,
    );
    const [{ pid } = { pid: 0 }] = (
      await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    ).rows;
    const failed = client.query(`CALL compress_ticks('2024-03-15', 50, 100)`).then(
      () => 'finished',
      () => 'failed',
    );
    while ((await server.query('SELECT 1 FROM tick_segments LIMIT 1')).length === 0);
    // The server then ends all sessions, and recovers from its log as after a power failure. Until
    // it has ended them, it accepts new ones.
    const witness = await server.connect();
    const endOfAll = new Promise<void>((resolve) => witness.once('end', () => resolve()));
    process.kill(pid, 'SIGKILL');
    expect(await failed).toBe('failed');
    await endOfAll;
    client = await reconnect();
    const left = await count('ticks');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(40_000);
    expect(await differing(client, 'given', FOUND)).toEqual([]);
    await client.query(`CALL compress_ticks('2024-03-15')`);
    expect(await count('ticks')).toBe(0);
    expect(await differing(client, 'given', FOUND)).toEqual([]);
  }, 120_000);

  test('are not compressed in an open month, with invalid sizes, or twice at a time', async () => {
    await expect(client.query('CALL compress_ticks(current_date)')).rejects.toThrow(
      /has not ended/,
    );
    await expect(client.query(`CALL compress_ticks('2024-03-01', 0)`)).rejects.toThrow(
      /segment_ticks must be 1 to 10000/,
    );
    await expect(client.query(`CALL compress_ticks('2024-03-01', 100, 99)`)).rejects.toThrow(
      /batch_ticks at least as many/,
    );
    const other = await server.connect();
    try {
      await other.query('BEGIN');
      await other.query(
        `SELECT pg_advisory_xact_lock(hashtext('compress_ticks'), date '2024-03-01' - date '2000-01-01')`,
      );
      await expect(client.query(`CALL compress_ticks('2024-03-01')`)).rejects.toThrow(
        /another session compresses 2024-03/,
      );
    } finally {
      await other.end();
    }
    await client.query(`CALL compress_ticks('2024-03-01', 100, 100)`);
  });

  test('have partitions created ahead in UTC months, and dropped with their segments', async () => {
    await client.query(`SET timezone = 'America/New_York'`);
    expect(
      (await client.query(`SELECT create_tick_partitions(2, '2024-03-31 23:00Z') AS made`)).rows,
    ).toEqual([{ made: 4 }]);
    expect(
      (await client.query(`SELECT create_tick_partitions(2, '2024-03-31 23:00Z') AS made`)).rows,
    ).toEqual([{ made: 0 }]);
    await client.query('RESET timezone');
    const months = `
      SELECT ticks::text, segments::text, from_at = '2024-03-01Z' AS march
      FROM tick_partitions ORDER BY from_at`;
    expect((await client.query(months)).rows).toEqual([
      { ticks: 'ticks_2024_03', segments: 'tick_segments_2024_03', march: true },
      { ticks: 'ticks_2024_04', segments: 'tick_segments_2024_04', march: false },
      { ticks: 'ticks_2024_05', segments: 'tick_segments_2024_05', march: false },
    ]);
    const retire = 'SELECT retire_tick_partitions(now() - $1::timestamptz, $2) AS gone';
    expect((await client.query(retire, ['2024-04-30 23:59Z', true])).rows).toEqual([
      { gone: 'ticks_2024_03' },
      { gone: 'tick_segments_2024_03' },
    ]);
    expect((await client.query(retire, ['2024-05-01Z', false])).rows).toEqual([
      { gone: 'ticks_2024_04' },
      { gone: 'tick_segments_2024_04' },
    ]);
    expect(await count('tick_segments_2024_03')).toBe(0);
    await expect(client.query('SELECT 1 FROM tick_segments_2024_04')).rejects.toThrow(
      /does not exist/,
    );
    await client.query('DROP TABLE ticks_2024_03, tick_segments_2024_03');
  });

  test('have the same month bounds in every session', async () => {
    await client.query(`SELECT create_tick_partitions(0, '2024-06-01Z')`);
    await client.query(`SET timezone = 'Europe/Dublin'; SET datestyle = 'SQL, DMY'`);
    const { rows } = await client.query(
      `SELECT extract(epoch FROM from_at)::int AS "from", extract(epoch FROM to_at)::int AS "to"
       FROM tick_partitions WHERE ticks = 'ticks_2024_06'::regclass`,
    );
    await client.query('RESET timezone; RESET datestyle');
    expect(rows).toEqual([{ from: Date.UTC(2024, 5) / 1000, to: Date.UTC(2024, 6) / 1000 }]);
  });

  test('are compressed by LZ4 if the server supports it', async () => {
    await client.query(
      `INSERT INTO ticks SELECT 'A', '2024-03-02Z'::timestamptz + i * interval '1 second', i, 1 FROM generate_series(1, 5000) AS i`,
    );
    await client.query(`CALL compress_ticks('2024-03-15', 1000)`);
    const { rows } = await client.query(`SELECT DISTINCT pg_column_compression(prices2) AS method,
      (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') AS available FROM tick_segments`);
    expect([
      { method: 'lz4', available: true },
      { method: 'pglz', available: false },
    ]).toContainEqual(rows[0]);
  });
});

/** The ticks of all months. */
const FOUND_IN_ALL_MONTHS = FOUND.replace(MARCH, `'2020-01-01Z', '2100-01-01Z'`);
