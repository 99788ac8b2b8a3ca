/**
 * The plan of a promotion on two real servers, which stand for two regions. The actions are local;
 * the order, the choices and the probe are those of the automation.
 *
 * The fence does what it does in AWS, no more. It refuses new clients (pg_hba.conf stands for the
 * closed security group) and disconnects the present ones (terminated backends stand for the
 * reboot), while replication continues. A client cannot undo it, unlike
 * `default_transaction_read_only`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import {
  type PromotionActions,
  walkPromotion,
} from '../../../lib/constructs/database/promotion/plan';
import {
  replayPosition,
  writeRecord,
} from '../../../lib/constructs/database/promotion/replica-promotion.handler';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';

const REPLICATION = 'host replication all 127.0.0.1/32 trust\n';
/** The superuser stands for RDS itself, which a security group does not stop. */
const CLOSED = `host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 reject\n${REPLICATION}`;
const WITHOUT_REPLICATION =
  'host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 reject\n';

/** Two regions, and the name that leads to the region of the writer. */
class Regions {
  public readonly log: string[] = [];

  private constructor(
    public readonly old: PostgresServer,
    public readonly hub: PostgresServer,
    /** The target of the DNS name. */
    public writer: PostgresServer,
  ) {}

  public static async start(): Promise<Regions> {
    const old = await PostgresServer.start();
    await old.query('CREATE ROLE probe LOGIN');
    await old.query('CREATE ROLE app LOGIN');
    await old.query(
      'CREATE TABLE kept (n int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())',
    );
    await old.query('GRANT ALL ON kept TO app');
    try {
      return new Regions(old, await PostgresServer.start({ follows: old }), old);
    } catch (error) {
      await old.stop();
      throw error;
    }
  }

  public async stop(): Promise<void> {
    await this.hub.stop();
    await this.old.stop();
  }

  public setAccess(server: PostgresServer, rules: string): void {
    writeFileSync(join(server.data, 'pg_hba.conf'), rules);
  }

