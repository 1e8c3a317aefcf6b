-- What is old can be purged: deleted clusters and users, and the beginning of the log of cluster events.

-- All locks at once, in the order in which running servers take them. The next migrations need that of audit_log.
LOCK TABLE k8s_cluster_configs, users IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE audit_log, cluster_events, audit_events IN ACCESS EXCLUSIVE MODE;

-- Where logs begin: all rows up to `through` were purged. A watcher who resumes before that has missed events. A log
-- without a row here has all its rows.
CREATE TABLE log_starts (
    log TEXT PRIMARY KEY NOT NULL,
    through BIGINT NOT NULL
);

CREATE FUNCTION log_starts_only_rise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.log <> OLD.log OR NEW.through < OLD.through THEN
        RAISE EXCEPTION 'log_starts only rise';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER log_starts_only_rise BEFORE UPDATE OR DELETE ON log_starts
    FOR EACH ROW EXECUTE FUNCTION log_starts_only_rise();

-- Only rows up to the start of the log may be deleted.
CREATE FUNCTION keep_unpurged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM gone WHERE id > coalesce((SELECT through FROM log_starts WHERE log = TG_ARGV[0]), 0)) THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER cluster_events_append_only ON cluster_events;
CREATE TRIGGER cluster_events_append_only BEFORE UPDATE OR TRUNCATE ON cluster_events
    FOR EACH STATEMENT EXECUTE FUNCTION cluster_events_append_only();
CREATE TRIGGER cluster_events_keep_unpurged AFTER DELETE ON cluster_events REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_unpurged('cluster_events');

CREATE INDEX k8s_cluster_configs_deleted_at ON k8s_cluster_configs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_deleted_at ON users (deleted_at) WHERE deleted_at IS NOT NULL;
