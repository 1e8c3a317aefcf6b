-- Pages of live clusters for admins, which must not read the deleted ones between them. Only creation and restoration
-- insert into a partial index, and ids ascend, so it costs writers little. A user's own live clusters are at most one per
-- plan and are read through k8s_cluster_configs_live_owner_plan.
CREATE INDEX k8s_cluster_configs_live_id ON k8s_cluster_configs (id) WHERE deleted_at IS NULL;
CREATE INDEX k8s_cluster_configs_live_plan_id ON k8s_cluster_configs (plan, id) WHERE deleted_at IS NULL;
