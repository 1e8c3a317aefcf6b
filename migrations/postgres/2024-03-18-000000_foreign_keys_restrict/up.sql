-- Customers and clusters reference their user, who cannot be deleted while they exist; there is one customer per user.
-- A missing owner is created, so that no row is lost. A second customer of one owner cannot be repaired safely, because
-- either may have the subscription: the unique key then fails the migration, and an operator has to decide.
INSERT INTO users (id)
SELECT auth_user_id FROM customers UNION SELECT auth_user_id FROM k8s_cluster_configs EXCEPT SELECT id FROM users;

ALTER TABLE customers
    ADD CONSTRAINT customers_auth_user_id_key UNIQUE (auth_user_id),
    ADD CONSTRAINT customers_auth_user_id_fkey FOREIGN KEY (auth_user_id) REFERENCES users (id) ON DELETE RESTRICT;
ALTER TABLE k8s_cluster_configs
    ADD CONSTRAINT k8s_cluster_configs_auth_user_id_fkey FOREIGN KEY (auth_user_id) REFERENCES users (id) ON DELETE RESTRICT;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);
