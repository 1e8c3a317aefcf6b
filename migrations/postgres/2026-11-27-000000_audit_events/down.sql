DROP TRIGGER audit_log_event ON audit_log;
DROP FUNCTION record_audit_event();
DROP TABLE audit_events;
DROP FUNCTION audit_events_append_only();
