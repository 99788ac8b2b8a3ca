-- Ticks in two forms: rows for an open month, segments for a closed month. Both are partitioned by
-- month (UTC), so that old months are dropped rather than deleted. There is no default partition,
-- because every new month would have to scan it. No extension is needed; RDS does not offer
-- TimescaleDB.

CREATE TABLE ticks (
  symbol text COLLATE "C" NOT NULL,
  observed_at timestamptz NOT NULL,
  price numeric,
  volume bigint
) PARTITION BY RANGE (observed_at);

-- This is instant on an empty parent, and every partition gets its own index. PostgreSQL refuses
-- CONCURRENTLY on a partitioned table.
CREATE INDEX ticks_symbol_observed_at ON ticks (symbol, observed_at);

-- One row holds up to a few hundred consecutive ticks of one symbol. An array is as wide as its
-- largest number needs: only one of the columns that differ in the final digit is filled. Times and
-- prices are differences from the previous value in 2 or 4 bytes, and absolute in 8 bytes.
CREATE TABLE tick_segments (
  symbol text COLLATE "C" NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  tick_count integer NOT NULL,
  -- The unit of times in microseconds: 1, 1000 or 1000000.
  time_unit integer NOT NULL,
  -- The unit of prices (such as 0.01), the first price in that unit, and the displayed decimals of
  -- all prices or of each price.
  price_unit numeric,
  price_base bigint,
  price_scale smallint,
  price_scales smallint[],
  times2 smallint[],
  times4 integer[],
  times8 bigint[],
  prices2 smallint[],
  prices4 integer[],
  prices8 bigint[],
  -- Prices that do not fit 18 decimal digits: NaN, infinities, very large prices.
  prices_as_given numeric[],
  volumes2 smallint[],
  volumes4 integer[],
  volumes8 bigint[],
  CHECK (num_nonnulls(times2, times4, times8) = 1),
  CHECK (num_nonnulls(prices2, prices4, prices8, prices_as_given) = 1),
  CHECK (num_nonnulls(volumes2, volumes4, volumes8) = 1),
  CHECK (tick_count = cardinality(coalesce(times8, times4::bigint[], times2::bigint[])))
) PARTITION BY RANGE (first_at);

-- last_at comes before first_at because most queries ask for recent ranges, which lie at the end of
-- the index.
CREATE INDEX tick_segments_symbol_range ON tick_segments (symbol, last_at, first_at);

-- LZ4 decompresses faster and is used if the server has it, as RDS does; otherwise PostgreSQL's own
-- pglz. Compressed arrays stay in their row, because each array outside of it would cost another
-- look-up.
DO $$
DECLARE
  method text;
  array_column name;
BEGIN
  SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'lz4' ELSE 'pglz' END INTO method
  FROM pg_settings WHERE name = 'default_toast_compression';
  FOR array_column IN
    SELECT attname FROM pg_attribute
    WHERE attrelid = 'tick_segments'::regclass AND attnum > 0 AND attndims > 0
  LOOP
    EXECUTE format('ALTER TABLE tick_segments ALTER COLUMN %I SET STORAGE MAIN', array_column);
    EXECUTE format('ALTER TABLE tick_segments ALTER COLUMN %I SET COMPRESSION %s', array_column, method);
  END LOOP;
END
$$;
