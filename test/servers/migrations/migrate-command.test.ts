/** `isochrone migrate` on a real server that requires a password. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { FILES } from './migration-fixture';

const describeHere = serversHere('postgres', 'initdb') ? describe : describe.skip;
const ROOT = join(__dirname, '..', '..', '..');
const PASSWORD = 'never-to-be-seen';

describeHere('isochrone migrate', () => {
  let server: PostgresServer;
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-test-'));

  beforeAll(async () => {
    server = await PostgresServer.start();
    for (const [file, sql] of Object.entries(FILES)) writeFileSync(join(folder, file), sql);
    await server.query(`CREATE ROLE migrator LOGIN SUPERUSER PASSWORD '${PASSWORD}'`);
    const hba = join(server.data, 'pg_hba.conf');
    const trusted = readFileSync(hba, 'utf8');
    writeFileSync(hba, 'host all migrator 127.0.0.1/32 scram-sha-256\n');
    appendFileSync(hba, trusted);
    await server.query('SELECT pg_reload_conf()');
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  function migrate(environment: Readonly<Record<string, string>>, ...args: readonly string[]) {
    const program = [
      ...['--import', 'tsx'],
      join(ROOT, 'bin', 'isochrone.ts'),
      'migrate',
      '--folder',
      folder,
      ...args,
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, program, {
      cwd: ROOT,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: folder, ...environment },
    });
    expect(stdout + stderr).not.toContain(PASSWORD);
    return { status, stdout, stderr };
  }

  test('a dry run prints the plan with its locks and changes nothing', async () => {
    const { status, stdout } = migrate(
      { PGPASSWORD: PASSWORD },
      '--database',
      server.url('postgres', 'migrator'),
      '--dry-run',
    );
    expect(stdout).toContain(
      '0 applied, 3 to apply.\n\n0001-tables.sql: one transaction\n  2: CREATE TYPE side\n',
    );
    expect(stdout).toContain(
      '  9: CREATE INDEX CONCURRENTLY, per partition ticks\n' +
        '     lock: SHARE UPDATE EXCLUSIVE; outside a transaction',
    );
    expect(status).toBe(0);
    expect(
      await server.query(
        `SELECT to_regclass('trades') AS a, to_regclass('isochrone.migrations') AS b`,
      ),
    ).toEqual([{ a: null, b: null }]);
  }, 120_000);

  test('the password may come from the password file, and a second run has nothing to do', () => {
    const file = join(folder, 'pgpass');
    writeFileSync(file, `127.0.0.1:*:*:migrator:${PASSWORD}\n`, { mode: 0o600 });
    const run = () =>
      migrate({ PGPASSFILE: file }, '--database', server.url('postgres', 'migrator'));
    expect(run().stdout).toMatch(/0001-tables\.sql: begins\n[\s\S]*\n3 applied, 0 before\.\n$/);
    expect(run().stdout).toBe('0 applied, 3 before.\n');
  }, 120_000);

  test('the folder of another tool is read with --format and --baseline', async () => {
    await server.query('CREATE DATABASE adopted');
    const url = server.url('adopted', 'migrator');
    const other = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
    writeFileSync(join(other, '1600000000000_a.sql'), 'CREATE TABLE a (id int)');
    writeFileSync(join(other, '1700000000000_b.sql'), 'CREATE TABLE b (id int)');
    const run = (...args: readonly string[]) =>
      migrate({ PGPASSWORD: PASSWORD }, '--database', url, '--folder', other, ...args);
    expect(run('--format', 'node').stderr).toMatch(
      /--format must be one of isochrone, golang-migrate, .*, got "node"/,
    );
    expect(run().stderr).toMatch(/or give --format if it is of another tool: golang-migrate, /);
    const options = ['--format', 'node-pg-migrate', '--baseline', '1600000000000_a'];
    expect(run(...options, '--dry-run').stdout).toMatch(/^1 applied, 1 to apply\./);
    expect(run(...options).stdout).toMatch(
      /^1 marked as applied, up to 1600000000000_a\.sql\n[\s\S]*\n1 applied, 1 before\.\n$/,
    );
  }, 120_000);

  test('an error of the server is reported without a stack trace', async () => {
    await server.query('CREATE DATABASE others');
    await server.query(
      `CREATE ROLE guest LOGIN; CREATE ROLE reader LOGIN SUPERUSER;
       ALTER ROLE reader SET default_transaction_read_only = on`,
    );
    const asGuest = migrate({}, '--database', server.url('others', 'guest'));
    expect(asGuest).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^The server refused: permission denied .* \(SQLSTATE 42501\)\.\n.*\n$/,
      ),
    });
    const asReader = migrate({}, '--database', server.url('others', 'reader'));
    expect(asReader.stderr).toMatch(
      new RegExp(
        'read-only transaction \\(SQLSTATE 25006\\)\\.\n' +
          'Migrations run on the writer: connect to it\\.\n$',
      ),
    );
  }, 120_000);

  test.each<[Readonly<Record<string, string>>, () => string, RegExp]>([
    [
      { PGPASSWORD: 'wrong' },
      () => server.url('postgres', 'migrator'),
      /127\.0\.0\.1:\d+\/postgres refused the connection: password authentication failed/,
    ],
    [
      {},
      () => `postgresql://migrator:${PASSWORD}@host name/x`,
      /--database must be a URL like .*, got something else\.\nThe value is not shown/,
    ],
  ])(
    '%j is refused without a stack trace',
    (environment, url, message) => {
      const { status, stderr } = migrate(environment, '--database', url());
      expect(status).toBe(1);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^\s+at /m);
    },
    30_000,
  );
});
