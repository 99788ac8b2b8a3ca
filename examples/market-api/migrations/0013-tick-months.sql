-- The months in which ticks arrive: that of yesterday, whose last ticks may be late, this one and three more. Without them, the first
-- insert into ticks fails.
SELECT create_tick_partitions(4, now() - interval '1 day');

-- pg_cron keeps months ahead, where this database has it. Elsewhere, a scheduler of the application calls the function daily.
-- A job is known by its name: this one replaces an earlier one.
DO $$
BEGIN
  IF to_regprocedure('cron.schedule(text, text, text)') IS NULL THEN
    RAISE NOTICE 'pg_cron is not in this database: call create_tick_partitions(3) daily.';
  ELSE
    PERFORM cron.schedule('tick months', '10 1 * * *', 'SELECT create_tick_partitions(3)');
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING '%: let the owner of pg_cron schedule create_tick_partitions(3) daily.', SQLERRM;
END
$$;
