/** A client that goes away at any statement of the market application's indexes of bars, portfolios and transactions, which are built one by one; the next run comes to the same schema. */
import { goAway, MarketInterruptions, marketFiles } from './market-interruptions';
import { PostgresServer } from './postgres-server';
import { serversHere } from './server-process';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

describeHere('a client that goes away at any statement of', () => {
  let server: PostgresServer;
  let interruptions: MarketInterruptions;
  beforeAll(async () => {
    server = await PostgresServer.start();
    interruptions = await MarketInterruptions.prepare(server);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  test.each(marketFiles(6, 8, false))(
    '$file',
    async (file) => {
      const { died, differing } = await interruptions.ofFile(file, (nth) => (nth % 2 ? 'sent' : 'done'), goAway);
      expect(differing).toEqual([]);
      // Each of its own statements, and those that keep the history.
      expect(died).toEqual(expect.arrayContaining(file.statements.map(({ text }) => text)));
      expect(died.length).toBeGreaterThan(file.statements.length);
    },
    120_000,
  );
});
