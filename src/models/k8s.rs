//! Cluster configurations. [`Cluster`] reads live rows only; [`DeletedCluster`] and [`ClusterRow`] read the others.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{
    page::{Listed, Position},
    plan::Plan,
};
use crate::{
    db::{
        DbConnection, Timestamp,
        cached::{cached, update},
        constraint::Constraint,
        locks, native,
        text_enum::text_enum,
    },
    error::{Error, Result},
    schema::k8s_cluster_configs as clusters,
};

text_enum! {
    /// The status of a cluster.
    pub enum Status {
        /// Nothing has been done yet.
        Pending = "PENDING",
        /// Its machines are being created.
        Creating = "CREATING",
        /// Its software is being set up.
        Initing = "INITING",
        /// In operation.
        Running = "RUNNING",
        /// Halted; it may run again.
        Stopped = "STOPPED",
        /// Soft-deleted.
        Deleted = "DELETED",
    }
}

impl Status {
    /// Whether an admin may change this status to `next`. Deletion and restoration are separate operations.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => next == Self::Creating,
            Self::Creating => next == Self::Initing,
            Self::Initing | Self::Stopped => next == Self::Running,
            Self::Running => next == Self::Stopped,
            Self::Deleted => false,
        }
    }
}

/// Clusters that are not deleted.
#[diesel::dsl::auto_type]
fn live() -> _ {
    clusters::table.filter(clusters::deleted_at.is_null())
}

/// An owner's clusters that are not deleted.
#[diesel::dsl::auto_type]
fn live_of<'a>(owner: &'a str) -> _ {
    live().filter(clusters::auth_user_id.eq(owner))
}

/// Deleted clusters.
#[diesel::dsl::auto_type]
fn deleted() -> _ {
    clusters::table.filter(clusters::deleted_at.is_not_null())
}

/// An owner's deleted clusters.
#[diesel::dsl::auto_type]
fn deleted_of<'a>(owner: &'a str) -> _ {
    deleted().filter(clusters::auth_user_id.eq(owner))
}

/// A live cluster.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = clusters, base_query = live())]
pub struct Cluster {
    /// Its columns.
    #[diesel(embed)]
    pub row: ClusterRow,
}

/// A soft-deleted cluster.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = clusters, base_query = deleted())]
pub struct DeletedCluster {
    /// Its columns.
    #[diesel(embed)]
    pub row: ClusterRow,
}

/// A cluster, live or deleted.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable)]
#[diesel(table_name = clusters, treat_none_as_default_value = false)]
pub struct ClusterRow {
    /// Never reused.
    pub id: i64,
    /// The owner's name for it.
    pub name: String,
    /// Where it runs, such as eu-central.
    pub location: String,
    /// The owner; None for the history of a user who is gone.
    pub auth_user_id: Option<String>,
    /// The plan it occupies.
    pub plan: Plan,
    /// Its network.
    pub network: String,
    /// Its state.
    pub status: Status,
    /// Whether it was ever RUNNING or STOPPED.
    pub has_run: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Timestamp>,
}

/// A cluster to create.
#[derive(Clone, Debug)]
pub struct NewCluster<'a> {
    /// The owner's user id.
    pub owner: &'a str,
    /// 1 to 100 characters.
    pub name: &'a str,
    /// 1 to 50 characters.
    pub location: &'a str,
    /// The plan to occupy.
    pub plan: Plan,
}

/// Fields to change; None leaves a field as it is.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = clusters)]
pub struct ClusterChanges {
    /// The new name.
    pub name: Option<String>,
    /// The new location.
    pub location: Option<String>,
    /// Now.
    pub updated_at: Timestamp,
}

impl Cluster {
    /// A user's live clusters, oldest first. There is at most one per plan.
    ///
    /// # Errors
    /// The database's.
    pub fn of(conn: &mut DbConnection, owner: &str) -> QueryResult<Vec<Self>> {
        // Not ordered by the database: it would then choose the index in that order, and read all deleted clusters too.
        let mut found: Vec<Self> =
            native!(conn, |conn| Self::query().filter(clusters::auth_user_id.eq(owner)).load(conn))?;
        found.sort_unstable_by_key(|cluster| cluster.row.id);
        Ok(found)
    }

