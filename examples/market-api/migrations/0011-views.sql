-- What is read often and changes seldom is kept; the rest are views, always true.

-- Days are UTC: date(timestamptz) would follow the session that refreshes. A view is filled when it is made, because
-- REFRESH … CONCURRENTLY wants one that has been, and a unique index over all rows.
CREATE MATERIALIZED VIEW market_daily AS
SELECT
  symbol,
  (observed_at AT TIME ZONE 'UTC')::date AS day,
  (array_agg(open_price ORDER BY observed_at))[1] AS open_price,
  max(high_price) AS high_price,
  min(low_price) AS low_price,
  (array_agg(close_price ORDER BY observed_at DESC))[1] AS close_price,
  sum(volume) AS volume
FROM market_data
GROUP BY symbol, (observed_at AT TIME ZONE 'UTC')::date;

CREATE UNIQUE INDEX market_daily_symbol_day ON market_daily (symbol, day DESC);

CREATE MATERIALIZED VIEW daily_revenue AS
SELECT
  organization_id,
  (executed_at AT TIME ZONE 'UTC')::date AS day,
  count(*) AS transaction_count,
  sum(amount) AS total_amount,
  avg(amount) AS average_amount,
  count(DISTINCT user_id) AS user_count
FROM transactions
WHERE status = 'completed'
GROUP BY organization_id, (executed_at AT TIME ZONE 'UTC')::date;

CREATE UNIQUE INDEX daily_revenue_organization_day ON daily_revenue (organization_id, day DESC);

-- When each user was last active: the facts only. How long ago that is, and what to call it, is for user_health, or it would be as old as the
-- last refresh.
CREATE MATERIALIZED VIEW user_activity AS
SELECT
  users.organization_id,
  users.id AS user_id,
  count(transactions.id) AS transaction_count,
  sum(transactions.amount) AS total_amount,
  max(transactions.executed_at) AS last_transaction_at
FROM users
LEFT JOIN transactions ON transactions.user_id = users.id
WHERE users.is_active
GROUP BY users.organization_id, users.id;

CREATE UNIQUE INDEX user_activity_organization_user ON user_activity (organization_id, user_id);

-- The whole time since, not the days of an interval, which may be less than a month's. Who never traded is new, not churned.
CREATE VIEW user_health AS
SELECT *,
  CASE
    WHEN last_transaction_at IS NULL THEN 'new'
    WHEN last_transaction_at > now() - interval '30 days' THEN 'active'
    WHEN last_transaction_at > now() - interval '90 days' THEN 'at risk'
    ELSE 'churned'
  END AS health
FROM user_activity;

-- One row per user, of whom an application asks for one: each part is then a look-up in an index.
CREATE VIEW portfolio_summary AS
SELECT
  users.id AS user_id,
  holding.total_value,
  day.value - day.previous_value AS daily_change,
  (day.value - day.previous_value) / nullif(day.previous_value, 0) * 100 AS daily_change_percent,
  holding.holdings,
  performance.performance,
  recent.transactions
FROM users
CROSS JOIN LATERAL (
  SELECT sum(market_value) AS total_value, json_agg(json_build_object('symbol', symbol, 'quantity', quantity, 'market_value', market_value)
    ORDER BY symbol) AS holdings
  FROM portfolio_holdings WHERE user_id = users.id
) AS holding
LEFT JOIN LATERAL (
  SELECT value, previous_value FROM portfolio_performance WHERE user_id = users.id ORDER BY performance_date DESC LIMIT 1
) AS day ON true
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_object('date', performance_date, 'value', value) ORDER BY performance_date DESC) AS performance
  FROM (
    SELECT performance_date, value FROM portfolio_performance WHERE user_id = users.id ORDER BY performance_date DESC LIMIT 30
  ) AS days
) AS performance
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_object('id', id, 'symbol', symbol, 'status', status, 'amount', amount, 'executed_at', executed_at)
    ORDER BY executed_at DESC) AS transactions
  FROM (SELECT * FROM transactions WHERE user_id = users.id ORDER BY executed_at DESC LIMIT 10) AS newest
) AS recent;

-- The newest bar of each symbol asked for: one descent of an index each. The plan compared every bar with its symbol's greatest time,
-- under a table name that its query did not have, and put names of columns from the request into the statement; here the columns are fixed.
CREATE FUNCTION latest_market_data(symbols text[])
RETURNS TABLE (symbol text, observed_at timestamptz, open_price numeric, high_price numeric, low_price numeric, close_price numeric, volume bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT bar.symbol::text, bar.observed_at, bar.open_price, bar.high_price, bar.low_price, bar.close_price, bar.volume
  FROM (SELECT DISTINCT unnest(symbols) AS symbol) AS wanted
  CROSS JOIN LATERAL (
    SELECT * FROM market_data WHERE market_data.symbol = wanted.symbol COLLATE "C" ORDER BY market_data.observed_at DESC LIMIT 1
  ) AS bar
$$;

-- Hourly, by pg_cron or the application. Readers go on with the old rows until each view is done.
CREATE PROCEDURE refresh_market_views() LANGUAGE plpgsql AS $$
BEGIN
  REFRESH MATERIALIZED VIEW CONCURRENTLY market_daily;
  COMMIT;
  REFRESH MATERIALIZED VIEW CONCURRENTLY daily_revenue;
  COMMIT;
  REFRESH MATERIALIZED VIEW CONCURRENTLY user_activity;
END
$$;
