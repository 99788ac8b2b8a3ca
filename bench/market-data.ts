/**
 * The data of the market application's tables, equal at every run, and the queries of its services.
 */

export const MARKET_SYMBOLS = 500;
const MARKET_USERS = 5000;

/**
 * A number from 0 to below n by the hash of another number, so that neighbors differ and every run
 * is equal.
 */
const PICK = `
  CREATE FUNCTION pick(i bigint, seed bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS 'SELECT (hashint8extended(i, seed) & 9223372036854775807) % n'`;

/** A million bars in order of time, and the other tables of the application. */
export const MARKET_FILL: readonly string[] = [
  PICK,
  `INSERT INTO organizations (name) SELECT 'Organization ' || i FROM generate_series(1, 100) AS i`,
  `INSERT INTO users (organization_id, email) SELECT 1 + i % 100, 'user' || i || '@example.com' FROM generate_series(1, ${MARKET_USERS}) AS i`,
  `INSERT INTO sessions (id, user_id, expires_at)
   SELECT md5(i::text)::uuid, 1 + pick(i, 1, ${MARKET_USERS}), '2026-01-01Z'::timestamptz + pick(i, 2, 86400 * 60) * interval '1 second'
   FROM generate_series(1, 100000) AS i`,
  `INSERT INTO instruments SELECT 'S' || i, 'Company ' || i, 'sector ' || i % 11, NULL, pick(i, 3, 1000000) FROM generate_series(0, ${MARKET_SYMBOLS - 1}) AS i`,
  `INSERT INTO market_data (symbol, observed_at, open_price, high_price, low_price, close_price, volume)
   SELECT 'S' || i % ${MARKET_SYMBOLS}, '2026-01-05 14:30Z'::timestamptz + i / ${MARKET_SYMBOLS} % 390 * interval '1 minute' + i / ${MARKET_SYMBOLS} / 390 * interval '1 day',
     price, price + 0.12, price - 0.15, price + 0.03, 100 + pick(i, 4, 10000)
   FROM (SELECT i, 100 + pick(i, 5, 1000) / 100.0 AS price FROM generate_series(0, 1000000 - 1) AS i) AS bar`,
  `INSERT INTO portfolio_holdings (user_id, symbol, quantity, market_value)
   SELECT 1 + i / 20, 'S' || (i * 7 + i / 20) % ${MARKET_SYMBOLS}, 1 + pick(i, 6, 100), 1 + pick(i, 7, 100000) FROM generate_series(0, ${MARKET_USERS} * 20 - 1) AS i`,
  `INSERT INTO portfolio_performance (user_id, performance_date, value, previous_value)
   SELECT 1 + i % ${MARKET_USERS}, date '2025-11-01' + i / ${MARKET_USERS}, 1000 + pick(i, 8, 9000), 1000 + pick(i, 9, 9000)
   FROM generate_series(0, ${MARKET_USERS} * 90 - 1) AS i`,
  `INSERT INTO transactions (organization_id, user_id, symbol, status, amount, description, executed_at)
   SELECT 1 + user_number % 100, 1 + user_number, 'S' || pick(i, 10, ${MARKET_SYMBOLS}), (ARRAY['completed', 'completed', 'completed', 'pending', 'failed'])[1 + pick(i, 11, 5)],
     1 + pick(i, 12, 100000) / 100.0, 'order number ' || i, '2025-11-01Z'::timestamptz + i * interval '15 seconds'
   FROM (SELECT i, pick(i, 13, ${MARKET_USERS})::int AS user_number FROM generate_series(1, 200000) AS i) AS made`,
  `INSERT INTO orders (user_id, symbol, status, quantity, placed_at)
   SELECT 1 + pick(i, 14, ${MARKET_USERS}), 'S' || pick(i, 15, ${MARKET_SYMBOLS}), CASE WHEN i % 50 = 0 THEN 'active' ELSE 'filled' END, 10, '2026-01-05Z'::timestamptz + i * interval '1 second'
   FROM generate_series(1, 300000) AS i`,
  `INSERT INTO strategies (symbol, strategy_type, created_at)
   SELECT 'S' || pick(i, 16, ${MARKET_SYMBOLS}), 'type' || pick(i, 17, 8), '2025-06-01Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, 100000) AS i`,
  `INSERT INTO strategy_performance (strategy_id, strategy_type, performance_date, return_percent)
   SELECT 1 + i % 1000, 'type' || i % 8, date '2025-01-01' + i / 1000, pick(i, 18, 1000) / 100.0 FROM generate_series(0, 1000 * 365 - 1) AS i`,
];

/** A query before and after the migrations that add indexes and views. */
export interface MarketQuery {
  /** The text without indexes and views. Both texts return the same rows. */
  readonly before: string;
  /**
   * The text that uses a view or function of the migrations.
   *
   * @default - the same text, which an index speeds up
   */
  readonly after?: string;
  /** The parameters of a run. */
  readonly parameters: (run: number) => readonly unknown[];
}

