//! The audit log in the order in which its entries became visible. Triggers write the rows, and nothing changes them.

use diesel::prelude::*;

use super::{
    audit::{AuditEntry, AuditFilter},
    event_log::{EventLog, Extent, LogPage, LogPart, set_purged},
};
use crate::{
    db::{DbConnection, Timestamp, native},
    schema::{audit_events, audit_log, audit_seals, log_starts},
};

/// The name of this log in `log_starts`.
const LOG: &str = "audit_events";

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

    fn at(&self) -> Timestamp {
        self.entry.created_at
    }

    fn extent(conn: &mut DbConnection) -> QueryResult<Extent> {
        let purged = log_starts::table.find(LOG).select(log_starts::through).single_value();
        let newest = audit_events::table.select(audit_events::id).order(audit_events::id.desc()).single_value();
        diesel::select((purged, newest)).get_result(conn).map(|(purged, newest)| Extent::new(purged, newest))
    }

    fn after(conn: &mut DbConnection, last: i64, limit: i64) -> QueryResult<Vec<Self>> {
        Self::query().filter(audit_events::id.gt(last)).order(audit_events::id).limit(limit).load(conn)
    }
}

impl AuditEvent {
    /// The events after one id and up to another, at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub fn between(conn: &mut DbConnection, after: i64, until: i64, limit: i64) -> QueryResult<Vec<Self>> {
        let part = Self::query().filter(audit_events::id.gt(after)).filter(audit_events::id.le(until));
        part.order(audit_events::id).limit(limit).load(conn)
    }

    /// The ids of the first `limit` events after an id, up to the first whose entry is not from before a time.
    ///
    /// # Errors
    /// The database's.
    pub fn old(conn: &mut DbConnection, after: i64, before: Timestamp, limit: i64) -> QueryResult<Vec<i64>> {
        let events = audit_events::table.inner_join(audit_log::table.on(audit_log::id.eq(audit_events::audit_id)));
        let next = events.filter(audit_events::id.gt(after)).order(audit_events::id).limit(limit);
        let next: Vec<(i64, Timestamp)> = next.select((audit_events::id, audit_log::created_at)).load(conn)?;
        Ok(next.into_iter().take_while(|(_, at)| *at < before).map(|(id, _)| id).collect())
    }

    /// Deletes all entries up to an event, a thousand at most since the last purge. The hash of the last one stays, because that
    /// of the next covers it.
    ///
    /// # Errors
    /// The database's.
    pub fn purge(conn: &mut DbConnection, through: i64) -> QueryResult<usize> {
        set_purged(conn, LOG, through)?;
        let events = audit_events::table.filter(audit_events::id.le(through));
        let entries: Vec<i64> = events.select(audit_events::audit_id).load(conn)?;
        diesel::delete(audit_seals::table.filter(audit_seals::id.lt(through))).execute(conn)?;
        diesel::delete(events).execute(conn)?;
        let entries = audit_log::table.filter(audit_log::id.eq_any(entries));
        native!(conn, |conn| diesel::delete(entries).execute(conn))
    }

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
