-- What admin.series shows, by day. Triggers maintain it, so that no call reads the tables themselves. Unlike counters, these rows
-- say what was, so a copy of a database takes them as they are. SQLite has one writer, so there is only shard 0. A migration
-- that rebuilds users or k8s_cluster_configs must create these triggers again.

-- Users by the day of their creation. A deletion changes nothing.
CREATE TABLE sign_up_days (
    day TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    users BIGINT NOT NULL,
    PRIMARY KEY (day, shard)
) WITHOUT ROWID;

CREATE TRIGGER users_series_insert AFTER INSERT ON users
BEGIN
    INSERT INTO sign_up_days (day, shard, users) VALUES (substr(NEW.created_at, 1, 10) || ' 00:00:00', 0, 1)
    ON CONFLICT (day, shard) DO UPDATE SET users = users + 1;
END;

INSERT INTO sign_up_days (day, shard, users)
SELECT substr(created_at, 1, 10) || ' 00:00:00', 0, count(*) FROM users GROUP BY 1;

-- How each day has changed the number of live clusters of a plan, status and location. The day 9999-12-31 has the sum of all
-- changes, which is the number at present; the number at the end of a day is that without the changes of later days.
CREATE TABLE cluster_days (
    day TIMESTAMP NOT NULL,
    plan TEXT NOT NULL,
    status TEXT NOT NULL,
    location TEXT NOT NULL,
    shard INTEGER NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (day, plan, status, location, shard)
) WITHOUT ROWID;

CREATE TRIGGER k8s_cluster_configs_series_insert AFTER INSERT ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.created_at, 1, 10) || ' 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1),
        ('9999-12-31 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change + 1;
END;

-- A row that was deleted before it came, by an import. Which status it had last is not known exactly.
CREATE TRIGGER k8s_cluster_configs_series_insert_deleted AFTER INSERT ON k8s_cluster_configs
WHEN NEW.deleted_at IS NOT NULL
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.created_at, 1, 10) || ' 00:00:00', NEW.plan, iif(NEW.has_run, 'STOPPED', 'PENDING'), NEW.location, 0, 1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change + 1;
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.deleted_at, 1, 10) || ' 00:00:00', NEW.plan, iif(NEW.has_run, 'STOPPED', 'PENDING'), NEW.location, 0, -1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change - 1;
END;

-- An update counts as a deletion and an insertion on the day of the update.
CREATE TRIGGER k8s_cluster_configs_series_leave AFTER UPDATE OF plan, status, location, deleted_at ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL AND (NEW.deleted_at IS NOT NULL
    OR (OLD.plan, OLD.status, OLD.location) <> (NEW.plan, NEW.status, NEW.location))
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.updated_at, 1, 10) || ' 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1),
        ('9999-12-31 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change - 1;
END;

CREATE TRIGGER k8s_cluster_configs_series_enter AFTER UPDATE OF plan, status, location, deleted_at ON k8s_cluster_configs
WHEN NEW.deleted_at IS NULL AND (OLD.deleted_at IS NOT NULL
    OR (OLD.plan, OLD.status, OLD.location) <> (NEW.plan, NEW.status, NEW.location))
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (substr(NEW.updated_at, 1, 10) || ' 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1),
        ('9999-12-31 00:00:00', NEW.plan, NEW.status, NEW.location, 0, 1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change + 1;
END;

-- No procedure deletes the row of a live cluster.
CREATE TRIGGER k8s_cluster_configs_series_delete AFTER DELETE ON k8s_cluster_configs
WHEN OLD.deleted_at IS NULL
BEGIN
    INSERT INTO cluster_days (day, plan, status, location, shard, change) VALUES
        (date('now') || ' 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1),
        ('9999-12-31 00:00:00', OLD.plan, OLD.status, OLD.location, 0, -1)
    ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = change - 1;
END;

-- What changed before is not known: a cluster counts as if it had always been what it is.
INSERT INTO cluster_days (day, plan, status, location, shard, change)
SELECT day, plan, status, location, 0, sum(change) FROM (
    SELECT substr(created_at, 1, 10) || ' 00:00:00' AS day, plan,
        CASE WHEN deleted_at IS NULL THEN status WHEN has_run THEN 'STOPPED' ELSE 'PENDING' END AS status, location, 1 AS change
    FROM k8s_cluster_configs
    UNION ALL
    SELECT substr(deleted_at, 1, 10) || ' 00:00:00', plan, iif(has_run, 'STOPPED', 'PENDING'), location, -1
    FROM k8s_cluster_configs WHERE deleted_at IS NOT NULL
    UNION ALL
    SELECT '9999-12-31 00:00:00', plan, status, location, 1 FROM k8s_cluster_configs WHERE deleted_at IS NULL
) GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0;
