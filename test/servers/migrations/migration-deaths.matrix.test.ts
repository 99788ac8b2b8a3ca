/**
 * Interrupts a run at each statement that it sends, and compares the result of the next run with
 * that of an uninterrupted one.
 */
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { disconnect, MigratedServer, processOf } from './migration-fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

describeHere('a run that dies reaches the same schema when it is resumed', () => {
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

  test('an uninterrupted run applies all files', () => {
    expect(sent.length).toBeGreaterThan(50);
    expect(expected).toMatchObject({
      invalid: [],
      trades: [{ count: 201, side: 'sell' }],
      symbols: [{ sum: 201 }],
    });
  });

  test('after the end of its server process at each statement and each commit', async () => {
    // Each place is also the end of the statement before it, so the first and the last statement of
    // a transaction are enough.
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

  test('after the end of its client while its server process waits', async () => {
    const first = sent.findIndex((text) => text.startsWith('CREATE INDEX CONCURRENTLY'));
    const name = await migrated.database();
    await migrated.die(name, first, 'before', async (client) => {
      const blocker = await server.connect(name);
      await blocker.query('BEGIN; UPDATE trades SET note = note WHERE id = 1');
      const building = client.query(String(sent[first])).catch(() => {});
      await invalidIndex(name);
      disconnect(client);
      await building;
      // The server process continues until it notices that its client is gone, and holds the lock
      // of the run until then.
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
    'after an end in the middle of %s, which leaves it half done',
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
