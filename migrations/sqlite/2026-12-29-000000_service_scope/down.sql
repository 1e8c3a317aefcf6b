-- A token for services may do less than before. The columns are added as they were, so that the table is the same.
ALTER TABLE api_tokens RENAME TO old_api_tokens;
DROP INDEX api_tokens_user_id;
CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id TEXT NOT NULL CONSTRAINT api_tokens_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    name TEXT NOT NULL CONSTRAINT api_tokens_name_length CHECK (length(name) BETWEEN 1 AND 100),
    hash TEXT NOT NULL CONSTRAINT api_tokens_hash_key UNIQUE
        CONSTRAINT api_tokens_hash_length CHECK (length(hash) = 64),
    scope TEXT NOT NULL CONSTRAINT api_tokens_scope_check CHECK (scope IN ('read', 'write', 'admin')),
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    revoked_at TIMESTAMP
);
ALTER TABLE api_tokens ADD COLUMN hint TEXT CONSTRAINT api_tokens_hint_length CHECK (length(hint) = 3);
ALTER TABLE api_tokens ADD COLUMN last_used_at TIMESTAMP;
ALTER TABLE api_tokens ADD COLUMN last_used_address TEXT
    CONSTRAINT api_tokens_last_used_address_length CHECK (length(last_used_address) BETWEEN 1 AND 45);
INSERT INTO api_tokens
SELECT
    id, user_id, name, hash, CASE scope WHEN 'service' THEN 'write' ELSE scope END, created_at, expires_at, revoked_at,
    hint, last_used_at, last_used_address
FROM old_api_tokens;
-- Ids are never given again, also not those of tokens that were deleted.
DELETE FROM sqlite_sequence WHERE name = 'api_tokens';
UPDATE sqlite_sequence SET name = 'api_tokens' WHERE name = 'old_api_tokens';
DROP TABLE old_api_tokens;
CREATE INDEX api_tokens_user_id ON api_tokens (user_id);
