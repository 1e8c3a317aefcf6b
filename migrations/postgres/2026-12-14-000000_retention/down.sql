LOCK TABLE k8s_cluster_configs, users, audit_log, cluster_events, audit_events IN ACCESS EXCLUSIVE MODE;

DROP INDEX users_deleted_at;
DROP INDEX k8s_cluster_configs_deleted_at;
DROP TRIGGER cluster_events_keep_unpurged ON cluster_events;
DROP TRIGGER cluster_events_append_only ON cluster_events;
CREATE TRIGGER cluster_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cluster_events
    FOR EACH STATEMENT EXECUTE FUNCTION cluster_events_append_only();
DROP FUNCTION keep_unpurged();
DROP TABLE log_starts;
DROP FUNCTION log_starts_only_rise();
