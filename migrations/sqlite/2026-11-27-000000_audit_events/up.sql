-- The order in which audit entries became visible, for admin.watchAudit. SQLite has one writer, so ids of audit_log are
-- already in that order; the table exists because PostgreSQL needs it. A migration that rebuilds audit_log must create
-- this trigger again.
CREATE TABLE audit_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    audit_id BIGINT NOT NULL
);

INSERT INTO audit_events (id, audit_id) SELECT id, id FROM audit_log ORDER BY id;

-- An id is never less than that of its entry, as on PostgreSQL: a watcher may resume after the id of an entry and misses
-- nothing.
CREATE TRIGGER audit_log_event AFTER INSERT ON audit_log
BEGIN
    INSERT INTO audit_events (id, audit_id)
    VALUES (max(NEW.id, coalesce((SELECT max(id) FROM audit_events), 0) + 1), NEW.id);
END;

-- Watchers resume after an event, so events must not change.
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN SELECT raise(ABORT, 'audit_events is append-only'); END;

CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
BEGIN SELECT raise(ABORT, 'audit_events is append-only'); END;

-- INSERT OR REPLACE removes the old row without firing the delete trigger.
CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'audit_events is append-only'); END;
