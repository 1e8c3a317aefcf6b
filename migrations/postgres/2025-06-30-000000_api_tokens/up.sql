-- Tokens for scripts and the command line. Only the SHA-256 of a token is stored, in hex.
CREATE TABLE api_tokens (
    id BIGSERIAL PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT api_tokens_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    name TEXT NOT NULL CONSTRAINT api_tokens_name_length CHECK (length(name) BETWEEN 1 AND 100),
    hash TEXT NOT NULL CONSTRAINT api_tokens_hash_key UNIQUE
        CONSTRAINT api_tokens_hash_length CHECK (length(hash) = 64),
    scope TEXT NOT NULL CONSTRAINT api_tokens_scope_check CHECK (scope IN ('read', 'write', 'admin')),
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    revoked_at TIMESTAMP
);
CREATE INDEX api_tokens_user_id ON api_tokens (user_id);
