-- For DROP before CREATE, see 0006.

-- A user holds a symbol once; the summary reads no more than the index.
DROP INDEX CONCURRENTLY IF EXISTS portfolio_holdings_user_symbol;
CREATE UNIQUE INDEX CONCURRENTLY portfolio_holdings_user_symbol ON portfolio_holdings (user_id, symbol) INCLUDE (quantity, market_value);

-- The history of one position.
DROP INDEX CONCURRENTLY IF EXISTS portfolio_positions_user_symbol_date;
CREATE UNIQUE INDEX CONCURRENTLY portfolio_positions_user_symbol_date ON portfolio_positions (user_id, symbol, position_date DESC);

-- All positions of one day: the symbol stands between user and date in the one above.
DROP INDEX CONCURRENTLY IF EXISTS portfolio_positions_user_date;
CREATE INDEX CONCURRENTLY portfolio_positions_user_date ON portfolio_positions (user_id, position_date DESC);

DROP INDEX CONCURRENTLY IF EXISTS portfolio_performance_user_date;
CREATE UNIQUE INDEX CONCURRENTLY portfolio_performance_user_date ON portfolio_performance (user_id, performance_date DESC)
  INCLUDE (value, previous_value);

-- Most orders are filled or cancelled: the few that are not have an index of their own. A status is a constant, so this one is allowed.
DROP INDEX CONCURRENTLY IF EXISTS orders_active;
CREATE INDEX CONCURRENTLY orders_active ON orders (user_id, symbol) WHERE status = 'active';
