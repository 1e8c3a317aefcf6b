-- Changes of clusters, for k8s.watch: one row for every committed change, in the order of the commits, with the cluster as
-- it was after the change. Triggers write the rows, so that changes by any client are recorded.
CREATE TABLE cluster_events (
    id BIGSERIAL PRIMARY KEY,
    created_at TIMESTAMP NOT NULL,
    kind TEXT NOT NULL CONSTRAINT cluster_events_kind_check
        CHECK (kind IN ('created', 'updated', 'statusChanged', 'deleted', 'restored')),
    cluster_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    auth_user_id TEXT,
    plan TEXT NOT NULL,
    network TEXT NOT NULL,
    status TEXT NOT NULL,
    cluster_created_at TIMESTAMP NOT NULL,
    cluster_updated_at TIMESTAMP NOT NULL,
    cluster_deleted_at TIMESTAMP
);

CREATE INDEX cluster_events_auth_user_id_id ON cluster_events (auth_user_id, id);

-- An id is taken under an advisory lock that is held until the commit is visible. So ids become visible in ascending order,
-- and a reader who has seen one needs to ask only for greater ones. The commits wait for each other, as NOTIFY makes them do
-- anyway.
CREATE FUNCTION tell_cluster_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(203227139);
    INSERT INTO cluster_events (
        created_at, kind, cluster_id, name, location, auth_user_id, plan, network, status,
        cluster_created_at, cluster_updated_at, cluster_deleted_at
    ) VALUES (
        date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'utc'),
        CASE
            WHEN TG_OP = 'INSERT' THEN 'created'
            WHEN NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.deleted_at IS NOT NULL THEN 'restored'
            WHEN OLD.status <> NEW.status THEN 'statusChanged'
            ELSE 'updated'
        END,
        NEW.id, NEW.name, NEW.location, NEW.auth_user_id, NEW.plan,
        NEW.network, NEW.status, NEW.created_at, NEW.updated_at, NEW.deleted_at
    );
    NOTIFY cluster_events;
    RETURN NULL;
END
$$;

-- Deferred to the commit, because the lock would otherwise be held for the rest of the transaction.
CREATE CONSTRAINT TRIGGER k8s_cluster_configs_event_insert AFTER INSERT ON k8s_cluster_configs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.deleted_at IS NULL) EXECUTE FUNCTION tell_cluster_event();

-- Changes of a cluster that stays deleted are not events.
CREATE CONSTRAINT TRIGGER k8s_cluster_configs_event_update AFTER UPDATE ON k8s_cluster_configs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.deleted_at IS NULL OR NEW.deleted_at IS NULL)
    EXECUTE FUNCTION tell_cluster_event();

-- Watchers resume after an event, so events must not change.
CREATE FUNCTION cluster_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cluster_events is append-only';
END
$$;

CREATE TRIGGER cluster_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cluster_events
    FOR EACH STATEMENT EXECUTE FUNCTION cluster_events_append_only();
