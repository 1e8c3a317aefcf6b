-- Users that were created for missing owners stay, because they own rows.
CREATE TABLE new_customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    auth_user_id TEXT NOT NULL,
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
    auth_user_id TEXT NOT NULL,
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
