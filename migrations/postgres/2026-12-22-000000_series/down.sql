DROP TRIGGER users_series_insert ON users;
DROP TRIGGER k8s_cluster_configs_series_insert ON k8s_cluster_configs;
DROP TRIGGER k8s_cluster_configs_series_update ON k8s_cluster_configs;
DROP TRIGGER k8s_cluster_configs_series_delete ON k8s_cluster_configs;
DROP TRIGGER k8s_cluster_configs_series_truncate ON k8s_cluster_configs;
DROP FUNCTION note_sign_ups();
DROP FUNCTION note_clusters();
DROP TABLE cluster_days;
DROP TABLE sign_up_days;
