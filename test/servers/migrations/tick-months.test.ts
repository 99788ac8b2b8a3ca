/** The months of ticks right after all migrations of the market application. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { readMigrations } from '../../../lib/tools/postgres/migrations/files';
import { runMigrations } from '../../../lib/tools/postgres/migrations/runner';
import { scramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer } from '../pgbouncer-server';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';

const describeHere = serversHere('postgres', 'initdb', 'pgbouncer') ? describe : describe.skip;
const FOLDER = join(__dirname, '..', '..', '..', 'examples', 'market-api', 'migrations');
const MONTHS = readFileSync(join(FOLDER, '0013-tick-months.sql'), 'utf8');
const PASSWORD = 'of-the-application';

describeHere('ticks of a new database', () => {
  let server: PostgresServer;
  let client: Client;
  let pooler: PgbouncerServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
    // Like the master user of RDS.
    await server.query(
      `CREATE ROLE master LOGIN CREATEDB CREATEROLE; GRANT pg_monitor TO master WITH ADMIN OPTION;
       ALTER DATABASE postgres OWNER TO master; ALTER SCHEMA public OWNER TO master`,
    );
    // On RDS the master user may create them itself.
    await server.query(
      `DO $$ DECLARE wanted text; BEGIN
         FOR wanted IN SELECT name FROM pg_available_extensions
           WHERE name IN ('pg_stat_statements', 'hypopg')
         LOOP EXECUTE 'CREATE EXTENSION ' || wanted; END LOOP; END $$`,
    );
    const master = new Client({ connectionString: server.url('postgres', 'master') });
    await master.connect();
    await runMigrations(master, readMigrations(FOLDER), { by: 'a test', log: () => {} });
    await master.end();
    client = await server.connect();
    const verifier = scramVerifier(PASSWORD);
    await client.query(`ALTER ROLE application PASSWORD '${verifier}'`);
    pooler = await PgbouncerServer.start({ server, users: { application: verifier } });
  }, 120_000);
  afterAll(async () => {
    await client?.end();
    await pooler?.stop();
    await server?.stop();
  });

  const AGES = [
    ['yesterday', `now() - interval '1 day'`],
    ['a moment ago', 'now()'],
    ['tomorrow', `now() + interval '1 day'`],
    [
      'at the end of this month',
      `date_trunc('month', now(), 'UTC') + interval '1 month' - interval '1 microsecond'`,
    ],
    ['three months ahead', `now() + interval '3 months'`],
  ] as const;

  test.each(AGES)(
    'can be inserted that are of %s, by the role behind the pooler',
    async (_, at) => {
      const application = new Client({
        connectionString: `postgresql://application:${PASSWORD}@127.0.0.1:${pooler.port}/app`,
      });
      try {
        await application.connect();
        const inserted = await application.query(
          `INSERT INTO ticks VALUES ('A', ${at}, 1.5, 1) RETURNING observed_at::text AS at`,
        );
        const { rows } = await application.query(
          `SELECT price FROM ticks_between('A', $1::timestamptz, $1::timestamptz + '1 microsecond')`,
          [inserted.rows[0].at],
        );
        expect(rows).toEqual([{ price: '1.5' }]);
      } finally {
        await application.end();
      }
    },
  );

  test.each(['UTC', 'Pacific/Kiritimati', 'Etc/GMT+12'])(
    'have their months in UTC, also for a session of %s at the turn of a month',
    async (zone) => {
      const name = `zone_${zone.replace(/\W/g, '_').toLowerCase()}`;
      await server.query(`CREATE DATABASE ${name}`);
      await server.query(`ALTER DATABASE ${name} SET timezone = '${zone}'`);
      const other = await server.connect(name);
      for (const file of ['0002-ticks.sql', '0003-tick-partitions.sql'])
        await other.query(readFileSync(join(FOLDER, file), 'utf8'));
      // Half a minute after the months have changed in UTC.
      await other.query(MONTHS.replace('now()', `timestamptz '2024-03-01 00:00:30Z'`));
      for (const at of ['2024-02-29 23:59:59.999999Z', '2024-03-01 00:00:00Z', '2024-06-30 23:59Z'])
        await other.query(`INSERT INTO ticks VALUES ('A', '${at}', 1, 1)`);
      const { rows } = await other.query(
        `SELECT count(*)::int, min(from_at) = '2024-02-01Z' AS first, max(to_at) = '2024-07-01Z' AS last
         FROM tick_partitions`,
      );
      expect(rows).toEqual([{ count: 5, first: true, last: true }]);
      await other.end();
    },
  );

  test('are kept by the retention, which drops no month ahead', async () => {
    const months = async () =>
      (await client.query('SELECT count(*)::int AS n FROM tick_partitions')).rows[0]?.n;
    const before = await months();
    expect(before).toBeGreaterThanOrEqual(5);
    expect((await client.query(`SELECT retire_tick_partitions('2 years')`)).rows).toEqual([]);
    expect((await client.query('SELECT create_tick_partitions(3) AS made')).rows[0]?.made).toBe(0);
    expect(await months()).toBe(before);
  });

  test('get further months from pg_cron where the database has it', async () => {
    await server.query('CREATE DATABASE scheduled');
    const other = await server.connect('scheduled');
    for (const file of ['0002-ticks.sql', '0003-tick-partitions.sql'])
      await other.query(readFileSync(join(FOLDER, file), 'utf8'));
    await other.query(
      `CREATE SCHEMA cron; CREATE TABLE cron.job (jobname text PRIMARY KEY, schedule text, command text);
       CREATE FUNCTION cron.schedule(job_name text, schedule text, command text) RETURNS bigint
       LANGUAGE sql AS $$
         INSERT INTO cron.job VALUES ($1, $2, $3)
         ON CONFLICT (jobname) DO UPDATE SET schedule = $2, command = $3 RETURNING 1::bigint $$`,
    );
    await other.query(MONTHS);
    await other.query(MONTHS);
    const { rows } = await other.query('SELECT * FROM cron.job');
    expect(rows).toEqual([
      {
        jobname: 'tick months',
        schedule: '10 1 * * *',
        command: 'SELECT create_tick_partitions(3)',
      },
    ]);
    // What the job runs.
    await other.query(rows[0].command);
    await other.query(`CREATE ROLE stranger; REVOKE ALL ON SCHEMA cron FROM public;
      GRANT ALL ON SCHEMA public TO stranger; ALTER TABLE ticks OWNER TO stranger;
      ALTER TABLE tick_segments OWNER TO stranger; SET ROLE stranger`);
    await expect(other.query(MONTHS)).resolves.toBeDefined();
    await other.end();
  });
});
