//! The sealing of new entries.

use super::chain::{START, link};
use crate::{
    db::{DbConnection, locks, transaction},
    error::Result,
    models::{
        audit_event::AuditEvent,
        audit_seal::{AuditSeal, insert_seals},
        event_log::EventLog,
    },
};

/// Entries that are sealed at a time.
const PAGE: i64 = 500;

/// What was sealed.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The newest entry that has a hash now, if there is any.
    pub head: Option<AuditSeal>,
    /// How many entries got one.
    pub entries: usize,
    /// Whether there may be more.
    pub has_more: bool,
}

/// Gives the oldest entries that have no hash one, in the open transaction. Ids of events become visible in their order, so
/// none is passed over.
///
/// # Errors
/// The database's.
pub fn seal(conn: &mut DbConnection) -> Result<Sealed> {
    locks::lock_until_commit(conn, locks::TRAIL)?;
    let head = AuditSeal::newest(conn)?;
    let (last, mut previous) =
        head.as_ref().map_or((0, START.to_owned()), |AuditSeal { id, hash }| (*id, hash.clone()));
    let events = AuditEvent::after(conn, last, PAGE)?;
    let mut seals = Vec::with_capacity(events.len());
    for event in &events {
        previous = link(&previous, event)?;
        seals.push(AuditSeal { id: event.id, hash: previous.clone() });
    }
    insert_seals(conn, &seals)?;
    let (entries, has_more) = (seals.len(), i64::try_from(seals.len()) == Ok(PAGE));
    Ok(Sealed { head: seals.pop().or(head), entries, has_more })
}

/// Whether there are entries to seal.
///
/// # Errors
/// The database's.
pub fn is_due(conn: &mut DbConnection) -> Result<bool> {
    let sealed = AuditSeal::newest(conn)?.map_or(0, |seal| seal.id);
    Ok(AuditEvent::extent(conn)?.newest > sealed)
}

/// Seals all entries that there are, page by page, and returns the newest event; 0 in a new log.
///
/// # Errors
/// The database's.
pub fn seal_all(conn: &mut DbConnection) -> Result<i64> {
    loop {
        let sealed = transaction::write(conn, seal)?;
        if !sealed.has_more {
            return Ok(sealed.head.map_or(0, |seal| seal.id));
        }
    }
}
