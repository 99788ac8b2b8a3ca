/**
 * Interrupts a statement in batches at each statement that its run sends: before it, and after it
 * has run and before its result arrives. Once the server process ends there, once the server, and
 * once the command.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { MigratedServer, migrations, processOf } from './migration-fixture';
import { type Passage, StatementGate } from './statement-gate';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

const ROOT = join(__dirname, '..', '..', '..');
const FILE = '0001-fill.sql';
const SQL = `
    SET search_path = market;
    CREATE INDEX CONCURRENTLY trades_n ON trades (n);
    -- isochrone: batch trades by id, 4 rows, pause 0 ms
    UPDATE trades SET n = n + 1 WHERE id BETWEEN $1 AND $2;
    BEGIN; INSERT INTO trades VALUES (100, 0); INSERT INTO trades VALUES (101, 0); COMMIT;
    -- isochrone: batch trades by id, 5 rows, pause 0 ms
    UPDATE trades SET n = n + 10 WHERE id BETWEEN $1 AND $2;`;
const FILES = migrations({ [FILE]: SQL });
const DONE = [
  { id: 100, n: 10 },
  { id: 101, n: 10 },
];

describeHere('a statement in batches that dies at any statement', () => {
  let server: PostgresServer;
  let migrated: MigratedServer;
  let sent: string[];
  beforeAll(async () => {
    server = await PostgresServer.start();
    migrated = new MigratedServer(server);
    sent = await migrated.changesOf(await trades(), FILES);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  async function trades(): Promise<string> {
    const name = await migrated.database();
    await server.query(
      `CREATE SCHEMA market; CREATE TABLE market.trades (id int PRIMARY KEY, n int NOT NULL);
       INSERT INTO market.trades SELECT n, 0 FROM generate_series(1, 11) AS n`,
      [],
      name,
    );
    return name;
  }

  async function resumes(name: string): Promise<unknown> {
    await migrated.run(name, { files: FILES });
    const rows = await server.query('SELECT id, n FROM market.trades ORDER BY id', [], name);
    await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
    return rows;
  }

  const expected = [...Array.from({ length: 11 }, (_, i) => ({ id: i + 1, n: 11 })), ...DONE];

  test.each(['before', 'after'] as const)(
    'changes each row once when its server process ends %s it',
    async (when) => {
      expect(sent.filter((text) => text.startsWith('UPDATE trades'))).toHaveLength(6);
      for (const place of sent.keys()) {
        const name = await trades();
        const death = (client: Client) =>
          server.query('SELECT pg_terminate_backend($1, 5000)', [processOf(client)]);
        await migrated.die(name, place, when, death, FILES);
        expect({ statement: sent[place], rows: await resumes(name) }).toEqual({
          statement: sent[place],
          rows: expected,
        });
      }
    },
    240_000,
  );

  test('changes each row once when the whole server is killed', async () => {
    for (const [i, place] of [...sent.keys()].entries()) {
      if (!/^COMMIT|^UPDATE/.test(sent[place] ?? '')) continue;
      const name = await trades();
      await migrated.die(name, place, i % 2 ? 'before' : 'after', () => server.kill(), FILES);
      await server.restart();
      expect({ statement: sent[place], rows: await resumes(name) }).toEqual({
        statement: sent[place],
        rows: expected,
      });
    }
  }, 240_000);

  describe('when the command is killed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
    writeFileSync(join(folder, FILE), SQL);

    /** Whether a statement changes rows, an index or the history: not those of the rehearsal. */
    const lasts = (text: string) =>
      /^\s*(?:INSERT|UPDATE|COMMIT|CREATE INDEX CONCURRENTLY)/.test(text);

    /** Runs the command through a gate. It is killed when the gate stops it. */
    async function command(
      name: string,
      decide: (text: string) => Passage,
    ): Promise<number | NodeJS.Signals | null> {
      let child: ChildProcess | undefined;
      const gate = await StatementGate.open(server.port, decide, () => child?.kill('SIGKILL'));
      const url = `postgresql://postgres@127.0.0.1:${gate.port}/${name}`;
      const program = ['--import', 'tsx', join(ROOT, 'bin', 'isochrone.ts'), 'migrate'];
      const started = spawn(process.execPath, [...program, '--folder', folder, '--database', url], {
        cwd: ROOT,
        stdio: 'ignore',
      });
      child = started;
      const end = await new Promise<number | NodeJS.Signals | null>((resolve) =>
        started.on('exit', (status, signal) => resolve(signal ?? status)),
      );
      await gate.close();
      return end;
    }

    /** What the history says about the first batch, if it has begun. */
    async function progress(name: string) {
      const [row] = await server
        .query<{ rows: number; state: string }>(
          `SELECT coalesce(changed_rows, 0)::int AS rows, state FROM isochrone.migrations
           WHERE statement = 3`,
          [],
          name,
        )
        .catch(() => []);
      return row ?? { rows: 0, state: 'none' };
    }

    test.each(['before', 'after'] as const)(
      'changes each row once, and has counted it, %s each statement',
      async (when) => {
        const statements: string[] = [];
        const whole = await trades();
        const all = await command(whole, (text) => {
          if (lasts(text)) statements.push(text);
          return 'through';
        });
        expect(all).toBe(0);
        expect(await progress(whole)).toEqual({ rows: 11, state: 'done' });
        expect(statements.filter((text) => text.startsWith('UPDATE trades'))).toHaveLength(6);
        for (const [place, statement] of statements.entries()) {
          const name = await trades();
          let count = -1;
          const end = await command(name, (text) => {
            if (lasts(text)) count += 1;
            return count === place && lasts(text) ? when : 'through';
          });
          const [filled] = await server.query<{ rows: number }>(
            'SELECT count(*)::int AS rows FROM market.trades WHERE n % 10 = 1',
            [],
            name,
          );
          const { rows } = await progress(name);
          expect({ statement, end, rows }).toEqual({
            statement,
            end: 'SIGKILL',
            rows: filled?.rows,
          });
          expect({ statement, rows: await resumes(name) }).toEqual({ statement, rows: expected });
        }
      },
      300_000,
    );
  });
});
