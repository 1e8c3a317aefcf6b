-- Users, customers and clusters as in the first server: without foreign keys, and deletion is a flag.
-- Table names are quoted because ALTER TABLE … RENAME quotes them, so a rebuilt table has the same text in sqlite_master.
CREATE TABLE "users" (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    email TEXT CONSTRAINT users_email_key UNIQUE,
    image TEXT
);

CREATE TABLE "customers" (
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

CREATE TABLE "k8s_cluster_configs" (
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
