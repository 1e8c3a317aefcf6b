-- Changes of clusters, for k8s.watch: one row for every committed change, in the order of the commits, with the cluster as
-- it was after the change. Triggers write the rows, so that changes by any client are recorded.
-- A migration that rebuilds k8s_cluster_configs must create its triggers again.
CREATE TABLE cluster_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
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

CREATE TRIGGER k8s_cluster_configs_event_insert AFTER INSERT ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_events (
        created_at, kind, cluster_id, name, location, auth_user_id, plan, network, status,
        cluster_created_at, cluster_updated_at, cluster_deleted_at
    ) VALUES (
        strftime('%Y-%m-%d %H:%M:%f', 'now'), 'created', NEW.id, NEW.name, NEW.location, NEW.auth_user_id, NEW.plan,
        NEW.network, NEW.status, NEW.created_at, NEW.updated_at, NEW.deleted_at
    );
END;

-- Changes of a cluster that stays deleted are not events.
CREATE TRIGGER k8s_cluster_configs_event_update AFTER UPDATE ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL OR NEW.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_events (
        created_at, kind, cluster_id, name, location, auth_user_id, plan, network, status,
        cluster_created_at, cluster_updated_at, cluster_deleted_at
    ) VALUES (
        strftime('%Y-%m-%d %H:%M:%f', 'now'),
        CASE
            WHEN NEW.deleted_at IS NOT NULL THEN 'deleted'
            WHEN OLD.deleted_at IS NOT NULL THEN 'restored'
            WHEN OLD.status <> NEW.status THEN 'statusChanged'
            ELSE 'updated'
        END,
        NEW.id, NEW.name, NEW.location, NEW.auth_user_id, NEW.plan,
        NEW.network, NEW.status, NEW.created_at, NEW.updated_at, NEW.deleted_at
    );
END;

-- Watchers resume after an event, so events must not change.
CREATE TRIGGER cluster_events_no_update BEFORE UPDATE ON cluster_events
BEGIN SELECT raise(ABORT, 'cluster_events is append-only'); END;

CREATE TRIGGER cluster_events_no_delete BEFORE DELETE ON cluster_events
BEGIN SELECT raise(ABORT, 'cluster_events is append-only'); END;

CREATE TRIGGER cluster_events_no_replace BEFORE INSERT ON cluster_events
WHEN EXISTS (SELECT 1 FROM cluster_events WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'cluster_events is append-only'); END;
