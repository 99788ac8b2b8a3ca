/**
 * Each statement that a run sends is tried as the place of its death, and what the next run makes
 * of it is compared with an undisturbed one.
 */

import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { MigratedServer, processOf } from './migration-fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

describeHere('a run that dies comes to the same schema', () => {
  let server: PostgresServer;
  let migrated: MigratedServer;
  let sent: string[];
  let expected: Awaited<ReturnType<MigratedServer['outcome']>>;

  beforeAll(async () => {
    server = await PostgresServer.start();
    migrated = new MigratedServer(server);
    const undisturbed = await migrated.database();
    sent = await migrated.changesOf(undisturbed);
    expected = await migrated.outcome(undisturbed);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  async function compare(name: string, place: number): Promise<void> {
    await migrated.run(name);
    expect({ place: sent[place], ...(await migrated.outcome(name)) }).toEqual({
      place: sent[place],
      ...expected,
    });
    await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }

  test('undisturbed, it is what the files say', () => {
    expect(sent.length).toBeGreaterThan(50);
    expect(expected).toMatchObject({
      invalid: [],
      trades: [{ count: 201, side: 'sell' }],
      symbols: [{ sum: 201 }],
    });
  });

  test('by the end of its server process, at each statement of the files and each commit', async () => {
    // Each place is also tried as the end of the one before it: of the statements of one
    // transaction, the first and the last are enough.
    const places = [...sent.keys()].filter((i) =>
      /CONCURRENTLY|ADD VALUE|VACUUM|ATTACH|ON ONLY|'sell'|^COMMIT|^CREATE (?:SCHEMA|TYPE)/.test(
        sent[i] ?? '',
      ),
    );
    expect(places.length).toBeGreaterThan(20);
    for (const place of places) {
      const name = await migrated.database();
      await migrated.die(name, place, place % 3 ? 'after' : 'before', (client) =>
        server.query('SELECT pg_terminate_backend($1, 5000)', [processOf(client)]),
      );
      await compare(name, place);
    }
  }, 120_000);

  test('by the end of its client, while its server process waits', async () => {
    const first = sent.findIndex((text) => text.startsWith('CREATE INDEX CONCURRENTLY'));
    const name = await migrated.database();
    await migrated.die(name, first, 'before', async (client) => {
      const blocker = await server.connect(name);
      await blocker.query('BEGIN; UPDATE trades SET note = note WHERE id = 1');
      const building = client.query(String(sent[first])).catch(() => {});
      await invalidIndex(name);
      (
        client as unknown as { connection: { stream: { destroy(): void } } }
      ).connection.stream.destroy();
      await building;
      // The process goes on without a client until it notices, and keeps the lock of the run
      // meanwhile.
      await blocker.end();
    });
    await compare(name, first);
  }, 120_000);

  test.each([
    'CREATE INDEX CONCURRENTLY IF',
    'DROP INDEX CONCURRENTLY',
    'REINDEX',
    'ALTER TABLE ticks DETACH',
    'CREATE INDEX CONCURRENTLY "',
  ])(
    'in the middle of %s, which leaves it half done',
    async (begins) => {
      const place = sent.findIndex((text) => text.startsWith(begins));
      const name = await migrated.database();
      await migrated.die(name, place, 'before', async (client) => {
        const blocker = await server.connect(name);
        await blocker.query('BEGIN; LOCK TABLE trades, ticks IN ROW EXCLUSIVE MODE');
        const half = client.query(String(sent[place])).catch(() => {});
        await (begins.includes('DETACH') ? pendingDetach(name) : invalidIndex(name));
        await server.query('SELECT pg_terminate_backend($1, 5000)', [processOf(client)]);
        await half;
        await blocker.end();
      });
      await compare(name, place);
    },
    30_000,
  );

  const invalidIndex = (name: string) =>
    until(
      name,
      `SELECT 1 FROM pg_index WHERE NOT indisvalid AND indrelid::regclass::text IN ('trades', 'ticks_0')`,
    );
  const pendingDetach = (name: string) =>
    until(name, 'SELECT 1 FROM pg_inherits WHERE inhdetachpending');

  async function until(name: string, text: string): Promise<void> {
    while ((await server.query(text, [], name)).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
