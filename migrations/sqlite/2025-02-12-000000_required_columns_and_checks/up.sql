-- The database now enforces the server's rules for every value. A value that violates one fails the migration, because a
-- name must not be truncated nor a plan guessed.
CREATE TABLE new_users (
    id TEXT PRIMARY KEY NOT NULL CONSTRAINT users_id_length CHECK (length(id) BETWEEN 1 AND 255),
    name TEXT CONSTRAINT users_name_length CHECK (length(name) <= 100),
    email TEXT CONSTRAINT users_email_key UNIQUE CONSTRAINT users_email_length CHECK (length(email) <= 320),
    image TEXT CONSTRAINT users_image_length CHECK (length(image) <= 2048),
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
    name TEXT CONSTRAINT customers_name_length CHECK (length(name) <= 100),
    plan TEXT NOT NULL DEFAULT 'FREE' CONSTRAINT customers_plan_check CHECK (plan IN ('FREE', 'PRO', 'BUSINESS')),
    stripe_customer_id TEXT CONSTRAINT customers_stripe_customer_id_key UNIQUE
        CONSTRAINT customers_stripe_customer_id_length CHECK (length(stripe_customer_id) <= 255),
    stripe_subscription_id TEXT CONSTRAINT customers_stripe_subscription_id_key UNIQUE
        CONSTRAINT customers_stripe_subscription_id_length CHECK (length(stripe_subscription_id) <= 255),
    stripe_price_id TEXT CONSTRAINT customers_stripe_price_id_length CHECK (length(stripe_price_id) <= 255),
    stripe_current_period_end TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
INSERT INTO new_customers
SELECT
    id, auth_user_id, name, coalesce(plan, 'FREE'), stripe_customer_id, stripe_subscription_id, stripe_price_id,
    stripe_current_period_end, created_at, updated_at
FROM customers;
UPDATE sqlite_sequence
SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('customers', 'new_customers'))
WHERE name = 'new_customers';
DROP TABLE customers;
ALTER TABLE new_customers RENAME TO customers;

CREATE TABLE new_k8s_cluster_configs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL CONSTRAINT k8s_cluster_configs_name_length CHECK (length(name) BETWEEN 1 AND 100),
    location TEXT NOT NULL CONSTRAINT k8s_cluster_configs_location_length CHECK (length(location) BETWEEN 1 AND 50),
    auth_user_id TEXT
        CONSTRAINT k8s_cluster_configs_auth_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    plan TEXT NOT NULL DEFAULT 'FREE'
        CONSTRAINT k8s_cluster_configs_plan_check CHECK (plan IN ('FREE', 'PRO', 'BUSINESS')),
    network TEXT NOT NULL DEFAULT 'Default'
        CONSTRAINT k8s_cluster_configs_network_length CHECK (length(network) BETWEEN 1 AND 100),
    status TEXT NOT NULL DEFAULT 'PENDING' CONSTRAINT k8s_cluster_configs_status_check
        CHECK (status IN ('PENDING', 'CREATING', 'INITING', 'RUNNING', 'STOPPED', 'DELETED')),
    has_run BOOLEAN NOT NULL DEFAULT false,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP,
    CONSTRAINT k8s_cluster_configs_live_has_owner CHECK (deleted_at IS NOT NULL OR auth_user_id IS NOT NULL),
    CONSTRAINT k8s_cluster_configs_status_deleted CHECK ((status = 'DELETED') = (deleted_at IS NOT NULL))
);
INSERT INTO new_k8s_cluster_configs
SELECT
    id, name, location, auth_user_id, coalesce(plan, 'FREE'), coalesce(network, 'Default'), coalesce(status, 'PENDING'),
    has_run, created_at, updated_at, deleted_at
FROM k8s_cluster_configs;
UPDATE sqlite_sequence
SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('k8s_cluster_configs', 'new_k8s_cluster_configs'))
WHERE name = 'new_k8s_cluster_configs';
DROP TABLE k8s_cluster_configs;
ALTER TABLE new_k8s_cluster_configs RENAME TO k8s_cluster_configs;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);
CREATE UNIQUE INDEX k8s_cluster_configs_live_owner_plan
    ON k8s_cluster_configs (auth_user_id, plan) WHERE deleted_at IS NULL;
