/** The pool while servers are frozen: they accept what is sent to them, and never answer. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaPoolEvent, ReplicaPoolOptions } from '../../../lib/runtime/replicas/options';
import { ReplicaPool } from '../../../lib/runtime/replicas/replica-pool';
import { scramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer } from '../pgbouncer-server';
import { PostgresServer } from '../postgres-server';
import { freePort, serversHere } from '../server-process';
import { at, caughtUp, executions, LISTS_STATEMENTS, startPrimary, until } from './fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup', 'pgbouncer', 'psql')
  ? describe
  : describe.skip;
jest.setTimeout(60_000);

/** A port in front of a server. `stall` forgets open connections, without closing them. */
async function stallable(server: PostgresServer): Promise<{
  readonly port: number;
  /** All of them, or the one that has received most. */
  stall(which: 'all' | 'busiest'): void;
  close(): void;
}> {
  const port = await freePort();
  const open = new Set<readonly [client: Socket, server: Socket]>();
  const proxy = createServer((client) => {
    const pair = [client, connect(server.port, '127.0.0.1')] as const;
    open.add(pair);
    for (const [one, other] of [pair, [pair[1], client]] as const) {
      one.on('error', () => other.destroy()).on('close', () => open.delete(pair));
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve));
  return {
    port,
    stall(which) {
      const pairs = [...open].sort(([a], [b]) => b.bytesWritten - a.bytesWritten);
      for (const pair of which === 'all' ? pairs : pairs.slice(0, 1))
        for (const socket of pair) socket.unpipe().pause();
    },
    close() {
      proxy.close();
      for (const socket of [...open].flat()) socket.destroy();
    },
  };
}

describeHere('ReplicaPool when a server is frozen', () => {
  let primary: PostgresServer;
  let near: PostgresServer;
  let far: PostgresServer;
  let pools: ReplicaPool[] = [];
  let events: ReplicaPoolEvent[] = [];
  const thaws: (() => void)[] = [];

  /** Health checks are rare, so nothing but the reads themselves finds out. */
  const pool = (options: Partial<ReplicaPoolOptions> = {}): ReplicaPool => {
    const made = new ReplicaPool({
      writer: at(primary),
      readers: [at(near), at(far)],
      max: 10,
      min: 0,
      checkIntervalMs: 55_000,
      connectTimeoutMs: 2_000,
      onEvent: (event) => events.push(event),
      ...options,
    });
    pools.push(made);
    return made;
  };
  const freeze = async (...servers: readonly PostgresServer[]): Promise<void> => {
    for (const server of servers) thaws.push(await server.freeze());
  };
  const thaw = () => {
    for (const go of thaws.splice(0)) go();
  };
  const happened = (kind: ReplicaPoolEvent['kind']) =>
    events.filter((event) => event.kind === kind);
  const all = () => [primary, near, far];
  /** Reads until every reader has answered some: their usual times are known then. */
  const warm = async (made: ReplicaPool, text: string, reads = 100): Promise<void> => {
    for (let i = 0; i < reads; i += 1) await made.read(text);
  };
  const port = (text: string) => `SELECT inet_server_port() AS port /* ${text} */`;

  beforeAll(async () => {
    const settings = LISTS_STATEMENTS;
    primary = await startPrimary('orders', 'n int PRIMARY KEY', settings);
    await primary.query("ALTER ROLE app PASSWORD '".concat(scramVerifier('app'), "'"));
    await primary.query(
      "CREATE FUNCTION own() RETURNS int STABLE LANGUAGE sql AS 'SELECT inet_server_port()'",
    );
    near = await PostgresServer.start({ follows: primary, settings });
    far = await PostgresServer.start({ follows: primary, settings });
    for (const standby of [near, far]) await caughtUp(primary, standby);
  });
  afterEach(async () => {
    thaw();
    await Promise.all(pools.map((made) => made.close({ drainMs: 1_000 })));
    pools = [];
    events = [];
  });
  afterAll(async () => {
    for (const server of [far, near, primary]) await server?.stop();
  });

  test('reads are answered elsewhere, with few queries more, until it is back', async () => {
    const made = pool();
    const text = port('steady');
    await warm(made, text);
    await freeze(near);
    const answers: Promise<number>[] = [];
    for (let i = 0; i < 150; i += 1) {
      answers.push(made.read(text).then(({ rows }) => rows[0].port));
      await sleep(20);
    }
    expect(new Set(await Promise.all(answers))).toEqual(new Set([far.port]));
    expect(happened('hedged')).toContainEqual({
      kind: 'hedged',
      server: 'reader-1',
      because: 'silent',
    });
    expect(happened('set-aside')).toEqual([{ kind: 'set-aside', server: 'reader-1' }]);
    expect(made.status().readers.map(({ healthy }) => healthy)).toEqual([false, true]);
    thaw();
    await until(() => happened('restored').length > 0);
    await until(async () => (await made.read(text)).rows[0].port === near.port);
    const executed = executions(all(), '/* steady */');
    expect(executed).toBeGreaterThan(250);
    expect(happened('hedged').length).toBeLessThanOrEqual(0.05 * 250);
  });

  test('the writer answers when the only reader, or all of them, are frozen', async () => {
    const one = pool({ readers: [at(near)] });
    const both = pool();
    for (const made of [one, both]) await warm(made, port('writer'), 20);
    await freeze(near, far);
    for (const made of [one, both]) {
      const answers = await Promise.all(Array.from({ length: 3 }, () => made.read(port('writer'))));
      expect(answers.map(({ rows }) => rows[0].port)).toEqual(Array(3).fill(primary.port));
      expect((await made.read(port('writer'))).rows[0].port).toBe(primary.port);
    }
    expect(happened('read-by-writer')).toContainEqual({
      kind: 'read-by-writer',
      because: 'slow',
    });
  });

  test('a writer that is frozen does not keep readers from answering', async () => {
    const made = pool({ readers: [at(near)] });
    await warm(made, port('readers'), 20);
    await made.query('SELECT 1', [], { route: 'writer' });
    await freeze(primary);
    const slow = await made.read('SELECT inet_server_port() AS port, pg_sleep(2)');
    expect(slow.rows[0].port).toBe(near.port);
  });

  test('a pool that has not read yet finds out too', async () => {
    await freeze(near);
    const made = pool({ readers: [at(near), at(far, { distance: 1 })] });
    expect((await made.read(port('cold'))).rows[0].port).toBe(far.port);
  });

  test('a read with a token, and a transaction that reads, go elsewhere', async () => {
    const made = pool({ readers: [at(near), at(far, { distance: 1 })] });
    const begin = () =>
      made.transaction(async (client) => (await client.query(port('begin'))).rows[0].port, {
        readOnly: true,
      });
    const { token } = await made.write('INSERT INTO orders VALUES (1)');
    await caughtUp(primary, near);
    await caughtUp(primary, far);
    expect((await begin()).value).toBe(near.port);
    expect((await made.read(port('token'), [], { after: token })).rows[0].port).toBe(near.port);
    await freeze(near);
    const [read, transaction] = await Promise.all([
      made.read(port('token'), [], { after: token }),
      begin(),
    ]);
    expect(read.rows[0].port).toBe(far.port);
    expect(transaction.value).toBe(far.port);
    expect(executions([primary, far], '/* begin */')).toBe(1);
  });

  test('statements that are slow on every reader are hardly doubled', async () => {
    const made = pool();
    await warm(made, port('slow'), 20);
    const text = 'SELECT pg_sleep(1.5) /* slow everywhere */';
    await Promise.all(Array.from({ length: 16 }, () => made.read(text)));
    for (let i = 0; i < 4; i += 1) await made.read(text);
    expect(happened('set-aside')).toEqual([]);
    expect(happened('hedged').length).toBeLessThanOrEqual(1);
    expect(executions(all(), '/* slow everywhere */')).toBeLessThanOrEqual(21);
  });

  test('what might do more than read runs once, and `hedge` says otherwise', async () => {
    const made = pool({ readers: [at(near), at(far, { distance: 1 })] });
    const text = 'SELECT own() AS port /* once */';
    await made.read(text);
    await freeze(near);
    const waiting = made.read(text);
    await until(() => happened('set-aside').length > 0);
    thaw();
    expect((await waiting).rows[0].port).toBe(near.port);
    expect(executions(all(), '/* once */')).toBe(2);
    expect(happened('hedged')).toEqual([]);

    await until(() => happened('restored').length > 0);
    await freeze(near);
    const hedged = await made.read('SELECT own() AS port', [], { hedge: true });
    expect(hedged.rows[0].port).toBe(far.port);
  });

  test('nothing is sent twice without a budget', async () => {
    const made = pool({ hedgeShare: 0, readers: [at(near), at(far, { distance: 1 })] });
    await warm(made, port('no budget'), 5);
    await freeze(near);
    const waiting = made.read(port('no budget'));
    await until(() => happened('set-aside').length > 0);
    // New reads still avoid it.
    expect((await made.read(port('no budget'))).rows[0].port).toBe(far.port);
    thaw();
    expect((await waiting).rows[0].port).toBe(near.port);
    expect(happened('hedged')).toEqual([]);
  });

  test.each([
    ['one connection hangs', 'busiest'],
    ['all connections hang', 'all'],
  ] as const)('%s, and new ones would not: a read goes elsewhere', async (_, which) => {
    const proxy = await stallable(near);
    const readers = [
      { ...at(near), connectionString: `postgresql://app@127.0.0.1:${proxy.port}/postgres` },
      at(far, { distance: 1 }),
    ];
    const made = pool({ readers, checkIntervalMs: 2_000 });
    try {
      await warm(made, port('half-open'), 20);
      proxy.stall(which);
      expect((await made.read(port('half-open'))).rows[0].port).toBe(far.port);
      expect(happened('hedged').length).toBe(1);
      if (which === 'all') expect(happened('set-aside').length).toBe(1);
      await until(async () => (await made.read(port('half-open'))).rows[0].port === near.port);
    } finally {
      await made.close({ drainMs: 100 });
      proxy.close();
    }
  });

  test('a pooler that is frozen is a reader that is frozen', async () => {
    const pooler = await PgbouncerServer.start({
      server: near,
      users: { app: scramVerifier('app') },
    });
    const made = pool({
      readers: [
        { host: '127.0.0.1', port: pooler.port, user: 'app', password: 'app', database: 'app' },
        at(far, { distance: 1 }),
      ],
    });
    try {
      await warm(made, port('pooler'), 20);
      thaws.push(pooler.freeze());
      const answers = await Promise.all(Array.from({ length: 5 }, () => made.read(port('pooler'))));
      expect(new Set(answers.map(({ rows }) => rows[0].port))).toEqual(new Set([far.port]));
      expect(happened('set-aside').length).toBe(1);
      thaw();
      await until(() => happened('restored').length > 0);
      await until(async () => (await made.read(port('pooler'))).rows[0].port === near.port);
    } finally {
      thaw();
      await made.close({ drainMs: 100 });
      await pooler.stop();
    }
  });

  test('a pause of this process is no pause of a reader', async () => {
    const made = pool();
    await warm(made, port('pause'), 20);
    const answers = Promise.all(Array.from({ length: 8 }, () => made.read(port('pause'))));
    await new Promise((resolve) => setImmediate(resolve));
    const end = Date.now() + 400;
    while (Date.now() < end);
    await answers;
    expect(happened('hedged')).toEqual([]);
    expect(happened('set-aside')).toEqual([]);
  });
});
