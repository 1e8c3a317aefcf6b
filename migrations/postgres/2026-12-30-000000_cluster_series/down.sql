LOCK TABLE k8s_cluster_configs IN SHARE ROW EXCLUSIVE MODE;

-- The changes go back into the table that has them by plan, status and location together. Which occurred together is not known any
-- more: each is noted as if the others had been FREE, PENDING and an empty location, and taken back there, so that the sums by
-- plan, by status and by location are right.
DROP TRIGGER cluster_days_fold ON cluster_days;
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
DROP FUNCTION fold_cluster_days();
DROP TABLE cluster_series;
DROP TABLE cluster_totals;

INSERT INTO cluster_days (day, plan, status, location, shard, change)
SELECT TIMESTAMP '9999-12-31', plan, status, location, 0, sum(change) FROM cluster_days
GROUP BY plan, status, location HAVING sum(change) <> 0;

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
