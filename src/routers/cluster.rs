//! The form in which procedures return a cluster.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    db::Timestamp,
    models::{
        cluster_event::ClusterEvent,
        k8s::{Cluster, ClusterRow, DeletedCluster, Status},
        plan::Plan,
    },
};

/// The configuration of a Kubernetes cluster.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Cluster")]
pub struct ClusterOutput {
    id: i64,
    name: String,
    /// Where it runs, such as `eu-central`.
    location: String,
    /// The id of the owner; null after the owner was deleted.
    auth_user_id: Option<String>,
    plan: Plan,
    /// `Default` unless the cluster was imported with another.
    network: String,
    status: Status,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// When it was deleted; null while it is active.
    deleted_at: Option<Timestamp>,
}

impl From<ClusterRow> for ClusterOutput {
    fn from(row: ClusterRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            location: row.location,
            auth_user_id: row.auth_user_id,
            plan: row.plan,
            network: row.network,
            status: row.status,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deleted_at: row.deleted_at,
        }
    }
}

/// The cluster after the event.
impl From<&ClusterEvent> for ClusterOutput {
    fn from(event: &ClusterEvent) -> Self {
        Self {
            id: event.cluster_id,
            name: event.name.clone(),
            location: event.location.clone(),
            auth_user_id: event.auth_user_id.clone(),
            plan: event.plan,
            network: event.network.clone(),
            status: event.status,
            created_at: event.cluster_created_at,
            updated_at: event.cluster_updated_at,
            deleted_at: event.cluster_deleted_at,
        }
    }
}

impl From<Cluster> for ClusterOutput {
    fn from(cluster: Cluster) -> Self {
        cluster.row.into()
    }
}

impl From<DeletedCluster> for ClusterOutput {
    fn from(cluster: DeletedCluster) -> Self {
        cluster.row.into()
    }
}
