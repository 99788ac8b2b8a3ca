-- The ticks of a symbol from `from_at` to before `to_at`, in no order, wherever they are. A view could not do this: a range asked of it
-- would be applied to ticks, after every segment has been unpacked.
-- Planning takes longer than a short range itself, and the more so the more months there are. PL/pgSQL keeps one plan per connection, also
-- where a pooler keeps applications from preparing statements, and leaves months out when it runs. The plan is the same for all ranges.
CREATE FUNCTION ticks_between(of_symbol text, from_at timestamptz, to_at timestamptz)
RETURNS TABLE (symbol text, observed_at timestamptz, price numeric, volume bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT ticks.symbol::text, ticks.observed_at, ticks.price, ticks.volume
  FROM ticks
  WHERE ticks.symbol = of_symbol COLLATE "C" AND ticks.observed_at >= from_at AND ticks.observed_at < to_at
  UNION ALL
  SELECT segment.symbol::text, tick.observed_at,
    CASE
      WHEN segment.price_scale IS NOT NULL THEN round(tick.price * segment.price_unit, segment.price_scale)
      WHEN segment.price_scales IS NOT NULL THEN round(tick.price * segment.price_unit, segment.price_scales[tick.place])
      ELSE tick.price_as_given
    END,
    tick.volume
  FROM tick_segments AS segment
  CROSS JOIN LATERAL (
    SELECT place, volume, price_as_given,
      -- A sum of integers is a bigint and quick, one of bigints is a numeric: hence absolute values in the widest arrays.
      segment.first_at + segment.time_unit
        * coalesce(time, sum(time_step) OVER until_here) * interval '1 microsecond' AS observed_at,
      coalesce(whole_price, CASE WHEN price_step IS NOT NULL THEN segment.price_base + sum(price_step) OVER until_here END) AS price
    FROM unnest(
      coalesce(segment.times4, segment.times2::integer[]), segment.times8,
      coalesce(segment.prices4, segment.prices2::integer[]), segment.prices8, segment.prices_as_given,
      coalesce(segment.volumes8, segment.volumes4::bigint[], segment.volumes2::bigint[])
    ) WITH ORDINALITY AS step (time_step, time, price_step, whole_price, price_as_given, volume, place)
    WINDOW until_here AS (ORDER BY place ROWS UNBOUNDED PRECEDING)
  ) AS tick
  WHERE segment.symbol = of_symbol COLLATE "C" AND segment.last_at >= from_at AND segment.first_at < to_at
    -- A segment lies within one month: this leaves the months before out.
    AND segment.first_at >= date_trunc('month', from_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
    AND tick.observed_at >= from_at AND tick.observed_at < to_at;
END
$$;
