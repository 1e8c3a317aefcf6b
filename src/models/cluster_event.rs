//! Changes of clusters, in the order of the commits. Triggers write the rows, and nothing changes them.

use diesel::prelude::*;

use super::{
    event_log::{EventLog, Extent, LogPage, LogPart, set_purged},
    k8s::Status,
    page::{Listed, Position},
    plan::Plan,
};
use crate::{
    db::{DbConnection, Timestamp, text_enum::text_enum},
    schema::{cluster_events, log_starts},
};

/// The name of this log in `log_starts`.
const LOG: &str = "cluster_events";

text_enum! {
    /// The kind of change.
    pub enum EventKind {
        /// It was created.
        Created = "created",
        /// Anything but its status was changed.
        Updated = "updated",
        /// It took a step from one status to another.
        StatusChanged = "statusChanged",
        /// It was soft-deleted.
        Deleted = "deleted",
        /// A deleted cluster became active again.
        Restored = "restored",
    }
}

/// One change, and the cluster as it was after the change.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = cluster_events)]
pub struct ClusterEvent {
    /// Greater than the id of every event that was committed before.
    pub id: i64,
    /// When the change was made.
    pub created_at: Timestamp,
    /// What kind of change it was.
    pub kind: EventKind,
    /// The cluster's id.
    pub cluster_id: i64,
    /// The cluster's name.
    pub name: String,
    /// Where the cluster runs.
    pub location: String,
    /// The owner; None for a cluster whose user is gone.
    pub auth_user_id: Option<String>,
    /// The plan it occupies.
    pub plan: Plan,
    /// The cluster's network.
    pub network: String,
    /// The status after the change.
    pub status: Status,
    /// When the cluster was created.
    pub cluster_created_at: Timestamp,
    /// When the cluster was last changed.
    pub cluster_updated_at: Timestamp,
    /// When the cluster was deleted, if it is.
    pub cluster_deleted_at: Option<Timestamp>,
}

/// An event to insert; the fields are those of [`ClusterEvent`].
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = cluster_events, treat_none_as_default_value = false)]
pub struct NewClusterEvent {
    /// When the change was made.
    pub created_at: Timestamp,
    /// What kind of change it was.
    pub kind: EventKind,
    /// The cluster's id.
    pub cluster_id: i64,
    /// The cluster's name.
    pub name: String,
    /// Where the cluster runs.
    pub location: String,
    /// The owner.
    pub auth_user_id: Option<String>,
    /// The plan it occupies.
    pub plan: Plan,
    /// The cluster's network.
    pub network: String,
    /// The status after the change.
    pub status: Status,
    /// When the cluster was created.
    pub cluster_created_at: Timestamp,
    /// When the cluster was last changed.
    pub cluster_updated_at: Timestamp,
    /// When the cluster was deleted, if it is.
    pub cluster_deleted_at: Option<Timestamp>,
}

impl EventLog for ClusterEvent {
    fn id(&self) -> i64 {
        self.id
    }

    fn at(&self) -> Timestamp {
        self.created_at
    }

    fn extent(conn: &mut DbConnection) -> QueryResult<Extent> {
        let purged = log_starts::table.find(LOG).select(log_starts::through).single_value();
        let newest = cluster_events::table.select(cluster_events::id).order(cluster_events::id.desc()).single_value();
        diesel::select((purged, newest)).get_result(conn).map(|(purged, newest)| Extent::new(purged, newest))
    }

    fn after(conn: &mut DbConnection, last: i64, limit: i64) -> QueryResult<Vec<Self>> {
        Self::query().filter(cluster_events::id.gt(last)).order(cluster_events::id).limit(limit).load(conn)
    }
}

/// Filters on the log; all that are set must match.
#[derive(Clone, Debug, Default)]
pub struct ClusterEventFilter {
    /// About the clusters of this user.
    pub owner: Option<String>,
    /// About this cluster.
    pub cluster_id: Option<i64>,
    /// About clusters on this plan.
    pub plan: Option<Plan>,
    /// With this status after the change.
    pub status: Option<Status>,
}

