//! The result of a mutation, with its entry for the audit log.

use serde_json::Value;

use super::call::Call;
use crate::{error::Result, models::audit::NewAuditEntry};

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

    /// Writes the audit entry in the transaction of the change, and returns the output.
    pub(super) fn record(self, call: &mut Call<'_>, procedure: &str) -> Result<O> {
        if let Some(change) = self.change {
            NewAuditEntry {
                created_at: call.now,
                actor_id: &call.caller()?.id,
                procedure,
                entity: change.entity,
                entity_id: &change.entity_id,
                detail: &change.detail.to_string(),
                request_id: call.request_id,
            }
            .insert(call.conn)?;
        }
        Ok(self.output)
    }
}
