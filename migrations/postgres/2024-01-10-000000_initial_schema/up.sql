-- Users, customers and clusters as in the first server: without foreign keys, and deletion is a flag.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT,
    email TEXT CONSTRAINT users_email_key UNIQUE,
    image TEXT
);

CREATE TABLE customers (
    id BIGSERIAL PRIMARY KEY,
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

CREATE TABLE k8s_cluster_configs (
    id BIGSERIAL PRIMARY KEY,
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
