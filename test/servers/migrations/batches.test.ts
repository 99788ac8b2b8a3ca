/** Statements in batches on a real server: each row once, whatever happens in between. */
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../../lib/tools/postgres/migrations/migrate';
import { formatMigrationPlan, planMigrations } from '../../../lib/tools/postgres/migrations/plan';
import type { MigrationEvent } from '../../../lib/tools/postgres/migrations/runner';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { MigratedServer, migrations } from './migration-fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;
const ROOT = join(__dirname, '..', '..', '..');

/** A key per type, with its 25 values; the order of uuid and text is not that of insertion. */
const KEYS = [
  ['smallint', 'n'],
  ['integer', '-1000 + n * 7'],
  ['bigint', '9007199254740993 + n * n'],
  ['numeric(40, 2)', `'123456789012345678901234567890'::numeric + n / 100.0`],
  ['uuid', `md5(n::text)::uuid`],
  ['text', `CASE n WHEN 1 THEN '' WHEN 2 THEN 'O''Ã"\\ ' ELSE 'k' || n END`],
  ['varchar(20)', `'K' || n`],
  ['char(5)', 'n::text'],
  ['date', `date '2020-02-25' + n`],
  ['timestamp', `timestamp '2020-02-28 23:59:59.999990' + n * interval '1 microsecond'`],
  ['timestamptz', `timestamptz '2020-03-29 00:59:59.999990Z' + n * interval '1 microsecond'`],
] as const;

