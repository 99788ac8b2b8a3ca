/**
 * Interrupts a statement in batches at each statement that its run sends: before it, and after it
 * has run and before its result arrives.
 */
import type { Client } from 'pg';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { MigratedServer, migrations, processOf } from './migration-fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

const FILES = migrations({
  '0001-fill.sql': `
    SET search_path = market;
    CREATE INDEX CONCURRENTLY trades_n ON trades (n);
    -- isochrone: batch trades by id, 4 rows, pause 0 ms
    UPDATE trades SET n = n + 1 WHERE id BETWEEN $1 AND $2;
    BEGIN; INSERT INTO trades VALUES (100, 0); INSERT INTO trades VALUES (101, 0); COMMIT;
    -- isochrone: batch trades by id, 5 rows, pause 0 ms
    UPDATE trades SET n = n + 10 WHERE id BETWEEN $1 AND $2;`,
});
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
});
