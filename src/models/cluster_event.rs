//! What happened to clusters, in the order of the commits. Triggers write the rows, and nobody changes them.

use diesel::prelude::*;

use super::{event_log::EventLog, k8s::Status, plan::Plan};
use crate::{
    db::{DbConnection, Timestamp, text_enum::text_enum},
    schema::cluster_events,
};

text_enum! {
    /// What happened to a cluster.
    pub enum EventKind {
        Created = "created",
        Updated = "updated",
        StatusChanged = "statusChanged",
        Deleted = "deleted",
        Restored = "restored",
    }
}

/// One change, with the cluster as its transaction left it.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = cluster_events)]
pub struct ClusterEvent {
    /// Greater than that of every event that was committed before.
    pub id: i64,
    pub created_at: Timestamp,
    pub kind: EventKind,
    pub cluster_id: i64,
    pub name: String,
    pub location: String,
    pub auth_user_id: Option<String>,
    pub plan: Plan,
    pub network: String,
    pub status: Status,
    pub cluster_created_at: Timestamp,
    pub cluster_updated_at: Timestamp,
    pub cluster_deleted_at: Option<Timestamp>,
}

impl EventLog for ClusterEvent {
    fn id(&self) -> i64 {
        self.id
    }

    fn newest(conn: &mut DbConnection) -> QueryResult<i64> {
        let newest = cluster_events::table.select(cluster_events::id).order(cluster_events::id.desc()).first(conn);
        Ok(newest.optional()?.unwrap_or(0))
    }

    fn after(conn: &mut DbConnection, last: i64, limit: i64) -> QueryResult<Vec<Self>> {
        Self::query().filter(cluster_events::id.gt(last)).order(cluster_events::id).limit(limit).load(conn)
    }
}

impl ClusterEvent {
    /// The first `limit` events after `last` that concern a user's clusters.
    ///
    /// # Errors
    /// The database's.
    pub fn of_user_after(conn: &mut DbConnection, user: &str, last: i64, limit: i64) -> QueryResult<Vec<Self>> {
        let later = Self::query().filter(cluster_events::id.gt(last)).order(cluster_events::id).limit(limit);
        later.filter(cluster_events::auth_user_id.eq(user)).load(conn)
    }
}
