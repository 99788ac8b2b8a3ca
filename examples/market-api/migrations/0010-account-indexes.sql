-- For DROP before CREATE, see 0006.

-- An address belongs to one active user, however it is written.
DROP INDEX CONCURRENTLY IF EXISTS users_active_email;
CREATE UNIQUE INDEX CONCURRENTLY users_active_email ON users (lower(email)) WHERE is_active;

DROP INDEX CONCURRENTLY IF EXISTS users_active_organization;
CREATE INDEX CONCURRENTLY users_active_organization ON users (organization_id) WHERE is_active;

DROP INDEX CONCURRENTLY IF EXISTS users_preferences;
CREATE INDEX CONCURRENTLY users_preferences ON users USING gin (preferences jsonb_path_ops);

-- The plans' index of active organizations by id is left out: the primary key finds them.
DROP INDEX CONCURRENTLY IF EXISTS organizations_settings;
CREATE INDEX CONCURRENTLY organizations_settings ON organizations USING gin (settings jsonb_path_ops);

-- WHERE expires_at > CURRENT_TIMESTAMP is refused (see 0006). The time as second column lets a query begin where now is.
DROP INDEX CONCURRENTLY IF EXISTS sessions_user_expires_at;
CREATE INDEX CONCURRENTLY sessions_user_expires_at ON sessions (user_id, expires_at);

DROP INDEX CONCURRENTLY IF EXISTS auth_tokens_user_expires_at;
CREATE INDEX CONCURRENTLY auth_tokens_user_expires_at ON auth_tokens (user_id, expires_at) WHERE NOT is_revoked;
