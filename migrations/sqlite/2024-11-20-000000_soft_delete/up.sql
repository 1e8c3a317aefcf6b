-- Deletion becomes a timestamp instead of a flag. Deleted rows stay as history, and an owner may have one live row per plan.

-- Fill missing values, and make status and flag agree.
UPDATE k8s_cluster_configs SET plan = 'FREE' WHERE plan IS NULL;
UPDATE k8s_cluster_configs SET status = 'PENDING' WHERE status IS NULL;
UPDATE k8s_cluster_configs SET network = 'Default' WHERE network IS NULL;
UPDATE k8s_cluster_configs SET "delete" = true WHERE status = 'DELETED';

-- One live cluster per owner and plan: the oldest stays live, the others are soft-deleted and can be restored.
UPDATE k8s_cluster_configs SET "delete" = true, updated_at = replace(strftime('%Y-%m-%d %H:%M:%f', 'now'), '.000', '')
WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY auth_user_id, plan ORDER BY created_at, id) AS nth
        FROM k8s_cluster_configs WHERE NOT "delete"
    ) AS live WHERE nth > 1
);

CREATE TABLE new_k8s_cluster_configs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    auth_user_id TEXT
        CONSTRAINT k8s_cluster_configs_auth_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
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
UPDATE sqlite_sequence
SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('k8s_cluster_configs', 'new_k8s_cluster_configs'))
WHERE name = 'new_k8s_cluster_configs';
DROP TABLE k8s_cluster_configs;
ALTER TABLE new_k8s_cluster_configs RENAME TO k8s_cluster_configs;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);
CREATE UNIQUE INDEX k8s_cluster_configs_live_owner_plan
    ON k8s_cluster_configs (auth_user_id, plan) WHERE deleted_at IS NULL;

-- down.sql gives clusters without an owner to a placeholder user, which is no longer needed.
DELETE FROM users WHERE id = '(no owner)'
    AND id NOT IN (SELECT auth_user_id FROM k8s_cluster_configs WHERE auth_user_id IS NOT NULL)
    AND id NOT IN (SELECT auth_user_id FROM customers);

-- A user's creation time is that of the oldest row they own, or else now. A soft-deleted user is recognised by the email
-- that soft deletion sets, so that migrating down and up again keeps them deleted.
CREATE TABLE new_users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    email TEXT CONSTRAINT users_email_key UNIQUE,
    image TEXT,
    role TEXT NOT NULL DEFAULT 'USER' CONSTRAINT users_role_check CHECK (role IN ('USER', 'ADMIN')),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP
);
INSERT INTO new_users
SELECT
    id, name, email, image, role, coalesce(since, now), coalesce(since, now),
    CASE WHEN email = 'deleted_' || id || '@example.com' THEN now END
FROM (SELECT users.*, (
    SELECT min(created_at) FROM (
        SELECT auth_user_id, created_at FROM customers
        UNION ALL SELECT auth_user_id, created_at FROM k8s_cluster_configs
    ) AS owned WHERE auth_user_id = users.id
) AS since FROM users)
CROSS JOIN (SELECT replace(strftime('%Y-%m-%d %H:%M:%f', 'now'), '.000', '') AS now);
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
