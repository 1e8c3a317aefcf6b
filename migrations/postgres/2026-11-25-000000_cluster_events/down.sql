DROP TRIGGER k8s_cluster_configs_event_update ON k8s_cluster_configs;
DROP TRIGGER k8s_cluster_configs_event_insert ON k8s_cluster_configs;
DROP FUNCTION tell_cluster_event();
DROP TABLE cluster_events;
DROP FUNCTION cluster_events_append_only();
