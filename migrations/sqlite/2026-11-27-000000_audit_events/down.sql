DROP TRIGGER audit_log_event;
DROP TABLE audit_events;
