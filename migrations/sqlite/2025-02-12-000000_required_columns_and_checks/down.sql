-- The tables as they are after soft_delete.
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
INSERT INTO new_users SELECT * FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;

CREATE TABLE new_customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    auth_user_id TEXT NOT NULL CONSTRAINT customers_auth_user_id_key UNIQUE
        CONSTRAINT customers_auth_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    name TEXT,
    plan TEXT,
    stripe_customer_id TEXT CONSTRAINT customers_stripe_customer_id_key UNIQUE,
    stripe_subscription_id TEXT CONSTRAINT customers_stripe_subscription_id_key UNIQUE,
    stripe_price_id TEXT,
    stripe_current_period_end TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
INSERT INTO new_customers SELECT * FROM customers;
UPDATE sqlite_sequence
SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('customers', 'new_customers'))
WHERE name = 'new_customers';
DROP TABLE customers;
ALTER TABLE new_customers RENAME TO customers;

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
INSERT INTO new_k8s_cluster_configs SELECT * FROM k8s_cluster_configs;
UPDATE sqlite_sequence
SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('k8s_cluster_configs', 'new_k8s_cluster_configs'))
WHERE name = 'new_k8s_cluster_configs';
DROP TABLE k8s_cluster_configs;
ALTER TABLE new_k8s_cluster_configs RENAME TO k8s_cluster_configs;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);
CREATE UNIQUE INDEX k8s_cluster_configs_live_owner_plan
    ON k8s_cluster_configs (auth_user_id, plan) WHERE deleted_at IS NULL;
