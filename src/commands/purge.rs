//! `clusterdesk purge`: removes what is older than a number of days, in short transactions.

use std::{
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use clusterdesk::{
    config::Age,
    db::{DbConnection, Timestamp, transaction},
    error::Error,
    models::audit::Door,
    retention::{AuditPrefix, Kind, Purge, Purger},
    trail,
};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{
    audit::ACTOR,
    data,
    progress::{Progress, wait},
    report,
    trail::look_through,
};
use crate::cli;

/// The pause between two transactions, in which others may write. On SQLite they look for one at intervals.
const PAUSE: Duration = Duration::from_millis(25);

/// What was removed of one kind.
#[derive(Serialize)]
struct Removed {
    #[serde(skip)]
    kind: &'static str,
    before: Timestamp,
    found: u64,
    removed: u64,
    /// Users whose paid subscription is running.
    kept: u64,
    /// Where the removed entries of the audit log are.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    dry_run: bool,
    #[serde(serialize_with = "by_kind")]
    kinds: Vec<Removed>,
}

fn by_kind<S: Serializer>(kinds: &[Removed], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(kinds.iter().map(|removed| (removed.kind, removed)))
}

/// Removes what is old, and prints how much that was.
///
/// # Errors
/// The database failed, the audit log is broken, or the file can't be written. What was removed until then stays removed.
pub fn run(arguments: &cli::Purge) -> Result<()> {
    if let Some(file) = &arguments.audit_to {
        ensure!(file.symlink_metadata().is_err(), "{} exists already; name another file", file.display());
    }
    let (mut conn, now, dry_run) = (data::connect(&arguments.data)?, Timestamp::now(), arguments.dry_run);
    let by = operator();
    let before = |age: Age| now.minus(age.duration());
    let mut report = Report { dry_run, kinds: Vec::new() };
    if let Some(before) = arguments.older_than.map(before) {
        let wanted = if arguments.only.is_empty() { &Kind::UNASKED[..] } else { arguments.only.as_slice() };
        for kind in Kind::ALL.into_iter().filter(|kind| wanted.contains(kind)) {
            let found = wait("rows are counted", || Purge::find(&mut conn, kind, before));
            let mut purge = found.map_err(Error::into_detail)?;
            if !dry_run {
                let mut progress = Progress::new(kind.as_str(), purge.found);
                work(&mut conn, &mut purge, &by, |rows| progress.add(rows))?;
            }
            report.kinds.push(purge.into());
        }
    }
    if let (Some(before), Some(file)) = (arguments.audit_older_than.map(before), &arguments.audit_to) {
        report.kinds.push(match dry_run {
            true => AuditPrefix::find(&mut conn, before).map_err(Error::into_detail)?.into(),
            false => shorten_audit(&mut conn, before, file, arguments, &by)?,
        });
    }
    let mut out = report::out();
    match arguments.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => report.kinds.iter().try_for_each(|removed| removed.print(&mut out, dry_run))?,
    }
    Ok(())
}

/// The operator who runs the command, for the audit log.
pub(super) fn operator() -> Purger {
    Purger { actor: ACTOR, door: Door::Cli, request_id: Uuid::new_v4().to_string() }
}

/// Runs a purge to its end in short transactions. `progress` is told the number of rows of each.
///
/// # Errors
/// The database's. What was removed until then stays removed.
pub(super) fn work(
    conn: &mut DbConnection,
    purge: &mut Purge,
    by: &Purger,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    while !purge.is_done {
        let portion = transaction::write(conn, |conn| purge.next(conn, by, Timestamp::now()));
        let portion = portion.map_err(Error::into_detail)?;
        progress(portion.rows());
        purge.add(portion);
        if !purge.is_done {
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// Writes the beginning of the audit log to a file, and removes it when the file is complete.
fn shorten_audit(
    conn: &mut DbConnection,
    before: Timestamp,
    path: &Path,
    arguments: &cli::Purge,
    by: &Purger,
) -> Result<Removed> {
    trail::seal_all(conn).map_err(Error::into_detail)?;
    // What somebody has changed must not vanish.
    ensure!(
        look_through(conn)?.broken.is_none(),
        "the audit log is broken and stays as it is; `clusterdesk audit verify` says where"
    );
    let prefix = AuditPrefix::find(conn, before).map_err(Error::into_detail)?;
    let mut removed = Removed::from(prefix.clone());
    if prefix.entries == 0 {
        return Ok(removed);
    }
    let mut progress = Progress::new("audit, exported", Some(prefix.entries));
    let exported = prefix.export(conn, path, arguments.audit_format, false, &mut |entries| progress.add(entries));
    let sha256 = exported.map_err(Error::into_detail)?;
    let mut progress = Progress::new("audit, removed", Some(prefix.entries));
    loop {
        let next = transaction::write(conn, |conn| prefix.next(conn, by, &sha256, removed.removed == 0));
        let rows = next.map_err(Error::into_detail)?;
        if rows == 0 {
            break;
        }
        progress.add(rows);
        removed.removed = removed.removed.saturating_add(rows);
        thread::sleep(PAUSE);
    }
    (removed.file, removed.sha256) = (Some(path.to_owned()), Some(sha256));
    Ok(removed)
}

impl Removed {
    fn print(&self, out: &mut impl Write, dry_run: bool) -> Result<()> {
        let Self { kind, found, removed, kept, .. } = self;
        if dry_run {
            return Ok(writeln!(out, "{kind}: {found} would be removed")?);
        }
        write!(out, "{kind}: {removed} removed")?;
        if *kept > 0 {
            write!(out, ", {kept} kept, because their paid subscription is running")?;
        }
        if let (Some(file), Some(sha256)) = (&self.file, &self.sha256) {
            write!(out, ", written to {} (SHA-256 {sha256})", file.display())?;
        }
        Ok(writeln!(out)?)
    }
}

impl From<Purge> for Removed {
    fn from(Purge { kind, before, found, removed, kept, .. }: Purge) -> Self {
        Self { kind: kind.as_str(), before, found: found.unwrap_or_default(), removed, kept, file: None, sha256: None }
    }
}

impl From<AuditPrefix> for Removed {
    fn from(AuditPrefix { before, entries: found, .. }: AuditPrefix) -> Self {
        Self { kind: "audit", before, found, removed: 0, kept: 0, file: None, sha256: None }
    }
}
