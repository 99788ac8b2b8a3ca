/**
 * The roles that the market application's migrations create, on a real server: they suffice for the
 * functions that log in as them, and for no more.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { adviseOnce } from '../../../lib/constructs/database/advice/query-advice.handler';
import { replayPosition } from '../../../lib/constructs/database/promotion/replica-promotion.handler';
import { DATABASE_ROLES } from '../../../lib/model/config/names';
import { advise } from '../../../lib/tools/postgres/advice/advice';
import { readMigrations } from '../../../lib/tools/postgres/migrations/files';
import { runMigrations } from '../../../lib/tools/postgres/migrations/runner';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';

const describeHere = serversHere('postgres', 'initdb', 'pg_basebackup') ? describe : describe.skip;

const FOLDER = join(__dirname, '..', '..', '..', 'examples', 'market-api', 'migrations');
const MIGRATIONS = readMigrations(FOLDER);
/** The default of `database.applicationUser`. */
const APPLICATION = 'application';
const SLOW = `SELECT * FROM market_data WHERE close_price = $1`;

/**
 * Like the master user of RDS: not a superuser, but allowed to grant pg_monitor. On RDS it may also
 * create the extensions.
 */
const MASTER = `
  CREATE ROLE master LOGIN CREATEDB CREATEROLE;
  GRANT pg_monitor TO master WITH ADMIN OPTION`;