  public async connectAs(user: string, server = this.writer): Promise<Client> {
    // A server that dies may leave a connection or a commit without an answer, as a network does.
    const client = new Client({
      connectionString: server.url('postgres', user),
      connectionTimeoutMillis: 5000,
      query_timeout: 20_000,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  private async probe<T>(query: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.connectAs('probe', this.hub);
    try {
      return await query(client);
    } finally {
      await client.end();
    }
  }

  public actions(acceptedLossSeconds: number): PromotionActions {
    let lossSeconds = 0;
    const note = (step: string) => this.log.push(step);
    return {
      inspect: async () => {
        const at = await this.probe(replayPosition);
        const sourceIsUp = await this.old.query('SELECT 1').then(
          () => true,
          () => false,
        );
        lossSeconds =
          !at.inRecovery || (sourceIsUp && at.receiving && at.drained)
            ? 0
            : (at.ageSeconds ?? 999_999);
        return { following: at.inRecovery };
      },
      assess: async () => {
        if (lossSeconds > acceptedLossSeconds)
          throw new Error(`Up to ${lossSeconds} s of commits would be lost.`);
        return undefined;
      },
      approve: async () => undefined,
      fence: async () => {
        note('fence');
        try {
          await this.old.query('SELECT 1');
        } catch {
          return { oldPrimary: 'unreachable' };
        }
        this.setAccess(this.old, CLOSED);
        await this.old.query('SELECT pg_reload_conf()');
        // After new clients are refused, the present ones are disconnected.
        for (;;) {
          const refused = await this.connectAs('app', this.old).then(
            (client) => client.end().then(() => false),
            () => true,
          );
          if (refused) break;
        }
        await this.old.query(
          `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'`,
        );
        return { oldPrimary: 'fenced' };
      },
      catchUp: async () => {
        let before: string | null = null;
        for (;;) {
          const at = await this.probe(replayPosition);
          if (at.receiving && at.drained && at.received === before) return undefined;
          before = at.received;
          await sleep(100);
        }
      },
      promote: async () => {
        note('promote');
        await this.hub.promote();
        return { following: false };
      },
      verify: async () => {
        await this.probe(writeRecord);
        return undefined;
      },
      repoint: async () => {
        note('repoint');
        this.writer = this.hub;
        return undefined;
      },
      report: async () => undefined,
    };
  }
}

/** Clients that write through the name until `stop`, and record the acknowledged writes. */
class Writers {
  public readonly acknowledged: number[] = [];
  private next = 0;
  private stopped = false;
  private readonly loops: Promise<void>[];

  constructor(
    private readonly regions: Regions,
    count: number,
  ) {
    this.loops = Array.from({ length: count }, () => this.write());
  }

  private async write(): Promise<void> {
    let client: Client | undefined;
    while (!this.stopped) {
      const n = this.next++;
      try {
        client ??= await this.regions.connectAs('app');
        await client.query('INSERT INTO kept VALUES ($1)', [n]);
        this.acknowledged.push(n);
      } catch {
        // Not awaited: a connection that does not answer may not end either.
        void client?.end().catch(() => {});
        client = undefined;
        await sleep(5);
      }
    }
    await client?.end().catch(() => {});
  }

  public async until(more: number): Promise<void> {
    const enough = this.acknowledged.length + more;
    while (this.acknowledged.length < enough) await sleep(5);
  }

  public async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }
}

async function present(server: PostgresServer): Promise<Set<number>> {
  return new Set((await server.query<{ n: number }>('SELECT n FROM kept')).map(({ n }) => n));
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup') ? describe : describe.skip;

describeHere('a promotion on real servers', () => {
  jest.setTimeout(120_000);
  let regions: Regions;
  beforeEach(async () => {
    regions = await Regions.start();
  });
  afterEach(() => regions.stop());

  test('a drill changes nothing, and a planned promotion under load loses nothing', async () => {
    const drill = await walkPromotion(regions.actions(30), true);
    expect(drill.done).toEqual(['inspect', 'assess', 'report']);
    expect(regions.log).toEqual([]);
    expect(await regions.hub.query('SELECT pg_is_in_recovery() AS yes')).toEqual([{ yes: true }]);

    const writers = new Writers(regions, 4);
    await writers.until(200);
    const { failed } = await walkPromotion(regions.actions(30), false);
    expect(failed).toBeUndefined();
    expect(regions.log).toEqual(['fence', 'promote', 'repoint']);
    await writers.until(100);
    await writers.stop();
    const there = await present(regions.hub);
    expect(writers.acknowledged.filter((n) => !there.has(n))).toEqual([]);
    await expect(regions.connectAs('app', regions.old)).rejects.toThrow('pg_hba.conf rejects');
  });

  test('a killed writer loses no synchronous commit, and comes back fenced', async () => {
    await regions.old.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await regions.old.query('SELECT pg_reload_conf()');
    await until(async () => {
      const [row] = await regions.old.query<{ sync: boolean }>(
        `SELECT bool_or(sync_state = 'sync') AS sync FROM pg_stat_replication`,
      );
      return row?.sync === true;
    });
    const writers = new Writers(regions, 4);
    await writers.until(200);

    const reads = { answered: 0, failed: 0 };
    let reading = true;
    const reader = await regions.connectAs('app', regions.hub);
    const readLoop = (async () => {
      while (reading) {
        await reader.query('SELECT count(*) FROM kept').then(
          () => reads.answered++,
          () => reads.failed++,
        );
      }
    })();

    // The stream to the hub stops before the server dies. A commit acknowledged now without the hub
    // would be lost, so none may be acknowledged.
    const [sender] = await regions.old.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_replication',
    );
    const senderPid = sender?.pid as number;
    process.kill(senderPid, 'SIGSTOP');
    await sleep(300);
    await regions.old.kill();
    process.kill(senderPid, 'SIGKILL');
    const { done, facts, failed } = await walkPromotion(regions.actions(30), false);
    reading = false;
    await readLoop;
    await reader.end();
    expect(failed).toBeUndefined();
    expect(done).not.toContain('catchUp');
    expect(facts.oldPrimary).toBe('unreachable');
    expect(reads.failed).toBe(0);
    expect(reads.answered).toBeGreaterThan(0);

    await writers.until(100);
    await writers.stop();
    const there = await present(regions.hub);
    expect(writers.acknowledged.length).toBeGreaterThanOrEqual(300);
    expect(writers.acknowledged.filter((n) => !there.has(n))).toEqual([]);

    // The region is back. A second run has a promoted hub: it fences, verifies, and repeats the
    // change of names.
    await regions.old.restart();
    const again = await walkPromotion(regions.actions(30), false);
    expect(again.failed).toBeUndefined();
    expect(again.facts.oldPrimary).toBe('fenced');
    expect(again.done).not.toContain('promote');
    await expect(regions.connectAs('app', regions.old)).rejects.toThrow('pg_hba.conf rejects');
    expect(regions.writer).toBe(regions.hub);
  });

  test('without a fence, an old primary that comes back accepts writes', async () => {
    await regions.old.kill();
    // The hub has replayed no commit since it started, so it does not know the age of its last one.
    expect((await walkPromotion(regions.actions(3600), false)).failed?.step).toBe('assess');
    expect((await walkPromotion(regions.actions(999_999), false)).failed).toBeUndefined();
    // It could not be fenced, so it comes back with its old rules.
    await regions.old.restart();
    const stray = await regions.connectAs('app', regions.old);
    await stray.query('INSERT INTO kept VALUES (-1)');
    expect(await present(regions.hub)).not.toContain(-1);

    expect((await walkPromotion(regions.actions(30), false)).facts.oldPrimary).toBe('fenced');
    await expect(stray.query('INSERT INTO kept VALUES (-2)')).rejects.toThrow();
  });

  test('an unplanned promotion loses exactly the commits that the hub lacks', async () => {
    const commits: { n: number; before: string; after: string }[] = [];
    const writer = await regions.connectAs('app');
    const position = async () =>
      (await writer.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn'))
        .rows[0]?.lsn ?? '';
    const write = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const before = await position();
        await writer.query('INSERT INTO kept VALUES ($1)', [commits.length]);
        commits.push({ n: commits.length, before, after: await position() });
      }
    };
    await write(100);
    await until(async () => (await present(regions.hub)).size === 100);
    // The link between the regions breaks, and the old region continues.
    regions.setAccess(regions.old, WITHOUT_REPLICATION);
    await regions.old.query('SELECT pg_reload_conf()');
    await until(async () => {
      await regions.old.query('SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
      return !(await replayPositionOf(regions.hub)).receiving;
    });
    await write(50);
    const times = await regions.old.query<{ n: number; at: Date }>('SELECT n, at FROM kept');
    await regions.old.kill();

    const refused = await walkPromotion(regions.actions(0), false);
    expect(refused.failed?.step).toBe('assess');
    expect(regions.log).toEqual([]);
    const at = await replayPositionOf(regions.hub);
    const [clock] = await regions.hub.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    expect((await walkPromotion(regions.actions(3600), false)).failed).toBeUndefined();

    const there = await present(regions.hub);
    const judged = await regions.hub.query<{ sent: boolean; unsent: boolean; n: number }>(
      `SELECT n, after::pg_lsn <= $1::pg_lsn AS sent, before::pg_lsn >= $1::pg_lsn AS unsent
         FROM json_to_recordset($2) AS c(n int, before text, after text)`,
      [at.received, JSON.stringify(commits)],
    );
    expect(
      judged.filter(({ n, sent, unsent }) => (sent && !there.has(n)) || (unsent && there.has(n))),
    ).toEqual([]);
    expect(judged.filter(({ unsent }) => unsent).length).toBeGreaterThan(0);
    const oldest = (clock?.now.getTime() ?? 0) - ((at.ageSeconds ?? 0) + 1) * 1000;
    expect(times.filter((row) => !there.has(row.n) && row.at.getTime() < oldest)).toEqual([]);
    await writer.end().catch(() => {});
  });
});

async function replayPositionOf(server: PostgresServer) {
  const client = await server.connect();
  try {
    return await replayPosition(client);
  } finally {
    await client.end();
  }
}
