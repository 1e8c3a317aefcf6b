-- The changes go back into the table that has them by plan, status and location together. Which occurred together is not known any
-- more: each is noted as if the others had been FREE, PENDING and an empty location, and taken back there, so that the sums by
-- plan, by status and by location are right.
DROP TRIGGER cluster_days_fold;
INSERT INTO cluster_days (day, plan, status, location, shard, change)
SELECT day, plan, status, location, 0, sum(change) FROM (
    SELECT day, label AS plan, 'PENDING' AS status, '' AS location, change FROM cluster_series WHERE kind = 'plan'
    UNION ALL
    SELECT day, 'FREE', label, '', change FROM cluster_series WHERE kind = 'status'
    UNION ALL
    SELECT day, 'FREE', 'PENDING', label, change FROM cluster_series WHERE kind = 'location'
    UNION ALL
    SELECT day, 'FREE', 'PENDING', '', -2 * change FROM cluster_series WHERE kind = 'plan'
) AS moved GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0
ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = cluster_days.change + EXCLUDED.change;
DROP TABLE cluster_series;
DROP TABLE cluster_totals;

INSERT INTO cluster_days (day, plan, status, location, shard, change)
SELECT '9999-12-31 00:00:00', plan, status, location, 0, sum(change) FROM cluster_days
GROUP BY plan, status, location HAVING sum(change) <> 0;

DROP TRIGGER k8s_cluster_configs_series_insert;
CREATE TRIGGER k8s_cluster_configs_series_insert AFTER INSERT ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.created_at, 1, 10) || ' 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1),
        ('9999-12-31 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change + 1;
END;

DROP TRIGGER k8s_cluster_configs_series_leave;
CREATE TRIGGER k8s_cluster_configs_series_leave AFTER UPDATE OF plan, status, location, deleted_at ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL AND (NEW.deleted_at IS NOT NULL
    OR (OLD.plan, OLD.status, OLD.location) <> (NEW.plan, NEW.status, NEW.location))
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.updated_at, 1, 10) || ' 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1),
        ('9999-12-31 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change - 1;
END;

DROP TRIGGER k8s_cluster_configs_series_enter;
CREATE TRIGGER k8s_cluster_configs_series_enter AFTER UPDATE OF plan, status, location, deleted_at ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL AND (OLD.deleted_at IS NOT NULL
    OR (OLD.plan, OLD.status, OLD.location) <> (NEW.plan, NEW.status, NEW.location))
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.updated_at, 1, 10) || ' 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1),
        ('9999-12-31 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change + 1;
END;

DROP TRIGGER k8s_cluster_configs_series_delete;
CREATE TRIGGER k8s_cluster_configs_series_delete AFTER DELETE ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (date('now') || ' 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1),
        ('9999-12-31 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change - 1;
END;
