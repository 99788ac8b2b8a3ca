import type { Client } from 'pg';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { MARKET_MIGRATIONS, migrateMarket } from './market-migrations';

const describeHere = serversHere('postgres', 'initdb', 'psql') ? describe : describe.skip;

const PEOPLE = [
  `INSERT INTO organizations (name) VALUES ('one')`,
  `INSERT INTO users (organization_id, email) VALUES (1, 'a@example.com'), (1, 'b@example.com'), (1, 'c@example.com'), (1, 'd@example.com')`,
];

describeHere('the schema of the market application', () => {
  let server: PostgresServer;
  let client: Client;

  beforeAll(async () => {
    server = await PostgresServer.start();
    migrateMarket(server);
    client = await server.connect();
    for (const statement of PEOPLE) await client.query(statement);
  }, 120_000);

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  const rowsOf = async (text: string, values: unknown[] = []) =>
    (await client.query(text, values)).rows;
  const fails = (text: string) => expect(client.query(text)).rejects;

  test('has no invalid index, and no index that is a prefix of another one', async () => {
    expect(
      await rowsOf('SELECT indexrelid::regclass::text AS index FROM pg_index WHERE NOT indisvalid'),
    ).toEqual([]);
    const redundant = await rowsOf(`
      SELECT one.indexrelid::regclass::text AS index, other.indexrelid::regclass::text AS covered_by
      FROM pg_index AS one JOIN pg_index AS other ON one.indrelid = other.indrelid AND one.indexrelid <> other.indexrelid
      JOIN pg_class AS class ON class.oid = one.indexrelid JOIN pg_am AS method ON method.oid = class.relam AND method.amname = 'btree'
      WHERE one.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AND NOT one.indisunique
        AND one.indpred IS NULL AND other.indpred IS NULL AND one.indexprs IS NULL AND other.indkey::text LIKE one.indkey::text || ' %'
        AND other.indoption::text LIKE one.indoption::text || '%'`);
    expect(redundant).toEqual([]);
  });

  test('rebuilds an index whose build failed, although IF NOT EXISTS would skip it', async () => {
    await client.query('CREATE DATABASE interrupted');
    const [tables = ''] = MARKET_MIGRATIONS;
    migrateMarket(server, [tables], 'interrupted');
    const other = await server.connect('interrupted');
    try {
      await other.query(`INSERT INTO market_data (symbol, observed_at, open_price, high_price, low_price, close_price, volume)
        SELECT 'A', '2024-03-01Z', 1, 1, 1, 1, 1 FROM generate_series(1, 2)`);
      const migrate = () => migrateMarket(server, ['0006-market-data-indexes.sql'], 'interrupted');
      expect(migrate).toThrow(/could not create unique index/);
      const invalid = `SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = 'market_data_symbol_observed_at'::regclass`;
      expect((await other.query(invalid)).rows).toEqual([{ valid: false }]);
      await other.query('DELETE FROM market_data WHERE id = 2');
      migrate();
      expect((await other.query(invalid)).rows).toEqual([{ valid: true }]);
      // Run again, as after a run that stopped behind this file.
      migrate();
    } finally {
      await other.end();
    }
  });

  test.each([
    [
      'an index of bars after today',
      'CREATE INDEX refused ON market_data (symbol) WHERE observed_at > CURRENT_DATE',
    ],
    [
      'an index of sessions that have not expired',
      'CREATE INDEX refused ON sessions (user_id) WHERE expires_at > CURRENT_TIMESTAMP',
    ],
    [
      'an index by the day of the session',
      `CREATE INDEX refused ON transactions (date_trunc('day', executed_at))`,
    ],
    [
      'a search in the language of the session',
      'CREATE INDEX refused ON transactions USING gin (to_tsvector(description))',
    ],
  ])('has no index that PostgreSQL refuses: %s', async (_, statement) => {
    await fails(statement).toThrow(/must be marked IMMUTABLE/);
  });

  test.each([
    [
      'market_data_symbol_observed_at',
      `SELECT close_price FROM market_data WHERE symbol = 'A' ORDER BY observed_at DESC LIMIT 1`,
      'Index Only Scan',
    ],
    [
      'portfolio_holdings_user_symbol',
      'SELECT symbol, quantity, market_value FROM portfolio_holdings WHERE user_id = 1 ORDER BY symbol',
      'Index Only Scan',
    ],
    [
      'portfolio_positions_user_date',
      `SELECT * FROM portfolio_positions WHERE user_id = 1 AND position_date = '2024-03-01'`,
      '',
    ],
    [
      'portfolio_performance_user_date',
      'SELECT value FROM portfolio_performance WHERE user_id = 1 ORDER BY performance_date DESC LIMIT 30',
      'Index Only Scan',
    ],
    ['orders_active', `SELECT * FROM orders WHERE user_id = 1 AND status = 'active'`, ''],
    [
      'transactions_user_executed_at',
      'SELECT * FROM transactions WHERE user_id = 1 ORDER BY executed_at DESC LIMIT 10',
      '',
    ],
    [
      'transactions_organization_status_executed_at',
      `SELECT * FROM transactions WHERE organization_id = 1 AND status = 'pending' ORDER BY executed_at DESC LIMIT 10`,
      '',
    ],
    [
      'transactions_organization_executed_at',
      'SELECT * FROM transactions WHERE organization_id = 1 ORDER BY executed_at DESC LIMIT 10',
      '',
    ],
    [
      'transactions_search',
      `SELECT * FROM transactions WHERE to_tsvector('english', coalesce(description, '')) @@ to_tsquery('english', 'rent')`,
      'Bitmap',
    ],
    [
      'strategies_symbol_type_created_at',
      `SELECT * FROM strategies WHERE symbol = 'A' AND strategy_type = 'b' ORDER BY created_at DESC`,
      '',
    ],
    [
      'strategies_parameters',
      `SELECT * FROM strategies WHERE parameters @> '{"risk": "low"}'`,
      'Bitmap',
    ],
    [
      'strategy_performance_type_date',
      `SELECT return_percent FROM strategy_performance WHERE strategy_type = 'a' AND performance_date > '2024-01-01'`,
      'Index Only Scan',
    ],
    [
      'strategy_performance_strategy_date',
      'SELECT * FROM strategy_performance WHERE strategy_id = 1 ORDER BY performance_date DESC',
      '',
    ],
    [
      'instruments_sector_market_cap',
      `SELECT * FROM instruments WHERE sector = 'a' ORDER BY market_cap DESC NULLS LAST`,
      '',
    ],
    [
      'instruments_search',
      `SELECT * FROM instruments WHERE to_tsvector('english', name || ' ' || coalesce(description, '')) @@ to_tsquery('english', 'bank')`,
      'Bitmap',
    ],
    [
      'users_active_email',
      `SELECT * FROM users WHERE lower(email) = 'a@example.com' AND is_active`,
      '',
    ],
    [
      'users_active_organization',
      'SELECT * FROM users WHERE organization_id = 1 AND is_active',
      '',
    ],
    ['users_preferences', `SELECT * FROM users WHERE preferences @> '{"theme": "dark"}'`, 'Bitmap'],
    [
      'organizations_settings',
      `SELECT * FROM organizations WHERE settings @> '{"plan": "pro"}'`,
      'Bitmap',
    ],
    [
      'sessions_user_expires_at',
      'SELECT * FROM sessions WHERE user_id = 1 AND expires_at > now()',
      '',
    ],
    [
      'auth_tokens_user_expires_at',
      'SELECT * FROM auth_tokens WHERE user_id = 1 AND expires_at > now() AND NOT is_revoked',
      '',
    ],
  ])('serves a query by the index %s', async (index, query, scan) => {
    // On empty tables, an index costs as much as reading the table. The test only proves that the
    // index can serve the query.
    await client.query('BEGIN');
    try {
      await client.query('SET LOCAL enable_seqscan = off');
      await client.query('SET LOCAL enable_sort = off');
      const plan = (await rowsOf(`EXPLAIN (COSTS OFF) ${query}`))
        .map((row) => String(row['QUERY PLAN']))
        .join('\n');
      expect(plan).toMatch(new RegExp(`${scan}.*${index}`));
    } finally {
      await client.query('ROLLBACK');
    }
  });

  test('finds the bars of all symbols in a range by a BRIN index', async () => {
    await client.query('BEGIN');
    try {
      // On an empty table, the planner takes any index with the column.
      await client.query('DROP INDEX market_data_symbol_observed_at');
      await client.query('SET LOCAL enable_seqscan = off');
      const plan = await rowsOf(
        `EXPLAIN SELECT * FROM market_data WHERE observed_at >= '2024-03-01Z' AND observed_at < '2024-03-02Z'`,
      );
      expect(JSON.stringify(plan)).toMatch(/Bitmap Index Scan on market_data_observed_at_brin/);
    } finally {
      await client.query('ROLLBACK');
    }
  });

  test('keeps one bar per minute, and one active user per email address in any case', async () => {
    const bar = `INSERT INTO market_data (symbol, observed_at, open_price, high_price, low_price, close_price, volume) VALUES ('K', '2024-03-01Z', 1, 1, 1, 1, 1)`;
    await client.query(bar);
    await fails(bar).toThrow(/market_data_symbol_observed_at/);
    await fails(`INSERT INTO users (organization_id, email) VALUES (1, 'A@Example.com')`).toThrow(
      /users_active_email/,
    );
    await client.query(
      `INSERT INTO users (organization_id, email, is_active) VALUES (1, 'A@Example.com', false)`,
    );
  });

  test('finds an instrument that has no description', async () => {
    await client.query(
      `INSERT INTO instruments (symbol, name, sector) VALUES ('BNK', 'Blue Bank', 'finance')`,
    );
    const search = `SELECT symbol FROM instruments WHERE to_tsvector('english', name || ' ' || coalesce(description, '')) @@ to_tsquery('english', 'banks')`;
    expect(await rowsOf(search)).toEqual([{ symbol: 'BNK' }]);
  });

  test('returns the latest bar of each requested symbol once', async () => {
    await client.query(`INSERT INTO market_data (symbol, observed_at, open_price, high_price, low_price, close_price, volume)
      SELECT symbol, '2024-03-01Z'::timestamptz + i * interval '1 minute', i, i + 1, i - 1, i, 10
      FROM unnest(ARRAY['A', 'B']) AS symbol, generate_series(1, 5) AS i`);
    expect(
      await rowsOf(
        `SELECT symbol, close_price FROM latest_market_data('{A,B,A,none}') ORDER BY symbol`,
      ),
    ).toEqual([
      { symbol: 'A', close_price: '5' },
      { symbol: 'B', close_price: '5' },
    ]);
  });

  test('groups its views by UTC days, and updates them on refresh', async () => {
    await client.query(`SET timezone = 'Asia/Tokyo'`);
    await client.query(`INSERT INTO market_data (symbol, observed_at, open_price, high_price, low_price, close_price, volume)
      VALUES ('DAY', '2024-03-01 14:00Z', 2, 9, 1, 3, 10), ('DAY', '2024-03-01 23:59Z', 3, 4, 2, 4, 20), ('DAY', '2024-03-02 00:00Z', 5, 6, 5, 6, 30)`);
    await client.query(`INSERT INTO transactions (organization_id, user_id, symbol, status, amount, executed_at)
      VALUES (1, 1, 'DAY', 'completed', 10, '2024-03-01 23:00Z'), (1, 2, 'DAY', 'completed', 30, '2024-03-01 01:00Z'),
        (1, 2, 'DAY', 'failed', 99, '2024-03-01 01:00Z'), (1, 2, 'DAY', 'completed', 5, now() - interval '40 days'), (1, 3, 'DAY', 'pending', 5, now())`);
    await client.query('CALL refresh_market_views()');
    expect(
      await rowsOf(
        `SELECT day::text, open_price, high_price, low_price, close_price, volume FROM market_daily WHERE symbol = 'DAY' ORDER BY day`,
      ),
    ).toEqual([
      {
        day: '2024-03-01',
        open_price: '2',
        high_price: '9',
        low_price: '1',
        close_price: '4',
        volume: '30',
      },
      {
        day: '2024-03-02',
        open_price: '5',
        high_price: '6',
        low_price: '5',
        close_price: '6',
        volume: '30',
      },
    ]);
    expect(
      await rowsOf(
        `SELECT transaction_count, total_amount, user_count FROM daily_revenue WHERE day = '2024-03-01'`,
      ),
    ).toEqual([{ transaction_count: '2', total_amount: '40', user_count: '2' }]);
    await client.query('RESET timezone');
    expect(
      await rowsOf('SELECT user_id, health FROM user_health ORDER BY user_id LIMIT 4'),
    ).toEqual([
      { user_id: '1', health: 'churned' },
      { user_id: '2', health: 'at risk' },
      { user_id: '3', health: 'active' },
      { user_id: '4', health: 'new' },
    ]);
  });

  test('summarizes a portfolio in one row, also an empty one', async () => {
    await client.query(
      `INSERT INTO portfolio_holdings (user_id, symbol, quantity, market_value) VALUES (3, 'A', 2, 10.50), (3, 'B', 1, 4)`,
    );
    await client.query(`INSERT INTO portfolio_performance (user_id, performance_date, value, previous_value)
      SELECT 3, date '2024-01-01' + i, 100 + i, 99 + i FROM generate_series(1, 40) AS i UNION ALL SELECT 4, '2024-01-01', 5, 0`);
    const [summary] = await rowsOf('SELECT * FROM portfolio_summary WHERE user_id = 3');
    expect(summary).toMatchObject({
      total_value: '14.50',
      daily_change: '1',
      holdings: [{ symbol: 'A' }, { symbol: 'B' }],
    });
    expect(summary.performance).toHaveLength(30);
    expect(summary.performance[0]).toEqual({ date: '2024-02-10', value: 140 });
    expect(summary.transactions).toHaveLength(1);
    expect(
      await rowsOf(
        'SELECT total_value, daily_change_percent, holdings FROM portfolio_summary WHERE user_id = 4',
      ),
    ).toEqual([{ total_value: null, daily_change_percent: null, holdings: null }]);
  });
});
