-- Exact counts of live users and clusters, maintained by triggers: counting the tables takes tens of milliseconds a call.
-- SQLite has one writer, so there is only shard 0. A migration that rebuilds either table must create its triggers again.
CREATE TABLE live_counts (
    entity TEXT NOT NULL CONSTRAINT live_counts_entity_check CHECK (entity IN ('user', 'cluster')),
    shard INTEGER NOT NULL,
    live BIGINT NOT NULL,
    PRIMARY KEY (entity, shard)
);

INSERT INTO live_counts (entity, shard, live) VALUES
    ('user', 0, (SELECT count(*) FROM users WHERE deleted_at IS NULL)),
    ('cluster', 0, (SELECT count(*) FROM k8s_cluster_configs WHERE deleted_at IS NULL));

CREATE TRIGGER users_count_insert AFTER INSERT ON users
WHEN NEW.deleted_at IS NULL
BEGIN UPDATE live_counts SET live = live + 1 WHERE entity = 'user' AND shard = 0; END;

CREATE TRIGGER users_count_delete AFTER DELETE ON users
WHEN OLD.deleted_at IS NULL
BEGIN UPDATE live_counts SET live = live - 1 WHERE entity = 'user' AND shard = 0; END;

CREATE TRIGGER users_count_update AFTER UPDATE OF deleted_at ON users
WHEN (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
BEGIN UPDATE live_counts SET live = live + iif(NEW.deleted_at IS NULL, 1, -1) WHERE entity = 'user' AND shard = 0; END;

CREATE TRIGGER k8s_cluster_configs_count_insert AFTER INSERT ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL
BEGIN UPDATE live_counts SET live = live + 1 WHERE entity = 'cluster' AND shard = 0; END;

CREATE TRIGGER k8s_cluster_configs_count_delete AFTER DELETE ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL
BEGIN UPDATE live_counts SET live = live - 1 WHERE entity = 'cluster' AND shard = 0; END;

CREATE TRIGGER k8s_cluster_configs_count_update AFTER UPDATE OF deleted_at ON k8s_cluster_configs
WHEN (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
BEGIN UPDATE live_counts SET live = live + iif(NEW.deleted_at IS NULL, 1, -1) WHERE entity = 'cluster' AND shard = 0; END;
