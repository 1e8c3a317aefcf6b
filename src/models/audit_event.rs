//! The audit log in the order in which its entries became visible. Triggers write the rows, and nothing changes them.

use diesel::prelude::*;

use super::{
    audit::{AuditEntry, AuditFilter},
    event_log::{EventLog, LogPage, LogPart},
};
use crate::{
    db::DbConnection,
    schema::{audit_events, audit_log},
};

/// One entry of the audit log, and its place in the order of the commits.
#[derive(Clone, Debug, HasQuery)]
#[diesel(
    table_name = audit_events,
    base_query = audit_events::table.inner_join(audit_log::table.on(audit_log::id.eq(audit_events::audit_id)))
)]
pub struct AuditEvent {
    /// Greater than the id of every event that was committed before. Never less than the id of the entry.
    pub id: i64,
    /// What was recorded.
    #[diesel(embed)]
    pub entry: AuditEntry,
}

impl EventLog for AuditEvent {
    fn id(&self) -> i64 {
        self.id
    }

    fn newest(conn: &mut DbConnection) -> QueryResult<i64> {
        let newest = audit_events::table.select(audit_events::id).order(audit_events::id.desc()).first(conn);
        Ok(newest.optional()?.unwrap_or(0))
    }

    fn after(conn: &mut DbConnection, last: i64, limit: i64) -> QueryResult<Vec<Self>> {
        Self::query().filter(audit_events::id.gt(last)).order(audit_events::id).limit(limit).load(conn)
    }
}

impl AuditEvent {
    /// The events in one part of the log whose entries match. No index leads to them in this order.
    ///
    /// # Errors
    /// The database's.
    pub fn page(conn: &mut DbConnection, filter: &AuditFilter, page: LogPage) -> QueryResult<LogPart<Self>> {
        let page @ LogPage { after, until, limit, .. } = page.of_next_ids();
        let part = Self::query().filter(audit_events::id.gt(after)).filter(audit_events::id.le(until));
        let mut query = part.order(audit_events::id).limit(limit).into_boxed();
        if let Some(actor_id) = &filter.actor_id {
            query = query.filter(audit_log::actor_id.eq(actor_id));
        }
        if let Some(procedure) = &filter.procedure {
            query = query.filter(audit_log::procedure.eq(procedure));
        }
        if let Some(entity) = &filter.entity {
            query = query.filter(audit_log::entity.eq(entity));
        }
        if let Some(entity_id) = &filter.entity_id {
            query = query.filter(audit_log::entity_id.eq(entity_id));
        }
        Ok(LogPart::new(query.load(conn)?, page))
    }
}
