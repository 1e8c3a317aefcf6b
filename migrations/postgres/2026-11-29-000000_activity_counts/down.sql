DROP INDEX customers_period_end_plan;
CREATE INDEX customers_stripe_current_period_end ON customers (stripe_current_period_end) WHERE plan <> 'FREE';

DROP TRIGGER customers_count_truncate ON customers;
DROP TRIGGER customers_count_update ON customers;
DROP TRIGGER customers_count_delete ON customers;
DROP TRIGGER customers_count_insert ON customers;
DROP FUNCTION count_paid_periods();
DROP TABLE paid_period_counts;
DROP TRIGGER audit_log_count ON audit_log;
DROP FUNCTION count_audit_entries();
DROP TABLE audit_counts;
