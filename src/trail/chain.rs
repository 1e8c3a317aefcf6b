//! The hash of an entry (docs/RETENTION.md, "The chain").

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, Result},
    models::{audit::AuditEntry, audit_event::AuditEvent},
};

/// What stands for the hash before that of the first entry.
pub(super) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a hash covers, as a JSON array without spaces. The address of the client is not covered, because it may be forgotten.
#[derive(Serialize)]
struct Link<'a>(
    &'a str,
    i64,
    i64,
    String,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    Option<i64>,
    Option<&'a str>,
);

/// The hash of an entry, in hex, after an entry with the hash `previous`.
///
/// # Errors
/// Never: texts and numbers can always be written.
pub fn link(previous: &str, AuditEvent { id, entry }: &AuditEvent) -> Result<String> {
    let AuditEntry { actor_id, procedure, entity, entity_id, detail, request_id, token_id, .. } = entry;
    let (created_at, door) = (entry.created_at.to_string(), entry.door.map(|door| door.as_str()));
    let link = Link(
        previous, *id, entry.id, created_at, actor_id, procedure, entity, entity_id, detail, request_id, *token_id,
        door,
    );
    let text = serde_json::to_vec(&link).map_err(|never| Error::Internal(never.into()))?;
    Ok(HEXLOWER.encode(&Sha256::digest(text)))
}