    /// One of the owner's live clusters.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, owner: &str, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).filter(clusters::auth_user_id.eq(owner)).first(conn).optional()
    }

    /// Creates a cluster and returns its id.
    ///
    /// # Errors
    /// CONFLICT naming the owner's other live cluster on the plan; the database's.
    pub fn create(conn: &mut DbConnection, new: &NewCluster<'_>, now: Timestamp) -> Result<i64> {
        let row = (
            clusters::name.eq(new.name),
            clusters::location.eq(new.location),
            clusters::auth_user_id.eq(new.owner),
            clusters::plan.eq(new.plan),
            clusters::network.eq("Default"),
            clusters::status.eq(Status::Pending),
            clusters::created_at.eq(now),
            clusters::updated_at.eq(now),
        );
        let inserted = conn.transaction(|conn| {
            diesel::insert_into(clusters::table).values(row).returning(clusters::id).get_result(conn)
        });
        free_slot(conn, new.owner, new.plan, inserted)
    }

    /// Changes one of the owner's live clusters. False when there is no such cluster.
    ///
    /// # Errors
    /// The database's.
    pub fn update(conn: &mut DbConnection, owner: &str, id: i64, changes: &ClusterChanges) -> QueryResult<bool> {
        let cluster = live_of(owner).filter(clusters::id.eq(id));
        Ok(update(cluster, changes).execute(conn)? == 1)
    }

    /// Soft-deletes one of the owner's live clusters. False when there is no such cluster.
    ///
    /// # Errors
    /// The database's.
    pub fn soft_delete(conn: &mut DbConnection, owner: &str, id: i64, now: Timestamp) -> QueryResult<bool> {
        let cluster = live_of(owner).filter(clusters::id.eq(id));
        Ok(update(cluster, deletion(now)).execute(conn)? == 1)
    }

    /// Soft-deletes all live clusters of a user and returns their ids.
    ///
    /// # Errors
    /// The database's.
    pub fn soft_delete_all(conn: &mut DbConnection, owner: &str, now: Timestamp) -> QueryResult<Vec<i64>> {
        cached(diesel::update(live_of(owner)).set(deletion(now)).returning(clusters::id)).get_results(conn)
    }

    /// Changes the status, with the owner's row locked until the transaction ends, as in every change of the owner's clusters.
    /// False when the cluster has another status by now or was deleted.
    ///
    /// # Errors
    /// The database's.
    pub fn set_status(&self, conn: &mut DbConnection, next: Status, now: Timestamp) -> QueryResult<bool> {
        if let Some(owner) = &self.row.auth_user_id {
            locks::lock_user(conn, owner)?;
        }
        let unchanged = live().filter(clusters::id.eq(self.row.id)).filter(clusters::status.eq(self.row.status));
        let has_run = self.row.has_run || matches!(next, Status::Running | Status::Stopped);
        let step = (clusters::status.eq(next), clusters::has_run.eq(has_run), clusters::updated_at.eq(now));
        Ok(update(unchanged, step).execute(conn)? == 1)
    }

    /// A live cluster of any owner, for admins.
    ///
    /// # Errors
    /// The database's.
    pub fn find_any(conn: &mut DbConnection, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).first(conn).optional()
    }

    /// The number of live clusters of each of `owners` that has any.
    ///
    /// # Errors
    /// The database's.
    pub fn count_by_owner(conn: &mut DbConnection, owners: &[&str]) -> QueryResult<HashMap<String, i64>> {
        // Not grouped by the database, for the reason given in [`Self::of`].
        let found = live().filter(clusters::auth_user_id.eq_any(owners)).select(clusters::auth_user_id);
        let mut counts = HashMap::new();
        for owner in found.load::<Option<String>>(conn)?.into_iter().flatten() {
            *counts.entry(owner).or_insert(0) += 1;
        }
        Ok(counts)
    }
}

