/**
 * Advice on a real server: the right index for three slow queries and none for a fast one, without
 * running a statement or writing anything.
 */
import { Client } from 'pg';
import { advise as adviseCommand } from '../../../bin/commands/advise';
import { adviseOnce } from '../../../lib/constructs/database/advice/query-advice.handler';
import { type Advice, advise, formatAdvice } from '../../../lib/tools/postgres/advice/advice';
import { genericPlan } from '../../../lib/tools/postgres/advice/explain';
import { PostgresServer } from '../postgres-server';
import { extensionHere, serversHere } from '../server-process';

const SCHEMA = `
  CREATE TABLE accounts (id int PRIMARY KEY, email text NOT NULL, region text NOT NULL);
  CREATE TABLE orders (id int PRIMARY KEY, account int NOT NULL, symbol text NOT NULL, placed timestamptz NOT NULL, amount numeric NOT NULL);
  INSERT INTO accounts SELECT n, 'user' || n || '@example.com', (ARRAY['eu', 'us', 'ap'])[1 + n % 3] FROM generate_series(1, 50000) AS n;
  INSERT INTO orders
    SELECT n, 1 + n * 7 % 50000, 'S' || n % 500, timestamptz '2024-01-01' + n * interval '1 minute', n % 1000 FROM generate_series(1, 300000) AS n;
  CREATE INDEX orders_amount ON orders (amount);
  CREATE INDEX orders_amount_again ON orders (amount);
  CREATE TABLE twice (n int);
  INSERT INTO twice VALUES (1), (1);
  ANALYZE;
  CREATE EXTENSION pg_stat_statements;
  CREATE ROLE advisor LOGIN IN ROLE pg_read_all_stats;
  GRANT SELECT ON ALL TABLES IN SCHEMA public TO advisor`;

const BY_SYMBOL = 'SELECT id, amount FROM orders WHERE symbol = $1 ORDER BY placed DESC LIMIT 20';
const BY_EMAIL = 'SELECT id FROM accounts WHERE email = $1';
const OF_ACCOUNT =
  'SELECT o.id, a.email FROM accounts AS a JOIN orders AS o ON o.account = a.id WHERE a.id = $1';
const FAST = 'SELECT email FROM accounts WHERE id = $1';

const describeHere = serversHere('postgres', 'initdb') ? describe : describe.skip;

