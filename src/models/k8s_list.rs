//! All clusters, live and deleted, for admins.

use std::cmp::Reverse;

use diesel::prelude::*;

use super::{
    k8s::{ClusterRow, Status},
    page::{COUNTED, Order, Position, Total},
    plan::Plan,
    stats,
};
use crate::{
    db::{DbConnection, MultiBackend, counted::counted},
    schema::k8s_cluster_configs as clusters,
};

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

    /// The first `limit` matching clusters of all owners after a position, in the order of their creation.
    ///
    /// # Errors
    /// The database's.
    pub fn page(
        conn: &mut DbConnection,
        filter: &ClusterFilter,
        order: Order,
        after: Option<&Position<i64>>,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        if filter.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = filter.matching().select(Self::as_select());
        if filter.is_of_one_owner() {
            let mut found: Vec<Self> = query.load(conn)?;
            match order {
                Order::Ascending => found.sort_unstable_by_key(|cluster| cluster.id),
                Order::Descending => found.sort_unstable_by_key(|cluster| Reverse(cluster.id)),
            }
            let rest = found.into_iter().filter(|cluster| {
                after.is_none_or(|Position { id, .. }| match order {
                    Order::Ascending => cluster.id > *id,
                    Order::Descending => cluster.id < *id,
                })
            });
            return Ok(rest.take(usize::try_from(limit).unwrap_or(0)).collect());
        }
        if let Some(Position { id, .. }) = after {
            query = match order {
                Order::Ascending => query.filter(clusters::id.gt(*id)),
                Order::Descending => query.filter(clusters::id.lt(*id)),
            };
        }
        let query = match order {
            Order::Ascending => query.order(clusters::id.asc()),
            Order::Descending => query.order(clusters::id.desc()),
        };
        query.limit(limit).load(conn)
    }

    /// How many clusters match; None where more rows would be read than are counted, because no index has all filters.
    ///
    /// # Errors
    /// The database's.
    pub fn total(conn: &mut DbConnection, filter: &ClusterFilter) -> QueryResult<Option<Total>> {
        if filter.is_empty() {
            return Ok(Some(Total::exact(0)));
        }
        if filter.is_of_one_owner() {
            let owned: i64 = filter.matching().count().get_result(conn)?;
            return Ok(Some(Total::exact(owned)));
        }
        let bounded = |conn: &mut DbConnection, rows: ClusterQuery| -> QueryResult<Total> {
            counted(rows.select(clusters::id).limit(COUNTED + 1)).get_result(conn).map(Total::bounded)
        };
        let rows = match (filter.status, filter.plan, &filter.user_id) {
            (None, None, None) => {
                let live = Total::exact(stats::live(conn, "cluster")?);
                if !filter.include_deleted {
                    return Ok(Some(live));
                }
                let deleted = clusters::table.filter(clusters::deleted_at.is_not_null()).order(clusters::deleted_at);
                return Ok(Some(live.and(bounded(conn, deleted.into_boxed())?)));
            }
            // The status says whether a cluster is deleted.
            (Some(status), None, None) => clusters::table.filter(clusters::status.eq(status)).into_boxed(),
            (None, Some(_), None) | (None, None, Some(_)) => filter.matching(),
            _ => return Ok(None),
        };
        Ok(Some(bounded(conn, rows.order(clusters::id.desc()))?))
    }
}

type ClusterQuery = clusters::BoxedQuery<'static, MultiBackend>;

impl ClusterFilter {
    /// Whether no cluster can match: those with status DELETED are the deleted ones, as a constraint says.
    fn is_empty(&self) -> bool {
        self.status == Some(Status::Deleted) && !self.include_deleted
    }

    /// Whether at most as many match as there are plans, as in [`Cluster::of`](super::k8s::Cluster::of).
    fn is_of_one_owner(&self) -> bool {
        self.user_id.is_some() && !self.include_deleted
    }

    fn matching(&self) -> ClusterQuery {
        let mut query = clusters::table.into_boxed();
        if let Some(status) = self.status {
            query = query.filter(clusters::status.eq(status));
        }
        if let Some(plan) = self.plan {
            query = query.filter(clusters::plan.eq(plan));
        }
        if let Some(user_id) = &self.user_id {
            query = query.filter(clusters::auth_user_id.eq(user_id.clone()));
        }
        if !self.include_deleted {
            query = query.filter(clusters::deleted_at.is_null());
        }
        query
    }
}
