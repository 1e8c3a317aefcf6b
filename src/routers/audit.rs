//! `admin.auditLog` and `admin.watchAudit`: the audit log, as a list and as a subscription.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::page::{ListInput, PageOutput};
use crate::{
    db::Timestamp,
    error::Result,
    kernel::{Call, Signal, Watch},
    models::{
        audit::{self, AuditEntry, AuditFilter, Door},
        audit_event::AuditEvent,
    },
};

// What an entry must match. A doc comment would become part of the description of each input.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EntryFilter {
    /// The user who made the change, or `cli`, `bootstrap`, `stripe` or `server`.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    actor_id: Option<String>,
    /// The procedure's canonical name.
    #[schemars(length(min = 1, max = 100))]
    procedure: Option<String>,
    /// The kind of object that was changed, such as `cluster`.
    #[schemars(length(min = 1, max = 50))]
    entity: Option<String>,
    /// The id of the changed object.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    entity_id: Option<String>,
}

/// Filters; all must match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct AuditLog {
    #[serde(flatten)]
    list: ListInput,
    #[serde(flatten)]
    filter: EntryFilter,
    /// Entries written at or after this time.
    since: Option<Timestamp>,
    /// Entries written before this time.
    until: Option<Timestamp>,
}

/// An entry of the audit log: a change and who made it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditEntry")]
pub struct AuditItem {
    id: i64,
    /// The time of the change.
    created_at: Timestamp,
    /// The user who made the change, or `cli`, `bootstrap`, `stripe` or `server`.
    actor_id: String,
    /// The procedure's canonical name.
    procedure: String,
    /// The kind of object that was changed, such as `cluster`.
    entity: String,
    /// The id of the changed object.
    entity_id: String,
    /// What changed; the shape depends on the procedure.
    detail: Value,
    /// The id of the request that made the change.
    request_id: String,
    /// The address of the client; null if there was none or it was removed.
    client_address: Option<String>,
    /// The id of the API token of the call; null for other tokens.
    token_id: Option<i64>,
    /// How the change came in; null in entries from before this was recorded.
    door: Option<Door>,
}

/// Filters; all must match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct WatchAudit {
    /// The id of the last event received; delivery resumes after it.
    #[schemars(regex(pattern = "^[0-9]{1,19}$"), extend("x-message" = "must be the id of an event"))]
    last_event_id: Option<String>,
    #[serde(flatten)]
    filter: EntryFilter,
}

/// A new entry, or the state of the subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum AuditChange {
    /// The first event, unless `lastEventId` was given. A client that reads the log after this event misses no entry.
    Ready {
        /// The position after which delivery continues.
        id: String,
    },
    /// An entry was written.
    Recorded {
        /// A decimal number that increases from event to event.
        id: String,
        /// The entry.
        entry: Box<AuditItem>,
    },
    /// The client was too slow and the server switches to reading the event log. No event is skipped.
    Lagged {
        /// The position after which delivery continues.
        id: String,
    },
}

/// The handler of `admin.auditLog`.
///
/// # Errors
/// BAD_REQUEST for a cursor of another list.
pub fn log(call: &mut Call<'_>, input: AuditLog) -> Result<PageOutput<AuditItem>> {
    let filter = AuditFilter { since: input.since, until: input.until, ..input.filter.into() };
    let (list, page) = input.list.of("admin.auditLog");
    let page = list.page(page, "", |after, limit| Ok(audit::list(call.conn, &filter, list.order, after, limit)?))?;
    list.total(page, || Ok(audit::total(call.conn, &filter)?))
}

/// The handler of `admin.watchAudit`.
///
/// # Errors
/// BAD_REQUEST for a position that is not a known event id.
pub fn watch(_: &mut Call<'_>, input: WatchAudit) -> Result<Watch<AuditEvent, AuditChange>> {
    let WatchAudit { last_event_id, filter } = input;
    let filter = AuditFilter::from(filter);
    let read_filter = filter.clone();
    let select = move |signal: Signal<'_, AuditEvent>| match signal {
        Signal::Event(event) => filter
            .matches(&event.entry)
            .then(|| AuditChange::Recorded { id: event.id.to_string(), entry: Box::new(event.entry.clone().into()) }),
        Signal::Ready { last } => Some(AuditChange::Ready { id: last.to_string() }),
        Signal::Lagged { last } => Some(AuditChange::Lagged { id: last.to_string() }),
    };
    Watch::new(select)
        .read(move |conn, page| Ok(AuditEvent::page(conn, &read_filter, page)?))
        .resume(last_event_id.as_deref())
}

impl From<EntryFilter> for AuditFilter {
    fn from(EntryFilter { actor_id, procedure, entity, entity_id }: EntryFilter) -> Self {
        Self { actor_id, procedure, entity, entity_id, since: None, until: None }
    }
}

impl From<AuditEntry> for AuditItem {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            created_at: entry.created_at,
            actor_id: entry.actor_id,
            procedure: entry.procedure,
            entity: entry.entity,
            entity_id: entry.entity_id,
            detail: serde_json::from_str(&entry.detail).unwrap_or(Value::Null),
            request_id: entry.request_id,
            client_address: entry.client_address,
            token_id: entry.token_id,
            door: entry.door,
        }
    }
}
