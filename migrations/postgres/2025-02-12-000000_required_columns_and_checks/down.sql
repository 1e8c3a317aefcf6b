-- The tables as they are after soft_delete.
ALTER TABLE k8s_cluster_configs
    DROP CONSTRAINT k8s_cluster_configs_status_deleted,
    DROP CONSTRAINT k8s_cluster_configs_status_check,
    DROP CONSTRAINT k8s_cluster_configs_network_length,
    DROP CONSTRAINT k8s_cluster_configs_plan_check,
    DROP CONSTRAINT k8s_cluster_configs_location_length,
    DROP CONSTRAINT k8s_cluster_configs_name_length,
    ALTER COLUMN plan DROP NOT NULL,
    ALTER COLUMN network DROP NOT NULL,
    ALTER COLUMN network DROP DEFAULT,
    ALTER COLUMN status DROP NOT NULL;

ALTER TABLE customers
    DROP CONSTRAINT customers_stripe_price_id_length,
    DROP CONSTRAINT customers_stripe_subscription_id_length,
    DROP CONSTRAINT customers_stripe_customer_id_length,
    DROP CONSTRAINT customers_plan_check,
    DROP CONSTRAINT customers_name_length,
    ALTER COLUMN plan DROP NOT NULL,
    ALTER COLUMN plan DROP DEFAULT;

ALTER TABLE users
    DROP CONSTRAINT users_image_length,
    DROP CONSTRAINT users_email_length,
    DROP CONSTRAINT users_name_length,
    DROP CONSTRAINT users_id_length;
