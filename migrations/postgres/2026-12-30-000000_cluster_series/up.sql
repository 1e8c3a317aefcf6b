-- What admin.series shows of clusters, by each kind of label alone: a chart reads the days of its lines and nothing else, however
-- many plans, statuses and locations occur together. Writers note changes in cluster_days as before, and a server deletes these
-- rows every minute; what is deleted is added here. So a number is the sum of both.

-- In the order of writers, who lock their user first. The next migration writes users anew.
LOCK TABLE users IN ACCESS EXCLUSIVE MODE;
-- Nothing is missing below: the lock waits for all writers and blocks new ones until the commit.
LOCK TABLE k8s_cluster_configs IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE cluster_series (
    kind TEXT NOT NULL CONSTRAINT cluster_series_kind_check CHECK (kind IN ('plan', 'status', 'location')),
    label TEXT NOT NULL,
    day TIMESTAMP NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (kind, label, day)
) WITH (fillfactor = 50);

-- All changes of a label together, which is the number at present.
CREATE TABLE cluster_totals (
    kind TEXT NOT NULL CONSTRAINT cluster_totals_kind_check CHECK (kind IN ('plan', 'status', 'location')),
    label TEXT NOT NULL,
    clusters BIGINT NOT NULL,
    PRIMARY KEY (kind, label)
) WITH (fillfactor = 50);

-- Anybody may write any location, and a chart shows those with the most clusters.
CREATE INDEX cluster_totals_kind_clusters ON cluster_totals (kind, clusters DESC, label);

-- The number at present had a row of its own for each plan, status and location.
DELETE FROM cluster_days WHERE day = TIMESTAMP '9999-12-31';

CREATE FUNCTION fold_cluster_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cluster_series (kind, label, day, change)
    SELECT kind, label, day, sum(change)
    FROM gone CROSS JOIN LATERAL (VALUES ('plan', plan), ('status', status), ('location', location)) AS kinds (kind, label)
    GROUP BY 1, 2, 3 HAVING sum(change) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (kind, label, day) DO UPDATE SET change = cluster_series.change + EXCLUDED.change;
    -- Also of a label whose changes cancel out, because a chart may show it.
    INSERT INTO cluster_totals (kind, label, clusters)
    SELECT kind, label, sum(change)
    FROM gone CROSS JOIN LATERAL (VALUES ('plan', plan), ('status', status), ('location', location)) AS kinds (kind, label)
    WHERE change <> 0 GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (kind, label) DO UPDATE SET clusters = cluster_totals.clusters + EXCLUDED.clusters;
    RETURN NULL;
END
$$;

CREATE TRIGGER cluster_days_fold AFTER DELETE ON cluster_days REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION fold_cluster_days();

-- As before, without the row for the number at present.
CREATE OR REPLACE FUNCTION note_clusters() RETURNS trigger LANGUAGE plpgsql AS $$
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
        ) AS moved GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = cluster_days.change + EXCLUDED.change;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO cluster_days (day, plan, status, location, shard, change)
        SELECT day, plan, status, location, pg_backend_pid() % 16, sum(change) FROM (
            SELECT date_trunc('day', entered.updated_at) AS day, gone.plan, gone.status, gone.location, -1 AS change
            FROM gone JOIN entered ON entered.id = gone.id WHERE gone.deleted_at IS NULL
            UNION ALL
            SELECT date_trunc('day', updated_at), plan, status, location, 1 FROM entered WHERE deleted_at IS NULL
        ) AS moved GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = cluster_days.change + EXCLUDED.change;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO cluster_days (day, plan, status, location, shard, change)
        SELECT date_trunc('day', now() AT TIME ZONE 'UTC'), plan, status, location, pg_backend_pid() % 16, -count(*)
        FROM gone WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (day, plan, status, location, shard) DO UPDATE SET change = cluster_days.change + EXCLUDED.change;
    ELSE
        DELETE FROM cluster_days;
        DELETE FROM cluster_series;
        DELETE FROM cluster_totals;
    END IF;
    RETURN NULL;
END
$$;
