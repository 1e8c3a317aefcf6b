DROP INDEX customers_period_end_plan;
CREATE INDEX customers_stripe_current_period_end ON customers (stripe_current_period_end) WHERE plan <> 'FREE';

DROP TRIGGER customers_count_enter;
DROP TRIGGER customers_count_leave;
DROP TRIGGER customers_count_delete;
DROP TRIGGER customers_count_insert;
DROP TABLE paid_period_counts;
DROP TRIGGER audit_log_count;
DROP TABLE audit_counts;
