-- Exact counts of live users and clusters, maintained by triggers: counting the tables takes tens of milliseconds a call.
-- Each connection writes to one of 16 shards, so that writers seldom wait for each other. A count is the sum of its shards;
-- a single shard may be negative.
CREATE TABLE live_counts (
    entity TEXT NOT NULL CONSTRAINT live_counts_entity_check CHECK (entity IN ('user', 'cluster')),
    shard INTEGER NOT NULL,
    live BIGINT NOT NULL,
    PRIMARY KEY (entity, shard)
);

-- Inserts and deletes are counted once per statement, because 100,000 updates of one row in one transaction take a minute.
CREATE FUNCTION count_live() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change BIGINT;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*) INTO change FROM changed WHERE deleted_at IS NULL;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT -count(*) INTO change FROM changed WHERE deleted_at IS NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        change := CASE WHEN NEW.deleted_at IS NULL THEN 1 ELSE -1 END;
    ELSE
        UPDATE live_counts SET live = 0 WHERE entity = TG_ARGV[0];
        RETURN NULL;
    END IF;

    IF change <> 0 THEN
        UPDATE live_counts SET live = live + change WHERE entity = TG_ARGV[0] AND shard = pg_backend_pid() % 16;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_count_insert AFTER INSERT ON users REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_live('user');
CREATE TRIGGER users_count_delete AFTER DELETE ON users REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_live('user');
CREATE TRIGGER users_count_update AFTER UPDATE OF deleted_at ON users
    FOR EACH ROW WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION count_live('user');
CREATE TRIGGER users_count_truncate AFTER TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION count_live('user');

CREATE TRIGGER k8s_cluster_configs_count_insert AFTER INSERT ON k8s_cluster_configs REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_live('cluster');
CREATE TRIGGER k8s_cluster_configs_count_delete AFTER DELETE ON k8s_cluster_configs REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_live('cluster');
CREATE TRIGGER k8s_cluster_configs_count_update AFTER UPDATE OF deleted_at ON k8s_cluster_configs
    FOR EACH ROW WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION count_live('cluster');
CREATE TRIGGER k8s_cluster_configs_count_truncate AFTER TRUNCATE ON k8s_cluster_configs
    FOR EACH STATEMENT EXECUTE FUNCTION count_live('cluster');

-- Counted after the triggers are created, which waited for all writers and blocks new ones until the commit.
INSERT INTO live_counts (entity, shard, live)
SELECT entity, shard, CASE WHEN shard = 0 THEN live ELSE 0 END
FROM generate_series(0, 15) AS shard
CROSS JOIN (
    SELECT 'user' AS entity, count(*) AS live FROM users WHERE deleted_at IS NULL
    UNION ALL SELECT 'cluster', count(*) FROM k8s_cluster_configs WHERE deleted_at IS NULL
) AS counted;
