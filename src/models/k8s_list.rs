//! All clusters, live and deleted, for admins.

use std::cmp::Reverse;

use diesel::prelude::*;

use super::{
    k8s::{ClusterRow, Status},
    page::Position,
    plan::Plan,
};
use crate::{db::DbConnection, schema::k8s_cluster_configs as clusters};

/// Filters on the list of clusters; all that are set must match.
#[derive(Clone, Debug, Default)]
pub struct ClusterFilter {
    /// With this status.
    pub status: Option<Status>,
    /// On this plan.
    pub plan: Option<Plan>,
    /// Of this owner.
    pub user_id: Option<String>,
    /// Whether to list deleted clusters too.
    pub include_deleted: bool,
}

impl ClusterRow {
    /// A cluster of any owner, live or deleted.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).first(conn).optional()
    }

    /// The first `limit` matching clusters of all owners after a position, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn page(
        conn: &mut DbConnection,
        filter: &ClusterFilter,
        after: Option<&Position<i64>>,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let mut query = Self::query().into_boxed();
        if let Some(status) = filter.status {
            query = query.filter(clusters::status.eq(status));
        }
        if let Some(plan) = filter.plan {
            query = query.filter(clusters::plan.eq(plan));
        }
        if let Some(user_id) = &filter.user_id {
            query = query.filter(clusters::auth_user_id.eq(user_id.clone()));
        }
        if !filter.include_deleted {
            query = query.filter(clusters::deleted_at.is_null());
        }
        if filter.user_id.is_some() && !filter.include_deleted {
            // As in [`Cluster::of`]: there are at most as many as plans.
            let mut found: Vec<Self> = query.load(conn)?;
            found.sort_unstable_by_key(|cluster| Reverse(cluster.id));
            let rest = found.into_iter().filter(|cluster| after.is_none_or(|position| cluster.id < position.id));
            return Ok(rest.take(usize::try_from(limit).unwrap_or(0)).collect());
        }
        if let Some(position) = after {
            query = query.filter(clusters::id.lt(position.id));
        }
        query.order(clusters::id.desc()).limit(limit).load(conn)
    }
}
