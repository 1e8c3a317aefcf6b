-- What admin.series shows, by day. Triggers maintain it, so that no call reads the tables themselves. Unlike counters, these rows
-- say what was, so a copy of a database takes them as they are. Sixteen shards keep most writers from waiting for each other, and
-- each statement changes rows in the order of their key, so that two of them can't deadlock.

-- Nothing is missing below: the locks wait for all writers and block new ones until the commit.
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE k8s_cluster_configs IN SHARE ROW EXCLUSIVE MODE;

-- Users by the day of their creation. A deletion changes nothing.
CREATE TABLE sign_up_days (
    day TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    users BIGINT NOT NULL,
    PRIMARY KEY (day, shard)
) WITH (fillfactor = 50);

CREATE FUNCTION note_sign_ups() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sign_up_days (day, shard, users)
    SELECT date_trunc('day', created_at), pg_backend_pid() % 16, count(*) FROM entered GROUP BY 1 ORDER BY 1
    ON CONFLICT (day, shard) DO UPDATE SET users = sign_up_days.users + EXCLUDED.users;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_series_insert AFTER INSERT ON users REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION note_sign_ups();

INSERT INTO sign_up_days (day, shard, users)
SELECT date_trunc('day', created_at), 0, count(*) FROM users GROUP BY 1;

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
) WITH (fillfactor = 50);

-- A row may have been deleted before it came, by an import. Which status it had last is not known exactly. No procedure deletes
-- the row of a live cluster.
CREATE FUNCTION note_clusters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO cluster_days (day, plan, status, location, shard, change)
        SELECT day, plan, status, location, pg_backend_pid() % 16, sum(change) FROM (
            SELECT date_trunc('day', created_at) AS day, plan,
                CASE WHEN deleted_at IS NULL THEN status WHEN has_run THEN 'STOPPED' ELSE 'PENDING' END AS status, location, 1 AS change
            FROM entered
            UNION ALL
            SELECT date_trunc('day', deleted_at), plan, CASE WHEN has_run THEN 'STOPPED' ELSE 'PENDING' END, location, -1
            FROM entered WHERE deleted_at IS NOT NULL
            UNION ALL
            SELECT TIMESTAMP '9999-12-31', plan, status, location, 1 FROM entered WHERE deleted_at IS NULL
        ) AS moved GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = cluster_days.change + EXCLUDED.change;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO cluster_days (day, plan, status, location, shard, change)
        SELECT days.day, plan, status, location, pg_backend_pid() % 16, sum(change) FROM (
            SELECT date_trunc('day', entered.updated_at) AS day, gone.plan, gone.status, gone.location, -1 AS change
            FROM gone JOIN entered ON entered.id = gone.id WHERE gone.deleted_at IS NULL
            UNION ALL
            SELECT date_trunc('day', updated_at), plan, status, location, 1 FROM entered WHERE deleted_at IS NULL
        ) AS moved CROSS JOIN LATERAL (VALUES (moved.day), (TIMESTAMP '9999-12-31')) AS days (day)
        GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = cluster_days.change + EXCLUDED.change;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO cluster_days (day, plan, status, location, shard, change)
        SELECT days.day, plan, status, location, pg_backend_pid() % 16, -count(*)
        FROM gone CROSS JOIN (VALUES (date_trunc('day', now() AT TIME ZONE 'UTC')), (TIMESTAMP '9999-12-31')) AS days (day)
        WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = cluster_days.change + EXCLUDED.change;
    ELSE
        DELETE FROM cluster_days;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER k8s_cluster_configs_series_insert AFTER INSERT ON k8s_cluster_configs REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION note_clusters();
CREATE TRIGGER k8s_cluster_configs_series_update AFTER UPDATE ON k8s_cluster_configs
    REFERENCING OLD TABLE AS gone NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION note_clusters();
CREATE TRIGGER k8s_cluster_configs_series_delete AFTER DELETE ON k8s_cluster_configs REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION note_clusters();
CREATE TRIGGER k8s_cluster_configs_series_truncate AFTER TRUNCATE ON k8s_cluster_configs
    FOR EACH STATEMENT EXECUTE FUNCTION note_clusters();

-- What changed before is not known: a cluster counts as if it had always been what it is.
INSERT INTO cluster_days (day, plan, status, location, shard, change)
SELECT day, plan, status, location, 0, sum(change) FROM (
    SELECT date_trunc('day', created_at) AS day, plan,
        CASE WHEN deleted_at IS NULL THEN status WHEN has_run THEN 'STOPPED' ELSE 'PENDING' END AS status, location, 1 AS change
    FROM k8s_cluster_configs
    UNION ALL
    SELECT date_trunc('day', deleted_at), plan, CASE WHEN has_run THEN 'STOPPED' ELSE 'PENDING' END, location, -1
    FROM k8s_cluster_configs WHERE deleted_at IS NOT NULL
    UNION ALL
    SELECT TIMESTAMP '9999-12-31', plan, status, location, 1 FROM k8s_cluster_configs WHERE deleted_at IS NULL
) AS moved GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0;
