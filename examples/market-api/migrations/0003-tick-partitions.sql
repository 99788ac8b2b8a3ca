-- Months of ticks: how they come, how they are seen, and how they go.

-- One bound of a partition, FROM or TO. The server writes it as the session likes dates, and 01/06/2024 IST is Dublin to one and Israel to
-- another: here it is written and read in one way.
CREATE FUNCTION tick_bound(partition oid, which text) RETURNS timestamptz
LANGUAGE sql STABLE SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
  SELECT substring(pg_get_expr(relpartbound, oid) FROM which || $re$ \('([^']+)'\)$re$)::timestamptz FROM pg_class WHERE oid = partition
$$;

-- What exists, with bounds and bytes. The bounds are the partitions' own, and not read from their names.
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

-- Makes the month of `starting` and `ahead` more, where they do not exist; returns how many it made. A tick outside of all months is
-- refused, so call it daily and well ahead.
-- A partition is made beside its parent and attached: ATTACH lets reads and writes of the parent go on, CREATE … PARTITION OF does not.
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

-- Removes the months that ended longer ago than `keep`, and returns them: dropped, or only detached, to be exported and dropped by hand.
-- It needs the parent for itself for a moment. It waits two seconds for that, as all that come after it wait with it, and then fails:
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
