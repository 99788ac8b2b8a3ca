/**
 * Like migration-deaths, but the whole server is killed: what it has confirmed to the run must be
 * there after its restart.
 */
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { MigratedServer } from './migration-fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

describeHere('a run whose server is killed', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  test('reaches the same schema when it is resumed, at whichever statement it was', async () => {
    const migrated = new MigratedServer(server);
    const undisturbed = await migrated.database();
    const sent = await migrated.changesOf(undisturbed);
    const expected = await migrated.outcome(undisturbed);
    // Between the statements of one transaction, a crash leaves the same state as the end of the
    // server process, which migration-deaths tests for each statement.
    const places = [...sent.keys()].filter((i) =>
      /^COMMIT|^CREATE SCHEMA|CONCURRENTLY|ADD VALUE|VACUUM|ATTACH|ON ONLY|'sell'/.test(
        String(sent[i]),
      ),
    );
    expect(places.length).toBeGreaterThan(20);
    for (const [i, place] of places.entries()) {
      const name = await migrated.database();
      await migrated.die(name, place, i % 2 ? 'before' : 'after', () => server.kill());
      await server.restart();
      await migrated.run(name);
      expect({ place: sent[place], ...(await migrated.outcome(name)) }).toEqual({
        place: sent[place],
        ...expected,
      });
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  }, 120_000);
});
