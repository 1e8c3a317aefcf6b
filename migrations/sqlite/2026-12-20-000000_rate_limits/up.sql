-- Servers count in the database only on PostgreSQL. The table is here because both have the same tables.
CREATE TABLE rate_limits (
    key TEXT NOT NULL PRIMARY KEY,
    full_at BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    counted_at BIGINT NOT NULL
);