describeHere('a statement in batches', () => {
  let server: PostgresServer;
  let migrated: MigratedServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
    migrated = new MigratedServer(server);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  /** A database with the table `t`: `id`, of 25 rows unless said otherwise, and `n`. */
  async function table(type = 'integer', values = 'n * 3', rows = 25): Promise<string> {
    const name = await migrated.database();
    await server.query(
      `CREATE TABLE t (id ${type} PRIMARY KEY, n int NOT NULL DEFAULT 0);
       INSERT INTO t SELECT ${values} FROM generate_series(1, ${rows}) AS n`,
      [],
      name,
    );
    return name;
  }

  const batch = (options = '', statement = 'UPDATE t SET n = n + 1 WHERE id BETWEEN $1 AND $2') =>
    migrations({
      '0001-fill.sql': `-- isochrone: batch t by id, pause ${options.includes('lag') ? 1 : 0} ms${options}\n${statement}`,
    });

  const counts = async (name: string) =>
    server.query('SELECT n, count(*)::int FROM t GROUP BY 1 ORDER BY 1', [], name);
  const progress = async (name: string) =>
    server.query(
      'SELECT state, reached, changed_rows::int FROM isochrone.migrations WHERE statement = 1',
      [],
      name,
    );

  test.each(KEYS)('changes each row once, by a key of type %s', async (type, values) => {
    const name = await table(type, values);
    // The last key is read in another session, with other settings, than it was written in.
    await server.query(`ALTER DATABASE ${name} SET datestyle = 'SQL, DMY'`);
    await server.query(`ALTER DATABASE ${name} SET timezone = 'Asia/Kolkata'`);
    const sent: unknown[][] = [];
    await migrated.run(name, {
      files: batch(', 4 rows'),
      through: (client) => ({
        query: (text, parameters) => {
          if (text.startsWith('UPDATE t ')) sent.push(parameters ?? []);
          return client.query(text, parameters);
        },
      }),
    });
    expect(sent).toHaveLength(7);
    expect(await counts(name)).toEqual([{ n: 1, count: 25 }]);
    expect(await progress(name)).toEqual([
      { state: 'done', reached: sent.at(-1)?.[1], changed_rows: 25 },
    ]);
  });

  test('has nothing to do on an empty table', async () => {
    const name = await table('integer', 'n', 0);
    await migrated.run(name, { files: batch() });
    expect(await progress(name)).toEqual([{ state: 'done', reached: null, changed_rows: null }]);
  });

  test('takes a key that occurs more often than a batch has rows', async () => {
    const name = await migrated.database();
    await server.query(
      `CREATE TABLE t (id int NOT NULL, n int NOT NULL DEFAULT 0); CREATE INDEX ON t (id, n);
       INSERT INTO t SELECT i / 10 FROM generate_series(1, 50) AS i`,
      [],
      name,
    );
    await migrated.run(name, { files: batch(', 3 rows') });
    expect(await counts(name)).toEqual([{ n: 1, count: 50 }]);
  });

  test('deletes, and copies to another table', async () => {
    const name = await table();
    const select = 'INSERT INTO copies SELECT id FROM t WHERE id BETWEEN $1 AND $2';
    await migrated.run(name, {
      files: migrations({
        '0001-table.sql': 'CREATE TABLE copies (id int PRIMARY KEY)',
        '0002-copy.sql': `-- isochrone: batch t by id, 4 rows, pause 0 ms\n${select}`,
        '0003-delete.sql':
          '-- isochrone: batch t by id, 4 rows, pause 0 ms\nDELETE FROM t WHERE id BETWEEN $1 AND $2',
      }),
    });
    expect(await server.query('SELECT count(*)::int FROM copies', [], name)).toEqual([
      { count: 25 },
    ]);
    expect(await counts(name)).toEqual([]);
  });

  test('goes on to rows that are inserted meanwhile behind the last key', async () => {
    const name = await table();
    let inserted = 0;
    await migrated.run(name, {
      files: batch(', 10 rows'),
      sleep: async () => {},
      through: (client) => ({
        query: async (text, values) => {
          if (text.startsWith('UPDATE t ') && ++inserted <= 2)
            await server.query(
              `INSERT INTO t VALUES (${1000 * inserted}), (${-inserted})`,
              [],
              name,
            );
          return client.query(text, values);
        },
      }),
    });
    // Keys before the last one are passed: the application fills them itself.
    expect(await counts(name)).toEqual([
      { n: 0, count: 2 },
      { n: 1, count: 27 },
    ]);
  });

  test('tells how far it is, and the plan tells its batches', async () => {
    const name = await table();
    await server.query('ANALYZE t', [], name);
    const events: MigrationEvent[] = [];
    const files = batch(', 10 rows, pause 20 ms');
    const client = await server.connect(name);
    const plan = formatMigrationPlan(await planMigrations(client, files));
    await client.end();
    expect(plan).toContain('in batches of 10 rows by id, with pauses of 20 ms');
    await migrated.run(name, { files, log: (event) => events.push(event) });
    expect(events.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        '10 rows, up to t.id 30; t has about 25',
        '25 rows, up to t.id 75; t has about 25',
      ]),
    );
  });

  test('a corrected statement continues after the batches that have run', async () => {
    const name = await table();
    const files = (divisor: string) =>
      batch(', 5 rows', `UPDATE t SET n = n + 1 + 0 / (${divisor}) WHERE id BETWEEN $1 AND $2`);
    await expect(migrated.run(name, { files: files('id - 33') })).rejects.toThrow(
      /^0001-fill\.sql:2: division by zero .*\n.*The batches before it remain/s,
    );
    expect(await progress(name)).toEqual([{ state: 'failed', reached: '30', changed_rows: 10 }]);
    const others = migrations({
      '0001-fill.sql': '-- isochrone: batch u by id\nUPDATE t SET n = 1 WHERE id BETWEEN $1 AND $2',
    });
    await server.query('CREATE TABLE u (id int PRIMARY KEY)', [], name);
    await expect(migrated.run(name, { files: others })).rejects.toThrow(
      /the key of the batch must be t\.id, by which it was begun, got "u\.id"/,
    );
    await migrated.run(name, { files: files('1') });
    expect(await counts(name)).toEqual([{ n: 1, count: 25 }]);
  });

  test('a batch that waits too long for a lock is tried again', async () => {
    const name = await table();
    const blocker = await server.connect(name);
    await blocker.query('BEGIN; UPDATE t SET n = n WHERE id = 30');
    const events: MigrationEvent[] = [];
    await migrated.run(name, {
      files: batch(', 5 rows'),
      lockTimeoutMs: 50,
      log: (event) => events.push(event),
      sleep: async () => {
        if (events.some(({ message }) => message.startsWith('attempt 1')))
          await blocker.query('COMMIT');
      },
    });
    await blocker.end();
    expect(await counts(name)).toEqual([{ n: 1, count: 25 }]);
    expect(events.filter(({ level }) => level === 'WARN')).toHaveLength(1);
  });

  test('two runs at once change each row once', async () => {
    const name = await table('integer', 'n', 200);
    const runs = [1, 2].map(() =>
      migrated.run(name, { files: batch(', 3 rows'), waitForOthersMs: 1_000_000 }),
    );
    const outcomes = await Promise.all(runs);
    expect(outcomes.map(({ applied }) => applied.length).sort()).toEqual([0, 1]);
    expect(await counts(name)).toEqual([{ n: 1, count: 200 }]);
  });

  test('finds out whether a batch was committed whose answer was lost', async () => {
    const name = await table();
    let commits = 0;
    const outcome = await migrate(
      async () => {
        const client = await server.connect(name);
        const connection = {
          query: async (text: string, values?: unknown[]) => {
            const answer = await client.query(text, values);
            if (text === 'COMMIT' && [2, 4].includes(++commits)) {
              await client.end();
              throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
            }
            return answer;
          },
          end: () => client.end().catch(() => {}),
        };
        return connection;
      },
      batch(', 5 rows'),
      { by: 'a test', log: () => {}, sleep: async () => {} },
    );
    expect(outcome.applied).toEqual(['0001-fill.sql']);
    expect(commits).toBe(6);
    expect(await counts(name)).toEqual([{ n: 1, count: 25 }]);
  });

  test('the command continues where it was killed, however often', async () => {
    const name = await table('integer', 'n', 300);
    const folder = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
    writeFileSync(
      join(folder, '0001-fill.sql'),
      '-- isochrone: batch t by id, 10 rows, pause 20 ms\n' +
        'UPDATE t SET n = n + 1 WHERE id BETWEEN $1 AND $2',
    );
    const program = ['--import', 'tsx', join(ROOT, 'bin', 'isochrone.ts'), 'migrate'];
    const run = (reaches: number | undefined) =>
      new Promise<number | null>((resolve) => {
        const child = spawn(
          process.execPath,
          [...program, '--folder', folder, '--database', server.url(name)],
          { cwd: ROOT, stdio: 'ignore' },
        );
        child.on('exit', (status) => resolve(status));
        const watch = async (): Promise<void> => {
          const rows = await server
            .query(
              'SELECT changed_rows::int AS rows FROM isochrone.migrations WHERE statement = 1',
              [],
              name,
            )
            .catch(() => []);
          if (Number(rows[0]?.rows ?? 0) >= Number(reaches)) child.kill('SIGKILL');
          else if (child.exitCode === null) setTimeout(() => void watch(), 5);
        };
        if (reaches !== undefined) void watch();
      });
    for (const reaches of [30, 100, 200]) expect(await run(reaches)).toBeNull();
    expect(await run(undefined)).toBe(0);
    expect(await counts(name)).toEqual([{ n: 1, count: 300 }]);
  }, 120_000);

  test('waits while a replica is further behind than it allows', async () => {
    const replica = await PostgresServer.start({
      follows: server,
      settings: { wal_receiver_status_interval: 1 },
    });
    try {
      const name = await table();
      const replayed = async () =>
        (await replica.query(`SELECT count(*)::int AS n FROM t WHERE n = 1`, [], name))[0]?.n;
      const lines: string[] = [];
      let paused = 0;
      await migrated.run(name, {
        files: batch(', 5 rows, lag 100 ms'),
        log: ({ message }) => lines.push(message),
        through: (client) => ({
          query: async (text, values) => {
            if (text.startsWith('UPDATE t ') && ++paused === 2)
              await replica.query('SELECT pg_wal_replay_pause()');
            return client.query(text, values);
          },
        }),
        // The first wait is for the replica; it follows again, and then the run goes on.
        sleep: async () => {
          if (paused < 2) return;
          await new Promise((resolve) => setTimeout(resolve, 300));
          if (lines.some((line) => line.startsWith('waits for')))
            await replica.query('SELECT pg_wal_replay_resume()');
        },
      });
      expect(
        lines.filter((line) => /^waits for walreceiver, which is \d+ s behind/.test(line)),
      ).not.toEqual([]);
      expect(await counts(name)).toEqual([{ n: 1, count: 25 }]);
      while ((await replayed()) !== 25) await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      await replica.stop();
    }
  }, 60_000);

  test.each([
    ['CREATE TABLE t (id int, n int)', /must be NOT NULL, got "a column that may be NULL"/],
    ['CREATE TABLE t (id int NOT NULL, n int)', /must be the first column of a valid B-tree index/],
    [
      'CREATE TABLE t (id int NOT NULL, n int); CREATE INDEX ON t (n, id)',
      /must be the first column of a valid B-tree index/,
    ],
    [
      'CREATE TABLE t (id int NOT NULL, n int); CREATE INDEX ON t (id) WHERE n > 0',
      /must be the first column of a valid B-tree index/,
    ],
    ['CREATE TABLE t (id bytea PRIMARY KEY)', /must be of one of the types .*, got "bytea"/],
    ['CREATE TABLE t (key int PRIMARY KEY)', /must be a column of an existing table/],
  ])('is refused before anything runs on %s', async (sql, message) => {
    const name = await migrated.database();
    await server.query(sql, [], name);
    const files = batch();
    await expect(migrated.run(name, { files })).rejects.toThrow(message);
    const client = await server.connect(name);
    await expect(planMigrations(client, files)).rejects.toThrow(message);
    await client.end();
    expect(await server.query(`SELECT to_regclass('isochrone.migrations') AS t`, [], name)).toEqual(
      [{ t: null }],
    );
  });

  test('its table may be made by the same run, or found by a search path', async () => {
    const name = await migrated.database();
    await migrated.run(name, {
      files: migrations({
        '0001-a.sql': 'CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, n int DEFAULT 0)',
        '0002-b.sql': 'INSERT INTO s.t SELECT generate_series(1, 10)',
        '0003-c.sql':
          'SET search_path = s;\n-- isochrone: batch t by id, 3 rows, pause 0 ms\n' +
          'UPDATE t SET n = n + 1 WHERE id BETWEEN $1 AND $2',
      }),
    });
    expect(await server.query('SELECT DISTINCT n FROM s.t', [], name)).toEqual([{ n: 1 }]);
  });
});
