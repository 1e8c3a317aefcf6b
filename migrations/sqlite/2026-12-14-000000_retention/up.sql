-- What is old can be purged: deleted clusters and users, and the beginning of the log of cluster events.

-- Where logs begin: all rows up to `through` were purged. A watcher who resumes before that has missed events. A log
-- without a row here has all its rows.
CREATE TABLE log_starts (
    log TEXT PRIMARY KEY NOT NULL,
    through BIGINT NOT NULL
);

CREATE TRIGGER log_starts_only_rise BEFORE UPDATE ON log_starts
WHEN NEW.log <> OLD.log OR NEW.through < OLD.through
BEGIN SELECT raise(ABORT, 'log_starts only rise'); END;

CREATE TRIGGER log_starts_no_delete BEFORE DELETE ON log_starts
BEGIN SELECT raise(ABORT, 'log_starts only rise'); END;

-- Only rows up to the start of the log may be deleted.
DROP TRIGGER cluster_events_no_delete;
CREATE TRIGGER cluster_events_no_delete BEFORE DELETE ON cluster_events
WHEN OLD.id > coalesce((SELECT through FROM log_starts WHERE log = 'cluster_events'), 0)
BEGIN SELECT raise(ABORT, 'cluster_events is append-only'); END;

CREATE INDEX k8s_cluster_configs_deleted_at ON k8s_cluster_configs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_deleted_at ON users (deleted_at) WHERE deleted_at IS NOT NULL;
