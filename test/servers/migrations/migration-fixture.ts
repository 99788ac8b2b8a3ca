/**
 * A folder of migrations with a statement of each kind, a server to run them on, and the state that
 * is compared afterwards.
 */
import { spawnSync } from 'node:child_process';
import type { Client } from 'pg';
import type { PostgresConnection } from '../../../lib/tools/postgres/connection';
import { type Migration, parseMigration } from '../../../lib/tools/postgres/migrations/files';
import {
  type MigrationOptions,
  type MigrationOutcome,
  runMigrations,
} from '../../../lib/tools/postgres/migrations/runner';
import type { PostgresServer } from '../postgres-server';
import { findProgram } from '../server-process';

export const FILES: Readonly<Record<string, string>> = {
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

export function migrations(files: Readonly<Record<string, string>> = FILES): Migration[] {
  return Object.entries(files).map(([file, sql]) => parseMigration(file, sql));
}

export type Through = (client: Client) => PostgresConnection;

export class MigratedServer {
  private databases = 0;

  constructor(public readonly server: PostgresServer) {}

  /** Creates a database, and returns its name. */
  public async database(template = 'template1'): Promise<string> {
    this.databases += 1;
    await this.server.query(`CREATE DATABASE d${this.databases} TEMPLATE ${template}`);
    return `d${this.databases}`;
  }

  /** Runs migrations on a new connection, or through a wrapper of it. */
  public async run(
    name: string,
    {
      files = migrations(),
      through = (client) => client,
      ...options
    }: { files?: Migration[]; through?: Through } & Partial<MigrationOptions> = {},
  ): Promise<MigrationOutcome> {
    const client = await this.server.connect(name);
    const sleep = (milliseconds: number) =>
      new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 20)));
    try {
      return await runMigrations(through(client), files, {
        by: 'a test',
        log: () => {},
        waitForOthersMs: 10_000,
        sleep,
        ...options,
      });
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** The schema as pg_dump prints it, the INVALID indexes, which pg_dump omits, and the history. */
  public async schema(name: string) {
    const { stdout, status, stderr } = spawnSync(
      findProgram('pg_dump') ?? '',
      ['-s', '-d', this.server.url(name)],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    const client = await this.server.connect(name);
    const rows = async (text: string) =>
      (await client.query(text)).rows as Record<string, unknown>[];
    try {
      return {
        schema: stdout.replace(/^\\(?:un)?restrict .*$/gm, ''),
        invalid: await rows(
          'SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid',
        ),
        history: await rows(
          'SELECT version, statement, file, checksum, state FROM isochrone.migrations ORDER BY 1, 2',
        ),
      };
    } finally {
      await client.end();
    }
  }

  /** The schema, and the rows that {@link FILES} insert. */
  public async outcome(name: string) {
    return {
      ...(await this.schema(name)),
      trades: await this.server.query(
        'SELECT count(*)::int, max(side) AS side FROM trades',
        [],
        name,
      ),
      symbols: await this.server.query('SELECT sum(count)::int FROM symbols', [], name),
    };
  }

  /**
   * All statements that a run sends and that change something. To die before a SELECT is to die
   * before the statement after it.
   */
  public async changesOf(name: string, files = migrations()): Promise<string[]> {
    const sent: string[] = [];
    await this.run(name, {
      files,
      through: (client) => ({
        query: (text, values) => {
          if (isChange(text)) sent.push(text);
          return client.query(text, values);
        },
      }),
    });
    return sent;
  }

  /**
   * A run that dies at one of its changes: before the statement, or after it has run and before its
   * result arrives.
   */
  public async die(
    name: string,
    place: number,
    when: 'before' | 'after',
    death: (client: Client) => Promise<unknown>,
    files = migrations(),
  ): Promise<void> {
    let count = -1;
    const dying = this.run(name, {
      files,
      through: (client) => ({
        query: async (text, values) => {
          if (isChange(text)) count += 1;
          if (count !== place || !isChange(text)) return client.query(text, values);
          if (when === 'after') await client.query(text, values);
          await death(client);
          // The client may accept one more statement before it notices that its server was killed.
          for (;;) await client.query('SELECT 1');
        },
      }),
    });
    await expect(dying).rejects.toThrow(/terminat|closed|ended|queryable|ECONN/i);
  }
}

/** Whether a statement changes something. */
export function isChange(text: string): boolean {
  return !/^\s*(?:SELECT|RESET|SET lock_timeout)/.test(text);
}

/** The process id of the server process of a client. */
export function processOf(client: Client): number {
  return (client as unknown as { processID: number }).processID;
}

/** Ends a client as the failure of its machine would: the server is not notified. */
export function disconnect(client: Client): void {
  (
    client as unknown as { connection: { stream: { destroy(): void } } }
  ).connection.stream.destroy();
}
