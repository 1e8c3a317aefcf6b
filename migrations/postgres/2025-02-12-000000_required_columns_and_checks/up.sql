-- The database now enforces the server's rules for every value. A value that violates one fails the migration, because a
-- name must not be truncated nor a plan guessed.
ALTER TABLE users
    ADD CONSTRAINT users_id_length CHECK (length(id) BETWEEN 1 AND 255),
    ADD CONSTRAINT users_name_length CHECK (length(name) <= 100),
    ADD CONSTRAINT users_email_length CHECK (length(email) <= 320),
    ADD CONSTRAINT users_image_length CHECK (length(image) <= 2048);

UPDATE customers SET plan = 'FREE' WHERE plan IS NULL;
ALTER TABLE customers
    ALTER COLUMN plan SET DEFAULT 'FREE',
    ALTER COLUMN plan SET NOT NULL,
    ADD CONSTRAINT customers_name_length CHECK (length(name) <= 100),
    ADD CONSTRAINT customers_plan_check CHECK (plan IN ('FREE', 'PRO', 'BUSINESS')),
    ADD CONSTRAINT customers_stripe_customer_id_length CHECK (length(stripe_customer_id) <= 255),
    ADD CONSTRAINT customers_stripe_subscription_id_length CHECK (length(stripe_subscription_id) <= 255),
    ADD CONSTRAINT customers_stripe_price_id_length CHECK (length(stripe_price_id) <= 255);

UPDATE k8s_cluster_configs SET
    plan = coalesce(plan, 'FREE'), network = coalesce(network, 'Default'), status = coalesce(status, 'PENDING')
WHERE plan IS NULL OR network IS NULL OR status IS NULL;
ALTER TABLE k8s_cluster_configs
    ALTER COLUMN plan SET NOT NULL,
    ALTER COLUMN network SET DEFAULT 'Default',
    ALTER COLUMN network SET NOT NULL,
    ALTER COLUMN status SET NOT NULL,
    ADD CONSTRAINT k8s_cluster_configs_name_length CHECK (length(name) BETWEEN 1 AND 100),
    ADD CONSTRAINT k8s_cluster_configs_location_length CHECK (length(location) BETWEEN 1 AND 50),
    ADD CONSTRAINT k8s_cluster_configs_plan_check CHECK (plan IN ('FREE', 'PRO', 'BUSINESS')),
    ADD CONSTRAINT k8s_cluster_configs_network_length CHECK (length(network) BETWEEN 1 AND 100),
    ADD CONSTRAINT k8s_cluster_configs_status_check
        CHECK (status IN ('PENDING', 'CREATING', 'INITING', 'RUNNING', 'STOPPED', 'DELETED')),
    ADD CONSTRAINT k8s_cluster_configs_status_deleted CHECK ((status = 'DELETED') = (deleted_at IS NOT NULL));
