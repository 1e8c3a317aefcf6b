DROP TRIGGER k8s_cluster_configs_count_update ON k8s_cluster_configs;
CREATE TRIGGER k8s_cluster_configs_count_update AFTER UPDATE OF deleted_at ON k8s_cluster_configs
    FOR EACH ROW WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION count_live('cluster');
DROP FUNCTION count_changed_live();
