/**
 * Five million ticks of a closed month on a PostgreSQL server: as rows with their index, and as the
 * segments that compress_ticks of examples/market-api makes of them. A second table with the same
 * partitions and indexes keeps the rows, so that both are queried in turn, for the same symbols and
 * ranges, in memory, over the same connection.
 */
import type { Client } from 'pg';
import { migrateMarket } from '../test/servers/migrations/market-migrations';
import type { PostgresServer } from '../test/servers/postgres-server';
import { type Benchmark, type Figures, median, rounded } from './benchmark';
import { withPostgres } from './postgres';

const TICKS = 5_000_000;
const SYMBOLS = 500;
const SEGMENT_TICKS = Number(process.env.ISOCHRONE_SEGMENT_TICKS ?? 192);
const ROUNDS = 3;

/**
 * Ticks of a trading day in order of arrival, with a random walk of each symbol's price in cents;
 * equal at every run.
 */
const FILL = `
  INSERT INTO ticks
  SELECT 'S' || i % ${SYMBOLS}, at, 100 + 0.01 * sum(step) OVER (PARTITION BY i % ${SYMBOLS} ORDER BY i), volume
  FROM (
    SELECT i,
      '2024-03-02 14:30Z'::timestamptz + (i * 23400000 / ${TICKS} + (hashint8extended(i, 1) & 1023)) * interval '1 millisecond' AS at,
      ((hashint8extended(i, 2) & 7) + (hashint8extended(i, 3) & 1) - 4)::integer AS step,
      1 + (hashint8extended(i, 4) & 2047) AS volume
    FROM generate_series(0::bigint, ${TICKS - 1}) AS i
  ) AS made
  ORDER BY i`;

export const segmentsBenchmark: Benchmark = {
  name: 'segments',
  about: 'five million ticks as rows and as segments: sizes, times, rows that differ',
  run: (progress) =>
    withPostgres(
      { shared_buffers: '2GB', max_wal_size: "'8GB'", work_mem: '256MB' },
      (server, client) => rowsAndSegments(server, client, progress),
    ),
};

async function rowsAndSegments(
  server: PostgresServer,
  client: Client,
  progress: (message: string) => void,
): Promise<Figures> {
  migrateMarket(server, [
    '0002-ticks.sql',
    '0003-tick-partitions.sql',
    '0004-compress-ticks.sql',
    '0005-ticks-between.sql',
  ]);
  await client.query(`SELECT create_tick_partitions(0, '2024-03-01Z')`);
  progress('Filling.');
  await client.query(FILL);
  await client.query(
    'CREATE TABLE kept (LIKE ticks INCLUDING ALL) PARTITION BY RANGE (observed_at)',
  );
  await client.query(
    `CREATE TABLE kept_2024_03 PARTITION OF kept FOR VALUES FROM ('2024-03-01Z') TO ('2024-04-01Z')`,
  );
  await client.query('INSERT INTO kept SELECT * FROM ticks');
  await client.query('VACUUM ANALYZE');
  const heapBytes = await bytes(client, 'pg_relation_size', 'ticks_2024_03');
  const indexBytes = await bytes(client, 'pg_indexes_size', 'ticks_2024_03');
  // An index that grew row by row is less dense than one built at once. The rows get the denser
  // index, so that the comparison does not favor the segments.
  await client.query('REINDEX TABLE kept_2024_03');
  const denseIndexBytes = await bytes(client, 'pg_indexes_size', 'kept_2024_03');
  progress('Compressing.');
  const started = performance.now();
  await client.query(`CALL compress_ticks('2024-03-01', ${SEGMENT_TICKS})`);
  const compressSeconds = (performance.now() - started) / 1000;
  await client.query('VACUUM ANALYZE ticks, tick_segments');
  await client.query('REINDEX TABLE CONCURRENTLY ticks_2024_03');
  const segmentBytes = await bytes(client, 'pg_total_relation_size', 'tick_segments_2024_03');
  const leftBytes = await bytes(client, 'pg_total_relation_size', 'ticks_2024_03');
  progress('Querying both.');
  const times = await rangeTimes(client);
  progress('Comparing all rows.');
  const differing = await differingRows(client);
  return {
    ticks: TICKS,
    segmentTicks: SEGMENT_TICKS,
    heapMB: rounded(heapBytes / 1e6),
    indexMB: rounded(indexBytes / 1e6),
    denseIndexMB: rounded(denseIndexBytes / 1e6),
    segmentsMB: rounded(segmentBytes / 1e6),
    emptiedPartitionMB: rounded(leftBytes / 1e6),
    // The segments' own index and the remaining size of the emptied month count against them.
    segmentRatio: rounded((heapBytes + denseIndexBytes) / (segmentBytes + leftBytes)),
    segmentRatioAsGrown: rounded((heapBytes + indexBytes) / (segmentBytes + leftBytes)),
    compressSeconds: rounded(compressSeconds),
    heapP50Ms: rounded(times.heap),
    segmentsP50Ms: rounded(times.segments),
    segmentQueryRatio: rounded(times.segments / times.heap),
    differingRows: differing,
  };
}

async function bytes(client: Client, measure: string, table: string): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `SELECT ${measure}($1::regclass) AS bytes`,
    [table],
  );
  return Number(rows[0]?.bytes);
}

/** Medians in milliseconds for five minutes of each symbol, from rows and segments in turn. */
async function rangeTimes(client: Client): Promise<{ heap: number; segments: number }> {
  const heap: number[] = [];
  const segments: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (let symbol = 0; symbol < SYMBOLS; symbol += 1) {
      const from = new Date(Date.parse('2024-03-02T14:35:00Z') + ((symbol * 97) % 380) * 60_000);
      const range = [`S${symbol}`, from, new Date(from.getTime() + 300_000)];
      const asked = [
        [
          'SELECT symbol, observed_at, price, volume FROM kept ' +
            'WHERE symbol = $1 AND observed_at >= $2 AND observed_at < $3',
          heap,
        ],
        ['SELECT * FROM ticks_between($1, $2, $3)', segments],
      ] as const;
      for (const [text, times] of asked) {
        const start = performance.now();
        await client.query(text, range);
        // The first round warms the cache.
        if (round > 0) times.push(performance.now() - start);
      }
    }
  }
  return { heap: median(heap), segments: median(segments) };
}

/**
 * The number of rows that are only in one of both, with duplicates. Prices are compared as text, so
 * their decimals count.
 */
async function differingRows(client: Client): Promise<number> {
  await client.query(`CREATE UNLOGGED TABLE found AS SELECT found.* FROM generate_series(0, ${SYMBOLS - 1}) AS number
    CROSS JOIN LATERAL ticks_between('S' || number, '2024-03-01Z', '2024-04-01Z') AS found`);
  const text = (from: string) => `SELECT symbol, observed_at, price::text, volume FROM ${from}`;
  const count = (one: string, other: string) =>
    `(SELECT count(*) FROM (${text(one)} EXCEPT ALL ${text(other)}) AS missing)`;
  const { rows } = await client.query<{ n: string }>(
    `SELECT ${count('kept', 'found')} + ${count('found', 'kept')} AS n`,
  );
  return Number(rows[0]?.n);
}
