/**
 * The migrations of the market application, each interrupted at every statement that changes
 * something.
 */
import { join } from 'node:path';
import type { Client } from 'pg';
import { type Migration, readMigrations } from '../../../lib/tools/postgres/migrations/files';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { disconnect, isChange, MigratedServer } from './migration-fixture';

export const MARKET_FILES: readonly Migration[] = readMigrations(
  join(__dirname, '..', '..', '..', 'examples', 'market-api', 'migrations'),
);

type Death = (client: Client) => unknown;

/**
 * When the run of a file is interrupted: after the statement was sent, or after it has run and
 * before its result arrives.
 */
export type Moment = 'sent' | 'done';

/** The files in a range that are transactional, or those that run statement by statement. */
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
   * A database for each number of applied files, made without interruption. The state of the
   * database alone decides how the next file runs.
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
   * Interrupts the run of one file at its first change, its second and so on, until a run finishes
   * before it is interrupted. Each interrupted run is resumed.
   *
   * @param momentOf when to interrupt at the nth change; undefined skips it
   * @returns the statements at which runs died, and those after which the schema differed
   */
  public async ofFile(
    file: Migration,
    momentOf: (nth: number) => Moment | undefined,
    death: Death,
    restart: () => Promise<void> = async () => {},
  ) {
    const files = MARKET_FILES.slice(0, Number(file.id));
    const expected = await this.migrated.schema(this.undisturbed[Number(file.id)] ?? '');
    const died: string[] = [];
    const differing: { statement: string; found: unknown }[] = [];
    for (let nth = 1; ; nth += 1) {
      const moment = momentOf(nth);
      if (moment === undefined) continue;
      const name = await this.migrated.database(this.undisturbed[Number(file.id) - 1]);
      const statement = await this.interrupt(name, files, nth, moment, death);
      if (statement !== undefined) {
        await restart();
        // The waiting time is counted in seconds but sleeps only 20 ms each, so this is 10 s at
        // most.
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

  /** The statement at which the run died; undefined if the run finished before. */
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
          // The client may accept one more statement before it notices that its server was killed.
          for (;;) await client.query('SELECT 1');
        },
      }),
    });
    const error = await run.then(
      () => undefined,
      (reason: Error) => reason,
    );
    if ((statement === undefined) === (error === undefined)) return statement;
    throw error ?? new Error(`The run continued after its death at: ${statement}`);
  }
}

/** Defines a test for each of the files. All use one server. */
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
 * Defines tests in which a client dies at each statement of the files in turn, and the next run
 * reaches the same schema.
 */
export function testDeathsAtEachStatement(files: readonly Migration[]): void {
  testEachFile(
    'a migration resumes after its client dies at any statement of',
    files,
    async (file, interruptions) => {
      const { died, differing } = await interruptions.ofFile(
        file,
        (nth) => (nth % 2 ? 'sent' : 'done'),
        disconnect,
      );
      expect(differing).toEqual([]);
      // The statements of the file, and those that record the history.
      const changes = file.statements.map(({ text }) => text).filter(isChange);
      expect(died).toEqual(expect.arrayContaining(changes));
      expect(died.length).toBeGreaterThan(changes.length);
    },
  );
}
