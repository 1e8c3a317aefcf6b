-- Deletion becomes a timestamp instead of a flag. Deleted rows stay as history, and an owner may have one live row per plan.

-- Fill missing values, and make status and flag agree.
UPDATE k8s_cluster_configs SET plan = 'FREE' WHERE plan IS NULL;
UPDATE k8s_cluster_configs SET status = 'PENDING' WHERE status IS NULL;
UPDATE k8s_cluster_configs SET network = 'Default' WHERE network IS NULL;
UPDATE k8s_cluster_configs SET "delete" = true WHERE status = 'DELETED';

-- One live cluster per owner and plan: the oldest stays live, the others are soft-deleted and can be restored.
UPDATE k8s_cluster_configs SET "delete" = true, updated_at = date_trunc('milliseconds', now() AT TIME ZONE 'utc')
WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY auth_user_id, plan ORDER BY created_at, id) AS nth
        FROM k8s_cluster_configs WHERE NOT "delete"
    ) AS live WHERE nth > 1
);

-- The table is rebuilt, so that has_run has the same position as on SQLite. The id sequence is kept.
CREATE TABLE new_k8s_cluster_configs (
    id BIGINT NOT NULL DEFAULT nextval('k8s_cluster_configs_id_seq'),
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    auth_user_id TEXT,
    plan TEXT DEFAULT 'FREE',
    network TEXT,
    status TEXT DEFAULT 'PENDING',
    has_run BOOLEAN NOT NULL DEFAULT false,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP,
    CONSTRAINT k8s_cluster_configs_live_has_owner CHECK (deleted_at IS NOT NULL OR auth_user_id IS NOT NULL)
);
INSERT INTO new_k8s_cluster_configs
SELECT
    id, name, location, CASE WHEN "delete" THEN nullif(auth_user_id, '(no owner)') ELSE auth_user_id END, plan, network,
    CASE WHEN "delete" THEN 'DELETED' ELSE status END, status IN ('RUNNING', 'STOPPED'),
    created_at, updated_at, CASE WHEN "delete" THEN updated_at END
FROM k8s_cluster_configs;
ALTER SEQUENCE k8s_cluster_configs_id_seq OWNED BY new_k8s_cluster_configs.id;
DROP TABLE k8s_cluster_configs;
ALTER TABLE new_k8s_cluster_configs RENAME TO k8s_cluster_configs;
ALTER TABLE k8s_cluster_configs
    ADD CONSTRAINT k8s_cluster_configs_pkey PRIMARY KEY (id),
    ADD CONSTRAINT k8s_cluster_configs_auth_user_id_fkey FOREIGN KEY (auth_user_id) REFERENCES users (id) ON DELETE RESTRICT;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);
CREATE UNIQUE INDEX k8s_cluster_configs_live_owner_plan
    ON k8s_cluster_configs (auth_user_id, plan) WHERE deleted_at IS NULL;

-- down.sql gives clusters without an owner to a placeholder user, which is no longer needed.
DELETE FROM users WHERE id = '(no owner)'
    AND id NOT IN (SELECT auth_user_id FROM k8s_cluster_configs WHERE auth_user_id IS NOT NULL)
    AND id NOT IN (SELECT auth_user_id FROM customers);

-- A user's creation time is that of the oldest row they own, or else now. A soft-deleted user is recognised by the email
-- that soft deletion sets, so that migrating down and up again keeps them deleted.
ALTER TABLE users
    ADD COLUMN created_at TIMESTAMP,
    ADD COLUMN updated_at TIMESTAMP,
    ADD COLUMN deleted_at TIMESTAMP;
UPDATE users SET
    created_at = coalesce((
        SELECT min(created_at) FROM (
            SELECT auth_user_id, created_at FROM customers
            UNION ALL SELECT auth_user_id, created_at FROM k8s_cluster_configs
        ) AS owned WHERE auth_user_id = users.id
    ), date_trunc('milliseconds', now() AT TIME ZONE 'utc')),
    deleted_at = CASE
        WHEN email = 'deleted_' || id || '@example.com' THEN date_trunc('milliseconds', now() AT TIME ZONE 'utc')
    END;
UPDATE users SET updated_at = created_at;
ALTER TABLE users
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL;
