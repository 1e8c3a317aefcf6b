-- The audit log as a chain: each entry has a hash, which covers the entry and the hash of the entry before it, in the order
-- of audit_events. The server computes it soon after the commit, so that no writer waits for it.
CREATE TABLE audit_seals (
    -- That of audit_events.
    id BIGINT PRIMARY KEY NOT NULL,
    hash TEXT NOT NULL CONSTRAINT audit_seals_hash_length CHECK (length(hash) = 64)
);

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_seals_keep_unpurged AFTER DELETE ON audit_seals REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_unpurged('audit_events');

-- The beginning of the log can be purged. The id of an entry is never greater than that of its event.
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();
CREATE TRIGGER audit_log_keep_unpurged AFTER DELETE ON audit_log REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_unpurged('audit_events');
DROP TRIGGER audit_events_append_only ON audit_events;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only();
CREATE TRIGGER audit_events_keep_unpurged AFTER DELETE ON audit_events REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_unpurged('audit_events');
