-- The order in which audit entries became visible, for admin.watchAudit. Ids of audit_log are taken early in a
-- transaction, so an entry with a smaller id may appear after one with a greater id, and a watcher who asks for greater
-- ids would miss it. Here a row per entry gets its id at commit.
CREATE TABLE audit_events (
    id BIGSERIAL PRIMARY KEY,
    audit_id BIGINT NOT NULL
);

-- An id is taken under the advisory lock of cluster_events, which is held until the commit is visible, so ids become
-- visible in ascending order. An id is never less than that of its entry: a watcher may resume after the id of an entry
-- and misses nothing. One channel wakes the readers of both tables.
CREATE FUNCTION record_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    event BIGINT;
BEGIN
    PERFORM pg_advisory_xact_lock(203227139);
    event := nextval('audit_events_id_seq');
    IF event < NEW.id THEN
        event := setval('audit_events_id_seq', NEW.id);
    END IF;
    INSERT INTO audit_events (id, audit_id) VALUES (event, NEW.id);
    NOTIFY cluster_events;
    RETURN NULL;
END
$$;

-- Deferred to the commit, because the lock would otherwise be held for the rest of the transaction.
CREATE CONSTRAINT TRIGGER audit_log_event AFTER INSERT ON audit_log
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_audit_event();

-- Existing entries keep the order of their ids. Creating the trigger waited for open transactions on audit_log and blocks
-- new ones, so none is missing here.
INSERT INTO audit_events (id, audit_id) SELECT id, id FROM audit_log ORDER BY id;
SELECT setval('audit_events_id_seq', max(id)) FROM audit_events HAVING count(*) > 0;

-- Watchers resume after an event, so events must not change.
CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events is append-only';
END
$$;

CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only();