const user = (run: number) => [1 + ((run * 97) % MARKET_USERS)];
const symbolOf = (run: number) => `S${(run * 31) % MARKET_SYMBOLS}`;
const organization = (run: number) => [1 + ((run * 7) % 100)];

/** The queries of the market application's services. */
export const MARKET_QUERIES: Readonly<Record<string, MarketQuery>> = {
  portfolioSummary: {
    before: `
      WITH holding AS (SELECT symbol, quantity, market_value FROM portfolio_holdings WHERE user_id = $1),
        day AS (SELECT performance_date, value, previous_value FROM portfolio_performance WHERE user_id = $1 ORDER BY performance_date DESC LIMIT 30),
        recent AS (SELECT id, symbol, status, amount, executed_at FROM transactions WHERE user_id = $1 ORDER BY executed_at DESC LIMIT 10)
      SELECT (SELECT sum(market_value) FROM holding), (SELECT json_agg(holding ORDER BY symbol) FROM holding),
        (SELECT json_agg(day ORDER BY performance_date DESC) FROM day), (SELECT json_agg(recent ORDER BY executed_at DESC) FROM recent)`,
    parameters: user,
  },
  recentTransactions: {
    before: 'SELECT * FROM transactions WHERE user_id = $1 ORDER BY executed_at DESC LIMIT 10',
    parameters: user,
  },
  performanceByDate: {
    before:
      'SELECT performance_date, value, previous_value FROM portfolio_performance WHERE user_id = $1 ORDER BY performance_date DESC LIMIT 30',
    parameters: user,
  },
  activeOrders: {
    before: `SELECT * FROM orders WHERE user_id = $1 AND status = 'active' ORDER BY symbol, id`,
    parameters: user,
  },
  // Without an index, one pass over the table for all symbols is fastest. The form that uses the
  // index would need one pass per symbol.
  latestOf100Symbols: {
    before: `SELECT DISTINCT ON (symbol) symbol, observed_at, open_price, high_price, low_price, close_price, volume
      FROM market_data WHERE symbol = ANY ($1) ORDER BY symbol, observed_at DESC`,
    after: 'SELECT * FROM latest_market_data($1) ORDER BY symbol COLLATE "C"',
    parameters: (run) => [
      Array.from({ length: 100 }, (_, i) => `S${(run * 13 + i * 5) % MARKET_SYMBOLS}`),
    ],
  },
  barsOfAnHour: {
    before: `SELECT observed_at, open_price, close_price, volume FROM market_data
      WHERE symbol = $1 AND observed_at >= $2::timestamptz AND observed_at < $2::timestamptz + interval '1 hour' ORDER BY observed_at DESC`,
    parameters: (run) => [symbolOf(run), `2026-01-0${5 + (run % 5)} 16:00Z`],
  },
  dailyBars: {
    before: `SELECT symbol, (observed_at AT TIME ZONE 'UTC')::date AS day, (array_agg(open_price ORDER BY observed_at))[1] AS open_price,
        max(high_price) AS high_price, min(low_price) AS low_price, (array_agg(close_price ORDER BY observed_at DESC))[1] AS close_price, sum(volume) AS volume
      FROM market_data WHERE symbol = $1 GROUP BY 1, 2 ORDER BY day DESC`,
    after: 'SELECT * FROM market_daily WHERE symbol = $1 ORDER BY day DESC',
    parameters: (run) => [symbolOf(run)],
  },
  strategiesBySymbolAndType: {
    before:
      'SELECT * FROM strategies WHERE symbol = $1 AND strategy_type = $2 ORDER BY created_at DESC',
    parameters: (run) => [symbolOf(run), `type${run % 8}`],
  },
  strategyPerformanceOfAWeek: {
    before: `SELECT performance_date, avg(return_percent) FROM strategy_performance
      WHERE strategy_type = $1 AND performance_date >= $2::date AND performance_date < $2::date + 7 GROUP BY 1 ORDER BY 1`,
    parameters: (run) => [`type${run % 8}`, `2025-${String(1 + (run % 11)).padStart(2, '0')}-10`],
  },
  dailyRevenue: {
    before: `SELECT organization_id, (executed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS transaction_count, sum(amount) AS total_amount,
        avg(amount) AS average_amount, count(DISTINCT user_id) AS user_count
      FROM transactions WHERE organization_id = $1 AND status = 'completed' GROUP BY 1, 2 ORDER BY day DESC`,
    after: 'SELECT * FROM daily_revenue WHERE organization_id = $1 ORDER BY day DESC',
    parameters: organization,
  },
  searchTransactions: {
    before: `SELECT id, description FROM transactions WHERE to_tsvector('english', coalesce(description, '')) @@ plainto_tsquery('english', $1)`,
    parameters: (run) => [`number ${1 + run * 1009}`],
  },
  sessionsOfUser: {
    before: `SELECT * FROM sessions WHERE user_id = $1 AND expires_at > '2026-02-01Z' ORDER BY expires_at, id`,
    parameters: user,
  },
};
