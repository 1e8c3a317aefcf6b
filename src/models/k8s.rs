//! Cluster configurations. [`Cluster`] sees live rows; deleted ones need a deliberate second name.

use diesel::prelude::*;

use super::{page::Position, plan::Plan};
use crate::{
    db::{DbConnection, Timestamp, constraint::Constraint, text_enum::text_enum},
    error::{Error, Result},
    schema::k8s_cluster_configs as clusters,
};

text_enum! {
    /// Where a cluster is in its life.
    pub enum Status {
        Pending = "PENDING",
        Creating = "CREATING",
        Initing = "INITING",
        Running = "RUNNING",
        Stopped = "STOPPED",
        Deleted = "DELETED",
    }
}

impl Status {
    /// Whether an operator may take a cluster from here to `next`. Deletion and restoration are not steps.
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

/// A live cluster.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = clusters, base_query = clusters::table.filter(clusters::deleted_at.is_null()))]
pub struct Cluster {
    #[diesel(embed)]
    pub row: ClusterRow,
}

/// A soft-deleted cluster.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = clusters, base_query = clusters::table.filter(clusters::deleted_at.is_not_null()))]
pub struct DeletedCluster {
    #[diesel(embed)]
    pub row: ClusterRow,
}

/// A cluster, live or deleted.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = clusters)]
pub struct ClusterRow {
    pub id: i64,
    pub name: String,
    pub location: String,
    /// None for the history of a user who is gone.
    pub auth_user_id: Option<String>,
    pub plan: Plan,
    pub network: String,
    pub status: Status,
    pub has_run: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

/// What a user asks for.
#[derive(Clone, Debug)]
pub struct NewCluster<'a> {
    pub owner: &'a str,
    pub name: &'a str,
    pub location: &'a str,
    pub plan: Plan,
}

/// Fields to change; `None` leaves one as it is.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = clusters)]
pub struct ClusterChanges {
    pub name: Option<String>,
    pub location: Option<String>,
    pub updated_at: Timestamp,
}

impl Cluster {
    /// A user's clusters, oldest first: at most one per plan.
    pub fn of(conn: &mut DbConnection, owner: &str) -> QueryResult<Vec<Self>> {
        Self::query().filter(clusters::auth_user_id.eq(owner)).order(clusters::id).load(conn)
    }

    pub fn find(conn: &mut DbConnection, owner: &str, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).filter(clusters::auth_user_id.eq(owner)).first(conn).optional()
    }

    /// Puts a new cluster into the plan's free slot.
    ///
    /// # Errors
    /// CONFLICT naming the cluster that holds the slot.
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
    pub fn update(conn: &mut DbConnection, owner: &str, id: i64, changes: &ClusterChanges) -> QueryResult<bool> {
        let live =
            clusters::table.find(id).filter(clusters::auth_user_id.eq(owner)).filter(clusters::deleted_at.is_null());
        Ok(diesel::update(live).set(changes).execute(conn)? == 1)
    }

    /// Soft-deletes one of the owner's live clusters. False when there is no such cluster.
    pub fn soft_delete(conn: &mut DbConnection, owner: &str, id: i64, now: Timestamp) -> QueryResult<bool> {
        let live =
            clusters::table.find(id).filter(clusters::auth_user_id.eq(owner)).filter(clusters::deleted_at.is_null());
        Ok(diesel::update(live).set(deletion(now)).execute(conn)? == 1)
    }

    /// Soft-deletes whatever a user still has and returns the ids.
    pub fn soft_delete_all(conn: &mut DbConnection, owner: &str, now: Timestamp) -> QueryResult<Vec<i64>> {
        let live = clusters::table.filter(clusters::auth_user_id.eq(owner)).filter(clusters::deleted_at.is_null());
        diesel::update(live).set(deletion(now)).returning(clusters::id).get_results(conn)
    }

    /// Takes one step of a cluster's life, if it is still where the caller saw it.
    pub fn set_status(&self, conn: &mut DbConnection, next: Status, now: Timestamp) -> QueryResult<bool> {
        let seen = clusters::table
            .find(self.row.id)
            .filter(clusters::status.eq(self.row.status))
            .filter(clusters::deleted_at.is_null());
        let has_run = self.row.has_run || matches!(next, Status::Running | Status::Stopped);
        let step = (clusters::status.eq(next), clusters::has_run.eq(has_run), clusters::updated_at.eq(now));
        Ok(diesel::update(seen).set(step).execute(conn)? == 1)
    }

    /// Anybody's live cluster, for an admin.
    pub fn find_any(conn: &mut DbConnection, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).first(conn).optional()
    }

    /// Owner and number of live clusters, for each of `owners` that has any.
    pub fn count_by_owner(conn: &mut DbConnection, owners: &[&str]) -> QueryResult<Vec<(String, i64)>> {
        clusters::table
            .filter(clusters::deleted_at.is_null())
            .filter(clusters::auth_user_id.eq_any(owners))
            .group_by(clusters::auth_user_id)
            .select((clusters::auth_user_id.assume_not_null(), diesel::dsl::count_star()))
            .load(conn)
    }
}

