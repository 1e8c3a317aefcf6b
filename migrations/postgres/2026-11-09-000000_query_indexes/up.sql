-- One index for each query of the server, ending in the column by which its pages are ordered.

-- A user's deleted clusters; the lists of clusters and users for admins.
CREATE INDEX k8s_cluster_configs_auth_user_id_deleted_at_id
    ON k8s_cluster_configs (auth_user_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX k8s_cluster_configs_status_id ON k8s_cluster_configs (status, id);
CREATE INDEX k8s_cluster_configs_plan_id ON k8s_cluster_configs (plan, id);
CREATE INDEX users_created_at_id ON users (created_at, id);

-- Whether there is an admin, or another one. A query uses this index only if it has role = 'ADMIN' as a literal.
CREATE INDEX users_admins ON users (created_at, id) WHERE role = 'ADMIN';

-- Customers with a running subscription. A query uses this index only if it has plan <> 'FREE' as a literal.
CREATE INDEX customers_stripe_current_period_end ON customers (stripe_current_period_end) WHERE plan <> 'FREE';

-- The audit log, unfiltered and by each of its filters.
CREATE INDEX audit_log_created_at_id ON audit_log (created_at, id);
CREATE INDEX audit_log_actor_id_created_at_id ON audit_log (actor_id, created_at, id);
CREATE INDEX audit_log_procedure_created_at_id ON audit_log (procedure, created_at, id);
CREATE INDEX audit_log_entity_created_at_id ON audit_log (entity, created_at, id);
CREATE INDEX audit_log_entity_id_entity_created_at_id ON audit_log (entity_id, entity, created_at, id);
