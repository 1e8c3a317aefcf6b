-- Back to the flag. auth_user_id was NOT NULL then, so clusters without an owner get a placeholder user, which up.sql
-- removes again.
INSERT INTO users (id, created_at, updated_at)
SELECT '(no owner)', now, now FROM (SELECT replace(strftime('%Y-%m-%d %H:%M:%f', 'now'), '.000', '') AS now) AS clock
WHERE EXISTS (SELECT 1 FROM k8s_cluster_configs WHERE auth_user_id IS NULL)
ON CONFLICT (id) DO NOTHING;

-- A deleted cluster keeps the time of its deletion in updated_at and has_run in its status.
CREATE TABLE new_k8s_cluster_configs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    auth_user_id TEXT NOT NULL
        CONSTRAINT k8s_cluster_configs_auth_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    plan TEXT DEFAULT 'FREE',
    network TEXT,
    status TEXT DEFAULT 'PENDING',
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    "delete" BOOLEAN NOT NULL DEFAULT false
);
INSERT INTO new_k8s_cluster_configs
SELECT
    id, name, location, coalesce(auth_user_id, '(no owner)'), plan, network,
    CASE WHEN deleted_at IS NULL THEN status WHEN has_run THEN 'STOPPED' ELSE 'PENDING' END,
    created_at, coalesce(deleted_at, updated_at), deleted_at IS NOT NULL
FROM k8s_cluster_configs;
UPDATE sqlite_sequence
SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('k8s_cluster_configs', 'new_k8s_cluster_configs'))
WHERE name = 'new_k8s_cluster_configs';
DROP TABLE k8s_cluster_configs;
ALTER TABLE new_k8s_cluster_configs RENAME TO k8s_cluster_configs;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);

CREATE TABLE new_users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    email TEXT CONSTRAINT users_email_key UNIQUE,
    image TEXT,
    role TEXT NOT NULL DEFAULT 'USER' CONSTRAINT users_role_check CHECK (role IN ('USER', 'ADMIN'))
);
INSERT INTO new_users SELECT id, name, email, image, role FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
