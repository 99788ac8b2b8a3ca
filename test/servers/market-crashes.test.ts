/** As market-deaths, but the whole server is killed: at statements of every file, some on their way and some done. */
import { MARKET_FILES, MarketInterruptions, type Moment } from './market-interruptions';
import { PostgresServer } from './postgres-server';
import { serversHere } from './server-process';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

/** One change in four, so that beginnings, statements and records have their turn: a restart takes longer than a client that comes again. */
const MOMENTS: Readonly<Record<number, Moment>> = { 1: 'sent', 5: 'done' };

describeHere('a server that is killed during', () => {
  let server: PostgresServer;
  let interruptions: MarketInterruptions;
  beforeAll(async () => {
    server = await PostgresServer.start();
    interruptions = await MarketInterruptions.prepare(server);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  test.each(MARKET_FILES)(
    '$file',
    async (file) => {
      const { died, differing } = await interruptions.ofFile(
        file,
        (nth) => MOMENTS[nth % 8],
        () => server.kill(),
        () => server.restart(),
      );
      expect(differing).toEqual([]);
      expect(died.length).toBeGreaterThanOrEqual(2);
    },
    120_000,
  );
});
