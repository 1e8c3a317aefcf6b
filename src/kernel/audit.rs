//! The result of a mutation, with its entry for the audit log.

use serde_json::Value;

use super::caller::Caller;
use crate::{
    db::{Batch, DbConnection, Timestamp},
    error::{Error, Result},
    models::audit::NewAuditEntry,
};

/// The result of a mutation: its output, and what changed. The kernel writes the audit entry.
#[derive(Clone, Debug)]
pub struct Audited<O> {
    output: O,
    change: Option<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    entity: &'static str,
    entity_id: String,
    detail: Value,
}

impl<O> Audited<O> {
    /// Something changed. `entity` is the kind of object, such as `cluster`. `detail` must hold no secrets or personal
    /// data, because it is kept for ever.
    pub fn changed(output: O, entity: &'static str, entity_id: impl ToString, detail: Value) -> Self {
        Self { output, change: Some(Change { entity, entity_id: entity_id.to_string(), detail }) }
    }

    /// Everything was already as requested; there is no audit entry.
    pub fn unchanged(output: O) -> Self {
        Self { output, change: None }
    }

    /// The same with another output.
    pub(super) fn try_map<P>(self, change: impl FnOnce(&O) -> Result<P>) -> Result<Audited<P>> {
        Ok(Audited { output: change(&self.output)?, change: self.change })
    }

    /// Writes the audit entry in the transaction of the change, with those of its group, and returns the output.
    pub(super) fn record(self, conn: &mut DbConnection, batch: &mut Batch, author: Author<'_>) -> Result<O> {
        if let Some(change) = self.change {
            let actor = author.actor.ok_or(Error::Unauthorized("Nobody is signed in."))?;
            let entry = NewAuditEntry {
                created_at: author.now,
                actor_id: actor.user.id.clone(),
                procedure: author.procedure,
                entity: change.entity,
                entity_id: change.entity_id,
                detail: change.detail.to_string(),
                request_id: author.request_id.to_owned(),
            };
            batch.queue::<NewAuditEntry>(conn, entry)?;
        }
        Ok(self.output)
    }
}

/// Who made a change, and how.
pub(super) struct Author<'a> {
    pub actor: Option<&'a Caller>,
    pub procedure: &'static str,
    pub request_id: &'a str,
    pub now: Timestamp,
}
