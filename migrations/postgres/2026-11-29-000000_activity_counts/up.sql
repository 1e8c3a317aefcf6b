-- What admin.getStats counts over time, in buckets that triggers maintain. A count from some time on is the sum of the later
-- buckets and the rows of the bucket that contains the time, so its cost does not grow with the tables.

-- All locks at once, in the order in which running servers take them: a customer is changed before the audit entry is written.
-- The index of customers that is dropped below needs this mode.
LOCK TABLE customers IN ACCESS EXCLUSIVE MODE;
LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE;

-- Audit entries by ten minutes. Each connection has a shard of its own, so that writers never wait for each other.
CREATE TABLE audit_counts (
    bucket TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    PRIMARY KEY (bucket, shard)
) WITH (fillfactor = 50);

CREATE FUNCTION count_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_counts (bucket, shard, entries)
    SELECT date_bin('10 minutes', created_at, TIMESTAMP '2000-01-01'), pg_backend_pid(), count(*) FROM added GROUP BY 1
    ON CONFLICT (bucket, shard) DO UPDATE SET entries = audit_counts.entries + EXCLUDED.entries;
    RETURN NULL;
END
$$;

-- Entries are never changed or deleted.
CREATE TRIGGER audit_log_count AFTER INSERT ON audit_log REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_audit_entries();

-- Nothing is missing: the lock waited for all writers and blocks new ones until the commit.
INSERT INTO audit_counts (bucket, shard, entries)
SELECT date_bin('10 minutes', created_at, TIMESTAMP '2000-01-01'), 0, count(*) FROM audit_log GROUP BY 1;

-- Customers on a paid plan by the day and by the hour at which their period ends. These buckets are read for years, so the
-- number of shards is fixed; customers change seldom.
CREATE TABLE paid_period_counts (
    width TEXT NOT NULL CONSTRAINT paid_period_counts_width_check CHECK (width IN ('day', 'hour')),
    bucket TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    customers INTEGER NOT NULL,
    PRIMARY KEY (width, bucket, shard)
) WITH (fillfactor = 50);

-- One statement changes the buckets, in the order of their key, so that two of them can't deadlock. A statement that moves no
-- customer from one bucket to another touches none.
CREATE FUNCTION count_paid_periods() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO paid_period_counts (width, bucket, shard, customers)
        SELECT width, date_trunc(width, stripe_current_period_end), pg_backend_pid() % 16, count(*)
        FROM entered CROSS JOIN (VALUES ('day'), ('hour')) AS widths (width)
        WHERE plan <> 'FREE' AND stripe_current_period_end IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (width, bucket, shard) DO UPDATE SET customers = paid_period_counts.customers + EXCLUDED.customers;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO paid_period_counts (width, bucket, shard, customers)
        SELECT width, date_trunc(width, stripe_current_period_end), pg_backend_pid() % 16, -count(*)
        FROM gone CROSS JOIN (VALUES ('day'), ('hour')) AS widths (width)
        WHERE plan <> 'FREE' AND stripe_current_period_end IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (width, bucket, shard) DO UPDATE SET customers = paid_period_counts.customers + EXCLUDED.customers;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO paid_period_counts (width, bucket, shard, customers)
        SELECT width, date_trunc(width, stripe_current_period_end), pg_backend_pid() % 16, sum(change)
        FROM (
            SELECT plan, stripe_current_period_end, 1 AS change FROM entered
            UNION ALL SELECT plan, stripe_current_period_end, -1 FROM gone
        ) AS moved CROSS JOIN (VALUES ('day'), ('hour')) AS widths (width)
        WHERE plan <> 'FREE' AND stripe_current_period_end IS NOT NULL
        GROUP BY 1, 2 HAVING sum(change) <> 0 ORDER BY 1, 2
        ON CONFLICT (width, bucket, shard) DO UPDATE SET customers = paid_period_counts.customers + EXCLUDED.customers;
    ELSE
        DELETE FROM paid_period_counts;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER customers_count_insert AFTER INSERT ON customers REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION count_paid_periods();
CREATE TRIGGER customers_count_delete AFTER DELETE ON customers REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION count_paid_periods();
CREATE TRIGGER customers_count_update AFTER UPDATE ON customers REFERENCING OLD TABLE AS gone NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION count_paid_periods();
CREATE TRIGGER customers_count_truncate AFTER TRUNCATE ON customers
    FOR EACH STATEMENT EXECUTE FUNCTION count_paid_periods();

INSERT INTO paid_period_counts (width, bucket, shard, customers)
SELECT width, date_trunc(width, stripe_current_period_end), 0, count(*)
FROM customers CROSS JOIN (VALUES ('day'), ('hour')) AS widths (width)
WHERE plan <> 'FREE' AND stripe_current_period_end IS NOT NULL GROUP BY 1, 2;

-- A query with a bound plan can't use an index on the rows WHERE plan <> 'FREE'. Customers on FREE have no period.
DROP INDEX customers_stripe_current_period_end;
CREATE INDEX customers_period_end_plan
    ON customers (stripe_current_period_end, plan) WHERE stripe_current_period_end IS NOT NULL;
