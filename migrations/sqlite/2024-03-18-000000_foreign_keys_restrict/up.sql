-- Customers and clusters reference their user, who cannot be deleted while they exist; there is one customer per user.
-- A missing owner is created, so that no row is lost. A second customer of one owner cannot be repaired safely, because
-- either may have the subscription: the unique key then fails the migration, and an operator has to decide.
INSERT INTO users (id)
SELECT auth_user_id FROM customers UNION SELECT auth_user_id FROM k8s_cluster_configs EXCEPT SELECT id FROM users;

-- SQLite cannot add a foreign key to a table, so both tables are rebuilt.
-- Both keep their sqlite_sequence, so that the id of a deleted row is never reused.
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
    auth_user_id TEXT NOT NULL
        CONSTRAINT k8s_cluster_configs_auth_user_id_fkey REFERENCES users (id) ON DELETE RESTRICT,
    plan TEXT DEFAULT 'FREE',
    network TEXT,
    status TEXT DEFAULT 'PENDING',
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    "delete" BOOLEAN NOT NULL DEFAULT false
);
INSERT INTO new_k8s_cluster_configs SELECT * FROM k8s_cluster_configs;
UPDATE sqlite_sequence
SET seq = (SELECT max(seq) FROM sqlite_sequence WHERE name IN ('k8s_cluster_configs', 'new_k8s_cluster_configs'))
WHERE name = 'new_k8s_cluster_configs';
DROP TABLE k8s_cluster_configs;
ALTER TABLE new_k8s_cluster_configs RENAME TO k8s_cluster_configs;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);
