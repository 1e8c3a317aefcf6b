-- One index for each question the server asks, ending in the column its pages are keyed by.

-- A user's deleted clusters; the administrators' lists of clusters and users.
CREATE INDEX k8s_cluster_configs_auth_user_id_deleted_at_id
    ON k8s_cluster_configs (auth_user_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX k8s_cluster_configs_status_id ON k8s_cluster_configs (status, id);
CREATE INDEX k8s_cluster_configs_plan_id ON k8s_cluster_configs (plan, id);
CREATE INDEX users_created_at_id ON users (created_at, id);

-- The few administrators: whether there is one, or another one. As below, role = 'ADMIN' must be spelled as a literal.
CREATE INDEX users_admins ON users (created_at, id) WHERE role = 'ADMIN';

-- Customers whose subscription is running. A query finds it only if it spells plan <> 'FREE' as a literal.
CREATE INDEX customers_stripe_current_period_end ON customers (stripe_current_period_end) WHERE plan <> 'FREE';

-- The audit log, whole and by each of its filters.
CREATE INDEX audit_log_created_at_id ON audit_log (created_at, id);
CREATE INDEX audit_log_actor_id_created_at_id ON audit_log (actor_id, created_at, id);
CREATE INDEX audit_log_procedure_created_at_id ON audit_log (procedure, created_at, id);
CREATE INDEX audit_log_entity_created_at_id ON audit_log (entity, created_at, id);
CREATE INDEX audit_log_entity_id_entity_created_at_id ON audit_log (entity_id, entity, created_at, id);
