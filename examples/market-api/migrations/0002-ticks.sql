-- Ticks in two shapes: rows of an open month, and segments of a closed one. Both are partitioned by month (UTC), so that the old is
-- dropped and not deleted. There is no default partition: it would have to be scanned whenever a month is attached.
-- Extensions are not needed; TimescaleDB does not exist on RDS.

CREATE TABLE ticks (
  symbol text COLLATE "C" NOT NULL,
  observed_at timestamptz NOT NULL,
  price numeric,
  volume bigint
) PARTITION BY RANGE (observed_at);

-- On an empty parent this is done at once; every partition gets its own. CONCURRENTLY is refused on a partitioned table.
CREATE INDEX ticks_symbol_observed_at ON ticks (symbol, observed_at);

-- One row is up to some hundred consecutive ticks of one symbol. An array is as wide as its largest number needs: of the columns that
-- differ in the digit only, one is filled. Times and prices are differences to the one before in 2 or 4 bytes, and absolute in 8.
CREATE TABLE tick_segments (
  symbol text COLLATE "C" NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  tick_count integer NOT NULL,
  -- Microseconds that 1 stands for in times: 1, 1000 or 1000000.
  time_unit integer NOT NULL,
  -- What 1 stands for in prices (0.01), the first price in it, and the decimals that all prices show, or each.
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
  -- Prices that are no decimals of 18 digits: NaN, infinities, huge ones.
  prices_as_given numeric[],
  volumes2 smallint[],
  volumes4 integer[],
  volumes8 bigint[],
  CHECK (num_nonnulls(times2, times4, times8) = 1),
  CHECK (num_nonnulls(prices2, prices4, prices8, prices_as_given) = 1),
  CHECK (num_nonnulls(volumes2, volumes4, volumes8) = 1),
  CHECK (tick_count = cardinality(coalesce(times8, times4::bigint[], times2::bigint[])))
) PARTITION BY RANGE (first_at);

-- last_at before first_at: recent ranges are asked for most, and find their place in the index from its end.
CREATE INDEX tick_segments_symbol_range ON tick_segments (symbol, last_at, first_at);

-- LZ4 where the server has it (RDS has), as it unpacks faster; PostgreSQL's own pglz elsewhere. Arrays stay in their row, packed:
-- beside it, each would cost a look-up more.
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
