-- Turns the rows of a closed month into segments.

-- Takes the ticks of a month that lie after (after_symbol, after_at), up to and with (last_symbol, last_at), out of their rows and puts
-- them back as segments, in one statement: a reader, or a crash, finds the one or the other. Returns how many ticks it took.
-- Without statistics, and a month just filled has none, the planner would read the whole month for each batch.
CREATE FUNCTION compress_tick_range(
  month_at timestamptz, after_symbol text, after_at timestamptz, last_symbol text, last_at timestamptz, segment_ticks integer
) RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  month_end timestamptz := (month_at AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
  taken bigint;
  kept bigint;
BEGIN
  WITH cut AS (
    DELETE FROM ticks
    WHERE observed_at >= month_at AND observed_at < month_end
      AND (symbol, observed_at) > (compress_tick_range.after_symbol COLLATE "C", compress_tick_range.after_at)
      AND (symbol, observed_at) <= (compress_tick_range.last_symbol COLLATE "C", compress_tick_range.last_at)
    RETURNING symbol, observed_at, price, volume
  ),
  numbered AS (
    SELECT *,
      row_number() OVER (PARTITION BY symbol ORDER BY observed_at) - 1 AS place,
      (extract(epoch FROM observed_at) * 1000000)::bigint AS micros
    FROM cut
  ),
  segment AS (
    SELECT symbol,
      min(observed_at) AS first_at,
      max(observed_at) AS last_at,
      count(*) AS tick_count,
      min(micros) AS first_micros,
      CASE
        WHEN min(micros % 1000000) = max(micros % 1000000) THEN 1000000
        WHEN min(micros % 1000) = max(micros % 1000) THEN 1000
        ELSE 1
      END AS time_unit,
      coalesce(max(min_scale(price)), 0) AS decimals,
      coalesce(max(abs(price)), 0) AS largest,
      min(scale(price)) AS least_scale,
      max(scale(price)) AS most_scale,
      -- Once as whole numbers of the unit, a difference of two must fit a bigint. NaN is larger than any number here.
      CASE WHEN coalesce(max(min_scale(price)), 0) > 18 THEN false
        ELSE coalesce(max(abs(price)), 0) < ('4e' || 18 - coalesce(max(min_scale(price)), 0))::numeric
      END AS is_decimal,
      array_agg(micros ORDER BY place) AS micros,
      array_agg(price ORDER BY place) AS prices,
      array_agg(volume ORDER BY place) AS volumes
    FROM numbered
    GROUP BY symbol, place / segment_ticks
  ),
  stored AS (
    INSERT INTO tick_segments (
      symbol, first_at, last_at, tick_count, time_unit, price_unit, price_base, price_scale, price_scales,
      times2, times4, times8, prices2, prices4, prices8, prices_as_given, volumes2, volumes4, volumes8
    )
    SELECT symbol, first_at, last_at, tick_count, time_unit,
      CASE WHEN is_decimal THEN ('1e-' || decimals)::numeric END,
      whole.price_base,
      CASE WHEN is_decimal AND least_scale = most_scale THEN most_scale END,
      CASE WHEN is_decimal AND least_scale <> most_scale THEN whole.scales END,
      CASE WHEN whole.time_step < 32768 THEN whole.time_steps::smallint[] END,
      CASE WHEN whole.time_step BETWEEN 32768 AND 2147483647 THEN whole.time_steps::integer[] END,
      CASE WHEN whole.time_step > 2147483647 THEN whole.times END,
      CASE WHEN is_decimal AND whole.price_step < 32768 THEN whole.price_steps::smallint[] END,
      CASE WHEN is_decimal AND whole.price_step BETWEEN 32768 AND 2147483647 THEN whole.price_steps::integer[] END,
      CASE WHEN is_decimal AND whole.price_step > 2147483647 THEN whole.prices END,
      CASE WHEN NOT is_decimal THEN segment.prices END,
      CASE WHEN whole.volume_low > -32768 AND whole.volume_high < 32768 THEN segment.volumes::smallint[] END,
      CASE WHEN NOT (whole.volume_low > -32768 AND whole.volume_high < 32768)
        AND whole.volume_low > -2147483648 AND whole.volume_high < 2147483648 THEN segment.volumes::integer[] END,
      CASE WHEN NOT (whole.volume_low > -2147483648 AND whole.volume_high < 2147483648) THEN segment.volumes END
    FROM segment
    CROSS JOIN LATERAL (
      SELECT
        array_agg(time ORDER BY place) AS times,
        array_agg(time_step ORDER BY place) AS time_steps,
        max(time_step) AS time_step,
        array_agg(price ORDER BY place) AS prices,
        array_agg(price_step ORDER BY place) AS price_steps,
        coalesce(max(abs(price_step)), 0) AS price_step,
        (array_agg(price ORDER BY place) FILTER (WHERE price IS NOT NULL))[1] AS price_base,
        array_agg(scale ORDER BY place)::smallint[] AS scales,
        coalesce(min(volume), 0) AS volume_low,
        coalesce(max(volume), 0) AS volume_high
      FROM (
        SELECT place, time, price, volume, scale,
          time - lag(time, 1, time) OVER (ORDER BY place) AS time_step,
          -- From price to price: one that is NULL stays NULL, and the next goes on from the one before it.
          price - lag(price, 1, price) OVER (PARTITION BY price IS NULL ORDER BY place) AS price_step
        FROM (
          SELECT place, volume, scale(price) AS scale,
            (micros - first_micros) / time_unit AS time,
            CASE WHEN is_decimal THEN (price * ('1e' || decimals)::numeric)::bigint END AS price
          FROM unnest(segment.micros, segment.prices, segment.volumes) WITH ORDINALITY AS tick (micros, price, volume, place)
        ) AS tick
      ) AS step
    ) AS whole
    RETURNING tick_count
  )
  SELECT (SELECT count(*) FROM cut), (SELECT coalesce(sum(tick_count), 0) FROM stored) INTO taken, kept;
  IF taken <> kept THEN
    RAISE EXCEPTION 'compress_tick_range: % ticks were taken and % kept: nothing is changed', taken, kept;
  END IF;
  RETURN taken;
END
$$;

-- Compresses a month in batches, each a transaction of its own: it may be stopped at any time, and called again goes on with the rows
-- that are left. Rows that come late into a compressed month are read like all others and go into further segments at the next call.
-- Readers are not blocked. CALL it outside of a transaction.
CREATE PROCEDURE compress_ticks(month date, segment_ticks integer DEFAULT 192, batch_ticks integer DEFAULT 50000)
LANGUAGE plpgsql AS $$
DECLARE
  from_at timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
  to_at timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
  after_symbol text := '';
  after_at timestamptz := '-infinity';
  last record;
BEGIN
  IF to_at > now() THEN
    RAISE EXCEPTION 'compress_ticks: % has not ended', to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM')
      USING HINT = 'Months are UTC. Compress a month when no more ticks are expected for it.';
  END IF;
  IF segment_ticks NOT BETWEEN 1 AND 10000 OR batch_ticks < segment_ticks THEN
    RAISE EXCEPTION 'compress_ticks: segment_ticks must be 1 to 10000 and batch_ticks at least as many, got % and %', segment_ticks, batch_ticks;
  END IF;
  LOOP
    IF NOT pg_try_advisory_xact_lock(hashtext('compress_ticks'), (from_at AT TIME ZONE 'UTC')::date - date '2000-01-01') THEN
      RAISE EXCEPTION 'compress_ticks: another session compresses %', to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM')
        USING HINT = 'Let it finish: what it leaves is found by the next call.';
    END IF;
    SET LOCAL enable_seqscan = off;
    SELECT symbol, observed_at INTO last FROM (
      SELECT symbol, observed_at FROM ticks
      WHERE observed_at >= from_at AND observed_at < to_at AND (symbol, observed_at) > (after_symbol COLLATE "C", after_at)
      ORDER BY symbol, observed_at LIMIT batch_ticks
    ) AS batch ORDER BY symbol DESC, observed_at DESC LIMIT 1;
    EXIT WHEN NOT FOUND;
    PERFORM compress_tick_range(from_at, after_symbol, after_at, last.symbol, last.observed_at, segment_ticks);
    after_symbol := last.symbol;
    after_at := last.observed_at;
    COMMIT;
  END LOOP;
END
$$;

-- All months that ended at least `closed_for` ago: what a scheduler calls. A month without rows costs a glance at its index.
CREATE PROCEDURE compress_closed_ticks(closed_for interval DEFAULT '1 day', segment_ticks integer DEFAULT 192, batch_ticks integer DEFAULT 50000)
LANGUAGE plpgsql AS $$
DECLARE
  month date;
BEGIN
  FOR month IN SELECT (from_at AT TIME ZONE 'UTC')::date FROM tick_partitions WHERE to_at <= now() - closed_for ORDER BY 1 LOOP
    CALL compress_ticks(month, segment_ticks, batch_ticks);
  END LOOP;
END
$$;
