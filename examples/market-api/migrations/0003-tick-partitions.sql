-- Months of ticks: functions to create, list and retire their partitions.

-- One bound of a partition, FROM or TO. The server formats it by the settings of the session, and
-- 01/06/2024 IST is ambiguous: Dublin or Israel. Fixed settings make it unambiguous.
CREATE FUNCTION tick_bound(partition oid, which text) RETURNS timestamptz
LANGUAGE sql STABLE SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
  SELECT substring(pg_get_expr(relpartbound, oid) FROM which || $re$ \('([^']+)'\)$re$)::timestamptz FROM pg_class WHERE oid = partition
$$;

-- The existing partitions with bounds and sizes. The bounds come from the catalog, not from names.
CREATE VIEW tick_partitions AS
SELECT
  heap.oid::regclass AS ticks,
  segments.oid::regclass AS segments,
  tick_bound(heap.oid, 'FROM') AS from_at,
  tick_bound(heap.oid, 'TO') AS to_at,
  pg_total_relation_size(heap.oid) AS ticks_bytes,
  pg_total_relation_size(segments.oid) AS segments_bytes
FROM pg_inherits AS child
JOIN pg_class AS heap ON heap.oid = child.inhrelid AND heap.relispartition
LEFT JOIN pg_class AS segments
  ON segments.relnamespace = heap.relnamespace AND segments.relname = replace(heap.relname, 'ticks_', 'tick_segments_')
WHERE child.inhparent = 'ticks'::regclass;

-- Creates the partitions for the month of `starting` and `ahead` further months, unless they exist,
-- and returns how many it created. PostgreSQL refuses a tick outside of all months, so call it
-- daily and well ahead. A partition is created first and then attached, because ATTACH lets reads
-- and writes of the parent continue, and CREATE … PARTITION OF does not.
CREATE FUNCTION create_tick_partitions(ahead integer DEFAULT 3, starting timestamptz DEFAULT now()) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  parent text;
  partition text;
  from_at timestamp;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('tick_partitions'));
  FOR step IN 0..ahead LOOP
    -- date_trunc of a timestamptz would follow the session's time zone.
    from_at := date_trunc('month', starting AT TIME ZONE 'UTC') + make_interval(months => step);
    FOREACH parent IN ARRAY ARRAY['ticks', 'tick_segments'] LOOP
      partition := parent || to_char(from_at, '_YYYY_MM');
      CONTINUE WHEN to_regclass(partition) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
      -- PostgreSQL packs only rows of more than 2 KB unless told otherwise, and a segment is shorter.
      IF parent = 'tick_segments' THEN
        EXECUTE format('ALTER TABLE %I SET (toast_tuple_target = 128)', partition);
      END IF;
      EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, from_at AT TIME ZONE 'UTC', (from_at + interval '1 month') AT TIME ZONE 'UTC'
      );
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END
$$;

-- Drops the months that ended longer ago than `keep`, or only detaches them to be exported and
-- dropped by hand, and returns them. It needs an exclusive lock on the parent for a moment. It
-- waits at most two seconds for the lock, because all later queries wait behind it, and then fails;
-- the next run finds the same months.
CREATE FUNCTION retire_tick_partitions(keep interval, only_detach boolean DEFAULT false) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  month record;
  partition regclass;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('tick_partitions'));
  FOR month IN SELECT * FROM tick_partitions WHERE to_at <= now() - keep ORDER BY from_at LOOP
    FOREACH partition IN ARRAY array_remove(ARRAY[month.ticks, month.segments], NULL) LOOP
      RETURN NEXT partition::text;
      IF only_detach THEN
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s',
          (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = partition), partition);
      ELSE
        EXECUTE format('DROP TABLE %s', partition);
      END IF;
    END LOOP;
  END LOOP;
END
$$;
