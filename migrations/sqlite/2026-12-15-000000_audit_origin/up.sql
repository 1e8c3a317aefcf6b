-- Where a change came from: the client's address, the API token and the door. They are unknown of older entries.
ALTER TABLE audit_log ADD COLUMN client_address TEXT
    CONSTRAINT audit_log_client_address_length CHECK (length(client_address) BETWEEN 1 AND 45);
ALTER TABLE audit_log ADD COLUMN token_id BIGINT;
ALTER TABLE audit_log ADD COLUMN door TEXT
    CONSTRAINT audit_log_door_check CHECK (door IN ('jsonrpc', 'trpc', 'cli', 'stripe', 'server'));

-- An address is personal data: it may be forgotten, and nothing else of an entry may change.
DROP TRIGGER audit_log_no_update;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
WHEN NOT (
    OLD.client_address IS NOT NULL AND NEW.client_address IS NULL
    AND NEW.id IS OLD.id AND NEW.created_at IS OLD.created_at AND NEW.actor_id IS OLD.actor_id AND NEW.procedure IS OLD.procedure AND NEW.entity IS OLD.entity AND NEW.entity_id IS OLD.entity_id
    AND NEW.detail IS OLD.detail AND NEW.request_id IS OLD.request_id AND NEW.token_id IS OLD.token_id AND NEW.door IS OLD.door
)
BEGIN SELECT raise(ABORT, 'audit_log is append-only'); END;
