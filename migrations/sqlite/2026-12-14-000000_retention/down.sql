DROP INDEX users_deleted_at;
DROP INDEX k8s_cluster_configs_deleted_at;
DROP TRIGGER cluster_events_no_delete;
CREATE TRIGGER cluster_events_no_delete BEFORE DELETE ON cluster_events
BEGIN SELECT raise(ABORT, 'cluster_events is append-only'); END;
DROP TABLE log_starts;
