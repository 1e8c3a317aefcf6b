-- Back to the flag. auth_user_id was NOT NULL then, so clusters without an owner get a placeholder user, which up.sql
-- removes again.
INSERT INTO users (id, created_at, updated_at)
SELECT '(no owner)', now, now FROM (SELECT date_trunc('milliseconds', now() AT TIME ZONE 'utc') AS now) AS clock
WHERE EXISTS (SELECT 1 FROM k8s_cluster_configs WHERE auth_user_id IS NULL)
ON CONFLICT (id) DO NOTHING;

-- A deleted cluster keeps the time of its deletion in updated_at and has_run in its status.
ALTER TABLE k8s_cluster_configs
    DROP CONSTRAINT k8s_cluster_configs_live_has_owner,
    ADD COLUMN "delete" BOOLEAN NOT NULL DEFAULT false;
DROP INDEX k8s_cluster_configs_live_owner_plan;
UPDATE k8s_cluster_configs SET
    auth_user_id = coalesce(auth_user_id, '(no owner)'),
    status = CASE WHEN has_run THEN 'STOPPED' ELSE 'PENDING' END,
    updated_at = deleted_at,
    "delete" = true
WHERE deleted_at IS NOT NULL;
ALTER TABLE k8s_cluster_configs
    ALTER COLUMN auth_user_id SET NOT NULL,
    DROP COLUMN has_run,
    DROP COLUMN deleted_at;

ALTER TABLE users
    DROP COLUMN created_at,
    DROP COLUMN updated_at,
    DROP COLUMN deleted_at;
