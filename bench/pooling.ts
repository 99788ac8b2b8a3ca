/**
 * PgBouncer, as the fleets have it, against PostgreSQL itself: the same SCRAM verifiers, the same point query, the same pgbench, in one
 * run and in turn. Clients, pooler and server share the cores of one machine and its loopback, where a connection costs no journey and no
 * TLS: both gain from that, the direct way more. Clients compute SCRAM's 4096 hashes themselves either way.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { scramVerifier } from '../lib/postgres/pgbouncer-users';
import { PgbouncerServer } from '../test/servers/pgbouncer-server';
import { PostgresServer } from '../test/servers/postgres-server';
import { findProgram } from '../test/servers/server-process';
import { type Benchmark, type Figures, median, rounded } from './benchmark';

const ROUNDS = 3;
const SECONDS = 4;
/** Of all clients that stay: pgbench's clock begins before a thousand have logged in, so their work is counted, not their time. */
const TRANSACTIONS = 40_000;
const ACCOUNTS = 100_000;

/** The ways that clients come: how many, and whether they connect for every transaction. */
const LOADS = {
  connectingPerTransaction: { clients: 200, reconnects: true },
  thousandPersistent: { clients: 1000, reconnects: false },
  fiftyPersistent: { clients: 50, reconnects: false },
} as const;

export const poolingBenchmark: Benchmark = {
  name: 'pooling',
  about: 'transactions per second through PgBouncer against direct connections, by SCRAM: connecting for each, and 1,000 and 50 that stay',
  async run(progress): Promise<Figures> {
    const server = await PostgresServer.start({ settings: { max_connections: 1100, shared_buffers: '256MB' } });
    try {
      const verifier = scramVerifier('app');
      await server.query(`CREATE TABLE accounts AS SELECT n AS id, n * 7 AS balance FROM generate_series(1, ${ACCOUNTS}) AS n`);
      await server.query('ALTER TABLE accounts ADD PRIMARY KEY (id)');
      await server.query(`CREATE ROLE app LOGIN PASSWORD '${verifier}'`);
      await server.query('GRANT SELECT ON accounts TO app');
      writeFileSync(join(server.data, 'pg_hba.conf'), 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
      await server.query('SELECT pg_reload_conf()');
      const pooler = await PgbouncerServer.start({ server, users: { app: verifier } });
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

async function measure(server: PostgresServer, pooler: PgbouncerServer, progress: (message: string) => void): Promise<Figures> {
  const script = join(pooler.directory, 'query.sql');
  writeFileSync(script, `\\set id random(1, ${ACCOUNTS})\nSELECT balance FROM accounts WHERE id = :id;\n`);
  const figures: [string, Record<string, number>][] = [];
  for (const [name, load] of Object.entries(LOADS)) {
    const direct: number[] = [];
    const pooled: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`${name}, round ${round} of ${ROUNDS}.`);
      direct.push(await transactionsPerSecond(script, server.port, 'postgres', load));
      pooled.push(await transactionsPerSecond(script, pooler.port, 'app', load));
    }
    const rounds = pooled.map((value, i) => value / (direct[i] ?? Number.NaN));
    figures.push([
      name,
      {
        clients: load.clients,
        directPerSecond: rounded(median(direct)),
        pooledPerSecond: rounded(median(pooled)),
        ratio: rounded(median(rounds)),
        worstRatio: rounded(Math.min(...rounds)),
      },
    ]);
  }
  return { cores: availableParallelism(), ...Object.fromEntries(figures) };
}

interface Load {
  readonly clients: number;
  readonly reconnects: boolean;
}

async function transactionsPerSecond(script: string, port: number, database: string, { clients, reconnects }: Load): Promise<number> {
  const program = findProgram('pgbench');
  if (program === undefined) throw new Error('pgbench is not installed. On Debian: apt-get install postgresql');
  const amount = reconnects ? ['-C', '-T', SECONDS] : ['-t', Math.round(TRANSACTIONS / clients)];
  const args = ['-n', '-h', '127.0.0.1', '-p', port, '-U', 'app', '-c', clients, '-j', 2, ...amount, '-f', script, database];
  const bench = spawn(program, args.map(String), {
    cwd: tmpdir(),
    env: { ...process.env, PGPASSWORD: 'app' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, errors] = await Promise.all([text(bench.stdout), text(bench.stderr)]);
  const [, tps] = /^tps = ([\d.]+)/m.exec(said) ?? [];
  const [, failed] = /^number of failed transactions: (\d+)/m.exec(said) ?? [];
  // A client that was refused ends, and the others go on: that would measure fewer than were asked for.
  if (tps === undefined || failed !== '0' || /aborted/.test(errors)) throw new Error(`pgbench failed.\n${said}${errors}`);
  return Number(tps);
}
