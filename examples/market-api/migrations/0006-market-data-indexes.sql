-- The indexes are built while the application reads and writes. A failed build leaves an INVALID
-- index, which every write maintains, no query uses, and IF NOT EXISTS accepts as the real index.
-- So each index is first dropped by name and then built.

-- One bar per symbol and minute, newest first. It answers "latest price" without reading the table,
-- and its width serves all queries by symbol and time.
DROP INDEX CONCURRENTLY IF EXISTS market_data_symbol_observed_at;
CREATE UNIQUE INDEX CONCURRENTLY market_data_symbol_observed_at ON market_data (symbol, observed_at DESC)
  INCLUDE (open_price, high_price, low_price, close_price, volume);

-- An index of the last 30 days, WHERE date >= CURRENT_DATE - 30, is impossible: PostgreSQL decides
-- only when it writes a row whether the row belongs to an index. Bars arrive in order of time, so
-- the first and last time of each range of pages find any days of all symbols, with an index of a
-- few pages.
DROP INDEX CONCURRENTLY IF EXISTS market_data_observed_at_brin;
CREATE INDEX CONCURRENTLY market_data_observed_at_brin ON market_data USING brin (observed_at) WITH (pages_per_range = 32);
