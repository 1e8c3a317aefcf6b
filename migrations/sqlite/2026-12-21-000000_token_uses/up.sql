-- By what its owner knows a token (its last characters), and when, to ten minutes, and from where it was last used.
ALTER TABLE api_tokens ADD COLUMN hint TEXT CONSTRAINT api_tokens_hint_length CHECK (length(hint) = 3);
ALTER TABLE api_tokens ADD COLUMN last_used_at TIMESTAMP;
ALTER TABLE api_tokens ADD COLUMN last_used_address TEXT
    CONSTRAINT api_tokens_last_used_address_length CHECK (length(last_used_address) BETWEEN 1 AND 45);
