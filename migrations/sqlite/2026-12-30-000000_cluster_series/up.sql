-- What admin.series shows of clusters, by each kind of label alone: a chart reads the days of its lines and nothing else, however
-- many plans, statuses and locations occur together. Writers note changes in cluster_days as before, and the server deletes these
-- rows every minute; what is deleted is added here. So a number is the sum of both. A migration that rebuilds cluster_days must
-- create its trigger again.
CREATE TABLE cluster_series (
    kind TEXT NOT NULL CONSTRAINT cluster_series_kind_check CHECK (kind IN ('plan', 'status', 'location')),
    label TEXT NOT NULL,
    day TIMESTAMP NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (kind, label, day)
) WITHOUT ROWID;

-- All changes of a label together, which is the number at present.
CREATE TABLE cluster_totals (
    kind TEXT NOT NULL CONSTRAINT cluster_totals_kind_check CHECK (kind IN ('plan', 'status', 'location')),
    label TEXT NOT NULL,
    clusters BIGINT NOT NULL,
    PRIMARY KEY (kind, label)
) WITHOUT ROWID;

-- Anybody may write any location, and a chart shows those with the most clusters.
CREATE INDEX cluster_totals_kind_clusters ON cluster_totals (kind, clusters DESC, label);

-- The number at present had a row of its own for each plan, status and location.
DELETE FROM cluster_days WHERE day = '9999-12-31 00:00:00';

CREATE TRIGGER cluster_days_fold AFTER DELETE ON cluster_days
WHEN OLD.change <> 0
BEGIN
    INSERT INTO cluster_series (kind, label, day, change) VALUES
        ('plan', OLD.plan, OLD.day, OLD.change),
        ('status', OLD.status, OLD.day, OLD.change),
        ('location', OLD.location, OLD.day, OLD.change)
    ON CONFLICT (kind, label, day) DO UPDATE SET change = change + EXCLUDED.change;
    INSERT INTO cluster_totals (kind, label, clusters) VALUES
        ('plan', OLD.plan, OLD.change), ('status', OLD.status, OLD.change), ('location', OLD.location, OLD.change)
    ON CONFLICT (kind, label) DO UPDATE SET clusters = clusters + EXCLUDED.clusters;
END;

-- As before, without the row for the number at present.
DROP TRIGGER k8s_cluster_configs_series_insert;
CREATE TRIGGER k8s_cluster_configs_series_insert AFTER INSERT ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.created_at, 1, 10) || ' 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change + 1;
END;

DROP TRIGGER k8s_cluster_configs_series_leave;
CREATE TRIGGER k8s_cluster_configs_series_leave AFTER UPDATE OF plan, status, location, deleted_at ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL AND (NEW.deleted_at IS NOT NULL
    OR (OLD.plan, OLD.status, OLD.location) <> (NEW.plan, NEW.status, NEW.location))
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.updated_at, 1, 10) || ' 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change - 1;
END;

DROP TRIGGER k8s_cluster_configs_series_enter;
CREATE TRIGGER k8s_cluster_configs_series_enter AFTER UPDATE OF plan, status, location, deleted_at ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL AND (OLD.deleted_at IS NOT NULL
    OR (OLD.plan, OLD.status, OLD.location) <> (NEW.plan, NEW.status, NEW.location))
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.updated_at, 1, 10) || ' 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change + 1;
END;

DROP TRIGGER k8s_cluster_configs_series_delete;
CREATE TRIGGER k8s_cluster_configs_series_delete AFTER DELETE ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (date('now') || ' 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change - 1;
END;
