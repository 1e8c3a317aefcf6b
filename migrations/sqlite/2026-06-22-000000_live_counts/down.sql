DROP TRIGGER k8s_cluster_configs_count_update;
DROP TRIGGER k8s_cluster_configs_count_delete;
DROP TRIGGER k8s_cluster_configs_count_insert;
DROP TRIGGER users_count_update;
DROP TRIGGER users_count_delete;
DROP TRIGGER users_count_insert;
DROP TABLE live_counts;
