/** The pool while servers are killed, hang and are promoted. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnknownOutcomeError } from '../../../lib/runtime/replicas/errors';
import type { ReplicaPoolEvent, ReplicaPoolOptions } from '../../../lib/runtime/replicas/options';
import { ReplicaPool } from '../../../lib/runtime/replicas/replica-pool';
import { scramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer } from '../pgbouncer-server';
import { PostgresServer } from '../postgres-server';
import { freePort, serversHere } from '../server-process';
import { at, caughtUp, IS_REPLICA, poolOf, startPrimary, TERMINATE_POOLS, until } from './fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup', 'pgbouncer', 'psql')
  ? describe
  : describe.skip;
jest.setTimeout(60_000);

/**
 * Opens a port in front of several servers. Each connection goes to the next server, as with a DNS
 * name of several records.
 */
async function roundRobin(
  port: number,
  servers: readonly PostgresServer[],
): Promise<{ close(): void }> {
  let turn = 0;
  const open = new Set<Socket>();
  const proxy = createServer((client) => {
    turn += 1;
    const server = connect((servers[turn % servers.length] as PostgresServer).port, '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy()).on('close', () => open.delete(one));
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve));
  return {
    close() {
      proxy.close();
      for (const socket of open) socket.destroy();
    },
  };
}

describeHere('ReplicaPool when servers fail', () => {
  let primary: PostgresServer;
  let near: PostgresServer;
  let far: PostgresServer;
  let made: ReplicaPool;
  let events: ReplicaPoolEvent[];

  const pool = (options: Partial<ReplicaPoolOptions> = {}): ReplicaPool =>
    new ReplicaPool({
      writer: [at(primary), at(near, { name: 'heir' })],
      readers: [at(near), at(far, { distance: 1 })],
      max: 5,
      min: 0,
      checkIntervalMs: 200,
      connectTimeoutMs: 500,
      ejectMs: 100,
      acquireTimeoutMs: 20_000,
      onEvent: (event) => events.push(event),
      ...options,
    });

  beforeAll(async () => {
    primary = await startPrimary('orders', 'n int PRIMARY KEY');
    near = await PostgresServer.start({
      follows: primary,
      settings: { max_standby_streaming_delay: 100 },
    });
    far = await PostgresServer.start({ follows: primary });
  });
  beforeEach(async () => {
    await primary.query('TRUNCATE orders');
    for (const standby of [near, far]) await caughtUp(primary, standby);
    events = [];
    made = pool();
  });
  afterEach(() => made.close({ drainMs: 500 }));
  afterAll(async () => {
    for (const server of [far, near, primary]) await server?.stop();
  });

  const port = async () => (await made.read('SELECT inet_server_port() AS port')).rows[0].port;

  test('a write with an unknown outcome is retried only if it is idempotent', async () => {
    const sent = made.write(
      'INSERT INTO orders SELECT 1 FROM pg_sleep(0.3) ON CONFLICT DO NOTHING',
      [],
      { idempotent: true },
    );
    await sleep(100);
    await primary.query(TERMINATE_POOLS);
    expect((await sent).rowCount).toBe(1);
    const plain = made
      .write('INSERT INTO orders SELECT 2 FROM pg_sleep(0.3)')
      .catch((error: unknown) => error);
    await sleep(100);
    await primary.query(TERMINATE_POOLS);
    expect(await plain).toBeInstanceOf(UnknownOutcomeError);
  });

  test('a read that conflicts with recovery is answered by another replica', async () => {
    await primary.query('INSERT INTO orders SELECT generate_series(1, 5000)');
    for (const standby of [near, far]) await caughtUp(primary, standby);
    const slow = made.read(
      'SELECT (SELECT pg_sleep(1))::text, (SELECT count(*)::int FROM orders) AS n, ' +
        'inet_server_port() AS port',
    );
    await sleep(200);
    await primary.query('DELETE FROM orders');
    await primary.query('VACUUM orders');
    expect((await slow).rows[0].port).toBe(far.port);
    expect(events.filter(({ kind }) => kind === 'retried')).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ code: '40001' }) }),
    );
  });

  test('behind a pooler of two replicas, check and read run on one server', async () => {
    const verifier = scramVerifier('app');
    await primary.query(`ALTER ROLE app PASSWORD '${verifier}'`);
    for (const standby of [near, far]) await caughtUp(primary, standby);
    const behind = await freePort();
    const proxy = await roundRobin(behind, [near, far]);
    const pooler = await PgbouncerServer.start({
      server: { port: behind } as PostgresServer,
      users: { app: verifier },
    });
    await near.query('SELECT pg_wal_replay_pause()');
    const through = pool({
      writer: at(primary),
      readers: [
        { host: '127.0.0.1', port: pooler.port, user: 'app', password: 'app', database: 'app' },
      ],
      max: 12,
      maxWaitMs: 2_000,
    });
    try {
      const { token } = await through.write('INSERT INTO orders VALUES (1)');
      await caughtUp(primary, far);
      const query = 'SELECT count(*)::int AS n, inet_server_port() AS port FROM orders';
      const plain = await Promise.all(Array.from({ length: 200 }, () => through.read(query)));
      // The control without tokens: both servers answer, and the paused one lacks the row.
      expect(new Set(plain.map(({ rows }) => rows[0].n))).toEqual(new Set([0, 1]));
      const current = await Promise.all(
        Array.from({ length: 200 }, () => through.read(query, [], { after: token })),
      );
      expect(new Set(current.map(({ rows }) => rows[0].n))).toEqual(new Set([1]));
      expect(new Set(current.map(({ rows }) => rows[0].port))).toContain(far.port);
      expect(new Set(current.map(({ rows }) => rows[0].port))).not.toContain(near.port);
    } finally {
      await near.query('SELECT pg_wal_replay_resume()');
      await through.close();
      await pooler.stop();
      proxy.close();
    }
  });

  test('a replica that hangs is detected, and its reads are answered elsewhere', async () => {
    // More reads than connections: those that wait for a connection are answered elsewhere too.
    const hung = Array.from({ length: 8 }, () =>
      made.read('SELECT inet_server_port() AS port, pg_sleep(1)'),
    );
    await sleep(100);
    const thaw = await near.freeze();
    try {
      for (const { rows } of await Promise.all(hung)) expect(rows[0].port).toBe(far.port);
      expect(await port()).toBe(far.port);
    } finally {
      thaw();
    }
    await until(async () => (await port()) === near.port);
  });

  test('others answer for the nearest replica while it is down', async () => {
    expect(await port()).toBe(near.port);
    const running = Array.from({ length: 8 }, (_, n) =>
      made.read('SELECT pg_sleep(0.5), $1::int AS n', [n]),
    );
    await sleep(200);
    await near.kill();
    expect((await Promise.all(running)).map(({ rows }) => rows[0].n)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
    expect(await port()).toBe(far.port);
    await until(() => events.some(({ kind }) => kind === 'ejected'));
    await near.restart();
    await until(async () => (await port()) === near.port);

    await near.kill();
    await far.kill();
    expect(await port()).toBe(primary.port);
    await near.restart();
    await far.restart();
  });

  test('after a promotion, writes go on, and tokens of both timelines hold', async () => {
    const { token } = await made.write('INSERT INTO orders VALUES (1)');
    for (const standby of [near, far]) await caughtUp(primary, standby);

    const cut = made
      .write('INSERT INTO orders SELECT 2 FROM pg_sleep(5)')
      .catch((error: unknown) => error);
    await sleep(200);
    await primary.kill();
    expect(await cut).toBeInstanceOf(UnknownOutcomeError);
    // Nothing has been sent yet, so the write waits for a writer.
    const waiting = made.write('INSERT INTO orders VALUES (3)');
    await near.promote();
    const after = await waiting;
    expect(after.token.split('.')[1]).toBe('2');
    expect(
      (await made.read('SELECT n FROM orders ORDER BY n', [], { after: after.token })).rows,
    ).toEqual([{ n: 1 }, { n: 3 }]);
    expect(
      (await made.read('SELECT n FROM orders ORDER BY n', [], { after: token })).rows[0],
    ).toEqual({ n: 1 });
    // The other standby still follows the dead primary. Its timeline is old, so it is not trusted.
    const orphan = poolOf(near, far, { max: 2, maxWaitMs: 60_000 });
    expect((await orphan.read(IS_REPLICA, [], { after: after.token })).rows).toEqual([
      { replica: false },
    ]);
    expect((await orphan.read(IS_REPLICA)).rows).toEqual([{ replica: true }]);
    await orphan.close();
  });
});
