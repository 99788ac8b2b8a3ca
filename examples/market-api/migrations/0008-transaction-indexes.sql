-- For DROP before CREATE, see 0006.

DROP INDEX CONCURRENTLY IF EXISTS transactions_user_executed_at;
CREATE INDEX CONCURRENTLY transactions_user_executed_at ON transactions (user_id, executed_at DESC);

-- For a status, newest first. An index on (status, organization_id) beside it, as planned, would be kept up for nothing: a query that
-- names both finds them here.
DROP INDEX CONCURRENTLY IF EXISTS transactions_organization_status_executed_at;
CREATE INDEX CONCURRENTLY transactions_organization_status_executed_at ON transactions (organization_id, status, executed_at DESC);

-- Newest first for all statuses at once.
DROP INDEX CONCURRENTLY IF EXISTS transactions_organization_executed_at;
CREATE INDEX CONCURRENTLY transactions_organization_executed_at ON transactions (organization_id, executed_at DESC);

-- Only the form with the configuration is IMMUTABLE: to_tsvector(text) follows a setting of the session. A query must say the same.
DROP INDEX CONCURRENTLY IF EXISTS transactions_search;
CREATE INDEX CONCURRENTLY transactions_search ON transactions USING gin (to_tsvector('english', coalesce(description, '')));
