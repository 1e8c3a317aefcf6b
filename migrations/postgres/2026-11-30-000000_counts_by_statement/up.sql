-- Live clusters are counted once for a statement that changes many of them, as for a group of calls. With a trigger for each
-- row, every row made a new version of the counter.
CREATE FUNCTION count_changed_live() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change BIGINT;
BEGIN
    change := (SELECT count(*) FROM changed WHERE deleted_at IS NULL) - (SELECT count(*) FROM gone WHERE deleted_at IS NULL);
    IF change <> 0 THEN
        UPDATE live_counts SET live = live + change WHERE entity = TG_ARGV[0] AND shard = pg_backend_pid() % 16;
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER k8s_cluster_configs_count_update ON k8s_cluster_configs;
CREATE TRIGGER k8s_cluster_configs_count_update AFTER UPDATE ON k8s_cluster_configs
    REFERENCING OLD TABLE AS gone NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_live('cluster');
