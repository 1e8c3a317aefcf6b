DROP TRIGGER audit_log_no_update;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT raise(ABORT, 'audit_log is append-only'); END;
ALTER TABLE audit_log DROP COLUMN door;
ALTER TABLE audit_log DROP COLUMN token_id;
ALTER TABLE audit_log DROP COLUMN client_address;
