/**
 * The market application's migrations, each interrupted at every one of the statements that change
 * something.
 */
import { join } from 'node:path';
import type { Client } from 'pg';
import { type Migration, readMigrations } from '../../../lib/tools/postgres/migrations/files';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { isChange, MigratedServer } from './migration-fixture';

export const MARKET_FILES: readonly Migration[] = readMigrations(
  join(__dirname, '..', '..', '..', 'examples', 'market-api', 'migrations'),
);

type Death = (client: Client) => unknown;

/** The end of a client as its machine would have it: no word to the server. */
function goAway(client: Client): void {
  (
    client as unknown as { connection: { stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

/**
 * Where the run of a file is cut off: while the statement is on its way, or when it has done its
 * work and nobody has heard of it.
 */
export type Moment = 'sent' | 'done';

/**
 * Of the files from one to another, those of one transaction or those that go statement by
 * statement.
 */
export function marketFiles(
  transactional: boolean,
  from = 1,
  to = MARKET_FILES.length,
): Migration[] {
  return MARKET_FILES.slice(from - 1, to).filter((file) => file.transactional === transactional);
}

export class MarketInterruptions {
  private readonly migrated: MigratedServer;
  /**
   * A database for each number of files, undisturbed. Between two files there is nothing but the
   * database: what it is then decides the rest.
   */
  private readonly undisturbed: string[] = [];

  private constructor(private readonly server: PostgresServer) {
    this.migrated = new MigratedServer(server);
  }

  public static async prepare(server: PostgresServer): Promise<MarketInterruptions> {
    const interruptions = new MarketInterruptions(server);
    const { migrated, undisturbed } = interruptions;
    undisturbed.push(await migrated.database());
    for (const [before] of MARKET_FILES.entries()) {
      const name = await migrated.database(undisturbed[before]);
      await migrated.run(name, { files: MARKET_FILES.slice(0, before + 1) });
      undisturbed.push(name);
    }
    return interruptions;
  }

  /**
   * Interrupts the run of one file at its first change, its second and so on until a run is through
   * before, and has each resumed.
   *
   * @param momentOf undefined to leave that change out
   * @returns the statements at which runs died, and those after which the schema was another
   */
  public async ofFile(
    file: Migration,
    momentOf: (nth: number) => Moment | undefined,
    death: Death,
    again: () => Promise<void> = async () => {},
  ) {
    const files = MARKET_FILES.slice(0, file.version);
    const expected = await this.migrated.schema(this.undisturbed[file.version] ?? '');
    const died: string[] = [];
    const differing: { statement: string; found: unknown }[] = [];
    for (let nth = 1; ; nth += 1) {
      const moment = momentOf(nth);
      if (moment === undefined) continue;
      const name = await this.migrated.database(this.undisturbed[file.version - 1]);
      const statement = await this.interrupt(name, files, nth, moment, death);
      if (statement !== undefined) {
        await again();
        // Each wait for the server process of the dead run is of 20 ms: 10 s in all.
        await this.migrated.run(name, { files, waitForOthersMs: 500_000 });
      }
      const found = await this.migrated.schema(name);
      if (JSON.stringify(found) !== JSON.stringify(expected))
        differing.push({ statement: statement ?? 'none', found });
      await this.server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      if (statement === undefined) return { died, differing };
      died.push(statement);
    }
  }

  /** The statement at which the run died; undefined if it was through before it came so far. */
  private async interrupt(
    name: string,
    files: Migration[],
    nth: number,
    moment: Moment,
    death: Death,
  ): Promise<string | undefined> {
    let count = 0;
    let statement: string | undefined;
    const run = this.migrated.run(name, {
      files,
      through: (client) => ({
        query: async (text, values) => {
          if (isChange(text)) count += 1;
          if (count !== nth || statement !== undefined) return client.query(text, values);
          statement = text;
          const answer = client.query(text, values);
          answer.catch(() => {});
          if (moment === 'done') await answer;
          await death(client);
          await answer;
          // A process whose server was killed may take one more statement before it notices.
          for (;;) await client.query('SELECT 1');
        },
      }),
    });
    const error = await run.then(
      () => undefined,
      (reason: Error) => reason,
    );
    if ((statement === undefined) === (error === undefined)) return statement;
    throw error ?? new Error(`The run went on after its death at: ${statement}`);
  }
}

/** A test for each of these files, on one server for all. */
export function testEachFile(
  title: string,
  files: readonly Migration[],
  interrupt: (
    file: Migration,
    interruptions: MarketInterruptions,
    server: PostgresServer,
  ) => Promise<void>,
): void {
  const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;
  describeHere(title, () => {
    let server: PostgresServer;
    let interruptions: MarketInterruptions;
    beforeAll(async () => {
      server = await PostgresServer.start();
      interruptions = await MarketInterruptions.prepare(server);
    }, 120_000);
    afterAll(async () => {
      await server?.stop();
    });

    test.each(files)('$file', (file) => interrupt(file, interruptions, server), 120_000);
  });
}

/**
 * A client that goes away at each statement of these files in turn; the next run comes to the same
 * schema.
 */
export function testDeathsAtEachStatement(files: readonly Migration[]): void {
  testEachFile(
    'a client that goes away at any statement of',
    files,
    async (file, interruptions) => {
      const { died, differing } = await interruptions.ofFile(
        file,
        (nth) => (nth % 2 ? 'sent' : 'done'),
        goAway,
      );
      expect(differing).toEqual([]);
      // Each of its own statements, and those that keep the history.
      expect(died).toEqual(expect.arrayContaining(file.statements.map(({ text }) => text)));
      expect(died.length).toBeGreaterThan(file.statements.length);
    },
  );
}
