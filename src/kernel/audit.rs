//! The result of a mutation, with its entry for the audit log.

use serde_json::Value;

use super::{caller::Caller, client::Client};
use crate::{
    db::{Batch, DbConnection, Timestamp},
    error::{Error, Result},
    models::audit::NewAuditEntry,
};

/// The result of a mutation: its output, and what changed. The kernel writes the audit entry.
#[derive(Clone, Debug)]
pub struct Audited<O> {
    output: O,
    /// What is stored under an idempotency key, if that is not the output.
    stored: Option<O>,
    change: Option<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    entity: &'static str,
    entity_id: String,
    detail: Value,
    with_address: bool,
}

impl<O> Audited<O> {
    /// Something changed. `entity` is the kind of object, such as `cluster`. `detail` must hold no secrets or personal
    /// data, because the database does not allow it to be changed.
    pub fn changed(output: O, entity: &'static str, entity_id: impl ToString, detail: Value) -> Self {
        let change = Change { entity, entity_id: entity_id.to_string(), detail, with_address: true };
        Self { output, stored: None, change: Some(change) }
    }

    /// The same without the address of the client, who is erased.
    #[must_use]
    pub fn without_address(self) -> Self {
        Self { change: self.change.map(|change| Change { with_address: false, ..change }), ..self }
    }

    /// Everything was already as requested; there is no audit entry.
    pub fn unchanged(output: O) -> Self {
        Self { output, stored: None, change: None }
    }

    /// The same, with another answer to a call that is repeated with its idempotency key. It is stored for a day, so a secret
    /// that is shown once must not be in it.
    #[must_use]
    pub fn answered_again_with(self, stored: O) -> Self {
        Self { stored: Some(stored), ..self }
    }

    /// The same with another output.
    pub(super) fn try_map<P>(self, change: impl Fn(&O) -> Result<P>) -> Result<Audited<P>> {
        let (output, stored) = (change(&self.output)?, self.stored.as_ref().map(change).transpose()?);
        Ok(Audited { output, stored, change: self.change })
    }

    /// What is to be stored under an idempotency key.
    pub(super) fn stored(&self) -> &O {
        self.stored.as_ref().unwrap_or(&self.output)
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
                client_address: author
                    .client
                    .address
                    .filter(|_| change.with_address)
                    .map(|address| address.to_string()),
                token_id: actor.token_id,
                door: author.client.door,
            };
            batch.queue::<NewAuditEntry>(conn, entry)?;
        }
        Ok(self.output)
    }
}

/// Who made a change, and how.
pub(super) struct Author<'a> {
    pub actor: Option<&'a Caller>,
    pub client: &'a Client,
    pub procedure: &'static str,
    pub request_id: &'a str,
    pub now: Timestamp,
}
