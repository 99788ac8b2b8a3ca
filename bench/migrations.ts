/**
 * The queries of the market application on a PostgreSQL server: first with only the tables and
 * their primary keys, then after the other migrations. Rows, parameters and settings are equal; all
 * data is in memory, and is vacuumed and analyzed before each measurement.
 */
import { deepStrictEqual } from 'node:assert';
import type { Client } from 'pg';
import { MARKET_MIGRATIONS, migrateMarket } from '../test/servers/migrations/market-migrations';
import type { PostgresServer } from '../test/servers/postgres-server';
import { type Benchmark, type Figures, rounded } from './benchmark';
import { MARKET_FILL, MARKET_QUERIES, type MarketQuery } from './market-data';
import { withPostgres } from './postgres';

/** Runs of each query, each with other parameters; five of them are above the p95. */
const RUNS = 100;
/** Runs before them, which warm the cache and the connection. */
const WARMING = 5;

export const migrationsBenchmark: Benchmark = {
  name: 'migrations',
  about: 'p95 of the market queries, without and with indexes and views, in milliseconds',
  run: (progress) =>
    // Only queries without indexes would pay for JIT compilation. Without it, the comparison does
    // not favor the indexes.
    withPostgres({ shared_buffers: '1GB', max_wal_size: "'4GB'", jit: 'off' }, (server, client) =>
      beforeAndAfter(server, client, progress),
    ),
};

async function beforeAndAfter(
  server: PostgresServer,
  client: Client,
  progress: (message: string) => void,
): Promise<Figures> {
  const [tables = '', ...rest] = MARKET_MIGRATIONS;
  migrateMarket(server, [tables]);
  progress('Filling the tables.');
  for (const statement of MARKET_FILL) await client.query(statement);
  const bars = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM market_data');
  progress('Querying without indexes.');
  const before = await measureAll(client, ({ before }) => before);
  progress('Building the indexes and views.');
  migrateMarket(server, rest);
  progress('Querying again.');
  const after = await measureAll(client, ({ before, after = before }) => after);
  const queries = Object.keys(MARKET_QUERIES).map((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (!old || !now) throw new Error(`${name} was not measured.`);
    deepStrictEqual(now.rows, old.rows, `${name} returns other rows after the migrations.`);
    return { name, without: old.p95, with: now.p95 };
  });
  const byName = (figure: (query: (typeof queries)[number]) => number) =>
    Object.fromEntries(queries.map((query) => [query.name, rounded(figure(query))]));
  const querySpeedups = byName((query) => query.without / query.with);
  return {
    marketRows: bars.rows[0]?.n ?? 0,
    runsPerQuery: RUNS,
    querySpeedups,
    worstQuerySpeedup: Math.min(...Object.values(querySpeedups)),
    queryP95MsWithout: byName((query) => query.without),
    queryP95MsWith: byName((query) => query.with),
  };
}

interface Measured {
  readonly p95: number;
  readonly rows: readonly unknown[];
}

async function measureAll(
  client: Client,
  textOf: (query: MarketQuery) => string,
): Promise<Map<string, Measured>> {
  await client.query('VACUUM ANALYZE');
  const measured = new Map<string, Measured>();
  for (const [name, query] of Object.entries(MARKET_QUERIES)) {
    measured.set(name, await measure(client, textOf(query), query.parameters));
  }
  return measured;
}

async function measure(
  client: Client,
  text: string,
  parameters: MarketQuery['parameters'],
): Promise<Measured> {
  for (let run = 0; run < WARMING; run += 1) await client.query(text, [...parameters(run)]);
  const rows: unknown[] = [];
  const times: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const values = [...parameters(run)];
    const start = performance.now();
    const result = await client.query(text, values);
    times.push(performance.now() - start);
    rows.push(result.rows);
  }
  times.sort((a, b) => a - b);
  return { p95: times[Math.ceil(RUNS * 0.95) - 1] ?? Number.NaN, rows };
}
