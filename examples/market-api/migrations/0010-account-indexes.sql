-- For the reason of DROP before CREATE, see 0006.

-- An address belongs to one active user, in upper or lower case.
DROP INDEX CONCURRENTLY IF EXISTS users_active_email;
CREATE UNIQUE INDEX CONCURRENTLY users_active_email ON users (lower(email)) WHERE is_active;

DROP INDEX CONCURRENTLY IF EXISTS users_active_organization;
CREATE INDEX CONCURRENTLY users_active_organization ON users (organization_id) WHERE is_active;

DROP INDEX CONCURRENTLY IF EXISTS users_preferences;
CREATE INDEX CONCURRENTLY users_preferences ON users USING gin (preferences jsonb_path_ops);

-- The primary key already finds organizations by id.
DROP INDEX CONCURRENTLY IF EXISTS organizations_settings;
CREATE INDEX CONCURRENTLY organizations_settings ON organizations USING gin (settings jsonb_path_ops);

-- WHERE expires_at > CURRENT_TIMESTAMP is impossible (see 0006). With the time as the second
-- column, a query starts at the current time.
DROP INDEX CONCURRENTLY IF EXISTS sessions_user_expires_at;
CREATE INDEX CONCURRENTLY sessions_user_expires_at ON sessions (user_id, expires_at);

DROP INDEX CONCURRENTLY IF EXISTS auth_tokens_user_expires_at;
CREATE INDEX CONCURRENTLY auth_tokens_user_expires_at ON auth_tokens (user_id, expires_at) WHERE NOT is_revoked;
