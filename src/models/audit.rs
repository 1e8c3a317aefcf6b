//! The audit log: who changed what, written in the change's own transaction, immutable by trigger.

use diesel::prelude::*;

use super::page::Position;
use crate::{
    db::{DbConnection, Timestamp},
    error::Result,
    schema::audit_log,
};

/// Actors who are no users: the command line, the first start, the payment provider. No user may have such an id.
pub const ACTORS: [&str; 3] = ["cli", "bootstrap", "stripe"];

#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = audit_log)]
pub struct AuditEntry {
    pub id: i64,
    pub created_at: Timestamp,
    pub actor_id: String,
    pub procedure: String,
    pub entity: String,
    pub entity_id: String,
    /// JSON text.
    pub detail: String,
    pub request_id: String,
}

#[derive(Insertable)]
#[diesel(table_name = audit_log)]
pub struct NewAuditEntry<'a> {
    pub created_at: Timestamp,
    pub actor_id: &'a str,
    pub procedure: &'a str,
    pub entity: &'a str,
    pub entity_id: &'a str,
    pub detail: &'a str,
    pub request_id: &'a str,
}

impl NewAuditEntry<'_> {
    pub fn insert(&self, conn: &mut DbConnection) -> QueryResult<()> {
        diesel::insert_into(audit_log::table).values(self).execute(conn).map(drop)
    }
}

/// What an admin may narrow the log by; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub actor_id: Option<String>,
    pub procedure: Option<String>,
    pub entity: Option<String>,
    pub entity_id: Option<String>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Newest entries first.
///
/// # Errors
/// BAD_REQUEST for a cursor of another list.
pub fn list(
    conn: &mut DbConnection,
    filter: AuditFilter,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    let mut query =
        AuditEntry::query().order((audit_log::created_at.desc(), audit_log::id.desc())).limit(limit).into_boxed();
    if let Some(actor_id) = filter.actor_id {
        query = query.filter(audit_log::actor_id.eq(actor_id));
    }
    if let Some(procedure) = filter.procedure {
        query = query.filter(audit_log::procedure.eq(procedure));
    }
    if let Some(entity) = filter.entity {
        query = query.filter(audit_log::entity.eq(entity));
    }
    if let Some(entity_id) = filter.entity_id {
        query = query.filter(audit_log::entity_id.eq(entity_id));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit_log::created_at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_log::created_at.lt(until));
    }
    if let Some(position) = after {
        query = query
            .filter(audit_log::created_at.le(position.at))
            .filter(audit_log::created_at.lt(position.at).or(audit_log::id.lt(position.number()?)));
    }
    Ok(query.load(conn)?)
}

/// Entries since a moment.
pub fn count_since(conn: &mut DbConnection, since: Timestamp) -> QueryResult<i64> {
    audit_log::table.filter(audit_log::created_at.ge(since)).count().get_result(conn)
}
