/**
 * PgBouncer with the settings of the fleets against direct connections to PostgreSQL: the same
 * SCRAM verifiers, the same point query and the same pgbench, in turn within one run.
 *
 * Clients, pooler and server share the cores and the loopback of one machine, so connections cost
 * no network latency and no TLS. Both sides benefit from that, direct connections more. Clients
 * compute SCRAM's 4096 hashes themselves in both cases.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { PGBOUNCER_DEFAULTS } from '../lib/tools/postgres/pgbouncer/pgbouncer';
import { scramVerifier } from '../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer } from '../test/servers/pgbouncer-server';
import { PostgresServer } from '../test/servers/postgres-server';
import { findProgram } from '../test/servers/server-process';
import { type Benchmark, type Figures, median, rounded } from './benchmark';

const ROUNDS = 3;
const SECONDS = 4;
/**
 * Transactions of all persistent clients together. pgbench's clock starts before a thousand clients
 * have logged in, so they run a number of transactions rather than a time.
 */
const TRANSACTIONS = 40_000;
const ACCOUNTS = 100_000;

/**
 * Their pools and reserves together want 1.5 times max_db_connections, so that the budget limits
 * them.
 */
const POOL_USERS = ['pooled', 'pooled_b', 'pooled_c', 'pooled_d', 'pooled_e'];
const DIRECT_USER = 'direct';
const PASSWORD = 'bench';

/** The loads: the number of clients, and whether they reconnect for every transaction. */
const LOADS = {
  connectingPerTransaction: { clients: 200, reconnects: true },
  thousandPersistent: { clients: 1000, reconnects: false },
  fiftyPersistent: { clients: 50, reconnects: false },
} as const satisfies Readonly<Record<string, Load>>;

export const poolingBenchmark: Benchmark = {
  name: 'pooling',
  about: 'transactions per second through PgBouncer against direct connections',
  async run(progress): Promise<Figures> {
    const server = await PostgresServer.start({
      settings: { max_connections: 1100, shared_buffers: '256MB' },
    });
    try {
      const verifier = scramVerifier(PASSWORD);
      await server.query(
        `CREATE TABLE accounts AS SELECT n AS id, n * 7 AS balance FROM generate_series(1, ${ACCOUNTS}) AS n`,
      );
      await server.query('ALTER TABLE accounts ADD PRIMARY KEY (id)');
      for (const user of [DIRECT_USER, ...POOL_USERS])
        await server.query(`CREATE ROLE ${user} LOGIN PASSWORD '${verifier}'`);
      await server.query('GRANT SELECT ON accounts TO PUBLIC');
      writeFileSync(
        join(server.data, 'pg_hba.conf'),
        'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
      );
      await server.query('SELECT pg_reload_conf()');
      const pooler = await PgbouncerServer.start({
        server,
        users: Object.fromEntries(POOL_USERS.map((user) => [user, verifier])),
      });
      try {
        return await measure(server, pooler, progress);
      } finally {
        await pooler.stop();
      }
    } finally {
      await server.stop();
    }
  },
};

async function measure(
  server: PostgresServer,
  pooler: PgbouncerServer,
  progress: (message: string) => void,
): Promise<Figures> {
  const script = join(pooler.directory, 'query.sql');
  writeFileSync(
    script,
    `\\set id random(1, ${ACCOUNTS})\nSELECT balance FROM accounts WHERE id = :id;\n`,
  );
  const direct: Target = { script, port: server.port, database: 'postgres', user: DIRECT_USER };
  const pooled = POOL_USERS.map(
    (user): Target => ({ script, port: pooler.port, database: 'app', user }),
  );
  const [ofOneUser = direct] = pooled;
  const seen = await ServerConnections.watch(server);
  try {
    const connecting = await compared('connectingPerTransaction', direct, ofOneUser, progress);
    const thousand = await compared('thousandPersistent', direct, ofOneUser, progress);
    const fifty = await compared('fiftyPersistent', direct, ofOneUser, progress);
    progress('A thousand clients of five users.');
    const clients = 1000 / pooled.length;
    await Promise.all(
      pooled.map((target) => transactionsPerSecond(target, { clients, reconnects: false })),
    );
    return {
      cores: availableParallelism(),
      poolerConnectRatio: connecting.ratio,
      serverConnectionsPeak: seen.peak,
      serverConnectionsBudget: PGBOUNCER_DEFAULTS.maxDatabaseConnections,
      connectingPerTransaction: connecting,
      thousandPersistent: thousand,
      fiftyPersistent: fifty,
    };
  } finally {
    await seen.end();
  }
}

async function compared(
  name: keyof typeof LOADS,
  direct: Target,
  pooled: Target,
  progress: (message: string) => void,
) {
  const load = LOADS[name];
  const rounds: { direct: number; pooled: number; ratio: number }[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    progress(`${name}, round ${round} of ${ROUNDS}.`);
    const [without, through] = [
      await transactionsPerSecond(direct, load),
      await transactionsPerSecond(pooled, load),
    ];
    rounds.push({ direct: without, pooled: through, ratio: through / without });
  }
  return {
    clients: load.clients,
    directPerSecond: rounded(median(rounds.map((round) => round.direct))),
    pooledPerSecond: rounded(median(rounds.map((round) => round.pooled))),
    ratio: rounded(median(rounds.map((round) => round.ratio))),
    worstRatio: rounded(Math.min(...rounds.map((round) => round.ratio))),
  };
}

/**
 * Counts the pooler's connections to PostgreSQL ten times a second. They stay open for minutes, so
 * the count misses no connection.
 */
class ServerConnections {
  private most = 0;
  private watching = true;
  private readonly watched: Promise<void>;

  private constructor(private readonly client: Client) {
    this.watched = this.count();
  }

  public static async watch(server: PostgresServer): Promise<ServerConnections> {
    return new ServerConnections(await server.connect());
  }

  public get peak(): number {
    return this.most;
  }

  public async end(): Promise<void> {
    this.watching = false;
    await this.watched;
    await this.client.end();
  }

  private async count(): Promise<void> {
    while (this.watching) {
      const { rows } = await this.client.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = ANY ($1)',
        [POOL_USERS],
      );
      this.most = Math.max(this.most, rows[0]?.n ?? 0);
      await sleep(100);
    }
  }
}

interface Target {
  readonly script: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

interface Load {
  readonly clients: number;
  readonly reconnects: boolean;
}

async function transactionsPerSecond(
  { script, port, database, user }: Target,
  { clients, reconnects }: Load,
): Promise<number> {
  const program = findProgram('pgbench');
  if (program === undefined)
    throw new Error('pgbench is not installed. On Debian: apt-get install postgresql');
  const amount = reconnects ? ['-C', '-T', SECONDS] : ['-t', Math.round(TRANSACTIONS / clients)];
  const args = [
    ...['-n', '-h', '127.0.0.1', '-p', port, '-U', user, '-c', clients, '-j', 2],
    ...[...amount, '-f', script, database],
  ];
  const bench = spawn(program, args.map(String), {
    cwd: tmpdir(),
    env: { ...process.env, PGPASSWORD: PASSWORD },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(bench.stdout), text(bench.stderr)]);
  const [, tps] = /^tps = ([\d.]+)/m.exec(output) ?? [];
  const [, failed] = /^number of failed transactions: (\d+)/m.exec(output) ?? [];
  // If the server refuses a client, pgbench continues with the others and would measure too few.
  if (tps === undefined || failed !== '0' || /aborted/.test(errors))
    throw new Error(`pgbench failed.\n${output}${errors}`);
  return Number(tps);
}
