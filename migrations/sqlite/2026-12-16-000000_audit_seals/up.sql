-- The audit log as a chain: each entry has a hash, which covers the entry and the hash of the entry before it, in the order
-- of audit_events. The server computes it soon after the commit, so that no writer waits for it.
CREATE TABLE audit_seals (
    -- That of audit_events.
    id INTEGER PRIMARY KEY NOT NULL,
    hash TEXT NOT NULL CONSTRAINT audit_seals_hash_length CHECK (length(hash) = 64)
);

CREATE TRIGGER audit_seals_no_update BEFORE UPDATE ON audit_seals
BEGIN SELECT raise(ABORT, 'audit_seals is append-only'); END;

CREATE TRIGGER audit_seals_no_replace BEFORE INSERT ON audit_seals
WHEN EXISTS (SELECT 1 FROM audit_seals WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'audit_seals is append-only'); END;

CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals
WHEN OLD.id > coalesce((SELECT through FROM log_starts WHERE log = 'audit_events'), 0)
BEGIN SELECT raise(ABORT, 'audit_seals is append-only'); END;

-- The beginning of the log can be purged. The id of an entry is never greater than that of its event.
DROP TRIGGER audit_log_no_delete;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN OLD.id > coalesce((SELECT through FROM log_starts WHERE log = 'audit_events'), 0)
BEGIN SELECT raise(ABORT, 'audit_log is append-only'); END;

DROP TRIGGER audit_events_no_delete;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
WHEN OLD.id > coalesce((SELECT through FROM log_starts WHERE log = 'audit_events'), 0)
BEGIN SELECT raise(ABORT, 'audit_events is append-only'); END;
