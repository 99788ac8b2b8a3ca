-- Built while the application reads and writes. A build that fails leaves an INVALID index behind, which every write keeps up, no query
-- uses, and IF NOT EXISTS takes for the real one: so each is dropped first, by name, and made anew.

-- One bar per symbol and minute, newest first, and the answer to "latest price" without a visit to the table. The plans had three
-- indexes with this beginning; the widest serves all.
DROP INDEX CONCURRENTLY IF EXISTS market_data_symbol_observed_at;
CREATE UNIQUE INDEX CONCURRENTLY market_data_symbol_observed_at ON market_data (symbol, observed_at DESC)
  INCLUDE (open_price, high_price, low_price, close_price, volume);

-- The plans had an index of the last 30 days, WHERE date >= CURRENT_DATE - 30. PostgreSQL refuses that: it decides once, when a row is
-- written, whether it belongs to an index, and today moves on. Bars come in the order of time, so the least and the greatest time of each
-- stretch of the table find any days, of all symbols, with an index of a few pages.
DROP INDEX CONCURRENTLY IF EXISTS market_data_observed_at_brin;
CREATE INDEX CONCURRENTLY market_data_observed_at_brin ON market_data USING brin (observed_at) WITH (pages_per_range = 32);
