-- The answers to mutations that were sent with an idempotency key, for a day. The output is null while an asynchronous
-- procedure still runs.
CREATE TABLE stored_answers (
    user_id TEXT NOT NULL CONSTRAINT stored_answers_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    idempotency_key TEXT NOT NULL
        CONSTRAINT stored_answers_key_length CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    -- SHA-256 of the procedure's name and the input, in Base64.
    fingerprint TEXT NOT NULL CONSTRAINT stored_answers_fingerprint_length CHECK (length(fingerprint) = 43),
    output TEXT,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, idempotency_key)
);

CREATE INDEX stored_answers_created_at ON stored_answers (created_at);
