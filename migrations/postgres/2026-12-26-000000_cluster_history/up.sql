-- The changes of one cluster, for admins. The log of changes has an index by owner only, and an owner may have had many
-- clusters, or be gone. Ids of clusters and events ascend, so most rows are added at the end.
CREATE INDEX cluster_events_cluster_id_id ON cluster_events (cluster_id, id);
