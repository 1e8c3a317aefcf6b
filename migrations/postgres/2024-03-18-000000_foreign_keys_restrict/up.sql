-- Customers and clusters belong to a user whom the database won't delete under them; one customer per user.
-- An owner who is in no users row gets one, so that nothing is lost. A second customer of one owner has no safe repair
-- (either may carry the subscription): the unique key then stops the migration, and someone has to decide.
INSERT INTO users (id)
SELECT auth_user_id FROM customers UNION SELECT auth_user_id FROM k8s_cluster_configs EXCEPT SELECT id FROM users;

ALTER TABLE customers
    ADD CONSTRAINT customers_auth_user_id_key UNIQUE (auth_user_id),
    ADD CONSTRAINT customers_auth_user_id_fkey FOREIGN KEY (auth_user_id) REFERENCES users (id) ON DELETE RESTRICT;
ALTER TABLE k8s_cluster_configs
    ADD CONSTRAINT k8s_cluster_configs_auth_user_id_fkey FOREIGN KEY (auth_user_id) REFERENCES users (id) ON DELETE RESTRICT;
CREATE INDEX k8s_cluster_configs_auth_user_id_id ON k8s_cluster_configs (auth_user_id, id);
