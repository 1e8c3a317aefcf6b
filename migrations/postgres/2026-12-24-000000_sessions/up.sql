-- Browsers that are signed in to the explorer. Only the SHA-256 of a session's secret is stored, in hex.
CREATE TABLE sessions (
    id BIGSERIAL PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    hash TEXT NOT NULL CONSTRAINT sessions_hash_key UNIQUE CONSTRAINT sessions_hash_length CHECK (length(hash) = 64),
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    -- To ten minutes.
    last_used_at TIMESTAMP NOT NULL,
    last_used_address TEXT
        CONSTRAINT sessions_last_used_address_length CHECK (length(last_used_address) BETWEEN 1 AND 45)
);
CREATE INDEX sessions_user_id ON sessions (user_id);

-- Links that sign a browser in, once and within minutes. Only the SHA-256 of a link's secret is stored, in hex.
CREATE TABLE sign_in_links (
    hash TEXT PRIMARY KEY NOT NULL CONSTRAINT sign_in_links_hash_length CHECK (length(hash) = 64),
    user_id TEXT NOT NULL CONSTRAINT sign_in_links_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX sign_in_links_user_id ON sign_in_links (user_id);
