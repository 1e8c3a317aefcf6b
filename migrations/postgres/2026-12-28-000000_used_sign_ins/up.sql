-- Attempts to sign in by an identity provider that were used, so that none is used again. Only the SHA-256 of an attempt's secret is
-- stored, in hex; the next sign-in after the attempt's end deletes it.
CREATE TABLE used_sign_ins (
    hash TEXT PRIMARY KEY NOT NULL CONSTRAINT used_sign_ins_hash_length CHECK (length(hash) = 64),
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX used_sign_ins_expires_at ON used_sign_ins (expires_at);
