-- How much of the rate limit of each caller is used, if the servers count in the database. What a crash or a failover forgets
-- comes back anyway within the window, so nothing is written to the log.
CREATE UNLOGGED TABLE rate_limits (
    -- A digest of the bucket and the caller.
    key TEXT PRIMARY KEY,
    -- When the whole limit is available again, in microseconds since 1970.
    full_at BIGINT NOT NULL,
    -- How many calls the last statement has counted, and when.
    taken BIGINT NOT NULL,
    counted_at BIGINT NOT NULL
);