impl DeletedCluster {
    /// A deleted cluster of any owner, for admins.
    ///
    /// # Errors
    /// The database's.
    pub fn find_any(conn: &mut DbConnection, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).first(conn).optional()
    }

    /// One of the owner's deleted clusters.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, owner: &str, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).filter(clusters::auth_user_id.eq(owner)).first(conn).optional()
    }

    /// The first `limit` deleted clusters of a user after a position, newest deletion first.
    ///
    /// # Errors
    /// The database's.
    pub fn page(
        conn: &mut DbConnection,
        owner: &str,
        after: Option<&Position<i64>>,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let mut query = Self::query()
            .filter(clusters::auth_user_id.eq(owner))
            .order((clusters::deleted_at.desc(), clusters::id.desc()))
            .limit(limit)
            .into_boxed();
        if let Some(position) = after {
            query = query
                .filter(clusters::deleted_at.le(position.at))
                .filter(clusters::deleted_at.assume_not_null().lt(position.at).or(clusters::id.lt(position.id)));
        }
        query.load(conn)
    }

    /// Makes the cluster live again: STOPPED if it ever ran, else PENDING. False when it is no longer deleted or has
    /// another owner.
    ///
    /// # Errors
    /// CONFLICT naming the owner's live cluster on the plan; the database's.
    pub fn restore(&self, conn: &mut DbConnection, owner: &str, now: Timestamp) -> Result<bool> {
        let status = if self.row.has_run { Status::Stopped } else { Status::Pending };
        let cluster = deleted_of(owner).filter(clusters::id.eq(self.row.id));
        let change =
            (clusters::status.eq(status), clusters::updated_at.eq(now), clusters::deleted_at.eq(None::<Timestamp>));
        let updated = conn.transaction(|conn| update(cluster, change).execute(conn));
        Ok(free_slot(conn, owner, self.row.plan, updated)? == 1)
    }

    /// How many clusters were deleted before a time.
    ///
    /// # Errors
    /// The database's.
    pub fn count_old(conn: &mut DbConnection, before: Timestamp) -> QueryResult<i64> {
        deleted().filter(clusters::deleted_at.lt(before)).count().get_result(conn)
    }

    /// Deletes the rows of at most `limit` clusters that were deleted before a time, those of the oldest deletions first, and
    /// returns how many.
    ///
    /// # Errors
    /// The database's.
    pub fn purge(conn: &mut DbConnection, before: Timestamp, limit: i64) -> QueryResult<usize> {
        let old = deleted().filter(clusters::deleted_at.lt(before));
        let ids: Vec<i64> = old.select(clusters::id).order(clusters::deleted_at).limit(limit).load(conn)?;
        // Looked at again, because a cluster may have been restored meanwhile.
        let rows = deleted().filter(clusters::id.eq_any(ids)).filter(clusters::deleted_at.lt(before));
        native!(conn, |conn| diesel::delete(rows).execute(conn))
    }

    /// Removes the owner from all clusters of a user, which stay as history, and returns their ids. The clusters must be
    /// deleted already.
    ///
    /// # Errors
    /// The database's.
    pub fn disown_all(conn: &mut DbConnection, owner: &str, now: Timestamp) -> QueryResult<Vec<i64>> {
        let change = (clusters::auth_user_id.eq(None::<String>), clusters::updated_at.eq(now));
        let owned = clusters::table.filter(clusters::auth_user_id.eq(owner));
        cached(diesel::update(owned).set(change).returning(clusters::id)).get_results(conn)
    }
}

impl ClusterRow {
    /// The numbers of a user's live and of their deleted clusters. The two statements must run in one snapshot, or a
    /// cluster may be counted twice or not at all.
    ///
    /// # Errors
    /// The database's.
    pub fn count_of(conn: &mut DbConnection, owner: &str) -> QueryResult<(i64, i64)> {
        Ok((live_of(owner).count().get_result(conn)?, deleted_of(owner).count().get_result(conn)?))
    }
}

/// The changes of a soft deletion.
#[diesel::dsl::auto_type]
fn deletion(now: Timestamp) -> _ {
    let status: Status = Status::Deleted;
    let deleted_at: Option<Timestamp> = Some(now);
    (clusters::status.eq(status), clusters::updated_at.eq(now), clusters::deleted_at.eq(deleted_at))
}

/// Turns a violation of the index on live owner and plan into a CONFLICT that names the other cluster.
fn free_slot<T>(conn: &mut DbConnection, owner: &str, plan: Plan, written: QueryResult<T>) -> Result<T> {
    match written {
        Err(error) if Constraint::violated(&error) == Some(Constraint::LiveCluster) => {
            Err(slot_holder(conn, owner, plan)?)
        }
        other => Ok(other?),
    }
}

/// The CONFLICT that names an owner's live cluster on a plan.
pub(super) fn slot_holder(conn: &mut DbConnection, owner: &str, plan: Plan) -> QueryResult<Error> {
    let holder = Cluster::query().filter(clusters::auth_user_id.eq(owner)).filter(clusters::plan.eq(plan));
    Ok(Error::Conflict {
        message: format!("There is an active {} cluster already.", plan.as_str()),
        conflicting_id: holder.first(conn).optional()?.map(|cluster: Cluster| cluster.row.id),
    })
}

impl Listed for ClusterRow {
    type Id = i64;

    fn position(&self) -> Position<i64> {
        Position { at: self.created_at, id: self.id }
    }
}

impl Listed for DeletedCluster {
    type Id = i64;

    fn position(&self) -> Position<i64> {
        Position { at: self.row.deleted_at.unwrap_or(self.row.updated_at), id: self.row.id }
    }
}
