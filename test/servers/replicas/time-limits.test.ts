/** Time limits of statements, and what statements leave in their sessions, on real servers. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueryTimeoutError, UnknownOutcomeError } from '../../../lib/runtime/replicas/errors';
import type {
  ReplicaPoolEvent,
  ReplicaPoolOptions,
  ReplicaServer,
} from '../../../lib/runtime/replicas/options';
import { ReplicaPool } from '../../../lib/runtime/replicas/replica-pool';
import { scramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer } from '../pgbouncer-server';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { at, caughtUp, executions, LISTS_STATEMENTS, startPrimary, until } from './fixture';

const describeHere = serversHere(
  'postgres',
  'initdb',
  'pg_basebackup',
  'pgbouncer',
  'psql',
  'openssl',
)
  ? describe
  : describe.skip;
jest.setTimeout(60_000);

/** Turns on TLS with a certificate for `localhost`, and returns it. */
async function withTls(server: PostgresServer): Promise<string> {
  const files = ['server.key', 'server.crt'].map((name) => join(server.data, name));
  const [key, certificate] = files as [string, string];
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
      ...['-keyout', key, '-out', certificate],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`openssl failed.\n${stderr}`);
  const { uid, gid } = statSync(server.data);
  for (const file of files) {
    chmodSync(file, 0o600);
    chownSync(file, uid, gid);
  }
  await server.query('ALTER SYSTEM SET ssl = on');
  await server.query('SELECT pg_reload_conf()');
  await until(async () => (await server.query<{ ssl: string }>('SHOW ssl'))[0]?.ssl === 'on');
  return readFileSync(certificate, 'utf8');
}

