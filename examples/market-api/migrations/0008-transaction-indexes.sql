-- For the reason of DROP before CREATE, see 0006.

DROP INDEX CONCURRENTLY IF EXISTS transactions_user_executed_at;
CREATE INDEX CONCURRENTLY transactions_user_executed_at ON transactions (user_id, executed_at DESC);

-- For one status, newest first. It also serves a query by status and organization, so another index
-- on (status, organization_id) would only slow writes.
DROP INDEX CONCURRENTLY IF EXISTS transactions_organization_status_executed_at;
CREATE INDEX CONCURRENTLY transactions_organization_status_executed_at ON transactions (organization_id, status, executed_at DESC);

-- For all statuses, newest first.
DROP INDEX CONCURRENTLY IF EXISTS transactions_organization_executed_at;
CREATE INDEX CONCURRENTLY transactions_organization_executed_at ON transactions (organization_id, executed_at DESC);

-- Only the form with the configuration is IMMUTABLE; to_tsvector(text) depends on a setting of the
-- session. A query must use the same expression.
DROP INDEX CONCURRENTLY IF EXISTS transactions_search;
CREATE INDEX CONCURRENTLY transactions_search ON transactions USING gin (to_tsvector('english', coalesce(description, '')));
