-- In the order in which running servers lock these tables.
DROP TABLE stripe_events;
DROP TABLE stripe_subscriptions;
ALTER TABLE customers DROP COLUMN stripe_cancel_at_period_end;
