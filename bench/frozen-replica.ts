/**
 * Reads at a steady rate while a replica is frozen (SIGSTOP): how long they take, and how many
 * statements the servers execute besides. The servers keep lists of their statements, so health
 * checks and what a thawed replica still executes count too.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ReplicaPool } from '../lib/runtime/replicas/replica-pool';
import { PostgresServer } from '../test/servers/postgres-server';
import { at, caughtUp, executions, LISTS_STATEMENTS } from '../test/servers/replicas/fixture';
import { type Benchmark, type Figures, rounded } from './benchmark';

const READS_PER_SECOND = 50;
const WARM_SECONDS = 4;
const FROZEN_SECONDS = 15;
/** The bars: "A frozen replica" in docs/runtime/database.md. */
const MAX_P99_MS = 300;
const MAX_EXTRA_PERCENT = 5;

export const frozenReplicaBenchmark: Benchmark = {
  name: 'frozen-replica',
  about: 'reads while a replica is frozen for 15 s: their times, and the queries besides',
  async run(progress): Promise<Figures> {
    // The name of the client begins each line of the list.
    const settings = { ...LISTS_STATEMENTS, log_line_prefix: "'%a '" };
    const primary = await PostgresServer.start({ settings });
    const servers = [primary];
    try {
      await primary.query('CREATE ROLE app LOGIN');
      await primary.query(
        'CREATE TABLE prices AS SELECT n, n * 7 AS price FROM generate_series(1, 10000) AS n',
      );
      await primary.query('ALTER TABLE prices ADD PRIMARY KEY (n)');
      await primary.query('GRANT SELECT ON prices TO app');
      for (let i = 0; i < 2; i += 1)
        servers.push(await PostgresServer.start({ follows: primary, settings }));
      const [, frozen, other] = servers as [PostgresServer, PostgresServer, PostgresServer];
      for (const standby of [frozen, other]) await caughtUp(primary, standby);
      progress('One of two replicas is frozen.');
      const oneOfTwo = await measure(servers, frozen, [frozen, other]);
      progress('The only replica is frozen, and the writer answers.');
      const onlyOne = await measure(servers, frozen, [frozen]);
      return { maxP99Ms: MAX_P99_MS, maxExtraPercent: MAX_EXTRA_PERCENT, oneOfTwo, onlyOne };
    } finally {
      for (const server of servers.reverse()) await server.stop();
    }
  },
};

async function measure(
  servers: readonly PostgresServer[],
  frozen: PostgresServer,
  readers: readonly PostgresServer[],
) {
  const [primary] = servers as [PostgresServer];
  let hedged = 0;
  const pool = new ReplicaPool({
    writer: at(primary),
    readers: readers.map((reader) => at(reader)),
    onEvent: ({ kind }) => {
      if (kind === 'hedged') hedged += 1;
    },
  });
  const times: number[] = [];
  let errors = 0;
  const read = async (n: number): Promise<void> => {
    const began = performance.now();
    try {
      await pool.read('SELECT price FROM prices WHERE n = $1', [n]);
    } catch {
      errors += 1;
    }
    times.push(performance.now() - began);
  };
  /** Sends reads at the rate, however long they take. */
  const load = async (seconds: number): Promise<void> => {
    const began = performance.now();
    const reads: Promise<void>[] = [];
    for (let n = 1; n <= seconds * READS_PER_SECOND; n += 1) {
      reads.push(read(n));
      await sleep(Math.max(0, began + (n * 1_000) / READS_PER_SECOND - performance.now()));
    }
    await Promise.all(reads);
  };
  try {
    await load(WARM_SECONDS);
    times.length = 0;
    const before = executions(servers, 'pool LOG');
    const thaw = await frozen.freeze();
    await load(FROZEN_SECONDS).finally(thaw);
    // What the replica had received before is executed now.
    await sleep(1_000);
    const statements = executions(servers, 'pool LOG') - before;
    times.sort((a, b) => a - b);
    const at99 = times[Math.ceil(times.length * 0.99) - 1] as number;
    return {
      reads: times.length,
      errors,
      medianMs: rounded(times[Math.floor(times.length / 2)] as number),
      p99Ms: rounded(at99),
      longestMs: rounded(times.at(-1) as number),
      hedged,
      extraPercent: rounded((100 * (statements - times.length)) / times.length),
    };
  } finally {
    await pool.close({ drainMs: 1_000 });
  }
}
