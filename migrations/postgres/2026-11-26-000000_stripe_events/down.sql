ALTER TABLE customers DROP COLUMN stripe_cancel_at_period_end;
DROP TABLE stripe_subscriptions;
DROP TABLE stripe_events;