describeHere('ReplicaPool: time limits and sessions', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let poolers: PgbouncerServer[] = [];
  let pools: ReplicaPool[] = [];
  let events: ReplicaPoolEvent[] = [];

  const keep = (made: ReplicaPool): ReplicaPool => {
    pools.push(made);
    return made;
  };
  const pool = (
    server: Partial<ReplicaServer>,
    options: Partial<ReplicaPoolOptions> = {},
  ): ReplicaPool =>
    keep(
      new ReplicaPool({
        writer: at(primary, server),
        readers: [at(standby, server), at(standby, { name: 'second', ...server })],
        max: 3,
        min: 0,
        acquireTimeoutMs: 50_000,
        onEvent: (event) => events.push(event),
        ...options,
      }),
    );
  const through = (
    server: Partial<ReplicaServer> = {},
    options: Partial<ReplicaPoolOptions> = {},
  ): ReplicaPool => {
    const [writer, reader] = poolers.map(
      ({ port }): ReplicaServer => ({
        host: '127.0.0.1',
        port,
        user: 'app',
        password: 'app',
        database: 'app',
        ...server,
      }),
    );
    return pool({}, { writer, readers: [reader as ReplicaServer], ...options });
  };
  const both = () => [primary, standby];
  /** Waits until no server executes a statement with a text, which the connection may outlive. */
  const idle = (text: string) =>
    until(async () => {
      const running = await Promise.all(
        both().map((server) =>
          server.query(
            "SELECT 1 FROM pg_stat_activity WHERE usename = 'app' AND state = 'active' " +
              'AND query LIKE $1',
            [`%${text}%`],
          ),
        ),
      );
      return running.flat().length === 0;
    });
  const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

  beforeAll(async () => {
    const settings = LISTS_STATEMENTS;
    primary = await startPrimary('orders', 'n int PRIMARY KEY', settings);
    const verifier = scramVerifier('app');
    await primary.query(`ALTER ROLE app PASSWORD '${verifier}'`);
    standby = await PostgresServer.start({ follows: primary, settings });
    await caughtUp(primary, standby);
    poolers = await Promise.all(
      both().map((server) => PgbouncerServer.start({ server, users: { app: verifier } })),
    );
  });
  afterEach(async () => {
    await Promise.all(pools.map((made) => made.close({ drainMs: 1_000 })));
    pools = [];
    events = [];
    await primary.query('TRUNCATE orders');
  });
  afterAll(async () => {
    for (const server of [...poolers, standby, primary]) await server?.stop();
  });

  describe('query_timeout', () => {
    const limits: [from: string, make: () => ReplicaPool, own: number | undefined][] = [
      ['the options', () => pool({ query_timeout: 200 }), undefined],
      [
        'the URL',
        () =>
          pool(
            {},
            {
              writer: { connectionString: `${primary.url('postgres', 'app')}?query_timeout=200` },
              readers: [
                { connectionString: `${standby.url('postgres', 'app')}?query_timeout=200` },
              ],
            },
          ),
        undefined,
      ],
      ['the statement', () => pool({}), 200],
      ['the options, through a pooler', () => through({ query_timeout: 200 }), undefined],
    ];

    test.each(limits)(
      'of %s ends a read at once, executed once and canceled',
      async (from, make, own) => {
        const made = make();
        const text = `SELECT pg_sleep(60) /* limit of ${from} */`;
        const error = await failure(made.query({ text, query_timeout: own }));
        expect(error).toBeInstanceOf(QueryTimeoutError);
        expect(String(error)).toMatch(/did not answer within 200 ms \(query_timeout\)/);
        await idle(text);
        expect((await made.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
        expect(executions(both(), text)).toBe(1);
        expect(events.filter(({ kind }) => kind === 'retried')).toEqual([]);
      },
    );

    test('is canceled over TLS, with the name in the certificate', async () => {
      const ca = await withTls(standby);
      const server = { host: 'localhost', port: standby.port, user: 'app', database: 'postgres' };
      const made = pool(
        {},
        { readers: [{ ...server, ssl: { ca }, query_timeout: 300, name: 'encrypted' }] },
      );
      const used = await made.read('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      expect(used.rows).toEqual([{ ssl: true }]);
      const slow = failure(made.read('SELECT pg_sleep(60) /* over TLS */'));
      expect(await slow).toBeInstanceOf(QueryTimeoutError);
      await idle('/* over TLS */');
      expect(executions(both(), '/* over TLS */')).toBe(1);
    });

    test('of a write leaves its outcome unknown, and the write is canceled', async () => {
      const made = pool({ query_timeout: 200 });
      const text = 'INSERT INTO orders SELECT 1 FROM pg_sleep(60) /* plain */';
      for (const error of [await failure(made.write(text)), await failure(made.query(text))]) {
        expect(error).toBeInstanceOf(UnknownOutcomeError);
        expect((error as Error).cause).toBeInstanceOf(QueryTimeoutError);
      }
      await idle('/* plain */');
      expect(await primary.query('SELECT n FROM orders')).toEqual([]);
      expect(executions(both(), '/* plain */')).toBe(2);
    });

    test('of an idempotent write, or of a read on the writer, is the error itself', async () => {
      const made = pool({ query_timeout: 200 });
      const write = 'INSERT INTO orders SELECT 1 FROM pg_sleep(60) /* idempotent */';
      expect(await failure(made.write(write, [], { idempotent: true }))).toBeInstanceOf(
        QueryTimeoutError,
      );
      const read = 'SELECT pg_sleep(60) /* on the writer */';
      expect(await failure(made.query(read, [], { route: 'writer' }))).toBeInstanceOf(
        QueryTimeoutError,
      );
      await idle('pg_sleep');
      expect(executions(both(), '/* idempotent */')).toBe(1);
      expect(executions(both(), '/* on the writer */')).toBe(1);
    });

    test('of a statement rolls its transaction back, which is not retried', async () => {
      const made = pool({ query_timeout: 200 });
      let runs = 0;
      const work = (caught: boolean) =>
        made.transaction(
          async (client) => {
            runs += 1;
            await client.query('INSERT INTO orders VALUES (1)');
            const slow = client.query('SELECT pg_sleep(60) /* in a transaction */');
            await (caught ? slow.catch(() => {}) : slow);
          },
          { retries: 3 },
        );
      expect(await failure(work(false))).toBeInstanceOf(QueryTimeoutError);
      // COMMIT is not sent, so nothing is in doubt.
      expect(await failure(work(true))).toBeInstanceOf(QueryTimeoutError);
      expect(runs).toBe(2);
      await idle('/* in a transaction */');
      expect(await primary.query('SELECT n FROM orders')).toEqual([]);
      expect((await made.write('INSERT INTO orders VALUES (2)')).rowCount).toBe(1);
    });

    test('of many statements keeps the budget, and their connections are not used again', async () => {
      const made = pool({ query_timeout: 200 }, { readers: [], max: 2 });
      const pid = async () => (await made.read('SELECT pg_backend_pid() AS pid')).rows[0].pid;
      const before = new Set(await Promise.all([pid(), pid()]));
      const errors = await Promise.all(
        Array.from({ length: 6 }, () => failure(made.query('SELECT pg_sleep(60) /* many */'))),
      );
      for (const error of errors) expect(error).toBeInstanceOf(QueryTimeoutError);
      expect(before).not.toContain(await pid());
      expect(made.status().writers[0]?.open).toBeLessThanOrEqual(2);
      await idle('/* many */');
      expect(executions(both(), '/* many */')).toBe(6);
    });

    test('does not limit a fast statement, nor the wait for a token', async () => {
      const made = pool({ query_timeout: 2_000 });
      const { token } = await made.write('INSERT INTO orders VALUES (1)');
      const read = await made.read('SELECT n FROM orders', [], { after: token, maxWaitMs: 10_000 });
      expect(read.rows).toEqual([{ n: 1 }]);
      const unlimited = await made.query({
        text: 'SELECT 1 AS n FROM pg_sleep(2.5)',
        query_timeout: 0,
      });
      expect(unlimited.rows).toEqual([{ n: 1 }]);
    });
  });

  describe('limits of the server', () => {
    test('a statement_timeout and a lock_timeout are errors at once, executed once', async () => {
      const made = pool({ statement_timeout: 200, lock_timeout: 100 });
      expect(await failure(made.read('SELECT pg_sleep(60) /* 57014 */'))).toMatchObject({
        code: '57014',
      });
      expect(executions(both(), '/* 57014 */')).toBe(1);
      const blocker = await primary.connect();
      await blocker.query('BEGIN; LOCK TABLE orders');
      expect(await failure(made.write('DELETE FROM orders /* 55P03 */'))).toMatchObject({
        code: '55P03',
      });
      await blocker.end();
      expect(executions(both(), '/* 55P03 */')).toBe(1);
    });

    test('a transaction that idles for too long ends with the reason, and is not retried', async () => {
      const made = pool({ idle_in_transaction_session_timeout: 100 });
      let runs = 0;
      const idled = made.transaction(
        async (client) => {
          runs += 1;
          await client.query('INSERT INTO orders VALUES (1)');
          await sleep(400);
          await client.query('INSERT INTO orders VALUES (2)');
        },
        { retries: 3 },
      );
      expect(await failure(idled)).toMatchObject({ code: '25P03' });
      expect(runs).toBe(1);
      expect((await made.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
    });

    test("an error of the work's own network does not break the transaction's connection", async () => {
      const made = pool({});
      let runs = 0;
      const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      const pid = async () =>
        (await made.query('SELECT pg_backend_pid() AS pid', [], { route: 'writer' })).rows[0].pid;
      const before = await pid();
      const failed = made.transaction(
        async (client) => {
          runs += 1;
          await client.query('INSERT INTO orders VALUES (1)');
          throw reset;
        },
        { retries: 3 },
      );
      expect(await failure(failed)).toBe(reset);
      expect(runs).toBe(1);
      expect(await pid()).toBe(before);
      expect(await primary.query('SELECT n FROM orders')).toEqual([]);
    });

    test.each<[string, Partial<ReplicaServer>]>([
      ['statement_timeout', { statement_timeout: 5_000 }],
      ['lock_timeout', { lock_timeout: 5_000 }],
      ['idle_in_transaction_session_timeout', { idle_in_transaction_session_timeout: 5_000 }],
      ['options', { options: '-c work_mem=8MB' }],
    ])('a pooler refuses %s at once, with the way that works', async (name, server) => {
      const made = through(server, { acquireTimeoutMs: 600_000 });
      for (const call of [
        () => made.read('SELECT 1'),
        () => made.write('DELETE FROM orders'),
        () => made.transaction((client) => client.query('SELECT 1')),
        () => made.transaction((client) => client.query('SELECT 1'), { readOnly: true }),
      ]) {
        const error = await failure(call());
        expect(String(error)).toMatch(
          new RegExp(`the pooler of \\S+ refuses the start-up parameter ${name}`),
        );
        expect(String(error)).toMatch(/ALTER ROLE … SET|SET LOCAL/);
      }
      expect(events.filter(({ kind }) => kind === 'retried')).toEqual([]);
    });

    test('a pooler refuses a wrong password or database at once', async () => {
      for (const server of [{ password: 'wrong' }, { database: 'nowhere' }]) {
        const made = through(server, { acquireTimeoutMs: 600_000, readers: [] });
        expect(await failure(made.query('SELECT 1'))).toMatchObject({ severity: 'FATAL' });
      }
      expect(events).toEqual([]);
    });

    test('through a pooler, SET LOCAL limits the statements of a transaction', async () => {
      const limited = through().transaction(async (client) => {
        await client.query("SET LOCAL statement_timeout = '100ms'");
        await client.query('SELECT pg_sleep(60)');
      });
      expect(await failure(limited)).toMatchObject({ code: '57014' });
    });
  });

  describe('state of a session', () => {
    test.each([
      ["SET work_mem = '8MB'", 'SET'],
      ['SET ROLE app', 'SET ROLE'],
      ['LISTEN orders', 'LISTEN'],
      ['CREATE TEMP TABLE t (n int)', 'a temporary table'],
      ['SELECT pg_advisory_lock(1)', 'an advisory lock of the session'],
      ["SELECT set_config('work_mem', '8MB', false)", 'set_config'],
    ])('%s is refused outside a transaction', async (text, kept) => {
      const made = pool({});
      for (const call of [
        () => made.query(text),
        () => made.query({ text }, [], { route: 'reader' }),
        () => made.query(text, [], { route: 'writer' }),
        () => made.read(text),
        () => made.write(text),
      ]) {
        const error = await failure(call());
        expect(String(error)).toMatch(`got one that leaves ${kept}.`);
        expect(String(error)).not.toContain('8MB');
      }
      expect(made.status().writers[0]?.open).toBe(0);
    });

    test('none is left by a transaction', async () => {
      const made = pool({}, { readers: [], max: 2 });
      const workMem = "SELECT current_setting('work_mem') AS value";
      const before = (await made.query(workMem)).rows;
      for (const readOnly of [false, true]) {
        await made.transaction(
          async (client) => {
            await client.query("SET work_mem = '8MB'");
            await client.query('SELECT pg_advisory_lock(7)');
            if (!readOnly) await client.query('CREATE TEMP TABLE left_over (n int)');
            expect((await client.query(workMem)).rows).toEqual([{ value: '8MB' }]);
          },
          { readOnly },
        );
        expect((await made.query(workMem)).rows).toEqual(before);
        await expect(made.query('SELECT n FROM left_over')).rejects.toMatchObject({
          code: '42P01',
        });
        await until(async () => {
          const locks = await primary.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'");
          return locks.length === 0;
        });
      }
    });

    test('of the transaction alone costs no connection', async () => {
      const made = pool({}, { readers: [], max: 2 });
      const pids = new Set<number>();
      for (let i = 0; i < 3; i += 1) {
        await made.transaction(async (client) => {
          await client.query("SET LOCAL work_mem = '8MB'");
          await client.query("SELECT set_config('app.tenant', $1, true)", ['7']);
          await client.query('SELECT pg_advisory_xact_lock(7)');
          await client.query('CREATE TEMP TABLE mine (n int) ON COMMIT DROP');
          pids.add((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);
        });
      }
      expect(pids.size).toBe(1);
    });

    test('is refused in a transaction through a pooler, and SET LOCAL is not', async () => {
      const made = through();
      const kept = made.transaction((client) => client.query("SET work_mem = '8MB'"));
      expect(String(await failure(kept))).toMatch(
        /transaction through a pooler must leave nothing in its session/,
      );
      const { value } = await made.transaction(async (client) => {
        await client.query("SET LOCAL work_mem = '8MB'");
        return (await client.query("SELECT current_setting('work_mem') AS value")).rows;
      });
      expect(value).toEqual([{ value: '8MB' }]);
    });
  });
});
