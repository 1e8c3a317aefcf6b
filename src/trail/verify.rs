//! Whether the audit log is as it was written.

use serde::{Deserialize, Serialize};

use super::chain::{START, link};
use crate::{
    db::DbConnection,
    error::Result,
    models::{
        audit::{AuditFilter, list},
        audit_event::AuditEvent,
        audit_seal::AuditSeal,
        event_log::{EventLog, Extent},
        page::Order,
    },
};

/// The action of an entry about a purge of the log.
pub const PURGE: &str = "purge.audit";

/// Entries that are read at a time.
const PAGE: i64 = 500;

/// What was found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// How many entries are as they were sealed, up to the first that is not.
    pub intact: u64,
    /// How many are too new to have been sealed. Whether they were changed is not known.
    pub unsealed: u64,
    /// The event after which the log begins; 0 if nothing was purged.
    pub purged_through: i64,
    /// The hash of the newest intact entry; that of the last purged one if there is none, and null in a new log.
    pub hash: Option<String>,
    /// The first that is wrong.
    pub broken: Option<Fault>,
}

/// Where the chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The event of the entry.
    pub event_id: i64,
    /// The entry, if it is there.
    pub entry_id: Option<i64>,
    /// What is wrong with it, for people.
    pub reason: &'static str,
}

/// Reads the whole log, in the open snapshot. `progress` is told the number of entries after each step.
///
/// # Errors
/// The database's.
pub fn verify(conn: &mut DbConnection, progress: &mut dyn FnMut(u64)) -> Result<Verdict> {
    let Extent { purged, .. } = AuditEvent::extent(conn)?;
    let mut verdict = Verdict { intact: 0, unsealed: 0, purged_through: purged, hash: None, broken: None };
    let mut last = purged;
    if purged > 0 {
        let Some(anchor) = AuditSeal::find(conn, purged)? else {
            let reason = "the log begins after it, and its hash is missing";
            verdict.broken = Some(Fault { event_id: purged, entry_id: None, reason });
            return Ok(verdict);
        };
        verdict.hash = Some(anchor.hash);
        if recorded_purge(conn)? < purged {
            let reason = "the log begins after it, and no entry says who purged it";
            verdict.broken = Some(Fault { event_id: purged, entry_id: None, reason });
            return Ok(verdict);
        }
    }
    loop {
        let seals = AuditSeal::after(conn, last, PAGE)?;
        let Some(until) = seals.last().map(|seal| seal.id) else { break };
        let events = AuditEvent::between(conn, last, until, PAGE.saturating_add(1))?;
        verdict.broken = check(&mut verdict, &seals, events)?;
        if verdict.broken.is_some() {
            return Ok(verdict);
        }
        progress(u64::try_from(seals.len()).unwrap_or_default());
        last = until;
    }
    loop {
        let unsealed = AuditEvent::between(conn, last, i64::MAX, PAGE)?;
        let Some(newest) = unsealed.last() else { return Ok(verdict) };
        verdict.unsealed = verdict.unsealed.saturating_add(u64::try_from(unsealed.len()).unwrap_or_default());
        last = newest.id;
    }
}

/// Up to which event the log was purged, according to the entries about that. Their times are no order: clocks differ.
fn recorded_purge(conn: &mut DbConnection) -> Result<i64> {
    #[derive(Deserialize)]
    struct Detail {
        through: i64,
    }
    let purges = AuditFilter { procedure: Some(PURGE.to_owned()), ..AuditFilter::default() };
    let newest = list(conn, &purges, Order::Descending, None, PAGE)?;
    let details = newest.iter().filter_map(|entry| serde_json::from_str::<Detail>(&entry.detail).ok());
    Ok(details.map(|detail| detail.through).max().unwrap_or(0))
}

/// Compares entries with their seals, and returns the first that is wrong.
fn check(verdict: &mut Verdict, seals: &[AuditSeal], events: Vec<AuditEvent>) -> Result<Option<Fault>> {
    let mut events = events.into_iter().peekable();
    for seal in seals {
        let Some(event) = events.next_if(|event| event.id <= seal.id) else {
            return Ok(Some(Fault { event_id: seal.id, entry_id: None, reason: "it was removed" }));
        };
        let wrong = |reason| Some(Fault { event_id: event.id, entry_id: Some(event.entry.id), reason });
        if event.id < seal.id {
            return Ok(wrong("it was inserted later"));
        }
        if link(verdict.hash.as_deref().unwrap_or(START), &event)? != seal.hash {
            return Ok(wrong("it, or its hash, was changed"));
        }
        verdict.hash = Some(seal.hash.clone());
        verdict.intact = verdict.intact.saturating_add(1);
    }
    Ok(None)
}
