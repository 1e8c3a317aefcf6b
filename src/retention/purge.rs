//! The removal of one kind of data, batch by batch.

use serde_json::{Value, json};

use super::kind::Kind;
use crate::{
    db::{DbConnection, Timestamp, locks},
    error::Result,
    models::{
        audit::{Door, NewAuditEntry},
        audit_address,
        cluster_event::ClusterEvent,
        customer::Customer,
        deleted_user::{AUDITED_CLUSTERS, DeletedUser, erase},
        event_log::EventLog,
        k8s::DeletedCluster,
        page::{Listed, Position},
        stripe_event::StripeEvent,
    },
};

/// Rows that one transaction removes.
const ROWS: i64 = 1000;
/// Users that one transaction erases. Each may have many clusters.
const USERS: i64 = 20;

/// Who removes something, for the audit log.
#[derive(Clone, Debug)]
pub struct Purger {
    /// One of the actors that are not users.
    pub actor: &'static str,
    /// Where they do it.
    pub door: Door,
    /// The id of the run.
    pub request_id: String,
}

/// The removal of one kind of data, and how far it has come.
#[derive(Clone, Debug)]
pub struct Purge {
    /// What is removed.
    pub kind: Kind,
    /// What is older than this is removed.
    pub before: Timestamp,
    /// How much there was at the beginning, if that was counted.
    pub found: Option<u64>,
    /// How much was removed.
    pub removed: u64,
    /// Users who were kept, because their paid subscription is running.
    pub kept: u64,
    /// The last user who was looked at.
    after: Option<Position<String>>,
    /// Whether nothing more is left to do.
    pub is_done: bool,
}

/// What one transaction has removed.
#[derive(Clone, Debug, Default)]
pub struct Portion {
    removed: u64,
    kept: u64,
    after: Option<Position<String>>,
    is_last: bool,
}

impl Purge {
    /// Looks how much there is to remove.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, kind: Kind, before: Timestamp) -> Result<Self> {
        let found = kind.count(conn, before)?;
        Ok(Self { found: Some(found), is_done: found == 0, ..Self::new(kind, before) })
    }

    /// Begins without counting, which takes long where there is much.
    pub fn new(kind: Kind, before: Timestamp) -> Self {
        Self { kind, before, found: None, removed: 0, kept: 0, after: None, is_done: false }
    }

    /// Removes the next rows, in the open transaction, which has to be short. [`Self::add`] has to be told after its commit.
    ///
    /// # Errors
    /// The database's.
    pub fn next(&self, conn: &mut DbConnection, by: &Purger, now: Timestamp) -> Result<Portion> {
        locks::lock_until_commit(conn, locks::PURGE)?;
        let portion = match self.kind {
            Kind::Clusters => Portion::of_rows(DeletedCluster::purge(conn, self.before, ROWS)?),
            Kind::Users => self.erase_users(conn, by, now)?,
            Kind::Events => {
                let oldest = ClusterEvent::extent(conn)?.purged;
                match ClusterEvent::old(conn, oldest, self.before, ROWS)?.last() {
                    Some(last) => Portion::of_rows(ClusterEvent::purge(conn, *last)?),
                    None => Portion::of_rows(0),
                }
            }
            Kind::Webhooks => Portion::of_rows(StripeEvent::purge(conn, self.before, ROWS)?),
            Kind::Addresses => {
                let last = audit_address::forgotten_through(conn)?;
                match audit_address::old(conn, last, self.before, ROWS)?.through {
                    Some(through) => Portion::of_part(audit_address::forget(conn, last, through)?),
                    None => Portion::of_rows(0),
                }
            }
        };
        // Each user has an entry of their own.
        if self.kind != Kind::Users && self.removed == 0 && portion.removed > 0 {
            let detail = json!({"before": self.before, "count": self.found});
            record(conn, by, self.kind.action(), ("database", self.kind.as_str()), detail, now)?;
        }
        Ok(portion)
    }

    /// Notes what was removed.
    pub fn add(&mut self, Portion { removed, kept, after, is_last }: Portion) {
        self.removed = self.removed.saturating_add(removed);
        self.kept = self.kept.saturating_add(kept);
        self.after = after.or(self.after.take());
        self.is_done = is_last;
    }

    fn erase_users(&self, conn: &mut DbConnection, by: &Purger, now: Timestamp) -> Result<Portion> {
        let users = DeletedUser::old(conn, self.after.as_ref(), self.before, USERS)?;
        let after = users.last().map(Listed::position);
        let is_last = users.len() < usize::try_from(USERS).unwrap_or_default();
        let mut portion = Portion { after, is_last, ..Portion::default() };
        for DeletedUser { id, .. } in users {
            locks::lock_user(conn, &id)?;
            if Customer::of(conn, &id)?.is_some_and(|customer| customer.is_paying(now)) {
                portion.kept = portion.kept.saturating_add(1);
            } else if let Some(mut owned) = erase(conn, &id, now)? {
                let total = owned.len();
                owned.truncate(AUDITED_CLUSTERS);
                let detail = json!({"before": self.before, "ownedClusters": owned, "owned": total});
                record(conn, by, Kind::Users.action(), ("user", &id), detail, now)?;
                portion.removed = portion.removed.saturating_add(1);
            }
        }
        Ok(portion)
    }
}

impl Portion {
    fn of_rows(removed: usize) -> Self {
        let removed = u64::try_from(removed).unwrap_or_default();
        Self { removed, is_last: removed < ROWS.unsigned_abs(), ..Self::default() }
    }

    /// One of several, also if it removed few rows.
    fn of_part(removed: usize) -> Self {
        Self { is_last: false, ..Self::of_rows(removed) }
    }

    /// How many rows were removed or kept.
    pub fn rows(&self) -> u64 {
        self.removed.saturating_add(self.kept)
    }
}

/// Writes an audit entry about an entity: its kind and its id.
pub(super) fn record(
    conn: &mut DbConnection,
    by: &Purger,
    procedure: &'static str,
    (entity, entity_id): (&'static str, &str),
    detail: Value,
    now: Timestamp,
) -> Result<()> {
    let entry = NewAuditEntry {
        created_at: now,
        actor_id: by.actor.to_owned(),
        procedure,
        entity,
        entity_id: entity_id.to_owned(),
        detail: detail.to_string(),
        request_id: by.request_id.clone(),
        client_address: None,
        token_id: None,
        door: by.door,
    };
    Ok(entry.insert(conn)?)
}
