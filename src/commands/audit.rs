//! Audit entries of the command line.

use anyhow::{Context, Result};
use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::audit::{Door, NewAuditEntry},
};
use uuid::Uuid;

/// The actor in audit entries of the command line.
pub const ACTOR: &str = "cli";

/// What a command changed.
pub struct Change<'a> {
    /// The name of the action, such as `token.create`.
    pub action: &'static str,
    /// The kind of entity that was changed.
    pub entity: &'static str,
    /// The id of the entity that was changed.
    pub entity_id: &'a str,
    /// JSON text without secrets.
    pub detail: &'a str,
}

/// Inserts the audit entry of a change, in the transaction of the change.
///
/// # Errors
/// The database failed.
pub fn record(conn: &mut DbConnection, change: &Change<'_>) -> Result<()> {
    let entry = NewAuditEntry {
        created_at: Timestamp::now(),
        actor_id: ACTOR.to_owned(),
        procedure: change.action,
        entity: change.entity,
        entity_id: change.entity_id.to_owned(),
        detail: change.detail.to_owned(),
        request_id: Uuid::new_v4().to_string(),
        client_address: None,
        token_id: None,
        door: Door::Cli,
    };
    entry.insert(conn).context("could not write the audit log")
}