impl ClusterEventFilter {
    /// Whether an event matches, as [`ClusterEvent::page`] decides it.
    pub fn matches(&self, event: &ClusterEvent) -> bool {
        self.owner.as_deref().is_none_or(|owner| event.auth_user_id.as_deref() == Some(owner))
            && self.cluster_id.is_none_or(|id| event.cluster_id == id)
            && self.plan.is_none_or(|plan| event.plan == plan)
            && self.status.is_none_or(|status| event.status == status)
    }

    /// The page whose rows are picked from the next events of the owner, to which an index leads, else of the whole log.
    fn narrow(&self, conn: &mut DbConnection, page: LogPage) -> QueryResult<LogPage> {
        let Some(owner) = &self.owner else { return Ok(page.of_next_ids()) };
        if self.cluster_id.is_none() && self.plan.is_none() && self.status.is_none() {
            // Every event of the owner matches.
            return Ok(page);
        }
        let owned = cluster_events::table.select(cluster_events::id).filter(cluster_events::auth_user_id.eq(owner));
        let part = owned.filter(cluster_events::id.gt(page.after)).filter(cluster_events::id.le(page.until));
        let last = part.order(cluster_events::id).offset(page.window.saturating_sub(1)).first(conn).optional()?;
        Ok(LogPage { until: last.unwrap_or(page.until), ..page })
    }
}

impl ClusterEvent {
    /// The matching events in one part of the log.
    ///
    /// # Errors
    /// The database's.
    pub fn page(conn: &mut DbConnection, filter: &ClusterEventFilter, page: LogPage) -> QueryResult<LogPart<Self>> {
        let page @ LogPage { after, until, limit, .. } = filter.narrow(conn, page)?;
        let part = Self::query().filter(cluster_events::id.gt(after)).filter(cluster_events::id.le(until));
        let mut query = part.order(cluster_events::id).limit(limit).into_boxed();
        if let Some(owner) = &filter.owner {
            query = query.filter(cluster_events::auth_user_id.eq(owner));
        }
        if let Some(cluster_id) = filter.cluster_id {
            query = query.filter(cluster_events::cluster_id.eq(cluster_id));
        }
        if let Some(plan) = filter.plan {
            query = query.filter(cluster_events::plan.eq(plan));
        }
        if let Some(status) = filter.status {
            query = query.filter(cluster_events::status.eq(status));
        }
        Ok(LogPart::new(query.load(conn)?, page))
    }

    /// The first `limit` changes of one cluster after a position, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn history(
        conn: &mut DbConnection,
        cluster_id: i64,
        after: Option<&Position<i64>>,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let own = Self::query().filter(cluster_events::cluster_id.eq(cluster_id));
        let mut query = own.order(cluster_events::id.desc()).limit(limit).into_boxed();
        if let Some(position) = after {
            query = query.filter(cluster_events::id.lt(position.id));
        }
        query.load(conn)
    }

    /// The ids of the first `limit` events after an id, up to the first that is not from before a time. Ids rise with the
    /// time, unless a clock was set back.
    ///
    /// # Errors
    /// The database's.
    pub fn old(conn: &mut DbConnection, after: i64, before: Timestamp, limit: i64) -> QueryResult<Vec<i64>> {
        let next = cluster_events::table.filter(cluster_events::id.gt(after)).order(cluster_events::id).limit(limit);
        let next: Vec<(i64, Timestamp)> = next.select((cluster_events::id, cluster_events::created_at)).load(conn)?;
        Ok(next.into_iter().take_while(|(_, at)| *at < before).map(|(id, _)| id).collect())
    }

    /// Deletes all events up to an id. A watcher can't resume before it any more.
    ///
    /// # Errors
    /// The database's.
    pub fn purge(conn: &mut DbConnection, through: i64) -> QueryResult<usize> {
        set_purged(conn, LOG, through)?;
        diesel::delete(cluster_events::table.filter(cluster_events::id.le(through))).execute(conn)
    }
}

impl Listed for ClusterEvent {
    type Id = i64;

    fn position(&self) -> Position<i64> {
        Position { at: self.created_at, id: self.id }
    }
}
