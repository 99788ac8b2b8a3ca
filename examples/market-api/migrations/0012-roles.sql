-- The roles that the application and functions of the deployment log in as, and what advice on queries wants. Roles belong to the server and not to the database:
-- one that is there already is taken, so this can be run in each database of a server, and again.

-- All need to log in. RDS has rds_iam, whose members log in by IAM and have no password; a PostgreSQL elsewhere does not.
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['application', 'promotion_probe', 'advisor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', wanted);
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
      EXECUTE format('GRANT rds_iam TO %I', wanted);
    END IF;
  END LOOP;
END
$$;

-- Statements of others in pg_stat_statements are for pg_read_all_stats, which is in pg_monitor; on RDS, pg_monitor is the one that the master
-- user is sure to be able to grant.
GRANT pg_monitor TO advisor;

-- PostgreSQL plans no statement for a role that could not run it. So the advisor may read, and has no plan of a statement that writes. GRANT ON
-- ALL TABLES would fail at what extensions have put into the schema, which on RDS belongs to RDS.
-- The application changes rows, and no table: that is what migrations are for.
GRANT USAGE ON SCHEMA public TO advisor, application;
DO $$
DECLARE
  ours regclass;
BEGIN
  FOR ours IN
    SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND pg_has_role(relowner, 'USAGE')
  LOOP
    EXECUTE format('GRANT SELECT ON %s TO advisor', ours);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO application', ours);
  END LOOP;
  FOR ours IN
    SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND pg_has_role(relowner, 'USAGE')
  LOOP
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO application', ours);
  END LOOP;
END
$$;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO advisor;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO application;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO application;
ALTER ROLE advisor SET default_transaction_read_only = on;

-- RDS has both. Advice says what is missing and goes on, so a PostgreSQL without them is no reason to stop.
DO $$
DECLARE
  wanted text;
BEGIN
  FOR wanted IN SELECT name FROM pg_available_extensions WHERE name IN ('pg_stat_statements', 'hypopg') LOOP
    EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', wanted);
  END LOOP;
END
$$;
