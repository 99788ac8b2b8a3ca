/** The pool on a real primary with a standby, and through a real PgBouncer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AcquireTimeoutError } from '../../../lib/runtime/replicas/errors';
import type {
  ReplicaPoolEvent,
  ReplicaPoolOptions,
  ReplicaServer,
} from '../../../lib/runtime/replicas/options';
import type { ReplicaPool } from '../../../lib/runtime/replicas/replica-pool';
import { scramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer } from '../pgbouncer-server';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import {
  caughtUp,
  IS_REPLICA,
  pauseReplay,
  poolOf,
  resetTable,
  startPrimary,
  TERMINATE_POOLS,
  until,
} from './fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup', 'pgbouncer', 'psql')
  ? describe
  : describe.skip;
jest.setTimeout(60_000);

describeHere('ReplicaPool', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let pools: ReplicaPool[] = [];
  let events: ReplicaPoolEvent[] = [];

  const pool = (options: Partial<ReplicaPoolOptions> = {}): ReplicaPool => {
    const made = poolOf(primary, standby, {
      max: 5,
      checkIntervalMs: 200,
      ejectMs: 100,
      onEvent: (event) => events.push(event),
      ...options,
    });
    pools.push(made);
    return made;
  };

  /** Reads a row with the token of its write. Returns whether the replica answered. */
  const readsBack = async (made: ReplicaPool, n: number, after?: string): Promise<boolean> => {
    const { rows } = await made.read(
      'SELECT n, pg_is_in_recovery() AS replica FROM orders WHERE n = $1',
      [n],
      { after },
    );
    expect(rows).toEqual([{ n, replica: expect.anything() }]);
    return rows[0].replica;
  };

  beforeAll(async () => {
    primary = await startPrimary('orders', 'n int PRIMARY KEY, note text');
    standby = await PostgresServer.start({ follows: primary });
    await caughtUp(primary, standby);
  });
  afterEach(async () => {
    await Promise.all(pools.map((made) => made.close({ drainMs: 1_000 })));
    pools = [];
    events = [];
    await resetTable(primary, standby, 'orders');
  });
  afterAll(async () => {
    await standby?.stop();
    await primary?.stop();
  });

  test('plain queries run on the replica, and other statements on the writer', async () => {
    const made = pool();
    expect((await made.query(IS_REPLICA)).rows).toEqual([{ replica: true }]);
    expect((await made.query(IS_REPLICA, [], { route: 'writer' })).rows).toEqual([
      { replica: false },
    ]);
    expect(
      (await made.query('SELECT pg_is_in_recovery() AS replica, pg_advisory_xact_lock(1)')).rows[0]
        .replica,
    ).toBe(false);
    const written = await made.query('INSERT INTO orders VALUES ($1, $2) RETURNING n', [1, 'one']);
    expect(written).toMatchObject({ command: 'INSERT', rowCount: 1, rows: [{ n: 1 }] });
    await expect(made.query('SELECT nowhere FROM orders')).rejects.toMatchObject({ code: '42703' });
  });

  test('a view that writes is refused by the replica and runs on the writer, once', async () => {
    await primary.query(
      'CREATE FUNCTION mark() RETURNS int LANGUAGE sql ' +
        "AS 'INSERT INTO orders VALUES (7) RETURNING n'",
    );
    await primary.query('CREATE VIEW marks AS SELECT mark() AS n');
    await primary.query('GRANT SELECT ON marks TO app');
    await caughtUp(primary, standby);
    expect((await pool().query('SELECT n FROM marks')).rows).toEqual([{ n: 7 }]);
    expect(await primary.query('SELECT n FROM orders')).toEqual([{ n: 7 }]);
  });

  test('a read with a token waits for the replica, or runs on the writer', async () => {
    const made = pool({ maxWaitMs: 200 });
    await pauseReplay(standby);
    const { token } = await made.write('INSERT INTO orders VALUES ($1)', [1]);

    const count = `SELECT count(*)::int AS n, pg_is_in_recovery() AS replica FROM orders`;
    expect((await made.read(count)).rows).toEqual([{ n: 0, replica: true }]);
    expect((await made.read(count, [], { after: token })).rows).toEqual([{ n: 1, replica: false }]);
    expect(events).toContainEqual({ kind: 'read-by-writer', because: 'behind' });
    expect((await made.read(count, [], { after: token, staleReads: 'reader' })).rows).toEqual([
      { n: 0, replica: true },
    ]);

    const waiting = made.read(count, [], { after: token, maxWaitMs: 20_000 });
    await sleep(100);
    await standby.query('SELECT pg_wal_replay_resume()');
    expect((await waiting).rows).toEqual([{ n: 1, replica: true }]);
  });

  test('a token of another system or timeline goes to the writer at once', async () => {
    const made = pool({ maxWaitMs: 60_000 });
    const { token } = await made.write('INSERT INTO orders VALUES ($1)', [1]);
    const [system, timeline, lsn] = token.split('.');
    await caughtUp(primary, standby);
    expect((await made.read(IS_REPLICA, [], { after: token })).rows).toEqual([{ replica: true }]);
    expect((await made.read(IS_REPLICA, [], { after: `1.${timeline}.${lsn}` })).rows).toEqual([
      { replica: false },
    ]);
    expect(
      (await made.read(IS_REPLICA, [], { after: `${system}.${Number(timeline) + 1}.${lsn}` })).rows,
    ).toEqual([{ replica: false }]);
    await expect(
      made.read(IS_REPLICA, [], { after: "0/0'; DROP TABLE orders; --" }),
    ).rejects.toThrow('after must be a token');
  });

  test('a read with a token sees its write while the replica replays', async () => {
    const made = pool();
    let byReplica = 0;
    const walk = async (worker: number) => {
      for (let i = 0; i < 40; i += 1) {
        const n = worker * 1_000 + i;
        const { token } = await made.write('INSERT INTO orders VALUES ($1)', [n]);
        byReplica += (await readsBack(made, n, token)) ? 1 : 0;
      }
    };
    await Promise.all([1, 2, 3, 4].map(walk));
    expect(byReplica).toBeGreaterThan(0);
  });

  test('a transaction is atomic, and its token makes it visible', async () => {
    const made = pool();
    const { value, token } = await made.transaction(async (client) => {
      const pid = async () => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
      const first = await pid();
      await client.query('INSERT INTO orders VALUES ($1)', [1]);
      expect(await pid()).toBe(first);
      return 'done';
    });
    expect(value).toBe('done');
    expect((await made.read('SELECT n FROM orders', [], { after: token })).rows).toEqual([
      { n: 1 },
    ]);

    await expect(
      made.transaction(async (client) => {
        await client.query('INSERT INTO orders VALUES (2)');
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    await expect(
      made.transaction(async (client) => {
        await client.query('INSERT INTO orders VALUES (3)');
        await client.query('INSERT INTO orders VALUES (1)').catch(() => {});
      }),
    ).rejects.toThrow('rolled back at COMMIT');
    expect(await primary.query('SELECT n FROM orders')).toEqual([{ n: 1 }]);

    let escaped: { query(statement: string): Promise<unknown> } | undefined;
    const reading = await made.transaction(
      async (client) => {
        escaped = client;
        return (await client.query(IS_REPLICA)).rows;
      },
      { readOnly: true, isolation: 'repeatable read' },
    );
    expect(reading.value).toEqual([{ replica: true }]);
    await expect(escaped?.query(IS_REPLICA)).rejects.toThrow('The transaction is over');
    const serializable = await made.transaction(
      async (client) => (await client.query(IS_REPLICA)).rows,
      {
        readOnly: true,
        isolation: 'serializable',
      },
    );
    expect(serializable.value).toEqual([{ replica: false }]);
    const seen = await made.transaction(
      async (client) => (await client.query('SELECT n FROM orders')).rows,
      {
        readOnly: true,
        after: token,
      },
    );
    expect(seen.value).toEqual([{ n: 1 }]);
  });

  test('conflicting transactions are retried', async () => {
    await primary.query('INSERT INTO orders VALUES (1, $1)', ['0']);
    const made = pool();
    const increment = () =>
      made.transaction(
        async (client) => {
          const { rows } = await client.query('SELECT note FROM orders WHERE n = 1');
          await client.query('UPDATE orders SET note = $1 WHERE n = 1', [
            String(Number(rows[0].note) + 1),
          ]);
        },
        { isolation: 'serializable', retries: 50 },
      );
    await Promise.all(Array.from({ length: 5 }, increment));
    expect(await primary.query('SELECT note FROM orders')).toEqual([{ note: '5' }]);
    expect(events.some(({ kind }) => kind === 'retried')).toBe(true);
  });

  test('the budget holds even when connections break, and a timeout shows it', async () => {
    const made = pool({ readers: [], max: 4, acquireTimeoutMs: 15_000 });
    let most = 0;
    let counting = true;
    const counter = (async () => {
      const client = await primary.connect();
      while (counting) {
        const { rows } = await client.query(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'pool'`,
        );
        most = Math.max(most, rows[0].n);
      }
      await client.end();
    })();
    const killer = (async () => {
      for (let i = 0; i < 10; i += 1) {
        await sleep(50);
        await primary.query(TERMINATE_POOLS);
      }
    })();
    const asked = Array.from({ length: 200 }, () =>
      made.read('SELECT pg_sleep(0.01)').then(
        () => true,
        () => false,
      ),
    );
    const answered = (await Promise.all(asked)).filter((yes) => yes).length;
    await killer;
    counting = false;
    await counter;
    expect(answered).toBeGreaterThan(100);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);

    const small = pool({ readers: [], max: 2, acquireTimeoutMs: 200 });
    const holding = [1, 2].map(() => small.query('SELECT pg_sleep(1)'));
    const error = await small.query('SELECT 1').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AcquireTimeoutError);
    expect(String(error)).toMatch(
      /writer was free within 200 ms \(acquireTimeoutMs\): 2 of 2 \(max\) are open, 2 busy/,
    );
    await Promise.all(holding);
  });

  test('close waits for statements, refuses new ones, and ends connections', async () => {
    const made = pool();
    const running = made.query('SELECT pg_sleep(0.3), 1 AS n');
    await sleep(100);
    const closing = made.close();
    await expect(made.query('SELECT 1')).rejects.toThrow('it is closed');
    expect((await running).rows[0].n).toBe(1);
    await closing;
    const left = async (server: PostgresServer) =>
      (await server.query(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'pool'`)).length;
    await until(async () => (await left(primary)) + (await left(standby)) === 0);

    const stuck = pool();
    const never = stuck.query('SELECT pg_sleep(60)').catch((error: unknown) => error);
    await sleep(100);
    await stuck.close({ drainMs: 100 });
    expect(await never).toBeInstanceOf(Error);
  });

  test('through PgBouncer in transaction mode, a read with a token sees its write', async () => {
    const verifier = scramVerifier('app');
    await primary.query(`ALTER ROLE app PASSWORD '${verifier}'`);
    await caughtUp(primary, standby);
    const bouncers = await Promise.all(
      [primary, standby].map((server) =>
        PgbouncerServer.start({ server, users: { app: verifier } }),
      ),
    );
    const through = ({ port }: PgbouncerServer): ReplicaServer => ({
      host: '127.0.0.1',
      port,
      user: 'app',
      password: 'app',
      database: 'app',
    });
    try {
      const [writer, reader] = bouncers as [PgbouncerServer, PgbouncerServer];
      const made = pool({ writer: through(writer), readers: [through(reader)], max: 10 });
      let byReplica = 0;
      const walk = async (worker: number) => {
        for (let i = 0; i < 25; i += 1) {
          const n = worker * 1_000 + i;
          const { token } =
            i % 2 === 0
              ? await made.write('INSERT INTO orders VALUES ($1)', [n])
              : await made.transaction((client) =>
                  client.query('INSERT INTO orders VALUES ($1)', [n]),
                );
          byReplica += (await readsBack(made, n, token)) ? 1 : 0;
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, worker) => walk(worker)));
      expect(byReplica).toBeGreaterThan(0);
      // No connection of the pooler to the server is left in a transaction.
      const idle = await standby.query(
        'SELECT 1 FROM pg_stat_activity ' +
          "WHERE usename = 'app' AND state LIKE 'idle in transaction%'",
      );
      expect(idle).toEqual([]);
      await made.close();
    } finally {
      await Promise.all(bouncers.map((bouncer) => bouncer.stop()));
    }
  });
});
