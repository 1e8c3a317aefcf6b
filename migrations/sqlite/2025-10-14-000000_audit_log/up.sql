-- Who changed what. Triggers refuse to change or delete rows.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    actor_id TEXT NOT NULL CONSTRAINT audit_log_actor_id_length CHECK (length(actor_id) BETWEEN 1 AND 255),
    procedure TEXT NOT NULL CONSTRAINT audit_log_procedure_length CHECK (length(procedure) BETWEEN 1 AND 100),
    entity TEXT NOT NULL CONSTRAINT audit_log_entity_length CHECK (length(entity) BETWEEN 1 AND 50),
    entity_id TEXT NOT NULL CONSTRAINT audit_log_entity_id_length CHECK (length(entity_id) BETWEEN 1 AND 255),
    detail TEXT NOT NULL CONSTRAINT audit_log_detail_length CHECK (length(detail) <= 65536),
    request_id TEXT NOT NULL CONSTRAINT audit_log_request_id_length CHECK (length(request_id) BETWEEN 1 AND 64)
);

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT raise(ABORT, 'audit_log is append-only'); END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT raise(ABORT, 'audit_log is append-only'); END;

-- INSERT OR REPLACE removes the old row without firing the delete trigger.
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'audit_log is append-only'); END;
