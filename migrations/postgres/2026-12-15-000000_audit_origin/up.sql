-- Where a change came from: the client's address, the API token and the door. They are unknown of older entries.
ALTER TABLE audit_log
    ADD COLUMN client_address TEXT
        CONSTRAINT audit_log_client_address_length CHECK (length(client_address) BETWEEN 1 AND 45),
    ADD COLUMN token_id BIGINT,
    ADD COLUMN door TEXT
        CONSTRAINT audit_log_door_check CHECK (door IN ('jsonrpc', 'trpc', 'cli', 'stripe', 'server'));

-- An address is personal data: it may be forgotten, and nothing else of an entry may change.
CREATE FUNCTION audit_log_forget_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowed audit_log%ROWTYPE := OLD;
BEGIN
    allowed.client_address := NULL;
    IF OLD.client_address IS NULL OR NEW IS DISTINCT FROM allowed THEN
        RAISE EXCEPTION 'audit_log is append-only';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();
CREATE TRIGGER audit_log_forget_only BEFORE UPDATE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_forget_only();