describeHere('the roles of the deployment', () => {
  jest.setTimeout(120_000);
  let primary: PostgresServer;
  const clients: Client[] = [];

  async function connectAs(user: string, database: string, server = primary): Promise<Client> {
    const client = new Client({ connectionString: server.url(database, user) });
    await client.connect();
    clients.push(client);
    return client;
  }

  async function migrated(database: string): Promise<void> {
    await primary.query(`CREATE DATABASE ${database} OWNER master`);
    for (const extension of ['pg_stat_statements', 'hypopg'])
      await primary.query(`CREATE EXTENSION ${extension}`, [], database);
    const master = await connectAs('master', database);
    const { applied } = await runMigrations(master, MIGRATIONS, {
      by: 'a test',
      log: () => undefined,
    });
    expect(applied).toContain('0012-roles.sql');
  }

  beforeAll(async () => {
    primary = await PostgresServer.start({
      settings: { shared_preload_libraries: "'pg_stat_statements'", random_page_cost: 1.1 },
    });
    await primary.query(MASTER);
    await migrated('market');
    await primary.query(
      `INSERT INTO market_data (symbol, observed_at, open_price, high_price, low_price, close_price, volume)
       SELECT 'A', timestamptz '2024-01-01Z' + n * interval '1 minute', 1 + n % 5000, 1 + n % 5000, 1 + n % 5000, 1 + n % 5000, 1 FROM generate_series(1, 100000) AS n`,
      [],
      'market',
    );
    await primary.query('ANALYZE', [], 'market');
  });

  afterAll(async () => {
    for (const client of clients) await client.end();
    await primary?.stop();
  });

  const login = `SELECT rolname AS name FROM pg_roles WHERE rolcanlogin AND rolname NOT IN ('postgres', 'master') ORDER BY 1`;

  test('are the roles that the application and the functions log in as', async () => {
    expect((await primary.query(login)).map(({ name }) => name)).toEqual(
      [...Object.values(DATABASE_ROLES), APPLICATION].sort(),
    );
  });

  test('have no special attributes, and are members of nothing but pg_monitor', async () => {
    const special = 'rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls';
    expect(
      await primary.query(`SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND (${special})`, [
        [...Object.values(DATABASE_ROLES), APPLICATION],
      ]),
    ).toEqual([]);
    expect(
      await primary.query(
        `SELECT member::regrole::text AS member, roleid::regrole::text AS role FROM ` +
          `pg_auth_members WHERE member::regrole::text = ANY($1)`,
        [[...Object.values(DATABASE_ROLES), APPLICATION]],
      ),
    ).toEqual([{ member: DATABASE_ROLES.advisor, role: 'pg_monitor' }]);
  });

  test('log in by IAM on RDS, and a second database uses the existing roles', async () => {
    await primary.query('CREATE ROLE rds_iam; GRANT rds_iam TO master WITH ADMIN OPTION');
    await migrated('second');
    expect(
      (
        await primary.query(
          `SELECT member::regrole::text AS member FROM pg_auth_members WHERE roleid = ` +
            `'rds_iam'::regrole ORDER BY 1`,
        )
      ).map(({ member }) => member),
    ).toEqual(expect.arrayContaining([...Object.values(DATABASE_ROLES), APPLICATION]));
    expect(await primary.query(login)).toHaveLength(3);
    // The file can run twice, here as psql runs it.
    await primary.query(readFileSync(join(FOLDER, '0012-roles.sql'), 'utf8'), [], 'second');
  });

  test('the probe may run the queries of a promotion, and may read no table', async () => {
    const probe = await connectAs(DATABASE_ROLES.promotionProbe, 'market');
    expect(await replayPosition(probe)).toMatchObject({ inRecovery: false });
    await expect(probe.query('SELECT FROM users')).rejects.toThrow('permission denied');
  });

  test('the application may change rows, also of later tables, but no table', async () => {
    const application = await connectAs(APPLICATION, 'market');
    await application.query(`INSERT INTO organizations (name) VALUES ('x')`);
    await application.query(`UPDATE organizations SET name = 'y' WHERE name = 'x'`);
    await application.query(`DELETE FROM organizations WHERE name = 'y'`);
    const master = await connectAs('master', 'market');
    await master.query('CREATE TABLE later_rows (id bigserial PRIMARY KEY, n int)');
    await application.query('INSERT INTO later_rows (n) VALUES (1)');
    for (const statement of [
      'DROP TABLE later_rows',
      'TRUNCATE organizations',
      'CREATE TABLE taken (n int)',
      'ALTER TABLE users ADD taken int',
    ]) {
      await expect(application.query(statement)).rejects.toThrow(/permission denied|must be owner/);
    }
  });

  /** The subjects of the advised indexes, and the notes. */
  async function adviceOn(server: PostgresServer) {
    const application = await connectAs('master', 'market', server);
    for (let n = 1; n <= 3; n++) await application.query(SLOW, [n]);
    const advisor = await connectAs(DATABASE_ROLES.advisor, 'market', server);
    const settings = { instance: 'i', namespace: 'n', slowMilliseconds: 0.01, logStatements: true };
    const { findings, notes } = await adviseOnce(advisor, settings, () => undefined);
    return {
      missing: findings
        .filter(({ kind }) => kind === 'missing-index')
        .map(({ subject }) => subject),
      notes,
    };
  }

  test('the advisor plans the statements of other roles, and advises the index', async () => {
    expect(await adviceOn(primary)).toEqual({
      missing: expect.arrayContaining(['public.market_data (close_price)']),
      notes: [],
    });
  });

  test('the advisor reports why it cannot plan a statement that it may not run', async () => {
    const master = await connectAs('master', 'market');
    // Often enough to be among the statements that took longest, on a busy machine too.
    for (let i = 0; i < 20; i += 1)
      await master.query('UPDATE market_data SET volume = 2 WHERE close_price = 7');
    const advisor = await connectAs(DATABASE_ROLES.advisor, 'market');
    const { statements } = await advise(advisor, { slowMilliseconds: 0.01 });
    expect(
      statements.find(({ statement }) => statement.startsWith('UPDATE market_data'))?.notPlanned,
    ).toContain('permission denied');
  });

  test('on a replica, the advisor uses the statements that ran there', async () => {
    const replica = await PostgresServer.start({ follows: primary });
    try {
      expect(await adviceOn(replica)).toEqual({
        missing: ['public.market_data (close_price)'],
        notes: [],
      });
    } finally {
      for (const client of clients.splice(-2)) await client.end();
      await replica.stop();
    }
  });

  test('the advisor may plan statements on tables that later migrations create', async () => {
    const master = await connectAs('master', 'market');
    await master.query('CREATE TABLE later (n int)');
    const advisor = await connectAs(DATABASE_ROLES.advisor, 'market');
    expect((await advisor.query('EXPLAIN SELECT n FROM later')).rows).toHaveLength(1);
  });

  test.each([
    ['INSERT INTO organizations (name) VALUES ($$x$$)'],
    ['UPDATE users SET is_active = false'],
    ['DELETE FROM users'],
    ['TRUNCATE users'],
    ['DROP TABLE users'],
    ['CREATE TABLE taken (n int)'],
    ['CREATE INDEX taken ON users (email)'],
    ['CREATE ROLE taken'],
    ['ALTER SYSTEM SET work_mem = 1'],
    ['COPY users TO PROGRAM $$true$$'],
    ['CALL refresh_market_views()'],
  ])('the advisor may not: %s', async (statement) => {
    const advisor = await connectAs(DATABASE_ROLES.advisor, 'market');
    await expect(advisor.query(statement)).rejects.toThrow(
      /read-only transaction|permission denied|must be superuser/,
    );
    // The role could change the setting. Its privileges refuse the statement without it.
    await advisor.query('SET default_transaction_read_only = off');
    await expect(advisor.query(statement)).rejects.toThrow(
      /permission denied|must be owner|must be superuser/,
    );
  });
});
