-- What admin.getStats counts over time, in buckets that triggers maintain. A count from some time on is the sum of the later
-- buckets and the rows of the bucket that contains the time, so its cost does not grow with the tables.
-- SQLite has one writer, so there is only shard 0.

-- Audit entries by ten minutes. created_at is a text, so its bucket is its first 15 characters.
CREATE TABLE audit_counts (
    bucket TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    PRIMARY KEY (bucket, shard)
) WITHOUT ROWID;

INSERT INTO audit_counts (bucket, shard, entries)
SELECT substr(created_at, 1, 15) || '0:00', 0, count(*) FROM audit_log GROUP BY 1;

-- Entries are never changed or deleted. A migration that rebuilds audit_log must create this trigger again.
CREATE TRIGGER audit_log_count AFTER INSERT ON audit_log
BEGIN
    INSERT INTO audit_counts (bucket, shard, entries) VALUES (substr(NEW.created_at, 1, 15) || '0:00', 0, 1)
    ON CONFLICT (bucket, shard) DO UPDATE SET entries = entries + 1;
END;

-- Customers on a paid plan by the day and by the hour at which their period ends.
CREATE TABLE paid_period_counts (
    width TEXT NOT NULL CONSTRAINT paid_period_counts_width_check CHECK (width IN ('day', 'hour')),
    bucket TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    customers INTEGER NOT NULL,
    PRIMARY KEY (width, bucket, shard)
) WITHOUT ROWID;

INSERT INTO paid_period_counts (width, bucket, shard, customers)
SELECT 'day', substr(stripe_current_period_end, 1, 10) || ' 00:00:00', 0, count(*)
FROM customers WHERE plan <> 'FREE' AND stripe_current_period_end IS NOT NULL GROUP BY 2
UNION ALL
SELECT 'hour', substr(stripe_current_period_end, 1, 13) || ':00:00', 0, count(*)
FROM customers WHERE plan <> 'FREE' AND stripe_current_period_end IS NOT NULL GROUP BY 2;

-- A migration that rebuilds customers must create these triggers again.
CREATE TRIGGER customers_count_insert AFTER INSERT ON customers
WHEN NEW.plan <> 'FREE' AND NEW.stripe_current_period_end IS NOT NULL
BEGIN
    INSERT INTO paid_period_counts (width, bucket, shard, customers) VALUES
        ('day', substr(NEW.stripe_current_period_end, 1, 10) || ' 00:00:00', 0, 1),
        ('hour', substr(NEW.stripe_current_period_end, 1, 13) || ':00:00', 0, 1)
    ON CONFLICT (width, bucket, shard) DO UPDATE SET customers = customers + 1;
END;

CREATE TRIGGER customers_count_delete AFTER DELETE ON customers
WHEN OLD.plan <> 'FREE' AND OLD.stripe_current_period_end IS NOT NULL
BEGIN
    UPDATE paid_period_counts SET customers = customers - 1
    WHERE shard = 0 AND (width, bucket) IN (VALUES
        ('day', substr(OLD.stripe_current_period_end, 1, 10) || ' 00:00:00'),
        ('hour', substr(OLD.stripe_current_period_end, 1, 13) || ':00:00'));
END;

-- An update counts as a deletion and an insertion.
CREATE TRIGGER customers_count_leave AFTER UPDATE OF plan, stripe_current_period_end ON customers
WHEN OLD.plan <> 'FREE' AND OLD.stripe_current_period_end IS NOT NULL
BEGIN
    UPDATE paid_period_counts SET customers = customers - 1
    WHERE shard = 0 AND (width, bucket) IN (VALUES
        ('day', substr(OLD.stripe_current_period_end, 1, 10) || ' 00:00:00'),
        ('hour', substr(OLD.stripe_current_period_end, 1, 13) || ':00:00'));
END;

CREATE TRIGGER customers_count_enter AFTER UPDATE OF plan, stripe_current_period_end ON customers
WHEN NEW.plan <> 'FREE' AND NEW.stripe_current_period_end IS NOT NULL
BEGIN
    INSERT INTO paid_period_counts (width, bucket, shard, customers) VALUES
        ('day', substr(NEW.stripe_current_period_end, 1, 10) || ' 00:00:00', 0, 1),
        ('hour', substr(NEW.stripe_current_period_end, 1, 13) || ':00:00', 0, 1)
    ON CONFLICT (width, bucket, shard) DO UPDATE SET customers = customers + 1;
END;

-- A query with a bound plan can't use an index on the rows WHERE plan <> 'FREE'. Customers on FREE have no period.
DROP INDEX customers_stripe_current_period_end;
CREATE INDEX customers_period_end_plan
    ON customers (stripe_current_period_end, plan) WHERE stripe_current_period_end IS NOT NULL;
