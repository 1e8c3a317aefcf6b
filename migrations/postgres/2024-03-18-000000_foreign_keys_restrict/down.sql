-- Users that were created for missing owners stay, because they own rows.
DROP INDEX k8s_cluster_configs_auth_user_id_id;
ALTER TABLE k8s_cluster_configs
    DROP CONSTRAINT k8s_cluster_configs_auth_user_id_fkey;
ALTER TABLE customers
    DROP CONSTRAINT customers_auth_user_id_fkey,
    DROP CONSTRAINT customers_auth_user_id_key;
