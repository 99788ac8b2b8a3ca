/**
 * Migrations on a real server: each statement that a run sends is tried as the place of its death, by the end of its connection and
 * by the end of the server, and what the next run makes of it is compared with an undisturbed one.
 */
import { spawnSync } from 'node:child_process';
import type { Client } from 'pg';
import type { PostgresConnection } from '../../lib/postgres/connection';
import { type Migration, parseMigration } from '../../lib/postgres/migration-files';
import { type MigrationEvent, type MigrationOptions, runMigrations } from '../../lib/postgres/migration-runner';
import { PostgresServer } from './postgres-server';
import { findProgram, serversHere } from './server-process';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

const FILES: Readonly<Record<string, string>> = {
  '0001-tables.sql': `
    CREATE TYPE side AS ENUM ('buy');
    CREATE TABLE trades (id bigint PRIMARY KEY, symbol text NOT NULL, side side, note text);
    INSERT INTO trades SELECT n, 'S' || n % 7, 'buy' FROM generate_series(1, 200) AS n;
    CREATE INDEX trades_note ON trades (note);
    CREATE TABLE ticks (at date NOT NULL, symbol text NOT NULL, part int NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE ticks_1 PARTITION OF ticks FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE ticks_2 PARTITION OF ticks FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (part);
    CREATE TABLE ticks_2a PARTITION OF ticks_2 FOR VALUES IN (1);
    CREATE TABLE ticks_0 PARTITION OF ticks FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE FUNCTION first_trade() RETURNS bigint BEGIN ATOMIC SELECT min(id) FROM trades; SELECT 1; END;
    CREATE MATERIALIZED VIEW symbols AS SELECT symbol, count(*) FROM trades GROUP BY 1;
    CREATE UNIQUE INDEX symbols_key ON symbols (symbol);`,
  '0002-indexes.sql': `
    CREATE INDEX CONCURRENTLY IF NOT EXISTS trades_symbol ON trades (symbol) WHERE side = 'buy';
    ALTER TYPE side ADD VALUE 'sell';
    SET search_path = public, pg_temp;
    INSERT INTO trades VALUES (1000, 'S1', 'sell');
    REINDEX TABLE CONCURRENTLY trades;
    DROP INDEX CONCURRENTLY trades_note;
    -- isochrone: per partition
    CREATE INDEX CONCURRENTLY ticks_symbol ON ticks USING btree (symbol, at);
    ALTER TABLE ticks DETACH PARTITION ticks_0 CONCURRENTLY;
    VACUUM trades;
    REFRESH MATERIALIZED VIEW CONCURRENTLY symbols;`,
  '0003-check.sql': `
    ALTER TABLE trades ADD CONSTRAINT trades_side CHECK (side IS NOT NULL) NOT VALID;
    ALTER TABLE trades VALIDATE CONSTRAINT trades_side;
    ALTER TABLE trades ALTER COLUMN side SET NOT NULL;`,
};

const migrations = (files: Readonly<Record<string, string>> = FILES): Migration[] =>
  Object.entries(files).map(([file, sql]) => parseMigration(file, sql));

const options = (changes: Partial<MigrationOptions> = {}): MigrationOptions => ({
  by: 'a test',
  log: () => {},
  waitForOthersMs: 10_000,
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 20))),
  ...changes,
});

describeHere('migrations on a server', () => {
  let server: PostgresServer;
  let databases = 0;

  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
  });

  async function database(): Promise<string> {
    databases += 1;
    await server.query(`CREATE DATABASE d${databases}`);
    return `d${databases}`;
  }

  async function run(name: string, files = migrations(), changes: Partial<MigrationOptions> = {}, through = (c: Client): PostgresConnection => c) {
    const client = await server.connect(name);
    try {
      return await runMigrations(through(client), files, options(changes));
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** The schema as pg_dump has it, which leaves INVALID indexes out, and those; the rows; and what the history says. */
  async function outcome(name: string) {
    const program = findProgram('pg_dump') ?? '';
    const { stdout, status, stderr } = spawnSync(program, ['-s', '-d', server.url(name)], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return {
      schema: stdout.replace(/^\\(?:un)?restrict .*$/gm, ''),
      indexes: await server.query(`SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid`, [], name),
      trades: await server.query('SELECT count(*)::int, max(side) AS side FROM trades', [], name),
      symbols: await server.query('SELECT sum(count)::int FROM symbols', [], name),
      history: await server.query('SELECT version, statement, file, checksum, state FROM isochrone.migrations ORDER BY 1, 2', [], name),
    };
  }

  /** Those that change something: to die before a SELECT is to die before what follows it. */
  const changes = (text: string) => !/^\s*SELECT/.test(text);

  test('dies at any statement, by the end of its connection or of the server, and comes to the same schema', async () => {
    const undisturbed = await database();
    const sent: string[] = [];
    await run(undisturbed, migrations(), {}, (client) => ({
      processID: (client as unknown as PostgresConnection).processID,
      query: (text, values) => {
        if (changes(text)) sent.push(text);
        return client.query(text, values);
      },
    }));
    const expected = await outcome(undisturbed);
    expect(expected.indexes).toEqual([]);
    expect(expected.trades).toEqual([{ count: 201, side: 'sell' }]);

    const places = sent.flatMap((text, i) => (/^RESET|^SET lock_timeout/.test(text) ? [] : [i]));
    expect(places.length).toBeGreaterThan(50);
    for (const [i, place] of places.entries()) {
      // The death of a server takes longer to mend, and leaves what the death of its process leaves: every third place.
      const deaths = i % 3 === 0 ? (['terminated', 'killed'] as const) : (['terminated'] as const);
      for (const death of deaths) {
        const name = await database();
        let count = -1;
        const dying = run(name, migrations(), {}, (client) => ({
          query: async (text, values) => {
            if (changes(text)) count += 1;
            if (count < place || !changes(text)) return client.query(text, values);
            // After it has done its work, and before anybody hears of it; in the middle is tried below.
            if (i % 2 === 0) await client.query(text, values);
            if (death === 'killed') await server.kill();
            else await server.query('SELECT pg_terminate_backend($1)', [(client as unknown as PostgresConnection).processID]);
            return client.query(text, values);
          },
        }));
        await expect(dying).rejects.toThrow();
        if (death === 'killed') await server.restart();
        await run(name);
        expect({ place: sent[place], death, ...(await outcome(name)) }).toEqual({ place: sent[place], death, ...expected });
        await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      }
    }
  }, 120_000);
});