describeHere('advice on a real server', () => {
  jest.setTimeout(120_000);
  let server: PostgresServer;
  let advisor: Client;

  beforeAll(async () => {
    server = await PostgresServer.start({
      settings: {
        shared_preload_libraries: "'pg_stat_statements'",
        max_parallel_workers_per_gather: 0,
        random_page_cost: 1.1,
        autovacuum: 'off',
      },
    });
    await server.query(SCHEMA);
    await server
      .query('CREATE UNIQUE INDEX CONCURRENTLY twice_n ON twice (n)')
      .catch(() => undefined);
    await server.query('SELECT pg_stat_statements_reset()');
    const app = await server.connect();
    for (let i = 0; i < 3; i++) {
      await app.query(BY_SYMBOL, [`S${i}`]);
      await app.query(BY_EMAIL, [`user${i}@example.com`]);
      await app.query(OF_ACCOUNT, [i + 1]);
      for (let again = 0; again < 20; again++) await app.query(FAST, [i + 1]);
    }
    await app.query(`SELECT count(*) FROM orders WHERE placed > now() - interval '1 day'`);
    await app.end();
    advisor = new Client({ connectionString: server.url('postgres', 'advisor') });
    await advisor.connect();
  });
  afterAll(async () => {
    await advisor?.end();
    await server?.stop();
  });

  /** The findings of a statement. pg_stat_statements replaces its last number, a constant. */
  const of = (advice: Advice, statement: string) => {
    const queryId = advice.statements.find((each) =>
      each.statement.startsWith(statement.replace(/ \d+$/, '')),
    )?.queryId;
    return advice.findings.filter(
      (finding) => finding.queryId !== undefined && finding.queryId === queryId,
    );
  };
  const kinds = (advice: Advice) => new Set(advice.findings.map(({ kind }) => kind));

  // The three slow queries take tens of milliseconds here, the fast one hundredths of one.
  const SLOW = { slowMilliseconds: 1 };

  test('without hypopg, a note says so and the other findings remain', async () => {
    const advice = await advise(advisor, SLOW);
    expect(advice.notes).toEqual([expect.stringContaining('hypopg is not installed')]);
    expect(kinds(advice)).toContain('sequential-scan');
    expect(kinds(advice)).not.toContain('missing-index');
  });

  (extensionHere('hypopg') ? describe : describe.skip)('with hypopg', () => {
    let advice: Advice;
    beforeAll(async () => {
      await server.query('CREATE EXTENSION hypopg');
      advice = await advise(advisor, SLOW);
    });

    test.each([
      [BY_SYMBOL, 'public.orders (symbol, placed)'],
      [BY_EMAIL, 'public.accounts (email)'],
      [OF_ACCOUNT, 'public.orders (account)'],
    ])('for %s, advises the index %s, which helps when it is built', async (statement, subject) => {
      const missing = of(advice, statement).filter(({ kind }) => kind === 'missing-index');
      expect(missing).toEqual([
        expect.objectContaining({
          subject,
          fix: `CREATE INDEX CONCURRENTLY ON ${subject};`,
          costBefore: expect.any(Number),
          sizeBytes: expect.any(Number),
        }),
      ]);
      await server.query(`CREATE INDEX proof ON ${subject}`);
      try {
        const plan = await server.query<{ 'QUERY PLAN': string }>(
          `EXPLAIN ${statement.replace('$1', statement === OF_ACCOUNT ? '1' : `'S1'`)}`,
        );
        expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('proof');
      } finally {
        await server.query('DROP INDEX proof');
      }
    });

    test('a fast query is not analyzed', () => {
      expect(advice.statements.map(({ statement }) => statement)).not.toContain(FAST);
    });

    test('a normalized statement without a plan is reported, and the others are planned', () => {
      const interval = advice.statements.find(({ statement }) => statement.includes('interval'));
      expect(interval?.notPlanned).toContain('syntax error');
      expect(formatAdvice(advice)).toContain(
        `Statement ${interval?.queryId} has no plan: syntax error`,
      );
    });

    test('finds the duplicate index, the invalid index and the unused index', () => {
      const found = advice.findings
        .filter(({ kind }) => kind.endsWith('-index') && kind !== 'missing-index')
        .map(({ kind, subject }) => [kind, subject]);
      expect(found).toEqual([
        ['invalid-index', 'public.twice_n'],
        ['duplicate-index', 'public.orders_amount_again'],
        ['unused-index', 'public.orders_amount'],
      ]);
    });

    test('leaves no index, statement, transaction or setting behind', async () => {
      expect((await advisor.query('SELECT count(*)::int AS n FROM hypopg()')).rows).toEqual([
        { n: 0 },
      ]);
      expect((await advisor.query('SELECT name FROM pg_prepared_statements')).rows).toEqual([]);
      expect((await advisor.query('SHOW statement_timeout')).rows).toEqual([
        { statement_timeout: '0' },
      ]);
      expect((await advisor.query('SHOW transaction_read_only')).rows).toEqual([
        { transaction_read_only: 'off' },
      ]);
    });

    test('never runs the statements that it advises on', async () => {
      const calls = async () =>
        (
          await server.query<{ n: number }>(
            'SELECT calls::int AS n FROM pg_stat_statements WHERE query = $1',
            [BY_EMAIL],
          )
        )[0]?.n;
      expect(await calls()).toBe(3);
      await advise(advisor, SLOW);
      expect(await calls()).toBe(3);
    });

    test('a text of several statements is not planned, and no part of it runs', async () => {
      await advisor.query('BEGIN READ ONLY');
      await expect(
        genericPlan(advisor, 'SELECT 1; COMMIT; CREATE TABLE taken (n int)'),
      ).rejects.toThrow('multiple commands');
      await advisor.query('ROLLBACK');
      expect(await server.query(`SELECT to_regclass('taken') AS taken`)).toEqual([{ taken: null }]);
    });

    test('the function logs a line for each finding, and one with the metrics', async () => {
      const lines: Record<string, unknown>[] = [];
      const settings = { instance: 'i', namespace: 'n', slowMilliseconds: 1, logStatements: true };
      const { findings } = await adviseOnce(advisor, settings, (line) =>
        lines.push(line as Record<string, unknown>),
      );
      expect(lines.filter(({ level }) => level === 'WARN')).toHaveLength(findings.length);
      expect(lines.at(-1)).toMatchObject({
        DBInstanceIdentifier: 'i',
        InvalidIndexes: 1,
        MissingIndexes: 3,
      });
    });

    test('a table full of dead rows is found until it is vacuumed', async () => {
      await server.query('UPDATE accounts SET region = region');
      await server.query('SELECT pg_stat_force_next_flush()').catch(() => undefined);
      const overdue = async () =>
        (await advise(advisor, SLOW)).findings
          .filter(({ kind }) => kind === 'vacuum-overdue')
          .map(({ subject }) => subject);
      expect(await overdue()).toEqual(['public.accounts']);
      await server.query('VACUUM accounts');
      expect(await overdue()).toEqual([]);
    });

    test('the command prints the advice, for people and for programs', async () => {
      const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
      try {
        const database = ['--database', server.url('postgres', 'advisor'), '--slow', '1'];
        expect(await adviseCommand.run(database)).toBe(0);
        expect(log.mock.calls.at(-1)?.[0]).toContain(
          'CREATE INDEX CONCURRENTLY ON public.accounts (email);',
        );
        expect(await adviseCommand.run([...database, '--json'])).toBe(0);
        expect(JSON.parse(String(log.mock.calls.at(-1)?.[0])).findings.length).toBeGreaterThan(3);
      } finally {
        log.mockRestore();
      }
    });
  });

  test('a note tells a role that it may not see the statements of others', async () => {
    await server.query('CREATE ROLE stranger LOGIN');
    await server.query('SELECT pg_sleep(0.01)');
    const stranger = new Client({ connectionString: server.url('postgres', 'stranger') });
    await stranger.connect();
    try {
      const advice = await advise(stranger, SLOW);
      expect(advice.statements).toEqual([]);
      expect(advice.notes).toContainEqual(expect.stringContaining('of other roles are hidden'));
    } finally {
      await stranger.end();
    }
  });

  test('invalid options are refused', async () => {
    await expect(advise(advisor, { factor: 1 })).rejects.toThrow('factor must be above 1');
    await expect(adviseCommand.run([])).rejects.toThrow('--database is required');
    await expect(adviseCommand.run(['--database', 'x', '--slow', '0'])).rejects.toThrow(
      '--slow must be milliseconds above 0',
    );
  });

  test('the error for an unreachable database omits the URL with its password', async () => {
    const error: unknown = await adviseCommand
      .run(['--database', 'postgresql://a:secret@127.0.0.1:1/x'])
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('cannot be reached');
    expect(String(error)).not.toContain('secret');
  });
});
