DROP TRIGGER audit_log_forget_only ON audit_log;
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();
DROP FUNCTION audit_log_forget_only();
ALTER TABLE audit_log DROP COLUMN door, DROP COLUMN token_id, DROP COLUMN client_address;
