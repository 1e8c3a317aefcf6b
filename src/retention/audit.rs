//! The removal of the beginning of the audit log, which somebody has exported.

use std::path::Path;

use anyhow::anyhow;
use serde_json::json;

use super::purge::{Purger, record};
use crate::{
    db::{DbConnection, Timestamp, locks},
    error::Result,
    models::{audit_event::AuditEvent, audit_seal::AuditSeal, event_log::EventLog, series},
    trail::{self, Exported, Format, NewFile},
};

/// Entries that one transaction removes, or one look goes through.
const PAGE: i64 = 1000;

/// The entries to remove.
#[derive(Clone, Debug)]
pub struct AuditPrefix {
    /// What is older than this is removed.
    pub before: Timestamp,
    /// The event after which they begin.
    pub after: i64,
    /// The event of the last entry.
    pub through: i64,
    /// How many entries there are.
    pub entries: u64,
}

impl AuditPrefix {
    /// Finds the entries from before a time, up to the first that is not.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, before: Timestamp) -> Result<Self> {
        let after = AuditEvent::extent(conn)?.purged;
        let (mut through, mut entries) = (after, 0_u64);
        loop {
            let page = AuditEvent::old(conn, through, before, PAGE)?;
            let Some(last) = page.last() else { return Ok(Self { before, after, through, entries }) };
            entries = entries.saturating_add(u64::try_from(page.len()).unwrap_or_default());
            through = *last;
        }
    }

    /// Writes the entries to a file, which may `replace` another, and returns its SHA-256 in hex. `progress` is told the number of entries.
    ///
    /// # Errors
    /// The database's; the file exists, or can't be written.
    pub fn export(
        &self,
        conn: &mut DbConnection,
        path: &Path,
        format: Format,
        replace: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<String> {
        let Exported { entries, sha256 } =
            trail::export_to(conn, self.through, format, NewFile::create(path, replace)?, progress)?;
        match entries == self.entries {
            true => Ok(sha256),
            false => Err(anyhow!("{entries} of {} entries were exported", self.entries).into()),
        }
    }

    /// Removes the next entries, in the open transaction, and returns how many: none when all are gone. The first time it
    /// writes an entry about the removal, with the hash of the last entry and that of the file with the export.
    ///
    /// # Errors
    /// The database's.
    pub fn next(&self, conn: &mut DbConnection, by: &Purger, sha256: &str, is_first: bool) -> Result<u64> {
        locks::lock_until_commit(conn, locks::PURGE)?;
        let purged = AuditEvent::extent(conn)?.purged;
        if purged >= self.through {
            return Ok(0);
        }
        if is_first {
            let hash = AuditSeal::find(conn, self.through)?.map(|seal| seal.hash);
            let (before, count, through) = (self.before, self.entries, self.through);
            let detail = json!({"before": before, "count": count, "through": through, "hash": hash, "export": sha256});
            record(conn, by, trail::PURGE, ("database", "audit"), detail, Timestamp::now())?;
        }
        let next = AuditEvent::between(conn, purged, self.through, PAGE)?;
        let Some(last) = next.last() else { return Ok(0) };
        // Of each removed entry there is one note at most, so after as many notes as entries nothing is left behind.
        series::forget_active(conn, self.before, PAGE)?;
        Ok(u64::try_from(AuditEvent::purge(conn, last.id)?).unwrap_or_default())
    }
}
