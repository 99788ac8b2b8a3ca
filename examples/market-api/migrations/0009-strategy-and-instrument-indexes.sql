-- For DROP before CREATE, see 0006.

DROP INDEX CONCURRENTLY IF EXISTS strategies_symbol_type_created_at;
CREATE INDEX CONCURRENTLY strategies_symbol_type_created_at ON strategies (symbol, strategy_type, created_at DESC);

DROP INDEX CONCURRENTLY IF EXISTS strategies_parameters;
CREATE INDEX CONCURRENTLY strategies_parameters ON strategies USING gin (parameters jsonb_path_ops);

-- The plans' "last 90 days" could not be built (see 0006): with the type in front, a range of dates is a range of this index.
DROP INDEX CONCURRENTLY IF EXISTS strategy_performance_type_date;
CREATE INDEX CONCURRENTLY strategy_performance_type_date ON strategy_performance (strategy_type, performance_date DESC)
  INCLUDE (return_percent);

DROP INDEX CONCURRENTLY IF EXISTS strategy_performance_strategy_date;
CREATE INDEX CONCURRENTLY strategy_performance_strategy_date ON strategy_performance (strategy_id, performance_date DESC);

DROP INDEX CONCURRENTLY IF EXISTS instruments_sector_market_cap;
CREATE INDEX CONCURRENTLY instruments_sector_market_cap ON instruments (sector, market_cap DESC NULLS LAST);

-- Text || NULL is NULL, and what is NULL is not found: each part that may be missing is replaced by nothing.
DROP INDEX CONCURRENTLY IF EXISTS instruments_search;
CREATE INDEX CONCURRENTLY instruments_search ON instruments USING gin (to_tsvector('english', name || ' ' || coalesce(description, '')));