impl DeletedCluster {
    pub fn find(conn: &mut DbConnection, owner: &str, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(clusters::id.eq(id)).filter(clusters::auth_user_id.eq(owner)).first(conn).optional()
    }

    /// A user's deleted clusters, newest deletion first.
    ///
    /// # Errors
    /// BAD_REQUEST for a cursor of another list.
    pub fn page(conn: &mut DbConnection, owner: &str, after: Option<&Position>, limit: i64) -> Result<Vec<Self>> {
        let mut query = Self::query()
            .filter(clusters::auth_user_id.eq(owner))
            .order((clusters::deleted_at.desc(), clusters::id.desc()))
            .limit(limit)
            .into_boxed();
        if let Some(position) = after {
            query = query
                .filter(clusters::deleted_at.le(position.at))
                .filter(clusters::deleted_at.assume_not_null().lt(position.at).or(clusters::id.lt(position.number()?)));
        }
        Ok(query.load(conn)?)
    }

    /// Brings the cluster back into its plan's slot: stopped if it ever ran, else pending. False when somebody else
    /// restored it first.
    ///
    /// # Errors
    /// CONFLICT naming the cluster that holds the slot.
    pub fn restore(&self, conn: &mut DbConnection, owner: &str, now: Timestamp) -> Result<bool> {
        let status = if self.row.has_run { Status::Stopped } else { Status::Pending };
        let deleted = clusters::table
            .find(self.row.id)
            .filter(clusters::auth_user_id.eq(owner))
            .filter(clusters::deleted_at.is_not_null());
        let change =
            (clusters::status.eq(status), clusters::updated_at.eq(now), clusters::deleted_at.eq(None::<Timestamp>));
        let updated = conn.transaction(|conn| diesel::update(deleted).set(change).execute(conn));
        Ok(free_slot(conn, owner, self.row.plan, updated)? == 1)
    }

    /// Leaves a user's clusters behind as history without an owner, and returns their ids. All of them must be deleted
    /// already.
    pub fn disown_all(conn: &mut DbConnection, owner: &str, now: Timestamp) -> QueryResult<Vec<i64>> {
        diesel::update(clusters::table.filter(clusters::auth_user_id.eq(owner)))
            .set((clusters::auth_user_id.eq(None::<String>), clusters::updated_at.eq(now)))
            .returning(clusters::id)
            .get_results(conn)
    }
}

/// What an admin may narrow the list of clusters by.
#[derive(Clone, Debug, Default)]
pub struct ClusterFilter {
    pub status: Option<Status>,
    pub plan: Option<Plan>,
    pub user_id: Option<String>,
    pub include_deleted: bool,
}

impl ClusterRow {
    /// Everybody's clusters, newest first.
    ///
    /// # Errors
    /// BAD_REQUEST for a cursor of another list.
    pub fn page(
        conn: &mut DbConnection,
        filter: &ClusterFilter,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<Vec<Self>> {
        let mut query = Self::query().order(clusters::id.desc()).limit(limit).into_boxed();
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
        if let Some(position) = after {
            query = query.filter(clusters::id.lt(position.number()?));
        }
        Ok(query.load(conn)?)
    }

    /// A user's live and deleted clusters, counted: two statements, or a snapshot would show a cluster twice or never.
    pub fn count_of(conn: &mut DbConnection, owner: &str) -> QueryResult<(i64, i64)> {
        let owned = || clusters::table.filter(clusters::auth_user_id.eq(owner.to_owned()));
        let live = owned().filter(clusters::deleted_at.is_null()).count().get_result(conn)?;
        let deleted = owned().filter(clusters::deleted_at.is_not_null()).count().get_result(conn)?;
        Ok((live, deleted))
    }
}

/// The columns of a soft delete.
#[diesel::dsl::auto_type]
fn deletion(now: Timestamp) -> _ {
    let status: Status = Status::Deleted;
    let deleted_at: Option<Timestamp> = Some(now);
    (clusters::status.eq(status), clusters::updated_at.eq(now), clusters::deleted_at.eq(deleted_at))
}

/// Turns a violation of the one-live-cluster-per-plan index into the CONFLICT that names the other cluster.
fn free_slot<T>(conn: &mut DbConnection, owner: &str, plan: Plan, written: QueryResult<T>) -> Result<T> {
    match written {
        Err(error) if Constraint::violated(&error) == Some(Constraint::LiveCluster) => {
            let holder = Cluster::query().filter(clusters::auth_user_id.eq(owner)).filter(clusters::plan.eq(plan));
            Err(Error::Conflict {
                message: format!("There is an active {} cluster already.", plan.as_str()),
                conflicting_id: holder.first(conn).optional()?.map(|cluster: Cluster| cluster.row.id),
            })
        }
        other => Ok(other?),
    }
}
