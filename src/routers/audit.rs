//! `admin.auditLog` and `admin.watchAudit`: who changed what, listed and live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::page::{PageInput, PageOutput, page};
use crate::{
    db::Timestamp,
    error::Result,
    kernel::{Call, Signal, Watch},
    models::{
        audit::{AuditEntry, AuditFilter, list},
        audit_event::AuditEvent,
    },
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct AuditLog {
    #[serde(flatten)]
    page: PageInput,
    /// Who made the change.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    actor_id: Option<String>,
    /// The canonical name of the procedure.
    #[schemars(length(min = 1, max = 100))]
    procedure: Option<String>,
    /// What kind of thing was changed, such as `cluster`.
    #[schemars(length(min = 1, max = 50))]
    entity: Option<String>,
    /// The id of what was changed.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    entity_id: Option<String>,
    /// At or after this time.
    since: Option<Timestamp>,
    /// Before this time.
    until: Option<Timestamp>,
}

/// One change, and who made it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditEntry")]
pub struct AuditItem {
    id: i64,
    /// When.
    created_at: Timestamp,
    /// The user, or `cli`, `bootstrap`, `stripe`.
    actor_id: String,
    /// Its canonical name.
    procedure: String,
    /// What kind of thing was changed, such as `cluster`.
    entity: String,
    /// Its id.
    entity_id: String,
    /// What changed, in a shape that depends on the procedure.
    detail: Value,
    /// The request that made the change.
    request_id: String,
}

/// Filters; all must match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WatchAudit {
    /// The id of the last event that was seen; delivery resumes after it.
    #[schemars(regex(pattern = "^[0-9]{1,19}$"))]
    last_event_id: Option<String>,
    /// Who made the change.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    actor_id: Option<String>,
    /// The canonical name of the procedure.
    #[schemars(length(min = 1, max = 100))]
    procedure: Option<String>,
    /// What kind of thing was changed, such as `cluster`.
    #[schemars(length(min = 1, max = 50))]
    entity: Option<String>,
    /// The id of what was changed.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    entity_id: Option<String>,
}

/// A change, or news about the subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum AuditChange {
    /// The first event, unless `lastEventId` was given. A client that reads the log after it misses nothing.
    Ready {
        /// The position to resume after.
        id: String,
    },
    /// An entry was written.
    Recorded {
        /// A decimal number, greater than that of every earlier event.
        id: String,
        /// The entry.
        entry: AuditItem,
    },
    /// The client was too slow. What it missed after this position follows.
    Lagged {
        /// The position.
        id: String,
    },
}

/// One page of the log, newest first.
///
/// # Errors
/// BAD_REQUEST for a cursor of another list.
pub fn log(call: &mut Call<'_>, input: AuditLog) -> Result<PageOutput<AuditItem>> {
    let filter = AuditFilter {
        actor_id: input.actor_id,
        procedure: input.procedure,
        entity: input.entity,
        entity_id: input.entity_id,
        since: input.since,
        until: input.until,
    };
    page("admin.auditLog", input.page, |after, limit| Ok(list(call.conn, filter, after, limit)?))
}

/// Starts the subscription.
///
/// # Errors
/// BAD_REQUEST for an unknown position.
pub fn watch(_: &mut Call<'_>, input: WatchAudit) -> Result<Watch<AuditEvent, AuditChange>> {
    let WatchAudit { last_event_id, actor_id, procedure, entity, entity_id } = input;
    let matches = |filter: &Option<String>, value: &str| filter.as_deref().is_none_or(|wanted| wanted == value);
    let wanted = move |entry: &AuditEntry| {
        matches(&actor_id, &entry.actor_id)
            && matches(&procedure, &entry.procedure)
            && matches(&entity, &entry.entity)
            && matches(&entity_id, &entry.entity_id)
    };
    let select = move |signal: Signal<'_, AuditEvent>| match signal {
        Signal::Event(event) => wanted(&event.entry)
            .then(|| AuditChange::Recorded { id: event.id.to_string(), entry: event.entry.clone().into() }),
        Signal::Ready { last } => Some(AuditChange::Ready { id: last.to_string() }),
        Signal::Lagged { last } => Some(AuditChange::Lagged { id: last.to_string() }),
    };
    Watch::new(select).resume(last_event_id.as_deref())
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
        }
    }
}
