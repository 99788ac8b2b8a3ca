-- The roles of the application and of functions of the deployment, and the extensions that query
-- advice needs. Roles belong to the server, not to the database. An existing role is kept, so this
-- file can run in each database of a server, and repeatedly.

-- All roles need to log in. On RDS, members of rds_iam log in by IAM without a password; PostgreSQL
-- elsewhere has no such role.
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

-- To read the statements of other roles in pg_stat_statements, a role needs pg_read_all_stats,
-- which is part of pg_monitor. On RDS, the master user can always grant pg_monitor.
GRANT pg_monitor TO advisor;

-- PostgreSQL plans a statement only for a role that may run it. So the advisor may read, and gets
-- no plan of a statement that writes. GRANT ON ALL TABLES would fail at tables of extensions, which
-- RDS owns. The application may change rows but not tables, which only migrations change.
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

-- RDS has both extensions. Advice reports a missing extension and continues, so a server without
-- them is not an error.
DO $$
DECLARE
  wanted text;
BEGIN
  FOR wanted IN SELECT name FROM pg_available_extensions WHERE name IN ('pg_stat_statements', 'hypopg') LOOP
    EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', wanted);
  END LOOP;
END
$$;
